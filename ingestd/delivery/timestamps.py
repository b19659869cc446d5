"""The capture times given to WebRTC."""

# WebRTC drops a picture whose capture time, in whole milliseconds, is not after the one before.
LEAST_STEP_US = 1000


class Timestamps:
    """Strictly rising capture times in µs, by the clock of the hand-over.

    WebRTC replaces a time in the future by its own, so what is given out never runs ahead of ``now`` as
    long as hand-overs are at least ``LEAST_STEP_US`` apart, which the pacer sees to.
    """

    def __init__(self) -> None:
        self._last = 0

    def next(self, now: float) -> int:
        """Return the capture time of a picture handed over at ``now``, seconds."""
        self._last = max(int(now * 1e6), self._last + LEAST_STEP_US)
        return self._last
