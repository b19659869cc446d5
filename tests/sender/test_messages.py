from typing import Any

import pytest

from ingestd.sender.messages import MAX_LINE_BYTES, Lines, bitrate_bps


def messages_of(*pieces: bytes) -> list[dict[str, Any]]:
    lines = Lines()
    return [message for piece in pieces for message in lines.feed(piece)]


def test_messages_come_out_however_the_bytes_were_cut() -> None:
    sent = b'{"type":"hello","version":1}\n{"type":"keyframe","at_us":1}\n'
    expected = [{"type": "hello", "version": 1}, {"type": "keyframe", "at_us": 1}]
    assert messages_of(sent) == expected
    assert messages_of(*(sent[n : n + 1] for n in range(len(sent)))) == expected
    assert messages_of(sent, b'{"type":"unfinished"') == expected


@pytest.mark.parametrize(
    "line", [b"", b"HTTP/1.1 200 OK\r", b"[1]", b"7", b"\xff\xfe", b"[" * 10_000, b"nul"]
)
def test_a_line_that_is_no_message_is_left_out(line: bytes) -> None:
    assert messages_of(line + b"\n" + b'{"type":"keyframe"}\n') == [{"type": "keyframe"}]


def test_a_line_without_an_end_costs_no_memory_and_the_next_one_is_heard() -> None:
    lines = Lines()
    for _ in range(100):
        assert list(lines.feed(b"x" * MAX_LINE_BYTES)) == []
        assert len(lines._begun) <= MAX_LINE_BYTES
    assert list(lines.feed(b'end\n{"type":"keyframe"}\n')) == [{"type": "keyframe"}]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1_200_000, 1_200_000), (99.6, 100), (0, None), (-5, None), ("1", None), (True, None), (1e300, None)],
)
def test_a_bitrate_is_a_number_that_makes_sense(value: object, expected: int | None) -> None:
    assert bitrate_bps({"type": "rate", "bitrate_bps": value}) == expected


def test_a_rate_message_without_a_bitrate_asks_for_nothing() -> None:
    assert bitrate_bps({"type": "rate"}) is None
    assert bitrate_bps({"type": "rate", "bitrate_bps": float("nan")}) is None
