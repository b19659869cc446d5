"""TLS of one connection, between its socket and its bytes: handshake, decryption, what a failure means.

Not asyncio's own: its transports hide what Linux knows of the socket, and what this needs, that bytes which
wait in one are seen, that reading pauses at once, and that the end is found behind a pause, is known of it.
"""

import ssl
from collections.abc import Mapping
from typing import Any

from ingestd.redact import printable
from ingestd.source import proxy_header
from ingestd.source.entrance_stage import EntryError
from ingestd.source.token_gate import BEGINS as TOKEN_BEGINS

# RFC 8446, 5.1: plaintext of one record.
MAX_RECORD_BYTES = 16 * 1024
_HANDSHAKE = 0x16  # RFC 8446, 5.1: ContentType
_MAX_NAME_LETTERS = 64  # RFC 5280, ub-common-name
_OURS_REFUSED = {
    "UNKNOWN_CA": "it does not trust our certificate; give it the CA of source.tls.cert",
    "BAD_CERTIFICATE": "it refuses our certificate; have it dial a name that is in source.tls.cert",
    "CERTIFICATE_UNKNOWN": "it refuses our certificate; give it the CA of source.tls.cert, and have it dial "
    "a name that is in it",
    "CERTIFICATE_EXPIRED": "it refuses our certificate, which has expired; renew source.tls.cert",
    "CERTIFICATE_REQUIRED": "it wants a certificate of ours; set source.tls.cert and source.tls.key",
}


class TlsStage:
    """Takes TLS off what comes on one connection, and puts it on what is sent.

    ``server_name`` None: we are the server; else the name that the encoder's certificate must have. Up to
    ``max_read_bytes`` come at a time.
    """

    # A few turns over a link that loses packets.
    TIMEOUT_S = 10.0

    def __init__(self, context: ssl.SSLContext, server_name: str | None, max_read_bytes: int) -> None:
        self._we_listen = server_name is None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_side=self._we_listen, server_hostname=server_name
        )
        # Beside what comes now, what has come of a record before. Most that fail need none.
        self._plain_bytes = max_read_bytes + 2 * MAX_RECORD_BYTES
        self._plain = memoryview(b"")
        self.passed = False
        self._begun = False
        self.ended = False  # the encoder has said that it sends no more (close_notify)
        self.peer_name = ""  # of the certificate that the encoder has shown; "" without one

    @property
    def wanted(self) -> bool:
        """Whether a connection has to show something here."""
        return True

    @property
    def begun(self) -> bool:
        """Whether bytes have come that belong to it."""
        return self._begun

    def begin(self) -> None:
        """Say the first word, where it is ours."""
        if not self._we_listen:
            self._shake_hands()

    def receive(self, data: bytes | memoryview) -> memoryview:
        """Take ``data``; return what is in it, which is valid until the next call. Raises EntryError."""
        if not self._begun:
            self._begun = True
            self._look_at(bytes(data[:16]))
        self._incoming.write(data)
        if not self.passed:
            self._shake_hands()
        return self._decrypted() if self.passed else self._plain[:0]

    def send(self, data: bytes) -> None:
        """Put ``data``, once it is passed, among what is `to_send`."""
        self._tls.write(data)

    def to_send(self) -> bytes:
        """Return what the peer is to get, once."""
        return self._outgoing.read()

    def unfinished(self) -> EntryError:
        """Return what to say of a connection that ends, or takes too long, in the midst of it."""
        return EntryError("tls", "its TLS handshake has not come to an end")

    def _look_at(self, first: bytes) -> None:
        """Name a peer that speaks no TLS, of which OpenSSL would say that its version is wrong."""
        if first[0] == _HANDSHAKE or (first[0] == 0x15 and not self._we_listen):  # an alert
            return
        if not self._we_listen:
            cure = "it answers without TLS; write tcp:// in source.connect, or have the encoder speak TLS"
            raise EntryError("tls", cure)
        if proxy_header.begins_as_proxy_header(first):
            raise proxy_header.unexpected()
        what = "its token in the clear" if first.startswith(TOKEN_BEGINS) else "plain bytes"
        cure = "have it dial tls://, or write tcp:// in source.listen"
        raise EntryError("tls", f"it sends {what} to a port that speaks TLS; {cure}")

    def _shake_hands(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return
        except ssl.SSLError as error:
            raise EntryError("tls", self._meaning(error)) from None
        self.passed = True
        self._plain = memoryview(bytearray(self._plain_bytes))
        self.peer_name = _name(self._tls.getpeercert())

    def _decrypted(self) -> memoryview:
        end = 0
        try:
            while True:
                read = self._tls.read(MAX_RECORD_BYTES, self._plain[end:])
                assert isinstance(read, int), "read into a buffer"
                if not read:
                    self.ended = True
                    break
                end += read
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.ended = True
        except ssl.SSLError as error:
            raise EntryError("tls", self._meaning(error)) from None
        return self._plain[:end]

    def _meaning(self, error: ssl.SSLError) -> str:
        reason = error.reason or ""
        alert = reason.partition("_ALERT_")[2]
        if alert in _OURS_REFUSED:
            return _OURS_REFUSED[alert]
        if isinstance(error, ssl.SSLCertVerificationError):
            why = error.verify_message.rstrip(".")
            if "expired" in why or "not yet valid" in why:
                return f"its certificate is refused: {why}; renew it at the encoder, or set the clock"
            if self._we_listen:
                return f"its certificate is refused: {why}; give it one of the CA in source.tls.client_ca"
            if "mismatch" in why:
                return f"{why}; set source.tls.server_name to a name that is in it"
            return f"its certificate is refused: {why}; set source.tls.ca to the CA that has signed it"
        if reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE":
            return "it shows no certificate; give it one of the CA in source.tls.client_ca"
        if reason in ("UNSUPPORTED_PROTOCOL", "VERSION_TOO_LOW") or alert == "PROTOCOL_VERSION":
            return "it speaks no TLS 1.2 or newer, which is needed; update it"
        words = reason.lower().replace("_", " ") or "it ended without a word"
        return f"TLS failed: {words}"


def _name(certificate: Mapping[str, Any] | None) -> str:
    """The common name in ``certificate``, or the first of its alternative names; "" where it has none."""
    fields = certificate or {}
    subject = [pair for part in fields.get("subject", ()) for pair in part]
    names = [value for key, value in subject if key == "commonName"]
    names += [value for _, value in fields.get("subjectAltName", ())]
    return printable(str(names[0]))[:_MAX_NAME_LETTERS] if names else ""
