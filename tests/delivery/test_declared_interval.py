from dataclasses import replace

import pytest

from ingestd.delivery.declared_interval import PROBATION_PICTURES, DeclaredInterval
from ingestd.media.access_unit import AccessUnit
from tests.delivery.transcript import INFO


def unit(timestamp_us: int | None = None, rate: float | None = None) -> AccessUnit:
    return AccessUnit(b"", False, replace(INFO, frame_rate=rate), timestamp_us)


def test_timestamps_go_before_the_declared_rate() -> None:
    steps = DeclaredInterval()
    assert steps.next(unit(1_000_000, rate=50), 10.0) == 1 / 50, "there is nothing to subtract from yet"
    assert steps.next(unit(1_040_000, rate=50), 10.04) == pytest.approx(0.040)
    assert steps.next(unit(rate=50), 10.08) == 1 / 50


def test_without_either_nothing_is_said() -> None:
    steps = DeclaredInterval()
    assert [steps.next(unit(), i / 30) for i in range(3)] == [None] * 3
    assert steps.next(AccessUnit(b"", False, None), 0.1) is None


@pytest.mark.parametrize("step_us", [0, -40_000])
def test_a_step_that_does_not_lead_on_is_none_and_those_behind_it_are_put_to_the_test(step_us: int) -> None:
    steps = DeclaredInterval()
    steps.next(unit(1_000_000), 0.0)
    assert steps.next(unit(1_000_000 + step_us), 0.04) is None
    said = [steps.next(unit(1_000_000 + step_us + i * 40_000), 0.04 + i * 0.04) for i in range(1, 40)]
    assert said[: PROBATION_PICTURES - 1] == [None] * (PROBATION_PICTURES - 1)
    assert said[PROBATION_PICTURES:] == pytest.approx([0.04] * (39 - PROBATION_PICTURES))


def test_steps_in_doubt_are_not_believed_while_arrivals_contradict_them() -> None:
    steps = DeclaredInterval()
    steps.doubt()
    assert [steps.next(unit(rate=25), i / 30) for i in range(100)] == [None] * 100
    believed = [steps.next(unit(rate=30), 100 / 30 + i / 30) for i in range(100)]
    assert believed[-1] == 1 / 30
