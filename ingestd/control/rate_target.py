"""Target bitrate of an encoder: what WebRTC allots to its track, less what is in the way of its pictures.

WebRTC divides what it believes the link carries among the tracks of a connection, and has taken the RTP
overhead off. When the link dips it learns so step by step, and what the encoder sends until the last of them
waits behind us, or is lost. So the target dives below WebRTC's while that falls, and while pictures wait.
"""

from collections import deque
from math import inf

# WebRTC's target is compared with the highest of this time. Falls smaller than to FALL_RATIO of that are its
# ordinary search for what the link carries, or the 1.2 that it divides by for a second after each answer.
FALL_WINDOW_S = 1.0
FALL_RATIO = 0.8
# However far it fell, the encoder is asked for this part of it.
DIVE_RATIO = 0.4
# WebRTC begins with a guess at what the link carries, and corrects it within this time.
GUESS_S = 3.0
# Where packets wait longer than SHORT_DELAY_S in WebRTC, the encoder is asked for less, so that they leave.
SHORT_DELAY_S = 0.05
DRAIN_S = 0.5
# Replays take their part of the link for as long as this after they were submitted.
REPLAY_WINDOW_S = 2.0
# Whatever is in the way, the encoder is left this part.
LEAST_RATIO = 0.2


class RateTarget:
    """The bitrate that the encoder of one track is asked for.

    ``min_bps``: never less; ``max_bps``: never more (None: no limit), which also limits ``min_bps``. Rates
    are bit/s, ``now`` is seconds on the monotonic clock.
    """

    def __init__(self, min_bps: int, max_bps: int | None) -> None:
        self._max_bps = inf if max_bps is None else max_bps
        self._min_bps = min(min_bps, self._max_bps)
        self._replayed: deque[tuple[float, int]] = deque()  # when, and bytes
        self.new_track()

    def new_track(self) -> None:
        """Forget what the link carries: WebRTC will measure it for the next track."""
        self._allotted: deque[tuple[float, float]] = deque()  # when, and bit/s; those of FALL_WINDOW_S
        self._known_at: float | None = None  # what the link carries, for the first time
        self._send_delay_s = 0.0
        self._dipped = False

    def allotted(self, bitrate_bps: float, now: float) -> None:
        """WebRTC allots ``bitrate_bps`` to the track."""
        if self._known_at is None:
            self._known_at = now
        self._allotted.append((now, bitrate_bps))
        self._forget(now)
        self._dipped = self._dipped or self._dive_ratio(now) == DIVE_RATIO

    @property
    def dipped(self) -> bool:
        """Whether WebRTC's target has fallen far, and `dip_over` has not been true since."""
        return self._dipped

    def delayed(self, send_delay_s: float) -> None:
        """Packets wait ``send_delay_s`` in WebRTC before they leave."""
        self._send_delay_s = send_delay_s

    def dips(self, now: float) -> bool:
        """Whether WebRTC's target falls far, or pictures wait for the link."""
        return self._known_at is None or self._dive_ratio(now) < 1 or self._send_delay_s > SHORT_DELAY_S

    def dip_over(self, now: float) -> bool:
        """Whether, for the first time since WebRTC's target fell far, it falls no more, and nothing waits."""
        if not self._dipped or self._dive_ratio(now) < 1 or self._send_delay_s > SHORT_DELAY_S:
            return False
        self._dipped = False
        return True

    def replayed(self, size_bytes: int, now: float) -> None:
        """A picture of ``size_bytes`` was submitted again."""
        self._replayed.append((now, size_bytes))
        self._forget(now)

    def bps(self, now: float) -> int | None:
        """Return the target; None while nothing is known of the link."""
        if self._known_at is None:
            return None
        self._forget(now)
        allotted_bps = self._allotted[-1][1]
        replayed_bps = sum(size for _, size in self._replayed) * 8 / REPLAY_WINDOW_S
        ratio = self._dive_ratio(now)
        if self._send_delay_s > SHORT_DELAY_S:
            ratio = min(ratio, DRAIN_S / (DRAIN_S + self._send_delay_s))
        wanted_bps = max(ratio * allotted_bps - replayed_bps, LEAST_RATIO * allotted_bps)
        return round(min(max(wanted_bps, self._min_bps), self._max_bps))

    def _dive_ratio(self, now: float) -> float:
        assert self._known_at is not None
        highest_bps = min(max(bps for _, bps in self._allotted), self._max_bps)
        allotted_bps = self._allotted[-1][1]
        if allotted_bps >= FALL_RATIO * highest_bps or now - self._known_at < GUESS_S:
            return 1.0
        return max((allotted_bps / highest_bps) ** 2, DIVE_RATIO)

    def _forget(self, now: float) -> None:
        while len(self._allotted) > 1 and self._allotted[1][0] < now - FALL_WINDOW_S:
            self._allotted.popleft()
        while self._replayed and self._replayed[0][0] < now - REPLAY_WINDOW_S:
            self._replayed.popleft()
