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

    def add(self, size: int, now: float) -> None:
        """``size`` bytes have arrived."""
        self.position += size
        if size < SEGMENT:
            self._short.append(self.position)
        if self._reads and (now - self._reads[-1][1] < ONE_WRITE or len(self._reads) == MAX_READS):
            self._reads.pop()
        self._reads.append((self.position, now))

    def at(self, position: int) -> float:
        """Return when the byte before ``position`` arrived."""
        return next((now for end, now in self._reads if end >= position), 0.0)

    @property
    def reads(self) -> int:
        """How many reads are remembered."""
        return len(self._reads)

    @property
    def pieces(self) -> int:
        """How many reads, but for the last, were shorter than a segment: the writer writes in pieces."""
        return sum(position < self.position for position in self._short)

    @property
    def pause(self) -> float:
        """The longest time between two of them, seconds."""
        times = [now for _, now in self._reads]
        return max((later - now for now, later in pairwise(times)), default=0.0)

    def take(self, end: int, next_start: int) -> Span:
        """Describe, and forget, a picture that ended at ``end``; the next begins at or after ``next_start``.

        Zeros may stand between the two, and belong to either.
        """
        pieces = sum(position < end for position in self._short)
        while self._short and self._short[0] <= next_start:
            self._short.popleft()
        last, pause = None, 0.0
        while self._reads:
            position, now = self._reads[0]
            pause = max(pause, now - last) if last is not None else 0.0
            last = now
            if position > next_start:
                return Span(False, pause, pieces)
            self._reads.popleft()
            if position >= end:
                break
        return Span(True, pause, pieces)
