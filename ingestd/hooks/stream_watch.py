"""Watch over one stream: makes events of what happens to its encoder, its room and its pictures."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from ingestd.config import HookEvent

# A track that is published again, as for another codec, is back by then.
TRACK_GRACE_S = 1.0
# A viewer has noticed by then that pictures do not come.
STALL_S = 5.0


@dataclass(frozen=True, slots=True)
class Reading:
    """What is so now."""

    publishing: bool  # what is submitted gets to the room
    received: int  # pictures, ever
    submitted: int  # pictures, ever, each once
    problem: str | None  # why it is not published, in words


class _State(Enum):
    DOWN = auto()  # of this encoder nothing is published
    UP = auto()
    STALLED = auto()


class StreamWatch:
    """Tells the events of one stream; ``now`` is seconds on the monotonic clock.

    ``read`` returns what is so; ``tell`` gets each event with its reason. Pictures count as published once
    they are submitted while WebRTC encodes. An encoder that sends nothing is well: one picture may be all
    that there is to see for an hour, and one that is dead loses its connection.
    """

    def __init__(self, read: Callable[[], Reading], tell: Callable[[HookEvent, str], None]) -> None:
        self._read = read
        self._tell = tell
        self._encoder = False  # on the line
        self._state = _State.DOWN
        self._up_before = False  # this encoder has been
        self._before = Reading(False, 0, 0, None)
        self._moved_at = 0.0  # until when every picture that came was published
        self._closed_since: float | None = None

    def encoder_connected(self, now: float) -> None:
        """An encoder is on the line, which has sent nothing yet."""
        self._encoder, self._state, self._up_before = True, _State.DOWN, False
        self._before, self._moved_at = self._read(), now
        self._closed_since = None

    def encoder_gone(self, reason: str, now: float) -> None:
        """Its connection has ended for ``reason``."""
        self.look(now)  # what it sent last may have been published since the last look
        if self._state is not _State.DOWN:
            self._tell(HookEvent.DOWN, reason)
        self._encoder, self._state = False, _State.DOWN

    def look(self, now: float) -> None:
        """See what has become of the pictures; call it every second, or more often."""
        if not self._encoder:
            return
        reading = self._read()
        if self._state is _State.DOWN:
            self._look_for_first(reading, now)
        elif not reading.publishing:
            self._look_for_track(reading, now)
        else:
            self._closed_since = None
            self._look_for_next(reading, now)

    def _look_for_first(self, reading: Reading, now: float) -> None:
        if not reading.publishing or reading.submitted == self._before.submitted:
            return
        self._move(reading, now)
        said = (
            "the encoder's pictures are published again"
            if self._up_before
            else "its first picture is published"
        )
        self._state, self._up_before = _State.UP, True
        self._tell(HookEvent.UP, said)

    def _look_for_track(self, reading: Reading, now: float) -> None:
        self._closed_since = now if self._closed_since is None else self._closed_since
        if now - self._closed_since >= TRACK_GRACE_S:
            self._state, self._closed_since, self._before = _State.DOWN, None, reading
            self._tell(HookEvent.DOWN, reading.problem or "the track was withdrawn")

    def _look_for_next(self, reading: Reading, now: float) -> None:
        waited_s = now - self._moved_at
        if reading.submitted != self._before.submitted:
            self._move(reading, now)
            if self._state is _State.STALLED:
                self._state = _State.UP
                self._tell(HookEvent.UP, f"pictures move again, after {waited_s:.0f} s")
        elif reading.received == self._before.received:
            self._moved_at = now
        elif self._state is _State.UP and waited_s >= STALL_S:
            self._state = _State.STALLED
            self._tell(HookEvent.STALLED, f"for {waited_s:.0f} s pictures come, and none is published")

    def _move(self, reading: Reading, now: float) -> None:
        self._before, self._moved_at = reading, now
