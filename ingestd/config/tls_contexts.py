"""TLS contexts from files: certificate, key and CA, each fault named with key, file and cure."""

import ssl
from pathlib import Path

# `ssl` gives the dates of its own certificate to none but the peer; this reads them from a file.
from ssl import _ssl  # type: ignore[attr-defined]  # not in its stub
from typing import Any

from ingestd.config import small_files
from ingestd.config.schema import TlsConfig

# All CAs that a system trusts have a quarter of it. (OpenSSL reads as much as there is.)
_MAX_FILE_BYTES = 1 << 20


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


def certificate_fields(key: str, path: str) -> dict[str, Any]:
    """Return the fields of the first certificate in the file at ``path``, as `SSLSocket.getpeercert` does.

    Raises TlsFileError.
    """
    _check_readable(key, path)
    try:
        fields: dict[str, Any] = _ssl._test_decode_cert(path)
    except ssl.SSLError:
        raise TlsFileError(key, f"{path} holds no certificate; allowed: PEM, BEGIN CERTIFICATE") from None
    return fields


def _hardened(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    return context


def _load_certificate(context: ssl.SSLContext, tls: TlsConfig) -> None:
    assert tls.cert is not None, "validated: a listener has one, and so has a key"
    certificate_fields("cert", tls.cert)
    key = tls.key or tls.cert
    asked = False

    def no_passphrase() -> str:
        nonlocal asked
        asked = True
        return ""

    _check_readable("key", key)
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
    certificate_fields(key, path)
    try:
        context.load_verify_locations(cafile=path)
    except ssl.SSLError as error:
        raise TlsFileError(key, f"{path} cannot be used ({_words(error)}); allowed: PEM") from None


def _check_readable(key: str, path: str) -> None:
    """Raise TlsFileError for a file that would keep OpenSSL, which reads it again, and so us waiting."""
    try:
        small_files.read(Path(path), _MAX_FILE_BYTES, "PEM")
    except ValueError as error:
        raise TlsFileError(key, f"{path} {error}") from None


def _words(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).lower().replace("_", " ")
