"""Whether WebRTC still encodes what it is given: it may stop for good, and takes pictures all the same."""

# So many seconds after the first of so many pictures was handed over, none of them encoded. A stream may
# pause for as long as it likes, and a busy machine be a little late.
STALL_S = 2.25
STALL_PICTURES = 5
# WebRTC believes in less than this part of what it is given: then it has left out a picture, and holds back
# all that follow it up to a keyframe. Only a keyframe that is not encoded either is a sign then.
CONGESTED_RATIO = 0.7


class EncoderStall:
    """Compares hand-overs with WebRTC's count of pictures. Times are monotonic seconds."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._since = 0.0
        self._since_keyframe: float | None = None
        self._bytes = 0
        self.unanswered = 0  # pictures handed over since the count last changed

    def submitted(self, size: int, keyframe: bool, now: float) -> None:
        """A picture of ``size`` bytes was given to WebRTC."""
        if self.unanswered == 0:
            self._since, self._since_keyframe, self._bytes = now, None, 0
        if keyframe and self._since_keyframe is None:
            self._since_keyframe = now
        self.unanswered += 1
        self._bytes += size

    def lasts(self, count: int, target_bitrate: float | None, now: float) -> bool:
        """WebRTC has encoded ``count`` pictures so far; return whether that is too few for too long.

        ``target_bitrate`` is what it believes that the link carries, in bit/s.
        """
        if count != self._count:  # a new transport counts from 0 again
            self._count, self.unanswered = count, 0
        if self.unanswered <= STALL_PICTURES or now - self._since <= STALL_S:
            return False
        given = self._bytes * 8 / (now - self._since)
        if target_bitrate is not None and target_bitrate < CONGESTED_RATIO * given:
            return self._since_keyframe is not None and now - self._since_keyframe > STALL_S
        return True
