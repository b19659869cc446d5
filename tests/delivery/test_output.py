"""The state of what is submitted, and the GOP: what changes both at once."""

import pytest

from ingestd.delivery.accounting import Drop
from ingestd.delivery.intake import Intake
from ingestd.delivery.output import Output
from ingestd.delivery.replays import Replay, Replays
from ingestd.delivery.states import Event, State
from tests.delivery.transcript import access_unit

NOW = 1000.0


class Live:
    """An output that is live, which has submitted some pictures, and the intake with those that wait."""

    def __init__(self, submitted: str, waiting: str = "") -> None:
        self.intake = Intake(0.5)
        self.output = Output(self.intake, Replays(Replay.ALWAYS, None))
        self.receive(submitted)
        while self.intake.queue:
            self.output.gop.append(self.intake.queue.pop())
        self.receive(waiting)
        self.output.advance(Event.OPENED)
        self.output.advance(Event.ENCODING)

    def receive(self, names: str) -> list[Drop]:
        """Return why those that are refused are."""
        received = [self.intake.receive(access_unit(name), NOW, 0) for name in names.split()]
        for picture in received:
            if not isinstance(picture, Drop):
                self.intake.append(picture)
        return [picture for picture in received if isinstance(picture, Drop)]

    def waiting(self) -> str:
        names = []
        while self.intake.queue:
            names.append(self.intake.queue.pop().access_unit.data.decode())
        return " ".join(names)


def test_a_replay_begins_with_the_picture_of_the_index() -> None:
    live = Live("K1 d2 d3")
    live.output.begin_replay(NOW, index=1)
    assert live.output.state is State.REPLAY
    assert live.output.replays.next_picture(live.output.gop).access_unit.data == b"d2"
    assert not live.output.replays.slow


def test_a_replay_in_slow_motion_says_so() -> None:
    live = Live("K1 d2")
    live.output.begin_replay(NOW, slow=True)
    assert live.output.replays.slow


def test_a_replay_that_brings_a_missing_picture_is_for_all_and_gathers_no_one() -> None:
    live = Live("K1 d2")
    live.output.replays.request(NOW, 0.0, shared=True)
    assert live.output.replays.ready_at > NOW
    live.output.picture_missing()
    assert live.output.state is State.BLOCKED
    assert live.output.replays.ready_at == NOW


def test_what_waits_before_a_keyframe_is_skipped() -> None:
    live = Live("K1 d2", waiting="d3 d4 K5 d6")
    live.output.picture_missing()
    live.output.skip_to_keyframe()
    assert live.output.state is State.LIVE
    assert not live.output.gop
    assert live.intake.accounting.dropped[Drop.AFTER_LOSS] == 2
    assert live.waiting() == "K5 d6"


def test_where_no_keyframe_waits_what_comes_is_refused_for_the_same_reason() -> None:
    live = Live("K1 d2", waiting="d3")
    live.output.skip_to_keyframe(Event.CONGESTION, Drop.CONGESTED)
    assert live.output.state is State.DRAINING
    assert live.receive("d4 K5") == [Drop.CONGESTED]
    assert live.waiting() == "K5"


def test_what_cannot_happen_changes_nothing() -> None:
    live = Live("K1 d2", waiting="d3")
    with pytest.raises(AssertionError, match="cannot happen"):
        live.output.skip_to_keyframe(Event.DRAINED)
    assert live.output.state is State.LIVE
    assert len(live.output.gop) == 2
    assert live.waiting() == "d3"
