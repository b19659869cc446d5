"""Judges keyframe requests: whether a replay answers one, or the encoder's next keyframe, as others watch.

WebRTC does not say who asks, or why. One who has come or left, whose hidden video is shown again, and one who
has lost a picture all ask alike.
"""

from enum import Enum
from math import inf

from ingestd.delivery.audience import Audience

# A server passes the requests of a viewer who waits on every 0.6 s. One that is not repeated within these
# times is taken for that of a viewer who has left.
MIN_REPEAT_S = 0.3
MAX_REPEAT_S = 1.5
# WebRTC's statistics tell this long after a picture was lost that it was.
LOSS_NEWS_S = 4.0


class Answer(Enum):
    """What answers a request."""

    REPLAY = "a replay: it costs no one else anything, or all need it"
    SHARED_REPLAY = "a replay, unless a keyframe is near: one who has come waits, and others watch"
    KEYFRAME = "the encoder's next keyframe: others watch"


class KeyframeRequests:
    """The requests of the viewers of one track; every ``now`` is seconds on the monotonic clock."""

    def __init__(self) -> None:
        self._asked_at = -inf  # the first of those that may be repeated
        self._left_at = -inf  # the last one left to the encoder
        self._answered_at = -inf  # the last keyframe

    def answer(
        self,
        audience: Audience | None,
        now: float,
        *,
        silent: bool,
        beyond_cure: bool,
        spares_watchers: bool,
    ) -> Answer:
        """Return the answer to a request of ``now``; a later one that repeats it may get another.

        ``audience``: who may watch, None where no one can tell. ``silent``: the encoder sends nothing.
        ``beyond_cure``: B-frames are sent. ``spares_watchers``: those who watch should see no replay that
        only another one needs.
        """
        if audience is not None and silent:
            return self._judge_in_silence(audience, now)
        if beyond_cure:
            return Answer.KEYFRAME  # browsers would fail again behind the next one, and ask again
        if audience is not None and spares_watchers:
            return self._judge(audience, now)
        return Answer.REPLAY

    def answered(self, now: float) -> None:
        """A keyframe has been submitted."""
        self._answered_at = now
        self._asked_at = self._left_at = -inf

    def left_to_encoder(self, now: float) -> bool:
        """Whether a request waits for the encoder that a loss told of ``now`` may explain."""
        return now - self._left_at < LOSS_NEWS_S

    def _judge(self, audience: Audience, now: float) -> Answer:
        repeated = self._repeated(now)
        if audience.others(now) <= 0:
            return Answer.REPLAY
        if audience.newcomer(now) and (audience.fresh(now) or repeated):
            return Answer.SHARED_REPLAY
        self._left_at = now
        return Answer.KEYFRAME

    def _judge_in_silence(self, audience: Audience, now: float) -> Answer:
        # A browser that has seen no picture for 3 s asks for a keyframe once; with a replay, again 3 s later.
        repeated = self._repeated(now)
        return Answer.REPLAY if repeated or audience.came_at > self._answered_at else Answer.KEYFRAME

    def _repeated(self, now: float) -> bool:
        since_s = now - self._asked_at
        if since_s >= MIN_REPEAT_S:
            self._asked_at = now
        return MIN_REPEAT_S <= since_s <= MAX_REPEAT_S
