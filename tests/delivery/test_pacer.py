"""The spacing of submitted pictures, of which WebRTC loses those that come too close."""

import pytest

from ingestd.delivery.pacer import (
    HURRIED_SPACING_S,
    LONG_QUEUE_PICTURES,
    MIN_SPACING_S,
    RELAXED_SPACING_S,
    Pacer,
)


def spacing_s(fps: float, waiting: int) -> float:
    """Return how long after a picture the next may be submitted."""
    pacer = Pacer()
    pacer.submitted(5.0, 1 / fps, waiting)
    return pacer.ready_at - 5.0


def test_the_first_picture_may_be_submitted_at_once() -> None:
    assert Pacer().ready_at == 0.0


def test_pictures_of_a_slow_stream_are_spaced_so_that_none_is_lost() -> None:
    assert spacing_s(30, waiting=0) == pytest.approx(RELAXED_SPACING_S)
    assert spacing_s(1, waiting=LONG_QUEUE_PICTURES) == pytest.approx(RELAXED_SPACING_S)


def test_the_spacing_leaves_a_fast_stream_time_to_work_off_a_burst() -> None:
    assert spacing_s(60, waiting=3) == pytest.approx(1 / 60 / 3)
    assert spacing_s(100, waiting=3) == pytest.approx(1 / 100 / 3)


def test_a_long_queue_is_worked_off_in_a_hurry() -> None:
    assert spacing_s(30, waiting=LONG_QUEUE_PICTURES + 1) == pytest.approx(HURRIED_SPACING_S)


def test_no_rate_and_no_queue_is_reason_enough_for_less_than_the_least_spacing() -> None:
    assert spacing_s(1000, waiting=0) == pytest.approx(MIN_SPACING_S)
    assert spacing_s(1000, waiting=1000) == pytest.approx(MIN_SPACING_S)


def test_what_is_to_be_sent_first_is_waited_for_for_half_an_interval_at_most() -> None:
    pacer = Pacer()
    pacer.submitted(10.0, 0.04, waiting=20, sending_s=0.015)
    assert pacer.ready_at == pytest.approx(10.015)
    pacer.submitted(10.015, 0.04, waiting=20, sending_s=0.1)
    assert pacer.ready_at == pytest.approx(10.035)
    pacer.submitted(10.035, 0.04, waiting=20, sending_s=0.001)
    assert pacer.ready_at == pytest.approx(10.055), "the large one is still being sent"


def test_what_is_to_be_slow_waits_for_all_of_it() -> None:
    pacer = Pacer()
    pacer.submitted(10.0, 0.04, waiting=20, sending_s=0.5, slow=True)
    assert pacer.ready_at == pytest.approx(10.5)
