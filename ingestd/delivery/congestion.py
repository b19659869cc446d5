"""Congestion: pictures wait in WebRTC, because the link carries less than the stream, until they are cut.

When what waits is cut is decided here. That pictures are dropped, and what is submitted next, is the
delivery's.
"""

# On time again, after too long a wait.
MAX_GOOD_DELAY_S = 0.1
# WebRTC begins with a guess at what the link carries, and needs so long to find out. Nothing is cut before,
# and where pictures have been late from the beginning, not for some time more.
ESTIMATE_SETTLES_S = 2.0
MAX_LATE_START_S = 10.0
# WebRTC's pacer sends at this many times its estimate of what the link carries.
PACING_RATIO = 1.1
# Where the next keyframe is farther away than this, late pictures are better than none.
MAX_FREEZE_S = 2.0


class Congestion:
    """Times are seconds on the monotonic clock."""

    def __init__(self, max_backlog_s: float) -> None:
        """``max_backlog_s``: how long a picture may wait with us and in WebRTC together."""
        self.congested = False  # pictures are later than that, or were and are not on time yet
        self._max_backlog_s = max_backlog_s
        self._late = False  # the picture that is submitted now will be
        self._on_time = True
        self._begun_at = 0.0
        self._settled = True
        self._cut_at = self._drained_at = 0.0
        self._send_delay_s = 0.0

    def begin_track(self, now: float) -> None:
        """Another track is published: nothing waits in WebRTC."""
        self.congested = self._late = False
        self.settle(now)

    def settle(self, now: float) -> None:
        """Cut nothing for a while: WebRTC does not know the link, or was given pictures again all at once."""
        self._begun_at, self._settled = now, False

    def read(
        self, waited_s: float, send_delay_s: float, bitrate_bps: float, available_bps: float | None
    ) -> None:
        """Take in a reading of WebRTC's statistics.

        Our oldest picture has waited ``waited_s``; the packets that leave now have waited ``send_delay_s`` in
        WebRTC, which believes that the link carries ``available_bps``. The stream sends ``bitrate_bps``.
        """
        # In a queue that grows, the newest waits longer than those that leave.
        growth_ratio = bitrate_bps / (PACING_RATIO * available_bps) if available_bps else 1.0
        self._send_delay_s = send_delay_s
        in_webrtc_s = send_delay_s * max(growth_ratio, 1.0)
        self._late = in_webrtc_s > waited_s and waited_s + in_webrtc_s > self._max_backlog_s
        self._on_time = waited_s + send_delay_s < min(MAX_GOOD_DELAY_S, self._max_backlog_s)
        if waited_s + send_delay_s > self._max_backlog_s:
            self.congested = True
        elif self._on_time:
            self.congested = False

    def cuts(self, next_keyframe_s: float | None, now: float) -> bool:
        """Whether what waits is dropped now, and what comes, up to a keyframe ``next_keyframe_s`` away.

        None: there is no telling when it comes.
        """
        self._settled = self._settled or self._settles(now)
        # What was submitted before the last cut says nothing of what was submitted since.
        old = now - self._send_delay_s < self._drained_at
        if old or not (self._late and self._settled):
            return False
        if next_keyframe_s is None or next_keyframe_s > MAX_FREEZE_S:
            return False
        self._late = False
        self._cut_at = now
        return True

    def _settles(self, now: float) -> bool:
        begun_s = now - self._begun_at
        return begun_s >= MAX_LATE_START_S or (begun_s >= ESTIMATE_SETTLES_S and self._on_time)

    def drained(self, send_delay_s: float, now: float) -> bool:
        """Whether what was submitted before the cut has left WebRTC, where packets wait ``send_delay_s``."""
        if now - send_delay_s < self._cut_at:
            return False
        self._drained_at = now
        return True
