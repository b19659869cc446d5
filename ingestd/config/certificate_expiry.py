"""Certificates that have expired or soon will, in words."""

import ssl
import time

from ingestd.config.schema import Config, SourceConfig
from ingestd.config.tls_contexts import certificate_fields

# Renewal by ACME begins 30 days before the end: later than this it has failed.
EXPIRES_SOON_S = 14 * 86_400.0


def expiry(cert: str, now: float | None = None) -> str | None:
    """Return what to say of a certificate that has expired or soon will; None: nothing.

    Raises TlsFileError where it cannot be read.
    """
    fields = certificate_fields("cert", cert)
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
    return ssl.cert_time_to_seconds(certificate_fields("cert", cert)["notAfter"]) < time.time()


def certificates(source: SourceConfig) -> list[tuple[str, str]]:
    """The files of certificates that ``source``, of scheme tls, uses, each with its key."""
    tls = source.tls
    authority = ("ca", tls.ca) if source.listen is None else ("client_ca", tls.client_ca)
    return [(key, path) for key, path in (("cert", tls.cert), authority) if path is not None]
