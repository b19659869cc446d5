"""TLS context of a source: read again when certificate, key or CA change, and watched for its expiry."""

import ssl
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from ingestd.config import certificate_expiry, tls_contexts
from ingestd.config.schema import TlsConfig
from ingestd.errors import AddressError
from ingestd.log_limiter import LogLimiter
from ingestd.source.watched_files import WatchedFiles

EXPIRY_LOG_INTERVAL_S = 86_400.0
# By what they are made of. Without `ca` that is all that the system trusts, which takes 40 ms to read: a
# thousand streams would start a minute late.
_shared: WeakValueDictionary[Any, ssl.SSLContext] = WeakValueDictionary()


class TlsContext:
    """What the handshakes of a source are done with: a listener's (``listens``), or a dialer's.

    Raises AddressError where the files cannot be used.
    """

    def __init__(self, tls: TlsConfig, *, listens: bool, log: Any) -> None:
        self._tls = tls
        self._load = tls_contexts.server_context if listens else tls_contexts.client_context
        self._log = log
        paths = [path for path in (tls.cert, tls.key, tls.client_ca, tls.ca) if path is not None]
        self._watched = WatchedFiles(Path(path) for path in paths)
        self._expiry_limiter = LogLimiter(EXPIRY_LOG_INTERVAL_S)
        self._watched.changed()
        try:
            self._context = self._loaded()
        except tls_contexts.TlsFileError as error:
            raise AddressError(f"source.tls.{error.key}: {error}") from None

    def current(self) -> ssl.SSLContext:
        """Return the context for the next handshake."""
        self.look()
        return self._context

    def look(self) -> None:
        """Read the files again if they have changed; a pair that is bad changes nothing, and is said once."""
        if self._watched.changed():
            try:
                self._context = self._loaded()
            except tls_contexts.TlsFileError as error:
                kept = "what was read before is used on"
                self._log.error(f"source.tls.{error.key}: {error}; {kept}")
                return
            self._log.info("certificate and key read again", cert=self._tls.cert or "", ca=self._tls.ca or "")
            self._expiry_limiter = LogLimiter(EXPIRY_LOG_INTERVAL_S)
        if self._tls.cert is not None and self._expiry_limiter.due("look") is not None:
            self._say_expiry(self._tls.cert)

    def _loaded(self) -> ssl.SSLContext:
        """Return a context of the files, shared with other sources of the same. Raises TlsFileError."""
        tls = self._tls
        made_of = (self._load, tls.cert, tls.key, tls.client_ca, tls.ca, self._watched.seen)
        context = _shared.get(made_of)
        if context is None:
            context = _shared[made_of] = self._load(tls)
        return context

    def _say_expiry(self, cert: str) -> None:
        try:
            text = certificate_expiry.expiry(cert)
        except tls_contexts.TlsFileError:
            return  # it is gone, and was said to be
        if text is not None:
            self._log.warning(f"source.tls.cert: {text}")
