"""YAML as it is written: what is no configuration at all, and what is written twice."""

import pytest

from tests.config.support import LIVEKIT, ONE_STREAM, Complains


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "ingestd.yaml: the file is empty; a configuration needs at least livekit and streams"),
        ("# nothing\n", "ingestd.yaml: the file is empty; a configuration needs at least livekit"),
        ("- a\n", "ingestd.yaml:1: a mapping is needed: livekit: …, streams: …"),
        ("a: [\n", "ingestd.yaml:2:1: not valid YAML: "),
        ("a: b: c\n", "ingestd.yaml:1:5: not valid YAML: mapping values are not allowed in this context"),
        ("a: 1\nb: \x01\n", "ingestd.yaml:2:4: control characters are not allowed"),
        (b"a: 1\nb: \xff\n", "ingestd.yaml:2: byte 0xff is not UTF-8; save it as UTF-8"),
        ("[" * 100_000, "ingestd.yaml:1:21: nested more than 20 levels deep; five are known"),
        ("a: " + "[" * 50 + "]" * 50, "ingestd.yaml:1:23: nested more than 20 levels deep"),
        ("{a: " * 100_000, "ingestd.yaml:1:81: nested more than 20 levels deep"),
        ("a: [" + "a," * 200_000 + "]", "ingestd.yaml:1:400003: more than 200000 keys and values"),
        ("#" * (1 << 20) + "#", "ingestd.yaml: is larger than 1 MiB"),
    ],
)  # fmt: skip
def test_what_is_no_configuration_at_all(complains: Complains, text: str | bytes, complaint: str) -> None:
    (line,) = complains(text)
    assert line.startswith(complaint)


def test_a_key_written_twice(complains: Complains) -> None:
    assert complains(LIVEKIT + "  api_key: again\n" + ONE_STREAM) == [
        "ingestd.yaml:4: livekit.api_key: is written twice, first in line 2; allowed: once"
    ]


def test_an_alias_is_not_read(complains: Complains) -> None:
    (line,) = complains("a: &x {b: 1}\nc: *x\n")
    assert line.startswith(
        "ingestd.yaml:2:4: an alias (*name) is not read; put a value that begins with * in quotes"
    )


def test_a_hundred_mistakes_are_enough(complains: Complains) -> None:
    lines = complains(LIVEKIT + "".join(f"key{number}: 1\n" for number in range(50_000)) + ONE_STREAM)
    assert lines[0] == (
        "ingestd.yaml:4: key0: is not known; allowed: livekit, http, log, limits, defaults, streams, hooks"
    )
    assert lines[100:] == ["These are 100; the rest is not read."]


@pytest.mark.parametrize("end", ["", ".5"])
def test_an_endless_number_in_base_60_is_taken_as_text(complains: Complains, end: str) -> None:
    assert complains("a: 1" + ":1" * 450_000 + end + "\n" + LIVEKIT + ONE_STREAM) == [
        "ingestd.yaml:1: a: is not known; allowed: livekit, http, log, limits, defaults, streams, hooks"
    ]
