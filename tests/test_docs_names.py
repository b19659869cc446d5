"""Names in the documents are names in the code: metrics, keys, targets of make, commands and options."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import yaml
from prometheus_client import generate_latest
from pydantic import BaseModel

from ingestd.cli import main
from ingestd.config import Config, StreamConfig
from ingestd.observe.metrics import make_registry
from tests.observe.support import figures

ROOT = Path(__file__).parent.parent
DOCUMENTS = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for path in (
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")),
        *sorted((ROOT / "docs").glob("*.md")),
        ROOT / "systemd/README.md",
    )
} | {
    name: f"```\n{(ROOT / name).read_text()}\n```"  # all of it is code
    for name in (
        "config/ingestd.yaml",
        ".github/ISSUE_TEMPLATE/bug.yml",
        ".github/workflows/ci.yml",
    )
}
EVERY_DOCUMENT = pytest.mark.parametrize("text", DOCUMENTS.values(), ids=DOCUMENTS.keys())


def code(text: str) -> Iterator[str]:
    """Each line of fenced code and each span of inline code."""
    for number, part in enumerate(re.split(r"^ *```.*$", text, flags=re.MULTILINE)):
        if number % 2:
            yield from part.splitlines()
        else:
            yield from re.findall(r"`([^`]+)`", part)


def written(pattern: str, text: str) -> set[str]:
    """What the pattern's group finds in the code of a document."""
    return {found for piece in code(text) for found in re.findall(pattern, piece)}


# --- metrics ----------------------------------------------------------------------------------------


def metrics() -> set[str]:
    """Families and samples; a pattern that ends in `_`, as `ingestd_frames_*`, is one of their beginnings."""
    scrape = generate_latest(make_registry(lambda: [figures(target_bitrate_bps=1e6)], "1.2.3")).decode()
    names = set(re.findall(r"^(?:# TYPE )?(ingestd_\w+)", scrape, re.MULTILINE))
    return names | {name[: match.end()] for name in names for match in re.finditer("_", name)}


@EVERY_DOCUMENT
def test_every_metric_named_is_there_to_be_scraped(text: str) -> None:
    assert set(re.findall(r"(?<![\w/.-])ingestd_[a-z][a-z_]*", text)) - metrics() == set()


# --- configuration ----------------------------------------------------------------------------------


def keys_of(model: type[BaseModel]) -> Iterator[str]:
    """The paths of all keys below a section."""
    for name, field in model.model_fields.items():
        yield name
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel) and kind is not StreamConfig:
                yield from (f"{name}.{below}" for below in keys_of(kind))


TOP_KEYS = {*keys_of(Config), "defaults"}
STREAM_KEYS = set(keys_of(StreamConfig))
SECTIONS = {key.rpartition(".")[0] for key in TOP_KEYS | STREAM_KEYS if "." in key}


def test_every_key_in_the_tables_is_a_key_and_every_key_is_there() -> None:
    tables = re.findall(
        r"^\| key \| .*\n\|[-|]+\n((?:\|.*\n)+)", DOCUMENTS["docs/configuration.md"], re.MULTILINE
    )
    top, of_streams = (set(re.findall(r"^\| `([\w.]+)`", table, re.MULTILINE)) for table in tables)
    leaves = {key for key in TOP_KEYS if key not in SECTIONS} - {"streams", "warnings"}
    assert top == leaves
    assert of_streams == {key for key in STREAM_KEYS if key not in SECTIONS}


@EVERY_DOCUMENT
def test_every_key_named_is_a_key(text: str) -> None:
    named = written(rf"(?<![\w./-])((?:{'|'.join(SECTIONS)})\.(?!py\b)[a-z_]+)(?![\w(/])", text)
    assert named - TOP_KEYS - STREAM_KEYS == set()


def keys_in(section: object, path: str = "") -> Iterator[str]:
    """The paths of all keys in a YAML document; those of streams begin with `streams` or `defaults`."""
    if isinstance(section, list):
        for entry in section:
            yield from keys_in(entry, path)
    elif isinstance(section, dict):
        for name, value in section.items():
            below = f"{path}.{name}" if path else str(name)
            yield below
            yield from keys_in(value, below)


