"""The capture timestamps given to WebRTC: strictly rising, never in the future."""

from ingestd.delivery.frame_interval import MAX_JITTER_S

# WebRTC drops a picture whose capture time, in whole milliseconds, is not after the one before.
MIN_STEP_US = 1000


class Timestamps:
    """Strictly rising capture times in µs, at most `MAX_JITTER_S` before pictures are submitted.

    What waited longer, in a stall or for the room, gets a later time than that of its capture, or players
    would take the wait for a delay that lasts. WebRTC replaces a time in the future by its own: none is, as
    long as pictures are submitted at least `MIN_STEP_US` apart, which the pacer sees to.
    """

    def __init__(self) -> None:
        self._last_us = 0

    def next_us(self, captured_at: float | None, now: float, lead_s: float, early_s: float = 0.0) -> int:
        """Return the timestamp of a picture that is submitted at ``now``, in seconds.

        ``captured_at``, no later than ``now``, is None in a replay. Then, and where a later timestamp has
        been given out, the picture gets that of a live one: ``now`` less ``lead_s``, from which live ones go
        on. ``early_s`` of the time since the capture is no delay: see `Picture`.
        """
        if captured_at is not None:
            captured_us = int(max(captured_at, now - MAX_JITTER_S - early_s) * 1e6)
            if captured_us >= self._last_us + MIN_STEP_US:
                self._last_us = captured_us
                return captured_us
        self._last_us = max(int((now - lead_s) * 1e6), self._last_us + MIN_STEP_US)
        return self._last_us
