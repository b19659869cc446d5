"""Decides how far WebRTC's estimate may grow while packets are lost.

After a loss WebRTC fills up with padding to what it then takes for its estimate, 1.5 times what arrives. On
a link that carries little more than the streams send, that fills the queue for a second (docs/webrtc.md). A
maximum not far above what the streams need leaves it nothing to search for.
"""

from math import inf

from ingestd.publish.estimate_bounds import MAX_RATIO
from ingestd.publish.estimate_probing import STEP_RATIO, MostNeeded

# The maximum while packets are lost, times what the streams need.
LOSSY_MAX_RATIO = 1.25
# It is raised with what the streams need, by this much at once: WebRTC probes up to each.
RAISE_RATIO = 1.1
# Where the link dips the estimate falls within this time of the first lost packets, and is the lower bound.
DIP_S = 0.7
# Packets are lost until none has been missed for so long.
CLEAN_S = 3.0
# WebRTC finds so much only by a probe: then the link carries the padding, too, and needs no lower maximum.
AMPLE_RATIO = 2.0
# WebRTC begins with probes of its own, which a lower maximum would be in the way of.
SETTLES_S = 2.0


class LossCeiling:
    """For one stay in a room. Rates are bit/s; ``now`` is seconds on the monotonic clock."""

    def __init__(self) -> None:
        self.bps = inf  # the maximum that is in force for losses; inf: none is
        self._settled_at: float | None = None  # None: nothing has been estimated yet
        self._lossy_since: float | None = None
        self._missed_at = 0.0
        self._ample = False
        self._most = MostNeeded()

    def max_bps(self, needed_bps: float, available_bps: float, missed: bool, now: float) -> float | None:
        """Return what WebRTC's maximum is to be from now on; None: it stays as it is.

        The streams need ``needed_bps``, WebRTC believes that the link carries ``available_bps``; ``missed``:
        the server has missed packets of late.
        """
        if self._settled_at is None:
            self._settled_at = now + SETTLES_S
        if now < self._settled_at:
            return None
        self._most.read(needed_bps, now)
        self._note_losses(available_bps, missed, now)
        if self._ample or self._lossy_since is None:
            return self._lifted(available_bps)
        wanted_bps = LOSSY_MAX_RATIO * self._most.bps
        if self.bps == inf:
            wanted = now - self._lossy_since >= DIP_S and available_bps >= self._most.bps
        else:
            wanted = wanted_bps >= RAISE_RATIO * self.bps
        if not wanted:
            return None
        self.bps = wanted_bps
        return wanted_bps

    def _note_losses(self, available_bps: float, missed: bool, now: float) -> None:
        if missed:
            self._missed_at = now
            if self._lossy_since is None:
                self._lossy_since = now
        elif now - self._missed_at >= CLEAN_S:
            self._lossy_since = None
        # Once packets are lost the estimate falls, whatever the link carries.
        found = available_bps >= AMPLE_RATIO * self._most.bps
        self._ample = found or (self._ample and self._lossy_since is not None)

    def _lifted(self, available_bps: float) -> float | None:
        """Return the maximum that follows the one for losses; None where there was none."""
        if self.bps == inf:
            return None
        self.bps = inf
        return min(MAX_RATIO * self._most.bps, STEP_RATIO * available_bps)  # WebRTC probes up to it