def unknown_keys(text: str) -> set[str]:
    """The keys in the YAML blocks of a document that are none of ours; a block for Prometheus is left out."""
    unknown = set()
    for block in re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        content = yaml.safe_load(block)
        if content is None or "scrape_configs" in content:
            continue
        for key in keys_in(content):
            section, _, below = key.partition(".")
            known = STREAM_KEYS if below and section in ("defaults", "streams") else TOP_KEYS
            if (below if known is STREAM_KEYS else key) not in known:
                unknown.add(key)
    return unknown


@EVERY_DOCUMENT
def test_every_key_in_a_yaml_block_is_a_key(text: str) -> None:
    assert unknown_keys(text) == set()


def test_a_key_in_a_yaml_block_that_is_none_is_found() -> None:
    block = "```yaml\nhttp: {liste: x}\nstreams:\n  - max_backlogs: 1\n    source: {dail: x}\n```\n"
    assert unknown_keys(block) == {"http.liste", "streams.max_backlogs", "streams.source.dail"}


# Names of LiveKit and WebRTC, and of a fixture of the tests.
FOREIGN_NAMES = {
    "available_outgoing_bitrate",
    "local_track_subscribed",
    "pli_count",
    "target_bitrate",
    "can_publish",
    "capture_frame",
    "media_sections_requirement",
    "packets_sent",
    "run_daemon",
    "total_packet_send_delay",
    "user_data",
    "user_timestamp",
}


def names_in_the_code() -> set[str]:
    """Reasons, fields of messages and other strings of one word; functions; no attributes or arguments."""
    names = set()
    for path in (ROOT / "ingestd").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                names.add(node.value)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                names.add(node.name)
    return names


LAST_PARTS = {key.split(".")[-1] for key in TOP_KEYS | STREAM_KEYS}
KNOWN_WORDS = LAST_PARTS | names_in_the_code() | FOREIGN_NAMES


def lone_words(text: str) -> set[str]:
    """Inline code that is one word in snake_case, as a key without its section is written."""
    prose = re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
    return set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", prose))


@EVERY_DOCUMENT
def test_every_lone_word_is_a_key_or_another_name_of_ours(text: str) -> None:
    assert {word for word in lone_words(text) if not word.startswith("ingestd_")} - KNOWN_WORDS == set()


@EVERY_DOCUMENT
def test_every_variable_named_sets_a_key(text: str) -> None:
    for variable in set(re.findall(r"\bINGESTD_(\w+__\w*[A-Z])\b", text)):
        path = variable.lower().split("__")
        keys = TOP_KEYS
        if path[0] == "defaults" or path[0] == "streams":
            keys = STREAM_KEYS
            path = path[2 if path[0] == "streams" else 1 :]
        if path[0] == "hooks":
            del path[1]  # its number
        assert ".".join(path) in keys, f"INGESTD_{variable}"


# --- make and the command line ----------------------------------------------------------------------


@EVERY_DOCUMENT
def test_every_target_named_is_a_target(text: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert written(r"(?:^|[$;&(`] ?|run: )make ([a-z][a-z-]*)", text) - targets == set()


@pytest.fixture
def commands(capsys: pytest.CaptureFixture[str]) -> dict[str, set[str]]:
    """Each command's options."""

    def help_of(*command: str) -> str:
        with pytest.raises(SystemExit):
            main([*command, "--help"])
        return capsys.readouterr().out

    names = re.findall(r"^    (\w+)(?: .*)?$", help_of(), re.MULTILINE)
    return {name: set(re.findall(r"(?<!\w)--[a-z-]+", help_of(name))) for name in names}


@EVERY_DOCUMENT
def test_every_command_named_is_one_and_has_the_options_named(
    text: str, commands: dict[str, set[str]]
) -> None:
    assert {"run", "check", "probe", "top", "schema", "completion", "man", "demo"} <= commands.keys()
    calls = {
        call
        for piece in code(text)
        for call in re.findall(r"(?:^|[$/`] ?)ingestd ([a-z]+(?: [^#|&;`]*)?)", piece)
    }
    for call in calls:
        name, *rest = call.split()
        assert name in commands, call
        assert {word for word in rest if word.startswith("--")} <= commands[name], call
