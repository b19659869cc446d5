"""Decides when WebRTC is to probe for more, as its estimate is less than the streams of a connection need.

By itself the estimate grows by 8 % a second, and until it suffices pictures wait, or are left out. A probe
finds four times of it at once where the link carries that, and costs one that does not little
(docs/webrtc.md).
"""

from ingestd.backoff import Backoff
from ingestd.publish.estimate_bounds import MAX_RATIO

# A probe is for this many times the estimate. It takes 15 ms at that rate, so 60 ms of a full link.
# A larger one would fill a link that is still too slow for longer.
STEP_RATIO = 4.0
# What the estimate has lost, if it has just fallen, and what a probe has found, if it has found anything.
# On a link that stays too slow the estimate goes up and down by less.
FALLEN_RATIO = 1.1
FOUND_RATIO = 1.25
# Between two probes: WebRTC has evaluated one by then, and after losses its estimate grows by 1.3 at most.
# Those that find nothing become rarer.
FIRST_INTERVAL_S = 0.3
MAX_INTERVAL_S = 2.0
# WebRTC begins with probes of its own, which our maximum would be in the way of.
SETTLES_S = 2.0
# The estimate falls before a receiver reports why.
FALL_S = 1.0
# What was needed within this time may be again: an encoder that obeys sends less, until it is told more.
MEMORY_S = 60.0
# The last probe is WebRTC's maximum from then on. Keyframes need room in it: it is raised where it is less.
LEAST_MAX_RATIO = 2.5
# What waits is to leave within a second, but no more than this is probed for, times what the streams need.
MAX_HURRY_RATIO = 3.0
# As long as nothing was asked for, the link was full.
FULL_S = 0.7


class MostNeeded:
    """The most that streams have needed within MEMORY_S."""

    def __init__(self) -> None:
        self.bps = self._at = 0.0

    def read(self, needed_bps: float, now: float) -> None:
        """They need ``needed_bps`` at ``now``, in seconds."""
        if needed_bps >= self.bps or now - self._at > MEMORY_S:
            self.bps, self._at = needed_bps, now


class EstimateProbing:
    """For one stay in a room. Rates are bit/s; ``now`` is seconds on the monotonic clock."""

    def __init__(self) -> None:
        self._backoff = Backoff(FIRST_INTERVAL_S, MAX_INTERVAL_S)
        self._next_at = 0.0
        self._quiet_until: float | None = None  # None: nothing has been estimated yet
        self._probed_at = self._probed_from_bps = 0.0  # the last probe, and the estimate then
        self._seen_bps = 0.0  # the last estimate
        self._seen_at = 0.0
        self._most = MostNeeded()
        self._max_bps: float | None = None  # what was last probed for

    def limited(self, max_bps: float) -> None:
        """WebRTC's maximum was set to ``max_bps``; where the link carries more it is to be raised."""
        self._max_bps = max_bps

    def probe_bps(self, needed_bps: float, available_bps: float, wait_s: float, now: float) -> float | None:
        """Return what WebRTC is to probe for now, None: nothing.

        The streams need ``needed_bps``, WebRTC believes that the link carries ``available_bps``, for which
        pictures wait ``wait_s``, and nothing says that the link is full.
        """
        if self._quiet_until is None:
            self._quiet_until = now + SETTLES_S
        self._most.read(needed_bps, now)
        if available_bps * FALLEN_RATIO < self._seen_bps:
            self._quiet_until = max(self._quiet_until, now + FALL_S)
        if now - self._seen_at > FULL_S:  # it was full until now: what was tried before says little
            self._next_at = now
        self._seen_bps, self._seen_at = available_bps, now
        if available_bps >= self._most.bps * min(1 + wait_s, MAX_HURRY_RATIO):
            if self._max_bps is None or self._max_bps >= LEAST_MAX_RATIO * self._most.bps:
                return None
            self._max_bps = MAX_RATIO * self._most.bps
            return self._max_bps
        if available_bps > FOUND_RATIO * self._probed_from_bps:
            self._backoff.reset()
            self._next_at = min(self._next_at, self._probed_at + FIRST_INTERVAL_S)
        if now < max(self._next_at, self._quiet_until):
            return None
        self._next_at = now + self._backoff.next_s()
        self._probed_at, self._probed_from_bps = now, available_bps
        self._max_bps = min(STEP_RATIO * available_bps, MAX_RATIO * self._most.bps)
        return self._max_bps
