from ingestd.delivery.accounting import Drop
from ingestd.delivery.gop import HeldLimits
from ingestd.delivery.intake import Gate, Intake
from ingestd.delivery.picture import Picture
from ingestd.media.access_unit import AccessUnit
from tests.delivery.transcript import INFO, access_unit


def test_a_gate_that_is_shut_says_why_until_a_keyframe_comes() -> None:
    gate = Gate()
    assert gate.refuses(access_unit("d1")) is Drop.BEFORE_KEYFRAME
    gate.shut(Drop.AFTER_LOSS)
    assert not gate.open
    assert gate.refuses(access_unit("d2")) is Drop.AFTER_LOSS
    assert gate.refuses(access_unit("K3")) is None
    assert gate.open
    assert gate.refuses(access_unit("d4")) is None


def test_a_keyframe_without_parameter_sets_shuts_the_gate() -> None:
    gate = Gate()
    assert gate.refuses(access_unit("K1")) is None
    assert gate.refuses(AccessUnit(b"K2", True, INFO, lacks_parameter_sets=True)) is Drop.NO_PARAMETER_SETS
    assert gate.refuses(access_unit("d3")) is Drop.BEFORE_KEYFRAME


def test_a_picture_of_parameter_sets_that_have_not_come_shuts_the_gate_if_others_refer_to_it() -> None:
    gate = Gate()
    assert gate.refuses(access_unit("K1")) is None
    assert gate.refuses(AccessUnit(b"d2", False, None, discardable=True)) is Drop.NO_PARAMETER_SETS
    assert gate.refuses(access_unit("d3")) is None
    assert gate.refuses(AccessUnit(b"d4", False, None)) is Drop.NO_PARAMETER_SETS
    assert gate.refuses(access_unit("d5")) is Drop.AFTER_LOSS
    assert gate.refuses(access_unit("K6")) is None


def fill(intake: Intake, names: str, now: float = 10.0) -> None:
    for name in names.split():
        picture = intake.receive(access_unit(name), now, 0)
        assert isinstance(picture, Picture)
        assert intake.append(picture) is None


def test_streams_that_share_the_memory_let_a_part_of_it_wait() -> None:
    intake = Intake(0.5, held_limits=HeldLimits(max_bytes=8))
    intake.sharers = 4
    fill(intake, "K0")
    picture = intake.receive(access_unit("d1"), 10.0, 0)
    assert isinstance(picture, Picture)
    assert intake.append(picture) is Drop.QUEUE_FULL


def test_of_files_that_share_the_memory_less_is_read_and_what_was_read_stays() -> None:
    intake = Intake(0.5, live=False, held_limits=HeldLimits(max_bytes=8))
    fill(intake, "K0 d1")
    assert not intake.full(10.0)
    intake.sharers = 4
    assert intake.full(10.0)
    fill(intake, "d2")
    assert len(intake.queue) == 3


def test_a_skip_ends_at_the_oldest_keyframe_that_waits() -> None:
    intake = Intake(0.5)
    fill(intake, "K0 d1 K2 d3 K4")
    intake.queue.pop()
    intake.skip_to_keyframe(Drop.AFTER_LOSS)
    assert intake.queue.first.access_unit == access_unit("K2")
    assert (intake.accounting.dropped["after_loss"], intake.gate.open) == (1, True)


def test_a_skip_without_a_keyframe_that_waits_shuts_the_gate() -> None:
    intake = Intake(0.5)
    fill(intake, "K0 d1 d2")
    intake.queue.pop()
    intake.skip_to_keyframe(Drop.AFTER_LOSS)
    assert (len(intake.queue), intake.first_due_at) == (0, None)
    assert intake.receive(access_unit("d3"), 10.0, 0) is Drop.AFTER_LOSS


def test_what_waited_for_the_room_is_not_late() -> None:
    intake = Intake(0.5)
    fill(intake, "K0 d1 K2", now=10.0)
    intake.drop_late(20.0, running_since=19.6)
    assert len(intake.queue) == 3
    intake.drop_late(20.0, running_since=19.4)
    assert len(intake.queue) == 1


def test_a_keyframe_is_due_at_once_unless_it_has_a_due_time() -> None:
    intake = Intake(0.5)
    assert not intake.keyframe_due(10.0)
    fill(intake, "K0 d1")
    assert intake.keyframe_due(10.0)
    intake.queue.pop()
    assert not intake.keyframe_due(10.0), "it is no keyframe"
    fill(intake, " ".join(["d"] * 100 + ["K"]))  # a second and more, all at once: a file
    assert intake.pacing.paced
    while not intake.queue.first.access_unit.keyframe:
        intake.queue.pop()
    due = intake.first_due_at
    assert due is not None
    assert due > 10
    assert not intake.keyframe_due(due - 0.001)
    assert intake.keyframe_due(due)
