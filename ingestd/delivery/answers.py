"""How soon the encoder sends a keyframe that it was asked for: learned from those that came out of turn."""

# Seconds after which the encoder is taken not to answer.
LONGEST_ANSWER = 0.5
# The next answer may take a little longer: so many times as long as the last, and a picture.
ALLOWANCE = 1.5
PICTURE = 0.05


class Answers:
    """What became of the requests; every ``now`` is seconds on the monotonic clock."""

    def __init__(self) -> None:
        self._asked_at: float | None = None  # for a keyframe that has not come yet
        self._took: float | None = None  # from the last request to its answer; None: there was none

    def asked(self, now: float) -> None:
        """The encoder is asked for a keyframe."""
        if self._asked_at is not None and now - self._asked_at > LONGEST_ANSWER:
            self._asked_at = self._took = None
        if self._asked_at is None:
            self._asked_at = now

    def keyframe(self, now: float, *, in_turn: bool) -> None:
        """A keyframe has come; one ``in_turn`` would have without a request."""
        asked_at, self._asked_at = self._asked_at, None
        if asked_at is not None and not in_turn:
            self._took = now - asked_at if now - asked_at <= LONGEST_ANSWER else None

    @property
    def patience(self) -> float:
        """Seconds within which an answer may be expected; 0 if none may."""
        return ALLOWANCE * self._took + PICTURE if self._took is not None else 0.0
