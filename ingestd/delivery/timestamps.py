"""The capture times given to WebRTC."""

# WebRTC drops a picture whose capture time, in whole milliseconds, is not after the one before.
MIN_STEP_US = 1000
# Seconds. More than jitter of ±20 ms comes to; what waited for longer, in a stall or for the room, is stamped
# by its hand-over, or players would take the wait for a delay that lasts.
MAX_LAG_S = 0.05


class Timestamps:
    """Strictly rising capture times in µs, at most `MAX_LAG_S` before the hand-over.

    WebRTC replaces a time in the future by its own, so what is given out never runs ahead of ``now`` as
    long as hand-overs are at least ``MIN_STEP_US`` apart, which the pacer sees to.
    """

    def __init__(self) -> None:
        self._last = 0

    def next(self, captured: float | None, now: float, lead: float) -> int:
        """Return the time of a picture handed over at ``now``, seconds.

        ``captured``, no later than ``now``, is None where it has been given out before. Then, and where later
        times than it have been, the picture gets the time of one that goes straight through: ``now`` less the
        ``lead``, at which the next ones go on.
        """
        if captured is not None:
            captured_us = int(max(captured, now - MAX_LAG_S) * 1e6)
            if captured_us >= self._last + MIN_STEP_US:
                self._last = captured_us
                return captured_us
        self._last = max(int((now - lead) * 1e6), self._last + MIN_STEP_US)
        return self._last
