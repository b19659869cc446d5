"""Whatever happens in whatever order: the books balance, and what is handed over can be decoded."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ingestd.delivery.accounting import Drop
from ingestd.delivery.delivery import Delivery
from ingestd.delivery.frame_interval import MAX_JITTER_S
from ingestd.delivery.gop import HeldLimits
from ingestd.delivery.pacer import MIN_SPACING_S
from ingestd.delivery.picture import Submission
from ingestd.delivery.replays import Replay
from ingestd.delivery.states import DELIVERY, NOT_ENCODING, Event, State
from ingestd.media.access_unit import AccessUnit, Codec
from tests.delivery.transcript import INFO

# Small, so that they are reached.
LIMITS = HeldLimits(max_bytes=1000, max_pictures=12)
SIZES = [1, 50, 300, 700]
MAX_BACKLOG = 0.1

durations = st.sampled_from([0.0, 0.0005, 0.001, 0.003, 0.010, 0.033, 0.1, 0.7, 6.0])


class AnyOrder(RuleBasedStateMachine):
    """Drives a delivery as a stream does, and knows what a decoder needs."""

    def __init__(self) -> None:
        super().__init__()
        self.delivery = Delivery(MAX_BACKLOG, held_limits=LIMITS)
        self.now = 1000.0
        self.published = False
        self.tried = False  # something was handed over since the track was opened
        self.keyframes: dict[int, bool] = {}  # every picture's number → whether a decoder can start there
        self.heads: dict[int, int | None] = {}  # → the keyframe it refers to, if the encoder sent that
        self.head: int | None = None
        self.units: dict[int, AccessUnit] = {}  # → what it is as far as is known
        self.info = INFO
        self.taken: list[int] = []  # handed over, in the order of the first time
        self.decoded: int | None = None  # the picture handed over last on this track
        self.stamp = 0
        self.ended = float("-inf")  # of the last hand-over

    # What happens.

    @initialize(replay=st.sampled_from(Replay))
    def begin(self, replay: Replay) -> None:
        self.delivery = Delivery(MAX_BACKLOG, replay, held_limits=LIMITS)

    @rule(seconds=durations)
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(
        keyframe=st.sampled_from([True, False, False, False]),
        size=st.sampled_from(SIZES),
        torn=st.sampled_from([False, False, False, True]),
        timestamp_us=st.sampled_from([None, 0, 40_000, 80_000, 10**12]),
    )
    def receive(self, keyframe: bool, size: int, torn: bool = False, timestamp_us: int | None = None) -> None:
        number = len(self.heads)
        self.head = number if keyframe else self.head
        self.keyframes[number], self.heads[number] = keyframe, self.head
        self.units[number] = AccessUnit(b"?" * size, keyframe, self.info, timestamp_us)
        self.delivery.receive(self.units[number], self.now, number)
        if torn:
            self.correct(size)

    @precondition(lambda self: self.units and max(self.units) == len(self.heads) - 1)
    @rule(size=st.sampled_from([*SIZES, LIMITS.max_bytes + 1]))
    def correct(self, size: int) -> None:
        number = len(self.heads) - 1
        self.units[number] = replace(self.units[number], data=b"!" * size, corrects=True)
        self.delivery.correct(self.units[number])

    @rule(state=st.sampled_from(State))
    def lead_to(self, state: State) -> None:
        """The shortest way to a state, which chance alone seldom finds."""
        self.opened()
        self.receive(True, 1)
        self.take_all_that_is_due(1)
        if state is State.NO_TRACK:
            self.closed()
        if state in NOT_ENCODING:
            return
        self.running()
        self.receive(False, 1)
        self.take_all_that_is_due(1)
        if state is State.DRAINING:
            self.be_congested()
        elif state is State.HELD_BACK:
            self.send_delay(0.0, 1.0)
            self.held_back(keyframe_left_out=False)
        elif state is State.BLOCKED:
            self.receive(False, 1)
            self.be_refused()
        elif state is not State.LIVE:
            self.keyframe_requested()
            self.take_all_that_is_due(1)
        if state is State.TORN_REPLAY:
            self.be_refused()
        elif state is State.REPLAY_PENDING:
            self.take_all_that_is_due(2)
            self.keyframe_requested()

    @rule()
    def be_refused(self) -> None:
        self.now = max(self.now, self.delivery.due_at() or 0.0)
        self.take(False, 0.0005)

    @rule(bitrate_bps=st.sampled_from([1.0, 1e7]))
    def be_interrupted(self, bitrate_bps: float) -> None:
        self.closed()
        self.opened()
        self.target_bitrate(bitrate_bps)
        self.take_all_that_is_due(1)
        if self.tried:
            self.running()

    @rule(seconds=durations)
    def ask_late(self, seconds: float) -> None:
        self.time_passes(seconds)
        self.keyframe_requested()

    @rule()
    def keyframe_in_time(self) -> None:
        self.receive(True, 1)
        self.take_all_that_is_due(1)

    @rule(count=st.integers(5, 2 * LIMITS.max_pictures))
    def receive_burst(self, count: int) -> None:
        for _ in range(count):
            self.receive(False, 1)

    @rule()
    def receive_keyframe_without_parameter_sets(self) -> None:
        self.head = None
        self.keyframes[len(self.heads)], self.heads[len(self.heads)] = True, None
        unit = AccessUnit(b"K", True, self.info, lacks_parameter_sets=True)
        assert self.delivery.receive(unit, self.now, 0) is Drop.NO_PARAMETER_SETS

    @rule(keyframe=st.booleans())
    def refuse(self, keyframe: bool) -> None:
        self.keyframes[len(self.heads)], self.heads[len(self.heads)] = keyframe, None
        self.change_codec()  # a stream is of one codec: it can be published, or it cannot
        self.delivery.refuse(AccessUnit(b"?", keyframe, self.info), self.now)

    @rule(joined_in_a_gop=st.booleans())
    def new_encoder(self, joined_in_a_gop: bool) -> None:
        self.head = None
        self.delivery.new_encoder()
        if joined_in_a_gop:
            self.receive(False, 1, torn=True)

    @rule(published_at_once=st.booleans(), keyframe=st.booleans())
    def new_codec(self, published_at_once: bool, keyframe: bool) -> None:
        self.change_codec()
        if published_at_once:
            self.opened()
        self.receive(keyframe, 1)
        self.take(True, 0.0005)

    def change_codec(self) -> None:
        self.head = None
        self.published = self.tried = False
        other = Codec.H264 if self.info.codec is Codec.VP8 else Codec.VP8
        self.info = replace(self.info, codec=other)
        self.delivery.new_codec()
        assert self.delivery.held == 0

    @rule()
    def opened(self) -> None:
        self.published = True
        self.tried = False
        self.decoded = None
        self.delivery.opened(self.now)

    @precondition(lambda self: self.tried or not self.published)
    @rule()
    def running(self) -> None:
        self.delivery.running(self.now)

    @rule()
    def closed(self) -> None:
        self.published = self.tried = False
        self.delivery.closed()

    @rule()
    def keyframe_requested(self) -> None:
        self.delivery.keyframe_requested(self.now)

    @rule(bitrate_bps=st.sampled_from([1e3, 1e5, 1e7]))
    def target_bitrate(self, bitrate_bps: float) -> None:
        self.delivery.slow_link.set_target(bitrate_bps)

    @rule(delay_s=st.sampled_from([0.0, 0.05, 1.0]), available_bps=st.sampled_from([None, 1.0, 1e7]))
    def send_delay(self, delay_s: float, available_bps: float | None) -> None:
        self.delivery.slow_link.send_delay(delay_s, available_bps, self.now)

    @rule(keyframe_left_out=st.booleans())
    def held_back(self, keyframe_left_out: bool) -> None:
        self.delivery.slow_link.held_back(self.now, keyframe_left_out=keyframe_left_out)

    @rule(available_bps=st.sampled_from([1.0, 1e7]))
    def idle_link(self, available_bps: float) -> None:
        self.delivery.slow_link.send_delay(0.0, available_bps, self.now, link_idle=True)

    def be_congested(self) -> None:
        """A keyframe that waits is one that what is late can be dropped up to."""
        self.time_and_statistics(6.0)
        self.receive(True, 1)
        self.send_delay(1.0, None)

    def time_and_statistics(self, seconds: float) -> None:
        self.time_passes(seconds)
        self.send_delay(0.0, None)

    @rule(count=st.integers(1, 3))
    def lost(self, count: int) -> None:
        self.delivery.lost(count, self.now)

    @rule()
    def stop(self) -> None:
        self.head = None
        self.published = self.tried = False
        self.delivery.stop()
        assert self.delivery.held == 0

    @rule(accepted=st.sampled_from([True, True, True, False]), takes=durations)
    def take(self, accepted: bool, takes: float) -> None:
        submission = self.delivery.take(self.now)
        if submission is None:
            due = self.delivery.due_at()
            assert due is None or due > self.now, "something is due, yet nothing is given: a loop that spins"
            return
        self.look_at(submission)
        self.now += takes
        self.delivery.submitted(submission, accepted, self.now)
        if not accepted and self.delivery.state not in NOT_ENCODING and not submission.replayed:
            self.decoded = None
        self.ended = self.now

    @rule(limit=st.integers(1, 3 * LIMITS.max_pictures))
    def take_all_that_is_due(self, limit: int) -> None:
        for _ in range(limit):
            if (due := self.delivery.due_at()) is None:
                return
            self.now = max(self.now, due)
            self.take(True, 0.0005)

    # What must hold.

    def look_at(self, submission: Submission) -> None:
        assert self.published, "there is no track"
        number = submission.picture.arrived_us if submission.replayed else submission.picture.number
        assert number == submission.picture.number, "the moment of arrival belongs to another picture"
        assert submission.picture.access_unit is self.units[number], "not all of it, or another picture"
        assert submission.picture.access_unit.info == self.info, "of a codec that the track does not carry"

        if submission.replayed:
            assert number in self.taken, "handed over 'again' for the first time"
            assert self.heads[number] == self.heads[self.taken[-1]], "that GOP is over"
        else:
            assert not self.taken or number > self.taken[-1], "out of order, or twice"
            head = self.heads[number]
            assert head is not None, "no keyframe was sent that it could refer to"
            assert set(range(head, number)) <= set(self.taken), "a picture it refers to was dropped"
            self.taken.append(number)

        # One decoder sees all of a track: a keyframe, or the picture after the one before.
        if not self.keyframes[number]:
            assert self.decoded == number - 1, "the decoder has not just seen what it refers to"
            assert self.heads[number] == self.heads[number - 1]
        self.decoded = number
        self.tried = True

        assert submission.timestamp_us // 1000 > self.stamp // 1000
        assert (self.now - MAX_JITTER_S) * 1e6 - 1 <= submission.timestamp_us <= self.now * 1e6
        self.stamp = submission.timestamp_us
        assert self.now >= self.ended + MIN_SPACING_S, "WebRTC loses what comes so soon after the last"

    @invariant()
    def books_balance(self) -> None:
        books = self.delivery.accounting
        assert books.received.total() == books.submitted + books.dropped.total() + self.delivery.held
        assert books.received.total() == len(self.heads)
        assert min(books.dropped.values()) >= 0
        assert books.submitted + books.dropped["rejected"] == len(self.taken)

    @invariant()
    def memory_is_bounded(self) -> None:
        assert self.delivery.held <= LIMITS.max_pictures
        assert 0 <= self.delivery.held_bytes <= 2 * LIMITS.max_bytes  # what waits, and the GOP

    @invariant()
    def what_waits_on_a_running_track_is_due(self) -> None:
        if self.delivery.state not in (*NOT_ENCODING, State.DRAINING, State.HELD_BACK) and self.delivery.held:
            assert self.delivery.due_at() is not None

    @invariant()
    def backlog_is_a_time(self) -> None:
        assert self.delivery.backlog_s(self.now) >= 0


AnyOrder.TestCase.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
TestAnyOrder = AnyOrder.TestCase


class Row(dict[Any, Any]):
    """A row of a state table that remembers which of its cells were used."""

    def __init__(self, cells: dict[Any, Any]) -> None:
        super().__init__(cells)
        self.used: set[Any] = set()

    def __getitem__(self, event: object) -> Any:
        self.used.add(event)
        return super().__getitem__(event)


COURSES: dict[Event, Callable[[AnyOrder], None]] = {
    Event.OPENED: AnyOrder.opened,
    Event.ENCODING: AnyOrder.running,
    Event.CLOSED: AnyOrder.closed,
    Event.REPLAY_WANTED: AnyOrder.keyframe_requested,
    Event.PICTURE_MISSING: lambda machine: machine.correct(50),
    Event.REPLAY_BEGUN: lambda machine: machine.take_all_that_is_due(1),
    Event.REPLAY_ENDED: lambda machine: machine.take_all_that_is_due(LIMITS.max_pictures),
    Event.KEYFRAME: AnyOrder.keyframe_in_time,
    Event.CONGESTION: AnyOrder.be_congested,
    Event.HELD_BACK: lambda machine: machine.held_back(keyframe_left_out=True),
    Event.DRAINED: lambda machine: machine.time_and_statistics(6.0),
}
SPECIAL_COURSES: dict[tuple[State, Event], Callable[[AnyOrder], None]] = {
    (State.LIVE, Event.REPLAY_BEGUN): lambda machine: machine.be_interrupted(1e7),
    (State.LIVE, Event.KEYFRAME): lambda machine: machine.be_interrupted(1.0),
    (State.HELD_BACK, Event.REPLAY_BEGUN): lambda machine: machine.idle_link(1e7),
    (State.REPLAY, Event.REPLAY_BEGUN): lambda machine: machine.ask_late(0.7),
    (State.TORN_REPLAY, Event.REPLAY_BEGUN): lambda machine: machine.ask_late(0.7),
}


@pytest.fixture
def machine() -> Iterator[AnyOrder]:
    machine = AnyOrder()
    yield machine
    machine.teardown()


@pytest.mark.parametrize(
    ("state", "event"),
    [(state, event) for state, row in DELIVERY.items() for event in row],
    ids=lambda name: name.name,
)
def test_every_cell_of_the_state_table_is_reached(
    state: State, event: Event, machine: AnyOrder, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.lead_to(state)
    assert machine.delivery.state is state
    row = Row(DELIVERY[state])
    monkeypatch.setitem(DELIVERY, state, row)
    SPECIAL_COURSES.get((state, event), COURSES[event])(machine)
    assert event in row.used
    machine.take_all_that_is_due(LIMITS.max_pictures)
    machine.books_balance()
