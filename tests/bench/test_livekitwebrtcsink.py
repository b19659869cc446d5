"""What publisher and viewer say, joined."""

import pytest

from bench.feedback import SCENARIOS
from bench.livekitwebrtcsink import course


def test_pictures_are_as_late_as_from_the_encoder_to_the_viewer() -> None:
    sent = [
        {"event": "told", "at": 99.0, "bps": 3_500_000},
        {"event": "picture", "at": 100.0, "number": 7, "bytes": 1000, "key": True},
        {"event": "picture", "at": 100.5, "number": 8, "bytes": 500, "key": False},
    ]
    watched = [
        {"event": "seen", "at": 100.1, "number": 7},
        {"event": "seen", "at": 100.2, "number": None},  # broken
        {"event": "seen", "at": 100.7, "number": 8},
        {"event": "seen", "at": 100.8, "number": 7},  # not newer
        {"event": "seen", "at": 100.9, "number": 9},  # misread
    ]
    result = course(SCENARIOS[0], sent, watched, begin=100.0)
    assert result.told == [(-1.0, 3_500_000)]
    assert result.written == [(0.0, 1000), (0.5, 500)]
    assert [at for at, _ in result.seen] == pytest.approx([0.1, 0.7])
    assert [delay for _, delay in result.seen] == pytest.approx([0.1, 0.2])
