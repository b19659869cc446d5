"""Which read brought which byte, and when."""

from collections import deque
from itertools import pairwise
from typing import NamedTuple

# A large write comes in several reads with hardly a pause between them.
ONE_WRITE = 0.0005
# A full segment of TCP: what is shorter was written so, or ends what was written.
SEGMENT = 1200
# An encoder that writes a few bytes at a time must not make the list grow without end.
MAX_READS = 64


class Span(NamedTuple):
    """How the bytes of one picture came."""

    aligned: bool  # it ended where a read ended
    pause: float  # longest time between two of its reads, seconds
    pieces: int  # how many of its reads, but for the last, were shorter than a segment


class Arrivals:
    """The reads since the last picture ended; positions count bytes from the start of the stream."""

    def __init__(self) -> None:
        self._reads: deque[tuple[int, float]] = deque()  # (position behind it, when)
        self._short: deque[int] = deque(maxlen=MAX_READS)  # positions behind reads shorter than a segment
        self.position = 0  # behind the last byte that has arrived
        self.pause = 0.0  # the longest time between two of the reads, seconds

    def add(self, size: int, now: float) -> None:
        """``size`` bytes have arrived."""
        self.position += size
        if size < SEGMENT:
            self._short.append(self.position)
        reads = self._reads
        if reads and (now - reads[-1][1] < ONE_WRITE or len(reads) == MAX_READS):
            reads.pop()
        if reads and now - reads[-1][1] > self.pause:
            self.pause = now - reads[-1][1]
        reads.append((self.position, now))

    def at(self, position: int) -> float:
        """Return when the byte before ``position`` arrived."""
        for end, now in self._reads:
            if end >= position:
                return now
        return 0.0

    @property
    def reads(self) -> int:
        """How many reads are remembered."""
        return len(self._reads)

    @property
    def pieces(self) -> int:
        """How many reads, but for the last, were shorter than a segment: the writer writes in pieces."""
        return len(self._short) - (bool(self._short) and self._short[-1] == self.position)

    def take(self, end: int, next_start: int) -> Span:
        """Describe, and forget, a picture that ended at ``end``; the next begins at or after ``next_start``.

        Zeros may stand between the two, and belong to either.
        """
        pieces = sum(position < end for position in self._short) if self._short else 0
        while self._short and self._short[0] <= next_start:
            self._short.popleft()
        reads = self._reads
        aligned, last, pause = True, None, 0.0
        while reads:
            position, now = reads[0]
            if last is not None and now - last > pause:
                pause = now - last
            last = now
            if position > next_start:
                aligned = False
                break
            reads.popleft()
            if position >= end:
                break
        self.pause = 0.0
        if len(reads) > 1:
            self.pause = max(later - now for (_, now), (_, later) in pairwise(reads))
        return Span(aligned, pause, pieces)
