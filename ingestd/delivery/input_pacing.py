"""Detects input faster than real time (a file) and paces it to its own frame rate.

A token bucket: time adds credit, each picture costs one frame interval. A live encoder sends no more pictures
in a second than the configuration says, though a stall may have kept it from sending for a while: input whose
credit is used up is not live. From then on every picture gets a due time, and what is far ahead is not read
yet, so that TCP slows the sender down.
"""

from ingestd.delivery.frame_interval import FrameInterval

# Seconds of credit: at first, as encoders may begin with the part of a GOP that they hold, and at most, which
# is the longest stall of a network after which everything comes at once.
FIRST_CREDIT_S = 1.0
MAX_CREDIT_S = 60.0
# A live encoder's clock, and the configuration's idea of its rate, may be off by this factor.
MARGIN_RATIO = 1.25
# Timestamps that rise this much faster than the pictures come are more than a clock that is off. Longer
# intervals than this do not count there, as headers with a wrong timebase make them.
TOO_FAST_RATIO = 1.5
MAX_CREDIBLE_INTERVAL_S = 0.1
# Intervals between pictures that may be the truth.
MIN_INTERVAL_S, MAX_INTERVAL_S = 1 / 240, 1.0
# Of a pause between two paced pictures this much is credit: the encoder may have waited for us.
MAX_PAUSE_CREDIT_S = 0.25
# With this much credit, either way, it is clear whether paced input is live after all.
LIVE_CREDIT_S = 0.25
# A picture that is later than this delays the ones that follow; a replay was in between.
LATE_S = 0.1
# Seconds of pictures that are read ahead: an encoder that begins with a whole GOP is then seen to be live.
READ_AHEAD_S = 12.0
# Reading goes on when this part of it is left.
RESUME_READING_RATIO = 0.9


class InputPacing:
    """Watches the pictures of one stream; times are seconds on the monotonic clock.

    ``max_framerate_fps`` is what a live encoder sends at most.
    """

    def __init__(self, max_framerate_fps: float) -> None:
        self.paced = False
        self.pace = ""  # where the due times come from, in words
        self._min_interval_s = 1 / max_framerate_fps
        self._credit_s = FIRST_CREDIT_S
        self._last_due_at = 0.0
        self._behind_s = 0.0  # seconds by which everything is later than its due time
        self._full = False

    def new_encoder(self) -> None:
        """Another encoder is connected; its pictures may follow those that wait."""
        self._credit_s = -LIVE_CREDIT_S if self.paced else FIRST_CREDIT_S

    def receive(self, interval: FrameInterval, now: float) -> float:
        """Return when the picture that ends ``interval``, and came at ``now``, is due; 0: at once."""
        by_timestamps_s, declared_s = _credible_s(interval.by_timestamps_s), _credible_s(interval.declared_s)
        step_s = by_timestamps_s or declared_s or self._min_interval_s
        if self.paced:
            credit_s = (
                self._credit_s + min(interval.by_arrivals_s, MAX_PAUSE_CREDIT_S) - step_s / MARGIN_RATIO
            )
            self._credit_s = max(credit_s, -LIVE_CREDIT_S)
            self.paced = self._credit_s < LIVE_CREDIT_S
        else:
            cost_s = min(step_s, self._min_interval_s) / MARGIN_RATIO
            if by_timestamps_s is not None and by_timestamps_s <= MAX_CREDIBLE_INTERVAL_S:
                cost_s = max(cost_s, by_timestamps_s / TOO_FAST_RATIO)
            self._credit_s = min(self._credit_s + interval.by_arrivals_s, MAX_CREDIT_S) - cost_s
            if self._credit_s < 0:
                self.paced, self._behind_s = True, 0.0
                self._credit_s = -LIVE_CREDIT_S
                self._last_due_at = now
        if not self.paced:
            return 0.0
        if by_timestamps_s:
            self.pace = "its timestamps"
        elif declared_s:
            self.pace = f"the {1 / declared_s:g} pictures/s that it declares"
        else:
            self.pace = "max_framerate, as it declares no rate"
        self._last_due_at = max(self._last_due_at + step_s, now - self._behind_s)
        return self._last_due_at

    def due_at(self, due_at: float) -> float:
        """Return when a picture that got this ``due_at`` on arrival is to be submitted; 0: at once."""
        return due_at + self._behind_s if due_at and self.paced else 0.0

    def late(self, due_at: float, now: float) -> None:
        """A picture is submitted ``now`` that was ``due_at``, 0 for at once; what follows is as late."""
        if due_at and now - due_at > LATE_S:
            self._behind_s += now - due_at

    def full(self, now: float, queue_ratio: float) -> bool:
        """Whether no more should be read for now; ``queue_ratio`` of the memory for pictures is in use."""
        if not self.paced:
            self._full = False
        else:
            ahead_s = self._last_due_at + self._behind_s - now
            used = max(ahead_s / READ_AHEAD_S, 2 * queue_ratio)
            self._full = used > (RESUME_READING_RATIO if self._full else 1.0)
        return self._full


def _credible_s(interval_s: float | None) -> float | None:
    return interval_s if interval_s is not None and MIN_INTERVAL_S <= interval_s <= MAX_INTERVAL_S else None
