"""Pictures that WebRTC took and never encoded, found by its own count."""

from collections import deque

# From a hand-over until the picture is counted, when nothing is in the way.
SETTLED_S = 0.01
# A busy machine takes longer now and then, but not at several readings in a row.
READINGS = 3
# Bounds memory should nobody read; seconds of hand-overs at the fastest.
MAX_RECENT_PICTURES = 4096


class EncoderLosses:
    """Compares what was handed over with what WebRTC says it has encoded. Times are monotonic seconds.

    A picture handed over just before WebRTC counted may be in its count or not. So the number of pictures
    missing lies between two bounds, and what is above the lower one for several readings is a loss.
    """

    def __init__(self) -> None:
        self._settled = 0  # hand-overs that are in every count from now on, if they were encoded
        self._recent: deque[float] = deque()
        self._surely_missing: deque[int] = deque(maxlen=READINGS)
        self._missing: int | None = None  # what is known to be, and has been told

    def submitted(self, now: float) -> None:
        """A picture was given to WebRTC."""
        self._recent.append(now)
        if len(self._recent) > MAX_RECENT_PICTURES:
            self._settle()

    def encoded(self, count: int, at: float) -> int:
        """WebRTC had encoded ``count`` pictures ``at`` that time; return how many more are lost.

        What is missing at the first reading is no loss: it was handed over to find out when WebRTC encodes.
        """
        while self._recent and self._recent[0] < at - SETTLED_S:
            self._settle()
        most = self._settled + sum(submitted <= at for submitted in self._recent) - count
        if self._missing is None or most < self._missing:
            self._missing = most
        self._surely_missing.append(self._settled - count)
        if len(self._surely_missing) < READINGS:
            return 0
        lost = max(0, min(self._surely_missing) - self._missing)
        self._missing += lost
        return lost

    def _settle(self) -> None:
        self._recent.popleft()
        self._settled += 1
