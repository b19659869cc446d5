"""Which events follow from what happens to a stream, as a transcript."""

from dataclasses import dataclass, field, replace

from ingestd.config import HookEvent
from ingestd.hooks.stream_watch import STALL_S, TRACK_GRACE_S, Reading, StreamWatch

UP, DOWN, STALLED = HookEvent.UP, HookEvent.DOWN, HookEvent.STALLED
LOOK_S = 0.5
WELL = Reading(True, 0, 0, None)


@dataclass
class Story:
    """A stream of 10 pictures a second, looked at twice a second."""

    now: float = 100.0
    reading: Reading = WELL
    told: list[tuple[HookEvent, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.watch = StreamWatch(lambda: self.reading, lambda kind, reason: self.told.append((kind, reason)))

    def connect(self) -> None:
        self.watch.encoder_connected(self.now)

    def goes_on(self, seconds: float, *, received: int = 5, submitted: int = 5) -> None:
        """So many pictures in each half of a second."""
        until = self.now + seconds
        while self.now < until:
            self.now += LOOK_S
            before = self.reading
            self.reading = replace(
                before, received=before.received + received, submitted=before.submitted + submitted
            )
            self.watch.look(self.now)

    def silent(self, seconds: float) -> None:
        self.goes_on(seconds, received=0, submitted=0)

    @property
    def kinds(self) -> list[HookEvent]:
        return [kind for kind, _ in self.told]


def test_an_encoder_comes_and_goes() -> None:
    story = Story()
    story.connect()
    story.silent(2)
    assert story.told == []
    story.goes_on(2)
    story.watch.encoder_gone("the encoder closed the connection", story.now)
    story.goes_on(2)
    assert story.told == [
        (UP, "its first picture is published"),
        (DOWN, "the encoder closed the connection"),
    ]


def test_one_that_sent_a_picture_between_two_looks_is_told_of() -> None:
    story = Story()
    story.connect()
    story.reading = Reading(True, 1, 1, None)
    story.watch.encoder_gone("closed", story.now)
    story.connect()
    story.goes_on(1)
    assert story.kinds == [UP, DOWN, UP]


def test_one_whose_pictures_are_never_published_is_no_event() -> None:
    story = Story(reading=Reading(False, 0, 0, "room 'lobby' is not joined"))
    story.connect()
    story.goes_on(20, submitted=0)
    story.watch.encoder_gone("closed", story.now)
    assert story.told == []


def test_a_room_that_is_lost_and_found() -> None:
    story = Story()
    story.connect()
    story.goes_on(2)
    story.reading = replace(story.reading, publishing=False, problem="room 'lobby' is reconnecting")
    story.goes_on(3, submitted=0)
    story.reading = replace(story.reading, publishing=True, problem=None)
    story.goes_on(3)
    assert story.told == [
        (UP, "its first picture is published"),
        (DOWN, "room 'lobby' is reconnecting"),
        (UP, "the encoder's pictures are published again"),
    ]


def test_an_encoder_that_goes_while_the_room_is_lost_is_not_down_twice() -> None:
    story = Story()
    story.connect()
    story.goes_on(2)
    story.reading = replace(story.reading, publishing=False)
    story.goes_on(3, submitted=0)
    story.watch.encoder_gone("closed", story.now)
    assert story.told[1:] == [(DOWN, "the track was withdrawn")]


def test_a_track_that_is_published_again_at_once_is_no_event() -> None:
    story = Story()
    story.connect()
    story.goes_on(2)
    story.reading = replace(story.reading, publishing=False)
    story.goes_on(TRACK_GRACE_S / 2, submitted=0)
    story.reading = replace(story.reading, publishing=True)
    story.goes_on(20)
    assert story.kinds == [UP]


def test_pictures_that_come_and_are_not_published() -> None:
    story = Story()
    story.connect()
    story.goes_on(2)
    story.goes_on(8, submitted=0)
    assert story.told[1:] == [(STALLED, f"for {STALL_S:.0f} s pictures come, and none is published")]
    story.watch.encoder_gone("closed", story.now)
    assert story.kinds == [UP, STALLED, DOWN]


def test_pictures_that_are_published_again_after_a_stall() -> None:
    story = Story()
    story.connect()
    story.goes_on(2)
    story.goes_on(10, submitted=0)
    story.goes_on(1)
    assert story.told[2:] == [(UP, "pictures move again, after 10 s")]


def test_a_silent_encoder_is_well_for_as_long_as_it_is_connected() -> None:
    story = Story()
    story.connect()
    story.goes_on(2)
    for silent_s in (15, 60, 60, 3600):
        story.silent(silent_s)
        story.goes_on(LOOK_S, received=1, submitted=1)
    assert story.kinds == [UP]


def test_the_first_picture_behind_a_silence_has_the_time_that_others_have() -> None:
    story = Story()
    story.connect()
    story.goes_on(2)
    story.silent(60)
    story.goes_on(LOOK_S, received=1, submitted=0)
    story.silent(STALL_S - 2 * LOOK_S)
    assert story.kinds == [UP]
    story.silent(2 * LOOK_S)
    assert story.kinds == [UP, STALLED]
