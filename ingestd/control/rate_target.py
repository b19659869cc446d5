"""Target bitrate of an encoder: what WebRTC allots to its track, less what is in the way of its pictures.

WebRTC divides what it believes the link carries among the tracks of a connection, and has taken the RTP overhead
off. When the link dips it learns so step by step; what the encoder sends until the last of them waits behind us,
or is lost. So the target falls below WebRTC's while that falls, and while pictures wait.
"""

from collections import deque
from math import inf

# WebRTC's target falls if it is this part of what it was within FALL_WINDOW_S.
FALL_RATIO = 0.85
FALL_WINDOW_S = 1.0
# Of WebRTC's target the encoder is asked for this part, while that falls and up to DIVE_S after.
DIVE_RATIO = 0.5
DIVE_S = 1.0
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
        self._fell_at = -inf
        self._send_delay_s = 0.0

    def allotted(self, bitrate_bps: float, now: float) -> None:
        """WebRTC allots ``bitrate_bps`` to the track."""
        while self._allotted and self._allotted[0][0] < now - FALL_WINDOW_S:
            self._allotted.popleft()
        if any(bitrate_bps < FALL_RATIO * min(before, self._max_bps) for _, before in self._allotted):
            self._fell_at = now
        self._allotted.append((now, bitrate_bps))

    def delayed(self, send_delay_s: float) -> None:
        """Packets wait ``send_delay_s`` in WebRTC before they leave."""
        self._send_delay_s = send_delay_s

    def replayed(self, size_bytes: int, now: float) -> None:
        """A picture of ``size_bytes`` was submitted again."""
        self._replayed.append((now, size_bytes))
        self._forget(now)

    def bps(self, now: float) -> int | None:
        """Return the target; None while nothing is known of the link."""
        if not self._allotted:
            return None
        allotted_bps = self._allotted[-1][1]
        self._forget(now)
        replayed_bps = sum(size for _, size in self._replayed) * 8 / REPLAY_WINDOW_S
        ratio = DIVE_RATIO if now - self._fell_at < DIVE_S else 1.0
        if self._send_delay_s > SHORT_DELAY_S:
            ratio = min(ratio, DRAIN_S / (DRAIN_S + self._send_delay_s))
        wanted_bps = max(ratio * allotted_bps - replayed_bps, LEAST_RATIO * allotted_bps)
        return round(min(max(wanted_bps, self._min_bps), self._max_bps))

    def _forget(self, now: float) -> None:
        while self._replayed and self._replayed[0][0] < now - REPLAY_WINDOW_S:
            self._replayed.popleft()
