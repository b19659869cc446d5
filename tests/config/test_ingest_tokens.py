"""Tokens of encoders, and files of them."""

from pathlib import Path

import pytest

from ingestd.config.ingest_tokens import read, usable


def test_a_file_has_one_token_a_line(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_bytes(b"one\r\n\n  two\n" + b"x" * 256)
    assert read(file) == ("one", "two", "x" * 256)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"\n\n", "holds no token"),
        (b"one\nt w o\n", "line 2 is not usable as a token; allowed: 1 to 256"),
        (b"x" * 257, "line 1 is not usable as a token"),
        (b"\xc3\xa4", "is not ASCII text"),
        (b"x\n" * 1001, "holds more than 1,000 tokens; take out"),
        (b"x\n" * 40_000, "is larger than 64KiB; one token a line is expected"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_without_showing_it(
    tmp_path: Path, data: bytes, complaint: str
) -> None:
    file = tmp_path / "tokens"
    file.write_bytes(data)
    with pytest.raises(ValueError, match=complaint) as error:
        read(file)
    assert "t w o" not in str(error.value)


def test_a_file_may_hold_a_thousand(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_bytes(b"x\n\n" * 1000)
    assert len(read(file)) == 1000


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot be read: No such file .*; give ingestd a file"):
        read(tmp_path / "tokens")


@pytest.mark.parametrize("token", [1234, "", "two words", "ä", "a\n", "x" * 257])
def test_what_is_no_token(token: object) -> None:
    with pytest.raises(ValueError, match="is not "):
        usable(token)
