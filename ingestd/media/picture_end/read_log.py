"""Log of the latest reads of a connection: which byte came when, and whether what was written ended there."""

from collections import deque
from typing import NamedTuple

# How many are remembered, the last ones: an encoder may write a few bytes at a time.
MAX_READS = 64
# Systems and proxies cut what is written into round pieces: buffers of 1 to 64 KiB, TLS records and,
# where a proxy passes on what it has read, the segments of TCP in Ethernet.
ROUND_BYTES = 1024
ETHERNET_SEGMENT_BYTES = 1448


class ReadSpan(NamedTuple):
    """How the bytes of one picture came."""

    pieces: int  # in how many pieces it was written before its last
    pause_s: float  # longest time between two of them
    rest_s: float = 0.0  # for which nothing had come before the first of them


class ReadLog:
    """The reads since the last picture ended; positions count bytes from the start of the stream.

    Where a network pauses, full segments have come, and where a system does, full buffers: neither can hold
    the rest of a picture back behind any other byte. What was written ends in the middle of both, but for
    one time in some hundreds. What is fed with the same ``now`` came with one read.
    """

    def __init__(self) -> None:
        self.segment_bytes = 0  # of a full segment of TCP on this connection; 0: unknown
        self.position = 0  # behind the last byte that has arrived
        self.now = 0.0  # when that had
        self.pause_s = 0.0  # the longest time between two of the pieces that were written
        self.rest_s = 0.0  # for which nothing had come before the picture that is arriving
        self._reads: deque[tuple[int, float]] = deque(maxlen=MAX_READS)  # (position behind it, when)
        self._pieces: deque[tuple[int, float]] = deque(maxlen=MAX_READS)  # (position behind it, until more)
        self._taken = 0  # position behind the last picture taken
        self._writing_from = 0  # behind the last read that ended what was written
        self._segments_from = 0  # behind the last segment that was not full

    def add(self, size_bytes: int, now: float) -> None:
        """``size_bytes`` have arrived."""
        if now != self.now:
            if 0 < self.position <= self._taken:
                self.rest_s = now - self.now
            self._end_read(now)
            self.now = now
        self.position += size_bytes
        reads = self._reads
        if reads and now == reads[-1][1]:
            reads[-1] = (self.position, now)
        else:
            reads.append((self.position, now))

    def arrived_at(self, position: int) -> float:
        """Return when the byte before ``position`` arrived."""
        arrived_at = 0.0
        for end, now in reversed(self._reads):  # it is mostly one of the last
            if end < position:
                break
            arrived_at = now
        return arrived_at

    @property
    def cut(self) -> bool:
        """What has arrived ends where a network or a system may have cut it."""
        return self._at_segment or self._at_round

    @property
    def pieces(self) -> int:
        """How many pieces were written before the one that came last."""
        return len(self._pieces)

    @property
    def _at_round(self) -> bool:
        written = self.position - self._writing_from
        return written % ROUND_BYTES == 0 or written % ETHERNET_SEGMENT_BYTES == 0

    @property
    def _at_segment(self) -> bool:
        size_bytes = self.segment_bytes
        return size_bytes > 0 and (self.position - self._segments_from) % size_bytes == 0

    def _end_read(self, now: float) -> None:
        """More came ``now``, so that the read before it is over."""
        if self._at_segment:
            return
        if not self._at_round:
            if self.position > self._taken:
                pause_s = now - self.now
                self._pieces.append((self.position, pause_s))
                self.pause_s = max(self.pause_s, pause_s)
            self._writing_from = self.position
        self._segments_from = self.position

    def take(self, end: int, next_start: int) -> ReadSpan:
        """Describe, and forget, a picture that ended at ``end``; the next begins at or after ``next_start``.

        Zeros may stand between the two, and belong to either.
        """
        self._taken = next_start
        ended_at, rest_s = self.arrived_at(end), self.rest_s
        pieces, longest_s = 0, 0.0
        while self._pieces and self._pieces[0][0] <= next_start:
            piece_end, pause_s = self._pieces.popleft()
            if piece_end < end:
                pieces, longest_s = pieces + 1, max(longest_s, pause_s)
        self.pause_s = max((pause_s for _, pause_s in self._pieces), default=0.0)
        while self._reads and self._reads[0][0] <= next_start:
            position, _ = self._reads.popleft()
            if position >= end:
                self._writing_from = max(self._writing_from, position)
                break
        self.rest_s = self._reads[0][1] - ended_at if self._reads else 0.0
        return ReadSpan(pieces, longest_s, rest_s)
