"""Decides when WebRTC is to probe for more, as the streams of a connection have outgrown its estimate.

By itself the estimate grows by 8 % a second, and until it suffices pictures wait. Where the link has become
slower, and not the streams faster, nothing is probed: it would fill what is left of it (docs/webrtc.md).
"""

import time
from collections.abc import Callable

from ingestd.backoff import Backoff

# More than a stream varies by itself.
GROWN_RATIO = 1.25
# A probe that finds what is needed has done so by then. One that does not has told what the link carries: it
# is not filled with probes again and again.
FIRST_INTERVAL_S = 1.0
MAX_INTERVAL_S = 60.0


class EstimateProbing:
    """Has ``probe`` called where the streams, which need ``needed_bps()``, have outgrown the estimate."""

    def __init__(
        self,
        needed_bps: Callable[[], float],
        probe: Callable[[], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._needed_bps = needed_bps
        self._probe = probe
        self._clock = clock
        self._backoff = Backoff(FIRST_INTERVAL_S, MAX_INTERVAL_S)
        self._next_at = 0.0
        self._sufficed_bps: float | None = None  # what was needed when the estimate last was enough

    def estimated(self, available_bps: float) -> None:
        """WebRTC believes that the link carries ``available_bps``, and the link is good."""
        needed_bps, now = self._needed_bps(), self._clock()
        if available_bps >= needed_bps:
            self._backoff.reset()
        if available_bps >= needed_bps or self._sufficed_bps is None:
            self._sufficed_bps = needed_bps
        elif needed_bps > GROWN_RATIO * self._sufficed_bps and now >= self._next_at:
            self._next_at = now + self._backoff.next_s()
            self._probe()
