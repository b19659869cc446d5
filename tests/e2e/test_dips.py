"""A link that carries far less from one moment on, and an encoder that obeys: what a viewer sees of it."""

from pathlib import Path

import pytest

from bench.feedback import SCENARIOS, run
from tests.support.link import unavailable

BUSY_S = 1.0  # what a busy machine may add

UNAVAILABLE = unavailable()
pytestmark = [
    pytest.mark.long,
    pytest.mark.alone,
    pytest.mark.skipif(UNAVAILABLE is not None, reason=str(UNAVAILABLE)),
]


def test_a_cut_freezes_the_picture_for_a_second_and_is_soon_made_up_for(tmp_path: Path) -> None:
    cut = next(scenario for scenario in SCENARIOS if scenario.name == "cut")
    course = run(cut, tmp_path, feedback=True)
    assert "what waits in WebRTC is thrown away" in (tmp_path / "daemon.log").read_text()
    assert course.longest_freeze_s < 1.0 + BUSY_S
    assert course.late_until_s < 5.0
    assert course.bitrate_bps(3.5) < 1.15 * course.target_bps(3)
    assert course.bitrate_bps(cut.good_at_s + 20, 2) > 0.8 * course.bitrate_bps(0, 2)
