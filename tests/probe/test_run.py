"""The command: what it prints, and what ends it with an error."""

import json
import os
from pathlib import Path

import pytest

from ingestd.errors import ConfigError, IngestdError
from ingestd.probe.run import probe
from tests.support.encoded import encode


@pytest.fixture
def stream(tmp_path: Path) -> Path:
    path = tmp_path / "x.ivf"
    path.write_bytes(encode("vp8", frames=8).container)
    return path


def test_the_report_is_text_or_json_and_says_what_was_probed(
    stream: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    probe(str(stream), None, json=False)
    assert capsys.readouterr().out.startswith(f"{stream}: 8 pictures")
    probe(str(stream), None, json=True)
    found = json.loads(capsys.readouterr().out)
    assert (found["source"], found["pictures"]) == (str(stream), 8)


def test_what_was_understood_before_a_fault_is_printed_and_the_fault_raised(
    stream: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stream.write_bytes(stream.read_bytes() + b"\xff" * 20_000)
    with pytest.raises(IngestdError, match=f"{stream}: IVF: a frame of 4294967295 bytes"):
        probe(str(stream), None, json=False)
    assert capsys.readouterr().out.startswith(f"{stream}: 8 pictures")


def test_an_error_of_the_stream_comes_with_its_cure(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(b"\0\0\0\x18ftypmp42" + bytes(20))
    with pytest.raises(IngestdError) as caught:
        probe(str(path), None, json=False)
    assert str(caught.value).startswith(
        f"{path}: this is MP4, not a video stream ingestd can take; expected the"
    )
    assert "ffmpeg: -f h264" in str(caught.value)


def test_headers_without_a_picture_are_no_stream(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.ivf"
    path.write_bytes(encode("vp8", frames=1).header)
    with pytest.raises(IngestdError, match=f"{path}: no picture was seen"):
        probe(str(path), None, json=False)
    assert capsys.readouterr().out == ""


def test_a_target_that_does_not_exist_is_an_error_of_the_command_line() -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.h264: there is no such file"):
        probe("nowhere.h264", None, json=False)


def test_a_fifo_is_read_for_some_time_and_what_is_written_to_it_told_as_of_a_file(
    tmp_path: Path, stream: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with pytest.raises(IngestdError, match=rf"{fifo}: nothing came in 0\.1 s; see whether the encoder runs"):
        probe(str(fifo), 0.1, json=False)
    reading = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)  # else nobody could write yet
    fifo.write_bytes(stream.read_bytes())
    with fifo.open("wb"):
        os.close(reading)
        probe(str(fifo), 0.1, json=True)
    assert json.loads(capsys.readouterr().out)["reads_per_picture"] is None
