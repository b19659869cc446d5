"""Token gate: the first line of an encoder, ``INGEST <token>``, and the tokens that open a stream."""

import hashlib
import hmac
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ingestd.config import ingest_tokens
from ingestd.redact import hide, hide_those_of
from ingestd.source import proxy_header
from ingestd.source.entrance_stage import EntryError
from ingestd.source.watched_files import WatchedFiles

BEGINS = b"INGEST "
# With CR and LF.
MAX_LINE_BYTES = len(BEGINS) + ingest_tokens.MAX_TOKEN_BYTES + 2
_CURE = "have the encoder send `INGEST <token>` as its first line (ingestd-gst --token)"


class Tokens:
    """The tokens that open one stream: those of the configuration, or of a file that is read when it changes.

    Without any, every encoder may come in.
    """

    def __init__(self, values: Iterable[str], file: Path | None, log: Any) -> None:
        self._digests: tuple[bytes, ...] = ()
        self._file = file
        self._watched = WatchedFiles([file] if file else [])
        self._log = log
        values = tuple(values)
        for value in values:
            hide(value)
        self._take(values)
        self.look()

    @property
    def wanted(self) -> bool:
        """Whether an encoder has to show one."""
        return self._file is not None or bool(self._digests)

    def look(self) -> None:
        """Read the file again if it has changed; one that is bad changes nothing, and is said once."""
        if self._file is None or not self._watched.changed():
            return
        try:
            tokens = ingest_tokens.read(self._file)
        except ValueError as error:
            kept = "the tokens read before still count" if self._digests else "no encoder is let in"
            self._log.error(f"source.token_file: {self._file} {error}; {kept}")
            return
        hide_those_of(self._file, tokens)
        self._take(tokens)
        self._log.info("tokens read", file=str(self._file), tokens=len(self._digests))

    def opens(self, token: bytes) -> bool:
        """Whether ``token`` is one of them, as the file is now; takes as long whatever of it is right."""
        self.look()
        shown = hashlib.sha256(token).digest()
        # All are compared: where a match was found tells nothing, and digests are all of one length.
        return sum(hmac.compare_digest(shown, digest) for digest in self._digests) > 0

    def _take(self, values: Iterable[str]) -> None:
        self._digests = tuple(hashlib.sha256(value.encode()).digest() for value in values)


class TokenLine:
    """Takes the first line off a connection, and lets it in if ``opens`` says so of the token.

    ``opens`` None: the stream wants no token; a line that comes all the same is taken off, and
    ``on_unwanted`` told. What lies behind the line is the stream's.
    """

    # A sender writes it as it connects.
    TIMEOUT_S = 5.0

    def __init__(
        self, opens: Callable[[bytes], bool] | None, on_unwanted: Callable[[], None] = lambda: None
    ) -> None:
        self._opens = opens
        self._on_unwanted = on_unwanted
        self._data = b""
        self.passed = False

    @property
    def wanted(self) -> bool:
        """Whether a connection has to show something here."""
        return self._opens is not None

    @property
    def begun(self) -> bool:
        """Whether a byte of it has come."""
        return bool(self._data)

    def receive(self, data: bytes | memoryview) -> bytes:
        """Take ``data``; return what lies behind the line. Raises EntryError where no token opens."""
        self._data += data
        seen = self._data
        if not (seen.startswith(BEGINS) or BEGINS.startswith(seen)):
            if self._opens is not None:
                raise _no_token(seen)
            return self._pass(seen)
        end = seen.find(b"\n", 0, MAX_LINE_BYTES)
        if end < 0:
            if len(seen) >= MAX_LINE_BYTES:
                raise EntryError("token", f"its first line is longer than {MAX_LINE_BYTES} bytes; {_CURE}")
            return b""
        if self._opens is None:
            self._on_unwanted()
        elif not self._opens(seen[len(BEGINS) : end].removesuffix(b"\r")):
            raise EntryError(
                "token", "its token is not one of this stream's (source.token, source.token_file)"
            )
        return self._pass(seen[end + 1 :])

    def unfinished(self) -> EntryError:
        """Return what to say of a connection that ends, or takes too long, in the midst of it."""
        return EntryError("token", f"its first line has not come to an end; {_CURE}")

    def _pass(self, rest: bytes) -> bytes:
        self.passed = True
        self._data = b""
        return rest


def _no_token(seen: bytes) -> EntryError:
    if proxy_header.begins_as_proxy_header(seen):
        return proxy_header.unexpected()
    if seen.startswith(b"\x16\x03"):
        return EntryError("tls", "it speaks TLS, and this port does not; write tls:// in source.listen")
    return EntryError("token", f"it shows no token, which this stream wants (source.token); {_CURE}")
