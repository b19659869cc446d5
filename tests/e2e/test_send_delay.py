"""How long pictures wait inside WebRTC: as the metric says and as a viewer sees it, and that it is cut."""

from pathlib import Path
from statistics import median

import pytest

from tests.support.disturbance import Course, Disturbance, endure
from tests.support.link import Quality, unavailable

SLOW = Disturbance("800 kbit/s", Quality(rate=800_000), 13)
NOISE = 0.02  # seconds; the viewer decodes, and a machine is busy now and then
SETTLED_S = 3.0  # after the dip
LATEST_S = 1.2  # without a cut 1.36 s, for 12 s
ON_TIME_S = 0.3  # within 11 s of the dip; where WebRTC's estimate grew by itself, 1.2 s then

UNAVAILABLE = unavailable()
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(UNAVAILABLE is not None, reason=str(UNAVAILABLE)),
]


def assert_told(course: Course, begin: float, end: float) -> None:
    """The metric says what the viewer sees: to 20 %, or 10 ms."""
    seen = median(lag for at, lag in zip(course.progress, course.lag, strict=True) if begin <= at < end)
    told = median(delay for at, delay in course.send_delays if begin <= at < end)
    assert told == pytest.approx(seen, rel=0.2, abs=0.01 + NOISE)


@pytest.mark.alone
def test_the_metric_tells_what_a_viewer_sees(tmp_path: Path, room: str) -> None:
    course = endure(SLOW, gop_seconds=2, observed=11.0, directory=tmp_path, room=room, max_backlog="30s")
    assert_told(course, course.begin - 4, course.begin)
    for second in range(5, 11, 2):
        assert_told(course, course.end + second, course.end + second + 2)
    assert course.count("ingestd_frames_dropped_total", reason="congested") == 0


@pytest.mark.alone
def test_what_waits_is_cut(tmp_path: Path, room: str) -> None:
    course = endure(SLOW, gop_seconds=2, observed=15.0, directory=tmp_path, room=room)
    assert course.count("ingestd_frames_dropped_total", reason="congested") > 0
    later = [lag for at, lag in zip(course.progress, course.lag, strict=True) if at > course.end + SETTLED_S]
    assert max(later) < LATEST_S
    assert "pictures wait too long in WebRTC" in (tmp_path / "daemon.log").read_text()


@pytest.mark.alone
def test_pictures_are_on_time_again_soon_after_the_dip(tmp_path: Path, room: str) -> None:
    course = endure(SLOW, gop_seconds=2, observed=15.0, directory=tmp_path, room=room)
    at_last = [lag for at, lag in zip(course.progress, course.lag, strict=True) if at > course.until - 4]
    assert median(at_last) < ON_TIME_S
    assert course.count("ingestd_stream_errors_total", reason="silent") == 0
