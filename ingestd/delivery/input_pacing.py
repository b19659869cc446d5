"""Input faster than real time, as from a file: recognised, and given the pace that it was made for.

A live encoder sends no more pictures in a second than the configuration says, but may have been kept from
sending for a while: time that passes is credit, and every picture takes of it. Who has none left is no live
encoder. Then every picture gets a time at which it is due, and what is far ahead is not read yet, so that
TCP holds up whoever sends.
"""

from ingestd.media.access_unit import AccessUnit

# Seconds of credit: at first, as encoders may begin with what they have of a GOP, and at most, which is the
# longest stall of a network after which everything comes at once.
FIRST_CREDIT_S = 1.0
MAX_CREDIT_S = 60.0
# A live encoder's clock, and the configuration's idea of its rate, may be off by so much.
MARGIN_RATIO = 1.25
# Timestamps that go on so many times as fast as the pictures come are no matter of clocks any more; longer
# steps than this are left out there, as headers with a wrong timebase make them.
TOO_FAST_RATIO = 1.5
MAX_CREDIBLE_STEP_S = 0.1
# Steps between pictures, in seconds, that may be the truth.
MIN_STEP_S, MAX_STEP_S = 1 / 240, 1.0
# Of a pause between two pictures so much is credit while they are paced: the encoder may have waited for us.
MAX_PAUSE_CREDIT_S = 0.25
# With so much credit, either way, it is clear whether input that is paced is live after all.
LIVE_CREDIT_S = 0.25
# Seconds by which a picture may be late and the next ones not, as where a replay was in between.
LATE_S = 0.1
# Seconds of pictures that are read ahead: an encoder that begins with a whole GOP is then seen to be live.
READ_AHEAD_S = 12.0


class InputPacing:
    """Watches the pictures of one stream; times are monotonic seconds."""

    def __init__(self, max_framerate: float) -> None:
        self._max_framerate = max_framerate
        self._credit = FIRST_CREDIT_S
        self._received_at: float | None = None
        self._timestamp_us: int | None = None
        self._last_due = 0.0
        self.behind = 0.0  # seconds by which everything is later than its due time
        self.paced = False
        self.pace = ""  # what the steps from picture to picture are taken from

    def new_encoder(self) -> None:
        """Another encoder is on the line; what it sends may follow on what waits."""
        self._timestamp_us = None
        self._received_at = None
        self._credit = -LIVE_CREDIT_S if self.paced else FIRST_CREDIT_S

    def receive(self, access_unit: AccessUnit, now: float) -> float:
        """Return when ``access_unit``, which has come at ``now``, is due; 0 for at once."""
        by_timestamps = self._by_timestamps(access_unit)
        rate = access_unit.info.frame_rate if access_unit.info is not None else None
        declared = 1 / rate if rate and MIN_STEP_S <= 1 / rate <= MAX_STEP_S else None
        if by_timestamps:
            step, self.pace = by_timestamps, "its timestamps"
        elif declared:
            step, self.pace = declared, f"the {rate:g} pictures/s that it declares"
        else:
            step, self.pace = 1 / self._max_framerate, "max_framerate, as it declares no rate"
        waited = 0.0 if self._received_at is None else now - self._received_at
        self._received_at = now
        if self.paced:
            self._credit = max(
                self._credit + min(waited, MAX_PAUSE_CREDIT_S) - step / MARGIN_RATIO, -LIVE_CREDIT_S
            )
            self.paced = self._credit < LIVE_CREDIT_S
        else:
            cost = min(step, 1 / self._max_framerate) / MARGIN_RATIO
            if by_timestamps is not None and by_timestamps <= MAX_CREDIBLE_STEP_S:
                cost = max(cost, by_timestamps / TOO_FAST_RATIO)
            self._credit = min(self._credit + waited, MAX_CREDIT_S) - cost
            if self._credit < 0:
                self.paced, self.behind = True, 0.0
                self._credit = -LIVE_CREDIT_S
                self._last_due = now
        if not self.paced:
            return 0.0
        self._last_due = max(self._last_due + step, now - self.behind)
        return self._last_due

    def late(self, due: float, now: float) -> None:
        """A picture that is handed over ``now`` was ``due``, 0 for at once: what follows is as late."""
        if due and now - due > LATE_S:
            self.behind += now - due

    def ahead(self, now: float) -> float:
        """Return in how many seconds the picture that came last is due."""
        return self._last_due + self.behind - now if self.paced else 0.0

    def _by_timestamps(self, access_unit: AccessUnit) -> float | None:
        before, self._timestamp_us = self._timestamp_us, access_unit.timestamp_us
        if before is None or self._timestamp_us is None:
            return None
        step = (self._timestamp_us - before) / 1e6
        return step if MIN_STEP_S <= step <= MAX_STEP_S else None
