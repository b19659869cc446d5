"""TLS contexts from files: certificate, key and CA, each fault named with key, file and cure."""

import ssl
import time
from pathlib import Path

# `ssl` gives the dates of its own certificate to none but the peer; this reads them from a file.
from ssl import _ssl  # type: ignore[attr-defined]
from typing import Any

from ingestd.config.schema import Config, SourceConfig, TlsConfig

# Renewal by ACME begins 30 days before the end: later than this it has failed.
EXPIRES_SOON_S = 14 * 86_400.0


class TlsFileError(ValueError):
    """A file that cannot be used: ``key`` is the one of `source.tls` that names it."""

    def __init__(self, key: str, text: str) -> None:
        super().__init__(text)
        self.key = key


def server_context(tls: TlsConfig) -> ssl.SSLContext:
    """Return what a listener does its handshakes with. Raises TlsFileError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # An encoder that never reads, and closes, resets the connection if something waits for it: of what it
    # sent last, some would be lost. Session tickets are such, and save an encoder nothing.
    context.num_tickets = 0
    _load_certificate(context, tls)
    if tls.client_ca is not None:
        _load_ca(context, "client_ca", tls.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return _hardened(context)


def client_context(tls: TlsConfig) -> ssl.SSLContext:
    """Return what a dialer does its handshakes with; it checks the encoder's name. Raises TlsFileError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if tls.cert is not None:
        _load_certificate(context, tls)
    if tls.ca is not None:
        _load_ca(context, "ca", tls.ca)
    else:
        context.load_default_certs()
    return _hardened(context)


def expiry(cert: str, now: float | None = None) -> str | None:
    """Return what to say of a certificate that has expired or soon will; None: nothing.

    Raises TlsFileError where it cannot be read.
    """
    fields = _decoded("cert", cert)
    begin, end = fields["notBefore"], fields["notAfter"]
    now = time.time() if now is None else now
    left_s = ssl.cert_time_to_seconds(end) - now
    if left_s < 0:
        return f"{cert} expired on {end}: who checks it refuses it; renew it"
    if ssl.cert_time_to_seconds(begin) > now:
        return f"{cert} is valid from {begin} on only: look at the clock of this machine"
    if left_s < EXPIRES_SOON_S:
        return f"{cert} expires on {end}, in {left_s / 86_400:.1f} days; renew it"
    return None


def expired(config: Config) -> list[str]:
    """What to say of the certificates of ``config`` that have expired."""
    sources = [stream.source for stream in config.streams if stream.source.address.scheme == "tls"]
    files = sorted({found for source in sources for found in certificates(source)})
    return [f"source.tls.{key}: {expiry(path)}" for key, path in files if _has_expired(path)]


def _has_expired(cert: str) -> bool:
    return ssl.cert_time_to_seconds(_decoded("cert", cert)["notAfter"]) < time.time()


def certificates(source: SourceConfig) -> list[tuple[str, str]]:
    """The files of certificates that ``source``, of scheme tls, uses, each with its key."""
    tls = source.tls
    authority = ("ca", tls.ca) if source.listen is None else ("client_ca", tls.client_ca)
    return [(key, path) for key, path in (("cert", tls.cert), authority) if path is not None]


def _hardened(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    return context


def _load_certificate(context: ssl.SSLContext, tls: TlsConfig) -> None:
    assert tls.cert is not None, "validated: a listener has one, and so has a key"
    _decoded("cert", tls.cert)
    key = tls.key or tls.cert
    asked = False

    def no_passphrase() -> str:
        nonlocal asked
        asked = True
        return ""

    _readable("key", key)
    try:
        context.load_cert_chain(tls.cert, key, no_passphrase)
    except ssl.SSLError as error:
        if asked:
            text = "is encrypted; allowed: a key without a passphrase (openssl pkey -in … -out …)"
        elif error.reason in ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH"):
            text = (
                f"does not belong to the first certificate in {tls.cert}, which is to be ours, before those "
            )
            text += "of its CA; give the key that it was made for"
        elif tls.key is None:
            raise TlsFileError(
                "cert", f"{key} holds no private key; add it there, or name its file as source.tls.key"
            ) from None
        elif error.reason in ("EE_KEY_TOO_SMALL", "CA_KEY_TOO_SMALL", "CA_MD_TOO_WEAK"):
            raise TlsFileError(
                "cert", f"{tls.cert} is too weak ({_words(error)}); make one of 2048 bits RSA, or EC"
            ) from None
        else:
            text = "holds no private key in PEM that can be read"
        raise TlsFileError("key", f"{key} {text}") from None


def _load_ca(context: ssl.SSLContext, key: str, path: str) -> None:
    _decoded(key, path)
    try:
        context.load_verify_locations(cafile=path)
    except ssl.SSLError as error:
        raise TlsFileError(key, f"{path} cannot be used ({_words(error)}); allowed: PEM") from None


def _readable(key: str, path: str) -> None:
    try:
        with Path(path).open("rb") as file:
            file.read(1)
    except OSError as error:
        raise TlsFileError(
            key, f"{path} cannot be read: {error.strerror}; give ingestd a file that it may read"
        ) from None


def _decoded(key: str, path: str) -> dict[str, Any]:
    """The fields of the first certificate in the file at ``path``."""
    _readable(key, path)
    try:
        fields: dict[str, Any] = _ssl._test_decode_cert(path)
    except ssl.SSLError:
        raise TlsFileError(key, f"{path} holds no certificate; allowed: PEM, BEGIN CERTIFICATE") from None
    return fields


def _words(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).lower().replace("_", " ")
