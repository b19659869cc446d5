"""A link between the daemon and the server that is bad for a while: the full rate is soon back."""

from pathlib import Path

import pytest

from tests.support.disturbance import FULL_RATE_FPS, Disturbance, endure
from tests.support.link import NOTHING, Quality, unavailable

RECOVERY_S = 5.0 + 2.0  # seconds; promised, and what a busy machine may add
OBSERVED_S = 15.0  # seconds after the disturbance

DISTURBANCES = [
    Disturbance("nothing for 1 s", NOTHING, 1),
    Disturbance("800 kbit/s", Quality(rate=800_000), 13),
    Disturbance("5 % loss", Quality(loss=0.05), 15),
    Disturbance("300 ms round trip", Quality(delay=0.15), 15),
    Disturbance("5 % reordered", Quality(delay=0.02, reorder=0.05), 15),
    Disturbance("nothing for 5 s", NOTHING, 5),
    Disturbance("nothing for 30 s", NOTHING, 30),
]

UNAVAILABLE = unavailable()
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(UNAVAILABLE is not None, reason=str(UNAVAILABLE)),
]


@pytest.mark.parametrize("gop_seconds", [2, 10])
@pytest.mark.parametrize(
    "disturbance", DISTURBANCES, ids=lambda disturbance: disturbance.name.replace(" ", "-")
)
def test_the_full_rate_is_back_soon_after_the_link_is(
    tmp_path: Path, room: str, disturbance: Disturbance, gop_seconds: int
) -> None:
    course = endure(disturbance, gop_seconds=gop_seconds, observed=OBSERVED_S, directory=tmp_path, room=room)
    assert course.rate(course.begin - 4, course.begin) > FULL_RATE_FPS
    assert course.recovery < RECOVERY_S
    assert course.rate_after > FULL_RATE_FPS
    assert course.wrong == 0, "a picture was decoded without one that it refers to"


@pytest.mark.parametrize(
    "disturbance", DISTURBANCES[:2], ids=lambda disturbance: disturbance.name.replace(" ", "-")
)
def test_so_it_is_with_h265(tmp_path: Path, room: str, disturbance: Disturbance) -> None:
    course = endure(
        disturbance, gop_seconds=2, observed=OBSERVED_S, directory=tmp_path, room=room, codec="h265"
    )
    assert course.rate(course.begin - 4, course.begin) > FULL_RATE_FPS
    assert course.recovery < RECOVERY_S
    assert course.rate_after > FULL_RATE_FPS
