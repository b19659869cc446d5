"""Detects pictures that WebRTC's encoder lost, and an encoder that has stalled, by WebRTC's own count.

WebRTC accepts every picture that it is given and does not say which of them it encodes. It may leave some
out, and may stop for good.
"""

from collections import deque
from dataclasses import dataclass

from ingestd.publish.send_stats import SendStats

# From the submission of a picture until it is counted, when nothing is in the way.
SETTLED_S = 0.01
# A busy machine takes longer now and then, but not at several readings in a row.
READINGS = 3
# Bounds memory where no statistics are read; seconds of submissions at the highest rate.
MAX_RECENT_PICTURES = 4096
# Stalled: more than STALL_PICTURES were submitted, the first of them over ENCODER_STALL_S ago, and none is
# encoded. A stream may pause for any time, and a busy machine be a little late.
ENCODER_STALL_S = 2.25
STALL_PICTURES = 5
# Nothing was submitted for so long: what WebRTC does now is not known.
PAUSE_S = 1.0
# WebRTC believes the link carries less than this part of what it is given: then it has left out a picture and
# holds back all that follow up to a keyframe. Only a keyframe that is not encoded either is a sign then.
HOLDS_BACK_TARGET_RATIO = 0.7
# Then a keyframe that is not encoded after this time was left out, too.
KEYFRAME_ENCODED_S = 0.1
# Where nothing is encoded for so long, WebRTC holds back all, whatever it believes of the link by now.
HELD_BACK_S = 0.5


@dataclass(frozen=True, slots=True)
class EncoderReport:
    """What one reading of the statistics has told."""

    lost: int  # pictures that are now known to be lost
    stalled: bool
    keyframe_left_out: bool = False  # the last one, as the link is too slow by WebRTC's estimate
    held_back: bool = False  # all that was submitted of late, by the same estimate, or one a while ago


class EncoderWatch:
    """Compares submissions with WebRTC's count of encoded pictures. Times are monotonic seconds.

    A picture submitted just before WebRTC counted, or while it did, may be in its count or not. So the number
    of missing pictures lies between two bounds, and what is above the least upper one for several readings is
    a loss.
    """

    def __init__(self, encoded: int) -> None:
        """``encoded`` is WebRTC's count before the first submission."""
        self.running = False  # WebRTC has encoded a picture since
        self.unencoded = 0  # pictures submitted since the count last changed
        self._encoded = encoded
        self._settled = 0  # submissions that are in every count from now on, if they were encoded
        self._recent: deque[float] = deque()
        self._surely_missing: deque[int] = deque(maxlen=READINGS)
        self._missing: int | None = None  # known to be missing, and reported
        self._unencoded_since = self._submitted_at = 0.0
        self._unencoded_keyframe_at: float | None = None
        self._unencoded_bytes = 0

    def submitted(self, size_bytes: int, keyframe: bool, now: float) -> None:
        """A picture was given to WebRTC."""
        self._recent.append(now)
        if len(self._recent) > MAX_RECENT_PICTURES:
            self._settle()
        if self.unencoded == 0:
            self._unencoded_since, self._unencoded_keyframe_at, self._unencoded_bytes = now, None, 0
        if keyframe and self._unencoded_keyframe_at is None:
            self._unencoded_keyframe_at = now
        self._submitted_at = now
        self.unencoded += 1
        self._unencoded_bytes += size_bytes

    def read(self, stats: SendStats, now: float) -> EncoderReport:
        """Take in a reading of the statistics, ``now``."""
        if stats.frames_encoded != self._encoded:  # a new transport counts from 0 again
            self._encoded, self.unencoded = stats.frames_encoded, 0
            self.running = self.running or stats.frames_encoded > 0
        lost = self._count_lost(stats) if self.running else 0
        left_out = self._keyframe_left_out(stats, now)
        return EncoderReport(lost, self._has_stalled(stats, now), left_out, left_out or self._held_back(now))

    def _count_lost(self, stats: SendStats) -> int:
        # What is missing at the first reading is no loss: it was submitted to find out when WebRTC encodes.
        while self._recent and self._recent[0] < stats.at - SETTLED_S:
            self._settle()
        # WebRTC notes the time first and counts then, on a busy machine some pictures later.
        unsettled = sum(submitted <= stats.counted_by for submitted in self._recent)
        most = self._settled + unsettled - stats.frames_encoded
        if self._missing is None or most < self._missing:
            self._missing = most
        self._surely_missing.append(self._settled - stats.frames_encoded)
        if len(self._surely_missing) < READINGS:
            return 0
        lost = max(0, min(self._surely_missing) - self._missing)
        self._missing += lost
        return lost

    def _settle(self) -> None:
        self._recent.popleft()
        self._settled += 1

    def _has_stalled(self, stats: SendStats, now: float) -> bool:
        since_s = now - self._unencoded_since
        if (
            self.unencoded <= STALL_PICTURES
            or since_s <= ENCODER_STALL_S
            or now - self._submitted_at > PAUSE_S
        ):
            return False
        return not self._holds_back(stats) or self._keyframe_waits(ENCODER_STALL_S, now)

    def _keyframe_left_out(self, stats: SendStats, now: float) -> bool:
        return self._keyframe_waits(KEYFRAME_ENCODED_S, now) and self._holds_back(stats)

    def _held_back(self, now: float) -> bool:
        return self.running and self.unencoded > 1 and now - self._unencoded_since > HELD_BACK_S

    def _keyframe_waits(self, longer_than_s: float, now: float) -> bool:
        at = self._unencoded_keyframe_at
        return self.unencoded > 0 and at is not None and now - at > longer_than_s

    def _holds_back(self, stats: SendStats) -> bool:
        for_s = max(self._submitted_at - self._unencoded_since, KEYFRAME_ENCODED_S)
        submitted_bps = self._unencoded_bytes * 8 / for_s
        target_bps = stats.target_bitrate_bps
        return target_bps is not None and target_bps < HOLDS_BACK_TARGET_RATIO * submitted_bps
