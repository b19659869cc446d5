"""Decides what WebRTC's estimate is to be at least, as pictures wait for it though the link is empty.

After losses WebRTC limits its estimate for up to 4 s, and does not probe. It sends at its minimum all the
same, whatever it believes, so a minimum that is raised step by step finds out what the link carries, with
what waits anyway (docs/webrtc.md). As soon as a queue builds up on the way it is taken off again.
"""

from ingestd.backoff import Backoff
from ingestd.publish.link_health import LinkReading

# A step: to this many times what was sent before. On a link of 0.3 s that is full, what is sent in a step at
# twice its rate waits for as long as the step takes, and none of it is lost.
STEP_RATIO = 2.0
STEP_S = 0.2
# With fewer packets nothing is found out. A keyframe has more.
LEAST_PACKETS = 5
# What waits on the way for less than this may do so for another reason; for this long, the link is empty.
EMPTY_S = 0.03
CALM_S = 0.2
# As soon as it waits for longer than this, the link is full.
FULL_S = 0.06
# Losses that the server misses at several readings in a row are of now.
MISSED_READINGS = 2
# Between two tries: a queue is gone by then.
FIRST_INTERVAL_S = 0.5
MAX_INTERVAL_S = 1.0
# The last step, times what the streams need: what waits is to leave soon, and keyframes need room.
GOAL_RATIO = 3.0
# By then losses limit the estimate no more.
HOLD_S = 4.0
# Pictures that wait for longer than this are late.
LONG_WAIT_S = 0.1
# WebRTC begins with probes of its own. After a try that has filled the link nothing is probed for.
SETTLES_S = 2.0
REST_S = 1.0


class EstimateFloor:
    """For one stay in a room. Rates are bit/s; ``now`` is seconds on the monotonic clock."""

    def __init__(self) -> None:
        self.bps = 0.0  # 0: none
        self._backoff = Backoff(FIRST_INTERVAL_S, MAX_INTERVAL_S)
        self._next_at: float | None = None  # None: nothing has been read yet
        self._begun_at = self._step_at = 0.0
        self._goal_bps = 0.0
        self._empty_since: float | None = None
        self._missed_readings = 0
        self._step_packets = 0  # that had been sent before it
        self._rests_until = 0.0

    def rests(self, now: float) -> bool:
        """Whether the link was full just now, by a try."""
        return now < self._rests_until

    def read(
        self, needed_bps: float, reading: LinkReading, queued_s: float, round_trip_s: float, now: float
    ) -> None:
        """Take in a reading of the link that streams share which need ``needed_bps``.

        What is sent now waits ``queued_s`` in a queue on its way; without that a round trip takes
        ``round_trip_s``.
        """
        if self._next_at is None:
            self._next_at = now + SETTLES_S
        if queued_s > EMPTY_S:
            self._empty_since = None
        elif self._empty_since is None:
            self._empty_since = now
        self._missed_readings = self._missed_readings + 1 if reading.packets_missed else 0
        if reading.packets_sent - self._step_packets < LEAST_PACKETS:
            self._step_at = now
        if not self.bps:
            self._begin(needed_bps, reading, now)
        elif queued_s > FULL_S or self._missed_readings >= MISSED_READINGS:
            self.bps = 0.0
            self._next_at, self._rests_until = now + self._backoff.next_s(), now + REST_S
        elif now - self._begun_at > HOLD_S:
            self.bps = 0.0
            self._backoff.reset()
        elif now - self._step_at >= STEP_S + round_trip_s:
            self._step_at, self._step_packets = now, reading.packets_sent
            self.bps = min(STEP_RATIO * self.bps, self._goal_bps)

    def _begin(self, needed_bps: float, reading: LinkReading, now: float) -> None:
        """Take the first step, if pictures wait though the link has been empty for a while.

        A step too far may lose one.
        """
        assert self._next_at is not None
        if self._empty_since is None or now < max(self._empty_since + CALM_S, self._next_at):
            return
        late = reading.wait_s > LONG_WAIT_S or reading.available_bps < needed_bps
        goal_bps = GOAL_RATIO * needed_bps
        if late and reading.may_risk and reading.available_bps < goal_bps:
            self._begun_at = self._step_at = now
            self._step_packets, self._goal_bps = reading.packets_sent, goal_bps
            self.bps = min(STEP_RATIO * reading.available_bps, goal_bps)
