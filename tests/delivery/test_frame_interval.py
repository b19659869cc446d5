from dataclasses import replace

import pytest

from ingestd.delivery.frame_interval import PROBATION_PICTURES, FrameInterval
from ingestd.media.access_unit import AccessUnit
from tests.delivery.transcript import INFO


def unit(timestamp_us: int | None = None, rate: float | None = None) -> AccessUnit:
    return AccessUnit(b"", False, replace(INFO, frame_rate_fps=rate), timestamp_us)


class Interval(FrameInterval):
    """One that is read as each picture comes."""

    def next(self, access_unit: AccessUnit, arrived_at: float) -> float | None:
        self.receive(access_unit, arrived_at)
        return self.believed_s


def test_timestamps_go_before_the_declared_rate() -> None:
    steps = Interval()
    assert steps.next(unit(1_000_000, rate=50), 10.0) == 1 / 50, "there is nothing to subtract from yet"
    assert steps.next(unit(1_040_000, rate=50), 10.04) == pytest.approx(0.040)
    assert steps.next(unit(rate=50), 10.08) == 1 / 50


def test_without_either_nothing_is_said() -> None:
    steps = Interval()
    assert [steps.next(unit(), i / 30) for i in range(3)] == [None] * 3
    assert steps.next(AccessUnit(b"", False, None), 0.1) is None


@pytest.mark.parametrize("step_us", [0, -40_000])
def test_a_step_that_does_not_lead_on_is_none_and_those_behind_it_are_put_to_the_test(step_us: int) -> None:
    steps = Interval()
    steps.next(unit(1_000_000), 0.0)
    assert steps.next(unit(1_000_000 + step_us), 0.04) is None
    said = [steps.next(unit(1_000_000 + step_us + i * 40_000), 0.04 + i * 0.04) for i in range(1, 40)]
    assert said[: PROBATION_PICTURES - 1] == [None] * (PROBATION_PICTURES - 1)
    assert said[PROBATION_PICTURES:] == pytest.approx([0.04] * (39 - PROBATION_PICTURES))


def test_steps_in_doubt_are_not_believed_while_arrivals_contradict_them() -> None:
    steps = Interval()
    steps.doubt()
    assert [steps.next(unit(rate=25), i / 30) for i in range(100)] == [None] * 100
    believed = [steps.next(unit(rate=30), 100 / 30 + i / 30) for i in range(100)]
    assert believed[-1] == 1 / 30


def test_arrivals_are_measured_whatever_the_stream_says() -> None:
    interval = FrameInterval()
    measured = []
    for access_unit, arrived_at in ((unit(0), 10.0), (unit(5_000_000, rate=50), 10.04), (unit(), 10.06)):
        interval.receive(access_unit, arrived_at)
        measured.append(interval.by_arrivals_s)
    assert measured == pytest.approx([0, 0.04, 0.02])


def test_a_step_that_is_not_believed_is_stated_all_the_same() -> None:
    interval = FrameInterval()
    interval.receive(unit(1_000_000), 0.0)
    interval.receive(unit(0), 0.04)
    assert (interval.believed_s, interval.stated_s) == (None, -1.0)
    interval.believe()
    interval.receive(unit(40_000), 0.08)
    assert interval.believed_s == pytest.approx(0.04)
