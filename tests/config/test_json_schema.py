"""The JSON schema beside the loader: what one takes the other takes."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from ingestd.cli import main
from ingestd.config import all_keys, json_schema
from ingestd.errors import ConfigError
from tests.config.support import LIVEKIT, ONE_STREAM, Loads

ROOT = Path(__file__).parents[2]
SCHEMA = json_schema()
VALIDATOR = Draft202012Validator(SCHEMA)
WHOLE: dict[str, Any] = yaml.safe_load(LIVEKIT + ONE_STREAM)


def complaints(config: object) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(config)]


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_the_command_prints_it_and_the_file_that_editors_read_is_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["schema"]) == 0
    printed = capsys.readouterr().out
    assert json.loads(printed) == SCHEMA
    assert (ROOT / "config/ingestd.schema.json").read_text() == printed, "run: make references"


def test_the_commented_configuration_names_the_schema_in_its_first_line() -> None:
    first = (ROOT / "config/ingestd.yaml").read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=ingestd.schema.json"


def descriptions(schema: Any) -> Iterator[str]:
    """Of every key below ``schema``; a key without one is an error."""
    for key, value in schema.get("properties", {}).items():
        if "$ref" not in value:
            yield value["description"] or pytest.fail(f"{key} has no description")
            yield from descriptions(value.get("items", value))


def test_every_key_is_described_in_plain_text() -> None:
    said = [*descriptions(SCHEMA), *descriptions({"properties": SCHEMA["$defs"]})]
    assert len(said) > len(all_keys())
    assert [text for text in said if "](" in text] == []


# --- what is right ----------------------------------------------------------------------------------


def written_down() -> dict[str, str]:
    """Whole configurations in files and documents, by where they stand."""
    found = {"config/ingestd.yaml": (ROOT / "config/ingestd.yaml").read_text()}
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "systemd/README.md"):
        blocks = re.findall(r"^ *```yaml\n(.*?)^ *```", page.read_text(), re.MULTILINE | re.DOTALL)
        for number, block in enumerate(blocks):
            if "streams:" in block or "livekit:" in block:
                found[f"{page.relative_to(ROOT)}#{number}"] = block
    return found


@pytest.mark.parametrize("text", written_down().values(), ids=written_down().keys())
def test_a_configuration_that_is_written_down_passes(text: str) -> None:
    config = {**WHOLE, **yaml.safe_load(text)}
    for stream in config["streams"]:  # pages show parts of one
        stream.setdefault("room", "lobby")
        stream.setdefault("source", {"listen": "tcp://127.0.0.1:5004"})
    assert complaints(config) == []


def test_the_commented_configuration_states_the_defaults_of_the_schema() -> None:
    config = yaml.safe_load((ROOT / "config/ingestd.yaml").read_text())

    def differ(written: Any, keys: dict[str, Any], path: str) -> Iterator[str]:
        for name, schema in keys.items():
            here = f"{path}{name}"
            if "properties" in schema:
                yield from differ(written[name], schema["properties"], f"{here}.")
            elif "default" in schema and written[name] != schema["default"]:
                yield f"{here}: {written[name]!r} is written, {schema['default']!r} the default"

    stream = differ(config["streams"][0], SCHEMA["$defs"], "streams[].")
    own = {
        name: schema for name, schema in SCHEMA["properties"].items() if name in ("livekit", "http", "log")
    }
    assert [*differ(config, own, ""), *stream] == []


# --- what is wrong ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ("nonsense: 1", "$"),
        ("http: {liste: '127.0.0.1:1'}", "$.http"),
        ("http: {listen: 'here'}", "$.http.listen"),
        ("log: {level: loud}", "$.log.level"),
        ("log: [debug]", "$.log"),
        ("streams: []", "$.streams"),
        ("streams: [{name: a, source: {listen: 'tcp://h:1'}}]", "$.streams[0]"),
        ("streams: [{name: A, room: r, source: {listen: 'tcp://h:1'}}]", "$.streams[0].name"),
        ("streams: [{name: a, room: r}]", "$.streams[0]"),
        ("streams: [{name: a, room: r, source: {}}]", "$.streams[0].source"),
        ("streams: [{name: a, room: r, source: {listen: 'udp://h:1'}}]", "$.streams[0].source.listen"),
        ("streams: [{name: a, room: r, source: {listen: 'tcp://h:70000'}}]", "$.streams[0].source.listen"),
        (
            "streams: [{name: a, room: r, source: {listen: 'tcp://h:1', connect: 'tcp://h:2'}}]",
            "$.streams[0].source",
        ),
        ("defaults: {name: a}", "$.defaults"),
        ("defaults: {max_bitrate: 1MBps}", "$.defaults.max_bitrate"),
        ("defaults: {max_bitrate: 9999}", "$.defaults.max_bitrate"),
        ("defaults: {feedback: {inline: maybe}}", "$.defaults.feedback.inline"),
        ("hooks: [{secret: x}]", "$.hooks[0]"),
        ("livekit: {token: eyJ, token_file: t}", "$.livekit"),
        ("livekit: {token: eyJ, api_secret: s}", "$.livekit"),
        ("livekit: {url: 'ftp://x'}", "$.livekit.url"),
    ],
)
def test_a_wrong_configuration_fails_where_it_is_wrong(change: str, where: str) -> None:
    found = complaints({**WHOLE, **yaml.safe_load(change)})
    assert where in [complaint.partition(": ")[0] for complaint in found], found


def test_what_streams_share_need_not_be_said_by_each() -> None:
    shared: dict[str, Any] = {
        "defaults": {"room": "r", "source": {"connect": "tcp://h:1"}},
        "streams": [{"name": "a"}],
    }
    assert complaints({**WHOLE, **shared}) == []
    shared["defaults"]["room"] = None
    assert [text.partition(": ")[0] for text in complaints({**WHOLE, **shared})] == ["$.streams[0]"]


# --- the loader and the schema ----------------------------------------------------------------------

# Written for every key in turn: what belongs to some, and to others not.
PROBES = """
true "true" "off" "maybe" "" auto null 2 59.94 60 "60" 241 9999 10000 1000000001 -1 .5 0660 "0660" "888"
500ms 10ms 24h 25h 8Mbps 8MBps "1.5 Mbps" 9kbps 100kbit/s 64KiB 9MiB 2GiB
h264 annexb with-encoder screen_share never warn replace native debug json Some_Name
tcp://127.0.0.1:1 tcp://127.0.0.1 tcp://127.0.0.1:65536 tcp://[::1]:5 unix:///s unix://s
127.0.0.1:5 ws://h https://h/y "http://a b" 10.0.0.0/8 ["::1", 10.1.2.3] [nonsense]
up,down [up] [up,sideways] [] {} {a: b} {a: 1} a=b "a=b,c"
"""
# `load` alone compares them.
QUANTITY = re.compile(r"[\d.]+ ?[A-Za-z/]+|[+-]?[\d.]+")


def probes() -> list[Any]:
    words = re.findall(r'"[^"]*"|\[[^]]*\](?=\s)|\{[^}]*\}|\S+', PROBES)
    return [*map(yaml.safe_load, words), "10.0.0.0/8,::1", "x" * 257, "a\nb"]


def with_value(key: str, value: object) -> dict[str, Any]:
    """A whole configuration in which ``key`` is ``value``."""
    config = copy.deepcopy(WHOLE)
    config["hooks"] = [{"url": "https://h"}]
    here: Any = config
    *sections, name = key.replace("hooks.", "hooks[].").split(".")
    for section in sections:
        here = here.setdefault(section.removesuffix("[]"), {})
        here = here[0] if isinstance(here, list) else here
    if name == "connect":
        here.pop("listen")
    here[name] = value
    return config


# What is in a file, a secret or a token is for the loader's own tests.
OPAQUE = {key for key in all_keys() if key.endswith(("_file", "token", "secret")) or ".tls." in key} | {
    "defaults"
}


@pytest.mark.parametrize("key", sorted({*all_keys()} - OPAQUE))
def test_what_the_loader_takes_of_a_key_the_schema_takes_and_the_reverse(loads: Loads, key: str) -> None:
    differ = []
    for value in probes():
        config = with_value(key, value)
        try:
            loads(yaml.safe_dump(config))
            refused = ""
        except ConfigError as error:
            refused = str(error)
        complaint = complaints(config)
        if complaint and not refused:
            differ.append(f"{value!r}: the schema refuses what is loaded: {complaint}")
        if refused and not complaint and not only_the_loader_sees(key, value):
            differ.append(f"{value!r}: the schema takes what is refused: {refused}")
    assert differ == []


def only_the_loader_sees(key: str, value: object) -> bool:
    if key == "livekit.api_key":
        return value is None  # a variable may give it
    if key.endswith((".live", ".frame_metadata")):
        return value == "off"  # to YAML 1.2, which editors speak, `off` without quotes is this text
    return isinstance(value, str) and bool(QUANTITY.fullmatch(value))
