"""What an application says of its own track: the same keys, types and limits as in the file."""

from typing import Any

import pytest

from ingestd.config import publication
from ingestd.delivery.replays import Replay
from ingestd.errors import ConfigError

GOOD: dict[str, Any] = {
    "url": "https://sfu.example",
    "api_key": "key",
    "api_secret": "hush",
    "room": "lobby",
    "identity": "camera",
    "track": "cam",
    "max_bitrate": 8_000_000,
    "max_framerate": 60,
    "max_backlog": 0.5,
    "replay": "start",
}


def test_values_are_typed_as_in_the_file() -> None:
    config = publication(**{**GOOD, "max_bitrate": "2Mbps"})
    assert config.url == "wss://sfu.example"
    assert config.max_bitrate == 2_000_000
    assert config.replay is Replay.START
    assert "hush" not in repr(config)


def test_each_bad_value_is_named_with_what_is_allowed() -> None:
    with pytest.raises(ConfigError) as refused:
        publication(**{**GOOD, "room": 5, "max_framerate": 0, "replay": "sometimes"})
    assert str(refused.value) == (
        "room: 5 is not text; put it in quotes; max_framerate: 0 is out of range; allowed: 1 to 240; "
        "replay: 'sometimes' is not known; allowed: always, start, never"
    )
