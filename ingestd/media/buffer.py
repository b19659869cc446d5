"""The receive buffer: bytes that have arrived and are not consumed, each of them searched only once."""


class ReceiveBuffer:
    """A byte queue; positions count from the first byte not yet consumed."""

    def __init__(self, pattern: bytes = b"") -> None:
        """``pattern`` is what `find` looks for."""
        self._pattern = pattern
        self._data = bytearray()
        self._start = 0  # first byte not consumed
        self._searched = 0  # no match begins before this position

    def __len__(self) -> int:
        return len(self._data) - self._start

    def append(self, data: bytes | bytearray | memoryview) -> None:
        """Add what has arrived; what has been consumed is let go here, once per arrival."""
        if self._start:
            del self._data[: self._start]
            self._searched -= self._start
            self._start = 0
        self._data += data

    def find(self) -> int:
        """Return where the pattern begins next, or -1; bytes once searched are not searched again."""
        index = self._data.find(self._pattern, self._searched)
        if index >= 0:
            self._searched = index
            return index - self._start
        # The pattern may have begun in the last bytes and end in the next chunk.
        self._searched = max(self._searched, len(self._data) - len(self._pattern) + 1)
        return -1

    def peek(self, size: int) -> bytes:
        """Return the first bytes, at most `size`, without consuming them."""
        return bytes(self._data[self._start : self._start + size])

    def before(self, end: int) -> bytes:
        """Return the bytes before `end` without the zeros that end them, in one copy."""
        stop = self._start + end
        # One zero precedes almost every start code: not worth a second copy of the whole NAL unit.
        shortest = max(self._start, stop - 8)
        while stop > shortest and self._data[stop - 1] == 0:
            stop -= 1
        with memoryview(self._data) as view:
            data = bytes(view[self._start : stop])
        return data.rstrip(b"\x00") if stop == shortest else data

    def skip(self, size: int) -> None:
        """Consume `size` bytes."""
        self._start += size
        self._searched = max(self._searched, self._start)
