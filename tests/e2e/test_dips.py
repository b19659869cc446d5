"""Links that become bad, and an encoder that obeys: what a viewer sees of it."""

from pathlib import Path

import pytest

from bench.feedback import SCENARIOS, Course, run
from tests.support.link import unavailable

BUSY_S = 1.0  # what a busy machine may add

UNAVAILABLE = unavailable()
pytestmark = [
    pytest.mark.long,
    pytest.mark.alone,
    pytest.mark.skipif(UNAVAILABLE is not None, reason=str(UNAVAILABLE)),
]


def course_of(name: str, directory: Path) -> Course:
    """Play the scenario of that name; when its link was good again, so is the picture, in 20 s."""
    scenario = next(scenario for scenario in SCENARIOS if scenario.name == name)
    course = run(scenario, directory, feedback=True)
    assert course.bitrate_bps(scenario.good_at_s + 20, 2) > 0.8 * course.bitrate_bps(0, 2)
    return course


def test_a_cut_freezes_the_picture_for_a_second_and_is_soon_made_up_for(tmp_path: Path) -> None:
    course = course_of("cut", tmp_path)
    assert "what waits in WebRTC is thrown away" in (tmp_path / "daemon.log").read_text()
    assert course.longest_freeze_s < 1.0 + BUSY_S
    assert course.late_until_s < 5.0
    assert course.bitrate_bps(3.5) < 1.15 * course.target_bps(3)


def test_a_slow_decline_is_followed(tmp_path: Path) -> None:
    course = course_of("decline", tmp_path)
    assert course.longest_freeze_s < 1.0 + BUSY_S
    assert course.late_s < 2.0 + BUSY_S


def test_a_link_that_loses_packets_is_not_filled_with_padding(tmp_path: Path) -> None:
    course = course_of("loss", tmp_path)
    assert course.longest_freeze_s < 0.8, "without a lower maximum 1.1 to 1.7 s"
    assert course.late_s < 1.0, "without, 1.8 to 2.7 s"
