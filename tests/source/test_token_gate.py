"""The first line of an encoder: which opens the stream, which does not, and what is never said of it."""

from functools import partial
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from ingestd.redact import redact
from ingestd.source.entrance_stage import EntryError
from ingestd.source.token_gate import MAX_LINE_BYTES, TokenLine, Tokens

TOKEN = "b2f1c0ffee15600d"
STREAM = b"\0\0\0\1g\nINGEST x\n"
LOG = structlog.get_logger("test")


def passed_by(line: bytes, size: int, opens: bool = True) -> bytes:
    """What a stage that wants TOKEN leaves of `line` and STREAM, which come in pieces of `size`."""
    stage, left, data = TokenLine(lambda token: opens and token == TOKEN.encode()), b"", line + STREAM
    for at in range(0, len(data), size):
        piece = data[at : at + size]
        left += piece if stage.passed else stage.receive(piece)
    return left


@pytest.mark.parametrize("size", [1, 5, 1000])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_what_follows_the_line_is_the_stream(size: int, end: bytes) -> None:
    assert passed_by(b"INGEST " + TOKEN.encode() + end, size) == STREAM


@pytest.mark.parametrize(
    ("line", "reason", "label"),
    [
        (b"INGEST \n", "its token is not one of this stream's", "token"),
        (b"INGEST guess\n", "its token is not one of this stream's", "token"),
        (b"ingest " + TOKEN.encode() + b"\n", "it shows no token", "token"),
        (b"", "it shows no token", "token"),
        (b"INGEST " + b"x" * MAX_LINE_BYTES, "its first line is longer", "token"),
        (b"\x16\x03\x01\x02\0\x01", "write tls:// in source.listen", "tls"),
        (b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n", "source.proxy_protocol: true", "proxy_header"),
    ],
)
def test_what_opens_nothing_is_named_and_never_shown(line: bytes, reason: str, label: str) -> None:
    with pytest.raises(EntryError, match=reason) as error:
        passed_by(line, 1000)
    assert error.value.label == label
    assert "guess" not in error.value.reason
    assert TOKEN not in error.value.reason


@pytest.mark.parametrize("size", [1, 1000])
def test_where_none_is_wanted_a_line_is_taken_off_and_said(size: int) -> None:
    for first, told in ((b"INGEST x\n", 1), (b"", 0), (b"INGRES", 0)):
        said: list[str] = []
        stage, left, data = TokenLine(None, partial(said.append, "unwanted")), b"", first + STREAM
        for at in range(0, len(data), size):
            piece = data[at : at + size]
            left += piece if stage.passed else stage.receive(piece)
        assert left == STREAM if told else first + STREAM
        assert len(said) == told


def test_one_of_several_opens_while_they_are_rotated() -> None:
    tokens = Tokens([TOKEN, "other"], None, LOG)
    assert tokens.wanted
    assert tokens.opens(TOKEN.encode())
    assert tokens.opens(b"other")
    assert not tokens.opens(b"")
    assert not tokens.opens(TOKEN[:-1].encode())
    assert not tokens.opens(b"\xff\0")
    assert TOKEN not in redact(f"a token: {TOKEN}")
    assert not Tokens([], None, LOG).wanted


def test_a_file_is_read_again_when_it_changes_and_a_bad_one_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text(f"{TOKEN}\n")
    tokens = Tokens([], file, LOG)
    assert tokens.opens(TOKEN.encode())
    file.write_text(f"\nthe-new-one\n{TOKEN}\n")
    assert tokens.opens(b"the-new-one")
    assert tokens.opens(TOKEN.encode())
    with capture_logs() as log:
        file.write_text("two words\n")
        assert tokens.opens(b"the-new-one")
        tokens.look()
        file.unlink()
        assert tokens.opens(b"the-new-one")
        tokens.look()
    assert [line["log_level"] for line in log] == ["error", "error"]
    assert "line 1 is not usable as a token" in log[0]["event"]
    assert "cannot be read: No such file" in log[1]["event"]
    assert "two words" not in str(log)
    assert redact(f"the-new-one {TOKEN}") == "[hidden] [hidden]"
    file.write_text("the-last-one\n")
    assert tokens.opens(b"the-last-one")
    assert not tokens.opens(TOKEN.encode())
    assert redact("the-new-one the-last-one") == "the-new-one [hidden]"
