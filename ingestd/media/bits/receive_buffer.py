"""The receive buffer: bytes stay in it until the picture that they belong to is taken in one copy."""

import re
import sys
from collections.abc import Sequence
from typing import Protocol

_ZEROS = bytes(4096)


class Span(Protocol):
    """Bytes in the buffer."""

    @property
    def start(self) -> int:
        """Position of the first."""
        ...

    @property
    def end(self) -> int:
        """Position behind the last."""
        ...


class ReceiveBuffer:
    """A window on a stream; positions count bytes from the start of the stream."""

    def __init__(self, pattern: bytes = b"") -> None:
        """``pattern`` is what `find_all` looks for."""
        self._search = re.compile(re.escape(pattern)).search
        self._overlap = len(pattern) - 1
        self._data = bytearray()
        self.searched = 0  # every match that begins before this position has been returned
        self.start = 0  # of the bytes kept
        self.end = 0  # behind the last byte that has arrived

    def append(self, data: bytes | bytearray | memoryview) -> None:
        """Add what has arrived."""
        self._data += data
        self.end += len(data)

    def find_all(self, limit: int = sys.maxsize) -> list[int]:
        """Return where the pattern begins in what has arrived since the last call, or ends in it.

        At most ``limit`` of these places: the next call goes on behind them.

        By a regular expression, as CPython's takes half the time of its bytearray.find.
        """
        found: list[int] = []
        first = self.searched - self.start  # below 0, which is as good as 0, where that has been let go
        while (match := self._search(self._data, first)) is not None:
            found.append(self.start + match.start())
            first = match.end()
            if len(found) == limit:
                self.searched = self.start + first
                return found
        # The pattern may have begun in the last bytes and end in the next chunk.
        self.searched = self.end - self._overlap
        return found

    def search_again(self, position: int) -> None:
        """Have `find_all` go on at ``position``, as what it found behind that was not taken."""
        self.searched = position

    @property
    def unsearched(self) -> bool:
        """Whether `find_all` has not seen all that has arrived."""
        return self.searched < self.end - self._overlap

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes from ``start`` up to ``end``, or to the last one that has arrived."""
        return bytes(self._data[start - self.start : end - self.start])

    def trimmed(self, start: int, end: int) -> int:
        """Return the position behind the last byte from ``start`` up to ``end`` that is not zero."""
        data, base = self._data, self.start
        # One zero precedes almost every start code, a thousand hardly any.
        shortest = end - 8 if end - 8 > start else start
        while end > shortest:
            if data[end - 1 - base]:
                return end
            end -= 1
        # Any number of zeros may stand there, and each compared alone takes long.
        zeros = len(_ZEROS)
        while end - start > zeros and data[end - zeros - base : end - base] == _ZEROS:
            end -= zeros
        first = max(start, end - zeros)
        return first + len(data[first - base : end - base].rstrip(b"\x00"))

    def join(self, separator: bytes, parts: Sequence[Span | bytes]) -> bytes:
        """Return ``separator`` and each part in turn, in one copy."""
        base = self.start
        with memoryview(self._data) as view:
            pieces = [
                part if isinstance(part, bytes) else view[part.start - base : part.end - base]
                for part in parts
            ]
            return separator.join([b"", *pieces])

    def release(self, position: int) -> None:
        """Let go what lies before ``position``."""
        if position > self.start:
            del self._data[: position - self.start]
            self.start = position
