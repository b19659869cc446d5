"""How values may be written; tests/config/test_json_schema.py holds each to what the loader takes."""

import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic import SecretStr

from ingestd.config import all_keys
from ingestd.config.written import KINDS, yaml_text
from ingestd.redact import HIDDEN


def test_every_key_has_its_ways() -> None:
    assert sorted(KINDS) == sorted(key for key in all_keys() if key != "defaults")


@pytest.mark.parametrize(
    ("key", "value", "written"),
    [
        ("streams[].max_backlog", 0.5, "500ms"),
        ("streams[].max_bitrate", None, "auto"),
        ("streams[].max_gop", 32 << 20, "32MiB"),
        ("streams[].source.socket_mode", 0o660, "0660"),
        ("livekit.api_secret", SecretStr(""), None),
        ("livekit.api_secret", SecretStr("hidden"), HIDDEN),
    ],
)
def test_a_value_is_written_as_a_person_would(key: str, value: object, written: object) -> None:
    assert KINDS[key].write(value) == written


@pytest.mark.parametrize("value", [None, True, 3, 1.5, "a b", "0660", ["up", "0"], {"a": "b"}])
def test_what_is_written_reads_as_what_it_was(value: object) -> None:
    assert yaml.safe_load(yaml_text(value)) == value


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        (
            "streams[].max_bitrate",
            ["auto", "8Mbps", "1.5 Mbps", 800_000, "800 kbit/s"],
            ["8MBps", "fast", 1, True],
        ),
        ("streams[].max_backlog", ["500ms", ".5s", 1, "1"], ["500 µs", "soon", 0, 31, True]),
        (
            "streams[].source.listen",
            ["tcp://[::1]:5004", "unix:///s"],
            ["tcp://h", "tcp://h:65536", "unix://s"],
        ),
        ("streams[].source.allow", ["10.0.0.0/8", ["fd00::/8"]], [[], ["here"], "here"]),
        ("hooks.events", [["up", "down"], "up, stalled"], [[], ["away"], "up down"]),
    ],
)
def test_what_may_be_written(key: str, good: list[object], bad: list[object]) -> None:
    validator = Draft202012Validator({"anyOf": KINDS[key].ways})
    assert [value for value in good if not validator.is_valid(value)] == []
    assert [value for value in bad if validator.is_valid(value)] == []
