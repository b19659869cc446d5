"""The tables, held against what a delivery does: `test_properties.py` reaches every cell of them."""

from collections.abc import Callable, Iterable

import pytest

from ingestd.delivery.congestion import ESTIMATE_SETTLES_S
from ingestd.delivery.delivery import PROBE_INTERVAL_S
from ingestd.delivery.states import (
    DELIVERY,
    GATE,
    NOT_ENCODING,
    SUBMITTING,
    Event,
    GateEvent,
    GateState,
    State,
)
from ingestd.state_table import after
from tests.delivery.transcript import Transcript

WITHOUT_CELL = [(state, event) for state in State for event in Event if event not in DELIVERY[state]]


def no_track() -> Transcript:
    script = Transcript()
    script.receive("K1 d2")
    return script


def probing() -> Transcript:
    script = no_track()
    script.open()
    script.take()
    return script


def live() -> Transcript:
    return Transcript.running("K1 d2")


def replay_pending() -> Transcript:
    script = live()
    script.ask_for_keyframe()
    assert script.drain(0.03) == "(K1) (d2)"
    script.ask_for_keyframe()
    return script


def replay() -> Transcript:
    script = live()
    script.ask_for_keyframe()
    assert script.take() == "(K1)"
    return script


def torn_replay() -> Transcript:
    script = replay()
    refuse_next(script)
    return script


def blocked() -> Transcript:
    script = live()
    script.receive("d3")
    refuse_next(script)
    return script


def held_back() -> Transcript:
    script = live()
    script.read_statistics(0.0, available_bps=1)
    script.delivery.slow_link.held_back(script.now, keyframe_left_out=False)
    return script


def draining() -> Transcript:
    script = Transcript.running("K7 d8")
    script.pass_time(ESTIMATE_SETTLES_S)
    script.read_statistics(0.0)
    script.receive("K1")
    script.read_statistics(0.6)
    return script


def refuse_next(script: Transcript) -> None:
    script.now = script.delivery.due_at() or script.now
    script.rejecting = True
    assert script.take() is not None
    script.rejecting = False


BEGINNINGS = {
    State.NO_TRACK: no_track,
    State.PROBING: probing,
    State.LIVE: live,
    State.REPLAY_PENDING: replay_pending,
    State.REPLAY: replay,
    State.TORN_REPLAY: torn_replay,
    State.DRAINING: draining,
    State.HELD_BACK: held_back,
    State.BLOCKED: blocked,
}
in_every_state = pytest.mark.parametrize("state", State, ids=lambda state: state.name)


@in_every_state
def test_how_each_state_comes_about(state: State) -> None:
    assert BEGINNINGS[state]().delivery.state is state


@in_every_state
def test_a_track_that_is_published_begins_with_the_keyframe_alone(state: State) -> None:
    script = BEGINNINGS[state]()
    script.open()
    assert script.delivery.probing
    assert set(script.drain(3 * PROBE_INTERVAL_S).split()) <= {"K1", "(K1)"}


@in_every_state
def test_without_a_track_nothing_is_submitted(state: State) -> None:
    script = BEGINNINGS[state]()
    script.delivery.closed()
    script.run()
    script.ask_for_keyframe()
    script.correct("whole")
    assert script.receive("K9") == [None]
    assert script.drain(1) == ""


@in_every_state
def test_what_changes_which_state(state: State) -> None:
    row = DELIVERY[state]
    assert row[Event.OPENED] is State.PROBING
    assert row[Event.CLOSED] is State.NO_TRACK
    assert row[Event.ENCODING] is (State.LIVE if state is State.PROBING else state)
    assert row[Event.REPLAY_WANTED] is (State.REPLAY_PENDING if state is State.LIVE else state)
    missing = {
        State.LIVE: State.BLOCKED,
        State.REPLAY_PENDING: State.BLOCKED,
        State.REPLAY: State.TORN_REPLAY,
    }
    assert row.get(Event.PICTURE_MISSING) is (None if state is State.DRAINING else missing.get(state, state))
    holds = state in (*NOT_ENCODING, State.DRAINING)
    assert row.get(Event.REPLAY_BEGUN) is (None if holds else State.REPLAY)
    assert row.get(Event.KEYFRAME) is (None if holds else State.LIVE)
    assert row.get(Event.CONGESTION) is (State.DRAINING if state in SUBMITTING else None)
    can_be_held_back = state not in (*NOT_ENCODING, State.DRAINING, State.BLOCKED)
    assert row.get(Event.HELD_BACK) is (State.HELD_BACK if can_be_held_back else None)
    assert row.get(Event.DRAINED) is (State.LIVE if state is State.DRAINING else None)
    ended = {State.REPLAY: State.LIVE, State.TORN_REPLAY: State.BLOCKED}
    assert row.get(Event.REPLAY_ENDED) is ended.get(state)


def test_a_keyframe_leads_out_of_every_state_in_which_webrtc_encodes() -> None:
    for begin in (live, replay_pending, replay, torn_replay, held_back, blocked):
        script = begin()
        script.receive("K9")
        assert script.drain().endswith("K9")
        assert script.delivery.state is State.LIVE


@pytest.mark.parametrize(("state", "event"), WITHOUT_CELL, ids=lambda name: name.name)
def test_an_event_without_a_cell_is_a_defect(state: State, event: Event) -> None:
    with pytest.raises(AssertionError, match=f"{event} cannot happen in {state}"):
        after(DELIVERY, state, event)


def test_an_event_without_a_cell_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    script = live()
    with monkeypatch.context() as patch:
        for event in (Event.REPLAY_WANTED, Event.PICTURE_MISSING, Event.KEYFRAME, Event.OPENED, Event.CLOSED):
            patch.delitem(DELIVERY[State.LIVE], event)
        calls: list[Callable[[], object]] = [
            script.ask_for_keyframe,
            lambda: script.correct("d2-whole"),
            script.open,
            script.delivery.closed,
            script.delivery.stop,
        ]
        for call in calls:
            with pytest.raises(AssertionError, match="cannot happen"):
                call()
            assert script.delivery.state is State.LIVE
        script.receive("d3")
        assert script.drain() == "d3"
    script.ask_for_keyframe()
    assert script.drain(1) == "(K1) (d2) (d3)"


def test_there_are_events_without_a_cell() -> None:
    assert (State.NO_TRACK, Event.REPLAY_BEGUN) in WITHOUT_CELL
    assert (State.LIVE, Event.REPLAY_ENDED) in WITHOUT_CELL


def leads(events: Iterable[GateEvent]) -> GateState:
    state = GateState.SHUT
    for event in events:
        state = after(GATE, state, event)
    return state


def test_the_gate_is_open_from_a_keyframe_to_a_loss() -> None:
    assert leads([]) is GateState.SHUT
    assert leads([GateEvent.KEYFRAME]) is GateState.OPEN
    assert leads([GateEvent.KEYFRAME, GateEvent.KEYFRAME, GateEvent.LOSS, GateEvent.LOSS]) is GateState.SHUT
