"""Whether WebRTC still encodes what it is given: it may stop for good, and takes pictures all the same."""

# So many seconds after the first of so many pictures was handed over, none of them encoded. A stream may
# pause for as long as it likes, and a busy machine be a little late.
SILENCE = 2.25
PICTURES = 5


class Silence:
    """Compares hand-overs with WebRTC's count of pictures. Times are monotonic seconds."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._since = 0.0
        self.unanswered = 0  # pictures handed over since the count last changed

    def handed_over(self, now: float) -> None:
        """A picture was given to WebRTC."""
        if self.unanswered == 0:
            self._since = now
        self.unanswered += 1

    def lasts(self, count: int, now: float) -> bool:
        """WebRTC has encoded ``count`` pictures so far; return whether that is too few for too long."""
        if count != self._count:  # a new transport counts from 0 again
            self._count, self.unanswered = count, 0
        return self.unanswered > PICTURES and now - self._since > SILENCE
