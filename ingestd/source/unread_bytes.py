"""Bytes that were read from a socket and not passed on yet."""

from collections import deque


class UnreadBytes:
    """What was read, in order; bytes are copied only where they have to outlast the next read.

    What is added lies in a buffer that the next read fills again: `keep` it before that, or `take` it.
    """

    def __init__(self) -> None:
        self._chunks: deque[memoryview] = deque()
        self._size_bytes = 0

    def __len__(self) -> int:
        return self._size_bytes

    def __bytes__(self) -> bytes:
        return b"".join(self._chunks)

    def add(self, data: memoryview) -> None:
        """Add ``data``, at least one byte."""
        self._chunks.append(data)
        self._size_bytes += len(data)

    def take(self, most_bytes: int) -> memoryview:
        """Take the first bytes off, up to ``most_bytes`` of one read."""
        chunk = self._chunks.popleft()
        data, rest = chunk[:most_bytes], chunk[most_bytes:]
        if rest:
            self._chunks.appendleft(rest)
        self._size_bytes -= len(data)
        return data

    def keep(self) -> None:
        """Let all outlast the next read."""
        # What was kept before stands before it.
        for index in range(len(self._chunks) - 1, -1, -1):
            if self._chunks[index].readonly:
                break
            self._chunks[index] = memoryview(bytes(self._chunks[index]))

    def clear(self) -> None:
        """Forget all."""
        self._chunks.clear()
        self._size_bytes = 0
