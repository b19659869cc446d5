"""Rates, durations and sizes of a configuration, and what is said of those out of range."""

import pytest

from tests.config.support import LIVEKIT, Complains, Loads, stream


def test_an_idle_timeout_of_0_is_none(loads: Loads) -> None:
    config = loads(LIVEKIT + "streams:\n" + stream("source: {listen: 'unix:///s', idle_timeout: 0}"))

    assert config.streams[0].source.idle_timeout is None


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("max_bitrate: 9kbps", "max_bitrate: '9kbps' is out of range; allowed: 10kbps to 1Gbps"),
        (
            "max_framerate: fast",
            "max_framerate: 'fast' is not a number of frames per second, e.g. 60, or auto",
        ),
        ("framerate: 500", "framerate: 500 is out of range; allowed: 1 to 240"),
        ("max_framerate: .nan", "max_framerate: nan is out of range; allowed: 1 to 240"),
    ],
)
def test_a_quantity_that_is_none_or_out_of_range(complains: Complains, line: str, complaint: str) -> None:
    assert complains(LIVEKIT + "streams:\n" + stream(line)) == [f"ingestd.yaml:7: streams[0].{complaint}"]
