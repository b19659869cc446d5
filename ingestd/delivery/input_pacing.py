"""Detects input faster than any clock (a file) and paces it to its own frame rate.

A token bucket: time adds credit, each picture costs a little less than the interval of the fastest live
source. What headers and timestamps state does not count, as live sources state wrong rates as often as
right ones; nor does time in which we read nothing, as every source is slow then. When we read again after a
pause, a file fills every buffer at once; a live source has nothing piled up, and earns credit between its
pictures. A live source that comes in bursts rests between them, while we read: a file rests so only where its
disk or network stalls.

From the moment at which the credit is used up every picture gets a due time, by the rate that is stated, and
what is far ahead is not read yet, so that TCP slows the sender down.
"""

from ingestd.delivery.frame_interval import FrameInterval

# The fastest cameras and displays make 240 pictures per second, and half as many more come while a source
# catches up.
FASTEST_INTERVAL_S = 1 / 360
# Credit at first, as encoders may begin with the part of a GOP that they hold, and at most, which is the
# longest stall of a network after which everything comes at once.
FIRST_CREDIT_S = 0.25
MAX_CREDIT_S = 60.0
# Intervals between pictures that may be the truth.
MIN_INTERVAL_S, MAX_INTERVAL_S = 1 / 240, 1.0
# Of a file that states no rate: what encoders assume, too.
DEFAULT_INTERVAL_S = 1 / 25
# Of a pause between two paced pictures this much is credit: a file from far away rests for a round trip while
# TCP finds out how fast the network is, and from a slow disk for longer.
MAX_PAUSE_CREDIT_S = 0.25
# With this much credit, either way, it is clear whether paced input is live after all.
LIVE_CREDIT_S = 0.25
# A picture that is later than this delays the ones that follow; a replay was in between.
LATE_S = 0.1
# Of the memory for pictures this much is read ahead: an encoder that begins with a whole GOP, or sends 4 s of
# 240 pictures/s at a time, has drained before, and is seen to be live.
READ_AHEAD_RATIO = 0.85
# Reading goes on when this part of it is left: little by little would cost more than it brings.
RESUME_READING_RATIO = 0.94


class InputPacing:
    """Watches the pictures of one encoder that are accepted; times are seconds on the monotonic clock.

    ``live``: True: the input is never paced; False: always; None: what comes faster than any clock is.
    """

    def __init__(self, live: bool | None = None) -> None:
        self.paced = live is False
        self.pace = ""  # where the due times come from, in words
        self._live = live
        self._credit_s = FIRST_CREDIT_S
        # Earned since pacing began or reading was held up last, pauses in full; None up to the first pause
        # after that, which may be a stall of a file's disk or network.
        self._rest_s: float | None = None
        self._read_since_at: float | None = None  # the last picture, or the end of a time without reading
        self._last_due_at = 0.0
        self._behind_s = 0.0  # by which everything is later than its due time
        self._full = False

    def receive(self, interval: FrameInterval, now: float) -> float:
        """Return when the picture that ends ``interval``, and came at ``now``, is due; 0: at once."""
        read_s = 0.0 if self._read_since_at is None else max(now - self._read_since_at, 0.0)
        self._read_since_at = now
        if self._live is None:
            self._judge(read_s, now)
        if not self.paced:
            return 0.0
        by_timestamps_s, declared_s = _credible_s(interval.by_timestamps_s), _credible_s(interval.declared_s)
        if by_timestamps_s:
            self.pace = "its timestamps"
        elif declared_s:
            self.pace = f"the {1 / declared_s:g} pictures/s that it declares"
        else:
            self.pace = f"{1 / DEFAULT_INTERVAL_S:g} pictures/s, as it declares no rate"
        step_s = by_timestamps_s or declared_s or DEFAULT_INTERVAL_S
        self._last_due_at = max(self._last_due_at + step_s, now - self._behind_s)
        return self._last_due_at

    def due_at(self, due_at: float) -> float:
        """Return when a picture that got this ``due_at`` on arrival is to be submitted; 0: at once."""
        return due_at + self._behind_s if due_at and self.paced else 0.0

    def late(self, due_at: float, now: float) -> None:
        """A picture is submitted ``now`` that was ``due_at``, 0 for at once; what follows is as late."""
        if due_at and now - due_at > LATE_S:
            self._behind_s += now - due_at

    def dropped(self) -> None:
        """What waited will never be submitted: the next picture need not wait for it."""
        self._last_due_at = 0.0

    def full(self, now: float, queue_ratio: float) -> bool:
        """Whether no more should be read for now; ``queue_ratio`` of the memory for pictures is in use."""
        was_full = self._full
        used = queue_ratio / READ_AHEAD_RATIO
        self._full = self.paced and used > (RESUME_READING_RATIO if was_full else 1.0)
        if self._full:
            self._rest_s = None
        if was_full:
            self._read_since_at = now
        return self._full

    def _judge(self, read_s: float, now: float) -> None:
        if self.paced:
            credit_s = self._credit_s + min(read_s, MAX_PAUSE_CREDIT_S) - FASTEST_INTERVAL_S
            self._credit_s = max(credit_s, -LIVE_CREDIT_S)
            if self._rest_s is not None:
                self._rest_s += read_s - FASTEST_INTERVAL_S
                if self._rest_s >= LIVE_CREDIT_S:
                    self._credit_s = max(read_s, LIVE_CREDIT_S)  # the next burst may be as long as this pause
            elif read_s > MAX_PAUSE_CREDIT_S:
                self._rest_s = 0.0
            self.paced = self._credit_s < LIVE_CREDIT_S
        else:
            self._credit_s = min(self._credit_s + read_s, MAX_CREDIT_S) - FASTEST_INTERVAL_S
            if self._credit_s < 0:
                self.paced = True
                self._behind_s = 0.0
                self._credit_s = self._rest_s = -LIVE_CREDIT_S
                self._last_due_at = now


def _credible_s(interval_s: float | None) -> float | None:
    return interval_s if interval_s is not None and MIN_INTERVAL_S <= interval_s <= MAX_INTERVAL_S else None
