"""How soon the encoder answers a keyframe request: learnt from the keyframes that came out of turn."""

# An encoder that has sent none after this time does not answer.
MAX_ANSWER_S = 0.5
# The next answer may take longer than the last: by this factor, and by a picture.
ALLOWANCE_RATIO = 1.5
PICTURE_ALLOWANCE_S = 0.05


class EncoderResponse:
    """What became of the requests; every ``now`` is seconds on the monotonic clock."""

    def __init__(self) -> None:
        self._asked_at: float | None = None  # for a keyframe that has not come yet
        self._took_s: float | None = None  # seconds from the last request to its answer; None: there was none

    def asked(self, now: float) -> None:
        """The encoder is asked for a keyframe."""
        if self._asked_at is not None and now - self._asked_at > MAX_ANSWER_S:
            self._asked_at = self._took_s = None
        if self._asked_at is None:
            self._asked_at = now

    def keyframe(self, now: float, *, in_turn: bool) -> None:
        """A keyframe has come; one ``in_turn`` would have come without a request."""
        asked_at, self._asked_at = self._asked_at, None
        if asked_at is not None and not in_turn:
            self._took_s = now - asked_at if now - asked_at <= MAX_ANSWER_S else None

    @property
    def patience_s(self) -> float:
        """Seconds within which an answer may be expected; 0 if none may."""
        return ALLOWANCE_RATIO * self._took_s + PICTURE_ALLOWANCE_S if self._took_s is not None else 0.0
