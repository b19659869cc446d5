"""What a watchdog may restart for, and what not."""

from ingestd.service.movement import STUCK_S, Motion, Movement

IDLE = Motion(moved=5, overdue_s=0.0, unread=False)


def looked(movement: Movement, *motions: Motion, now: float) -> tuple[list[str], bool]:
    movement.look({f"s{n}": motion for n, motion in enumerate(motions)}, now)
    return movement.stuck, movement.standstill


def test_what_has_nothing_to_move_is_well_for_ever() -> None:
    movement = Movement()
    for now in range(0, 1000, 2):
        assert looked(movement, IDLE, now=now) == ([], False)


def test_a_picture_that_is_overdue_is_stuck() -> None:
    movement = Movement()
    assert looked(movement, Motion(5, STUCK_S - 1, False), now=0) == ([], False)
    assert looked(movement, Motion(5, STUCK_S, False), now=1) == (["s0"], True)
    assert looked(movement, Motion(6, 0.0, False), now=2) == ([], False)


def test_bytes_that_nothing_reads_are_stuck() -> None:
    movement = Movement()
    waits = Motion(5, 0.0, True)
    assert looked(movement, waits, now=0) == ([], False)
    assert looked(movement, waits, now=STUCK_S - 1) == ([], False)
    assert looked(movement, waits, now=STUCK_S) == (["s0"], True)


def test_bytes_that_wait_at_each_look_and_move_are_well() -> None:
    movement = Movement()
    for now in range(100):
        assert looked(movement, Motion(now, 0.0, True), now=now) == ([], False)


def test_one_stream_that_is_stuck_does_not_end_those_that_move() -> None:
    movement = Movement()
    for now in range(60):
        stuck, standstill = looked(movement, Motion(5, now, False), Motion(now, 0.0, False), now=now)
        assert not standstill
    assert stuck == ["s0"]
    for now in range(60, 60 + int(STUCK_S) + 1):
        _, standstill = looked(movement, Motion(5, now, False), IDLE, now=now)
    assert standstill, "the other is silent now, and moves no more"


def test_a_stream_that_is_gone_is_forgotten() -> None:
    movement = Movement()
    looked(movement, Motion(5, STUCK_S, True), now=0)
    movement.look({}, 1)
    assert (movement.stuck, movement.standstill) == ([], False)
