"""Response of the encoder to keyframe requests: how soon it answers, by keyframes that came out of turn."""

from collections import deque
from math import inf

# An encoder that has not sent one after this time has let the request pass; one that sends a picture a second
# has the time of so many pictures, as it can answer with its next at the earliest.
ANSWER_LIMIT_S = 1.0
ANSWER_LIMIT_PICTURES = 2
# A viewer is not kept waiting longer than this for an encoder that has answered before.
MAX_ANSWER_S = 0.5
# The next answer may take longer than the last: by this factor, and by a picture.
ALLOWANCE_RATIO = 1.5
PICTURE_ALLOWANCE_S = 0.05
# One that has not been asked before, and was not found deaf, is given this long.
FIRST_PATIENCE_S = 0.25
# A request that is noticed so soon after the answer was received was made before that had reached the viewer.
# One that was not is repeated by the server.
ON_ITS_WAY_S = 0.2
# So many requests in a row, with no answer since, are no accident.
DEAF_REQUESTS = 2


class EncoderResponse:
    """What became of the requests; every ``now`` is seconds on the monotonic clock."""

    def __init__(self) -> None:
        # Requests that no keyframe has followed in time, or that could not be delivered; of
        # all encoders.
        self.unanswered = 0
        # From the request to the last keyframe; None: there was no request, or it would have come without.
        self.answer_s: float | None = None
        self.new_encoder()

    def new_encoder(self) -> None:
        """Another encoder is on the line."""
        self.unanswered_in_a_row = 0  # since it has last answered
        self.reads = True  # it has taken the last request
        self._asked_at: deque[float] = deque()  # for a keyframe that has not come yet
        self._limit_s = ANSWER_LIMIT_S
        self._took_s: float | None = None  # seconds from the last request to its answer; None: there was none
        self._answered_at = -inf

    def asked(self, now: float, frame_interval_s: float = 0.0) -> None:
        """The encoder, with a picture every ``frame_interval_s``, was told that a keyframe is wanted."""
        self.look(now)
        self.reads = True
        self._limit_s = max(ANSWER_LIMIT_S, ANSWER_LIMIT_PICTURES * frame_interval_s)
        self._asked_at.append(now)

    def not_delivered(self) -> None:
        """The encoder, which sends, has not taken a request for a keyframe."""
        self.reads = False
        self._let_pass()

    def keyframe(self, now: float, *, in_turn: bool) -> None:
        """A keyframe has come; one ``in_turn`` would have come without a request."""
        self.look(now)
        self.answer_s = now - self._asked_at[0] if self._asked_at and not in_turn else None
        self._asked_at.clear()
        if self.answer_s is not None:
            self._took_s = self.answer_s if self.answer_s <= MAX_ANSWER_S else None
            self._answered_at = now
            self.unanswered_in_a_row = 0

    def look(self, now: float) -> None:
        """Give up the requests that were not answered in time."""
        while self._asked_at and now >= self._asked_at[0] + self._limit_s:
            self._asked_at.popleft()
            self._let_pass()

    def _let_pass(self) -> None:
        self._took_s = None
        self.unanswered += 1
        self.unanswered_in_a_row += 1

    @property
    def gives_up_at(self) -> float | None:
        """When `look` would give up a request, if no keyframe comes; None: none is open."""
        return self._asked_at[0] + self._limit_s if self._asked_at else None

    def just_answered(self, now: float) -> bool:
        """Whether a request that is noticed ``now`` is one that an answer is on its way to."""
        return now - self._answered_at < ON_ITS_WAY_S

    @property
    def answers(self) -> bool:
        """Whether it has answered the last request, and soon."""
        return self._took_s is not None

    @property
    def deaf(self) -> bool:
        """Whether it does not do what it is asked for."""
        return self.unanswered_in_a_row >= DEAF_REQUESTS

    @property
    def patience_s(self) -> float:
        """Seconds within which an answer may be expected; 0 if none may."""
        if self._took_s is not None:
            return ALLOWANCE_RATIO * self._took_s + PICTURE_ALLOWANCE_S
        return FIRST_PATIENCE_S if self._asked_at and not self.unanswered_in_a_row else 0.0
