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
        ("a: b: c\n", "ingestd.yaml:1:5: not valid YAML: mapping values are not allowed here"),
        ("a: 1\nb: \x01\n", "ingestd.yaml:2:4: special characters are not allowed"),
        (b"a: 1\nb: \xff\n", "ingestd.yaml:2: byte 0xff is not UTF-8; save it as UTF-8"),
        ("[" * 500 + "]" * 500, "ingestd.yaml:1: nested too deeply"),
        ("a: " + "[" * 50 + "]" * 50, "ingestd.yaml:1: nested too deeply"),
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
