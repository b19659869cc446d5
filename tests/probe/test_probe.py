"""The command as it is typed: files, sockets with a real encoder, Ctrl-C and exit codes."""

import json
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from ingestd.cli import main
from tests.support.encoded import encode
from tests.support.ports import free_port
from tests.support.wait import PATIENCE_S

FFMPEG = (
    "ffmpeg -v error -nostdin -re -f lavfi -i testsrc2=size=320x240:rate=30 -pix_fmt yuv420p "
    "-c:v libx264 -preset ultrafast -tune zerolatency -g 15 -x264-params aud=1 -f h264 -flush_packets 1 "
)
PROBE = [sys.executable, "-m", "ingestd", "probe"]


def probed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["probe", "--json", *arguments]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def refused(capsys: pytest.CaptureFixture[str], code: int, *arguments: str) -> str:
    assert main(["probe", *arguments]) == code
    said = capsys.readouterr()
    assert said.out == ""
    return said.err


@pytest.mark.parametrize("codec", ["h264", "h265", "vp8", "vp9", "av1"])
def test_a_file_of_each_codec(codec: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "stream"
    path.write_bytes(encode(codec, frames=30, gop=10).container)
    found = probed(capsys, str(path))
    assert (found["codec"], found["pictures"], found["gop_mean"]) == (codec, 30, 10)
    assert found["reads_per_picture"] is None


def test_what_is_piped_into_it() -> None:
    data = encode("h264", frames=30, gop=10).container
    probe = subprocess.run([*PROBE, "--json", "-"], input=data, capture_output=True, timeout=PATIENCE_S)
    assert probe.returncode == 0, probe.stderr
    found = json.loads(probe.stdout)
    assert (found["source"], found["pictures"]) == ("-", 30)


@pytest.mark.parametrize("target", ["tls://127.0.0.1:1", "unix:///run/x.sock", "rtsp://camera/1"])
def test_what_cannot_be_probed_is_named(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    scheme = target.partition("//")[0]
    assert f"{target}: {scheme}// cannot be probed; allowed: FILE, - (st" in refused(capsys, 2, target)


def test_a_full_disk_is_said_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "x.h264"
    path.write_bytes(encode("h264", frames=8).container)
    with Path("/dev/full").open("wb") as full:
        probe = subprocess.run([*PROBE, str(path)], stdout=full, stderr=subprocess.PIPE, timeout=PATIENCE_S)
    assert probe.stderr.decode() == "ingestd: standard output: No space left on device\n"
    assert probe.returncode == 1


def test_only_the_first_seconds_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "stream.ivf"
    path.write_bytes(encode("vp8", frames=150, gop=10).container)
    assert 1.0 <= probed(capsys, str(path), "--seconds", "1s")["seconds"] < 2.0


def test_4_4_4_and_its_cure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.h264"
    with av.open(str(path), "w", format="h264") as file:
        stream = file.add_stream("libx264", rate=30)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv444p"
        grey = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 99, np.uint8), "rgb24").reformat(
            format="yuv444p"
        )
        file.mux(stream.encode(grey))
        file.mux(stream.encode(None))
    assert main(["probe", str(path)]) == 0
    said = capsys.readouterr().out
    assert "H.264 High 4:4:4 Predictive" in said
    assert said.index("WebRTC will not show it:") < said.index(
        "ffmpeg: add `-pix_fmt yuv420p -profile:v high`"
    )


def test_a_reader_who_has_seen_enough_ends_it_quietly(tmp_path: Path) -> None:
    path = tmp_path / "x.h264"
    path.write_bytes(encode("h264", frames=8).container)
    with subprocess.Popen([*PROBE, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as probe:
        assert probe.stdout is not None
        probe.stdout.close()  # as `| head` does, before anything is written
        assert probe.stderr is not None
        assert probe.stderr.read() == b""
    assert probe.returncode == 128 + signal.SIGPIPE


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "the file is empty"),
        (bytes(range(9, 250)) * 9, "no video that is known here"),
        (b"\0\0\0\x18ftypmp42" + bytes(20), "this is MP4"),
    ],
    ids=["empty", "noise", "mp4"],
)
def test_a_file_that_is_no_stream(
    data: bytes, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x"
    path.write_bytes(data)
    error = refused(capsys, 1, str(path))
    assert error.startswith(f"ingestd: {path}: ")
    assert said in error


def test_a_stream_that_ends_in_noise_is_told_up_to_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.ivf"
    path.write_bytes(encode("vp8", frames=8).container + b"\xff" * 20_000)
    assert main(["probe", str(path)]) == 1
    said = capsys.readouterr()
    assert said.out.startswith(f"{path}: 8 pictures")
    assert "a frame of 4294967295 bytes" in said.err


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("nowhere.h264", "there is no such file; allowed: FILE, - (standard input), tcp://HOST:PORT"),
        ("/", "cannot be read: Is a directory"),
        ("tcp://", "has no host and port"),
        ("listen:camera", "'camera' is not a port"),
        ("listen:65536", "'65536' is not a port"),
    ],
)
def test_a_target_that_is_none(target: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said in refused(capsys, 2, target)


def test_a_port_where_nobody_listens(capsys: pytest.CaptureFixture[str]) -> None:
    error = refused(capsys, 1, f"tcp://127.0.0.1:{free_port()}")
    assert "Connection refused; expected an encoder that listens there" in error


def test_an_encoder_that_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        target = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        assert f"{target}: nothing came in 0.1 s" in refused(capsys, 1, target, "--seconds", "0.1")


def test_ffmpeg_dials() -> None:
    with subprocess.Popen(
        [*PROBE, "listen:0", "--seconds", "2", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as probe:
        assert probe.stderr is not None
        port = probe.stderr.readline().split("TCP port ")[1].split(";")[0]
        with subprocess.Popen(shlex.split(f"{FFMPEG} tcp://127.0.0.1:{port}"), stderr=subprocess.DEVNULL):
            said, _ = probe.communicate(timeout=PATIENCE_S)
    assert probe.returncode == 0
    assert_is_ffmpegs(json.loads(said))


def test_ffmpeg_is_dialled(capsys: pytest.CaptureFixture[str]) -> None:
    port = free_port()
    with subprocess.Popen(
        shlex.split(f"{FFMPEG} tcp://127.0.0.1:{port}?listen=1"), stderr=subprocess.DEVNULL
    ) as ffmpeg:
        while not listens(port):
            assert ffmpeg.poll() is None
        assert_is_ffmpegs(probed(capsys, f"tcp://127.0.0.1:{port}", "--seconds", "2"))


def listens(port: int) -> bool:
    """Without a connection, which would be the only one that ffmpeg takes."""
    sockets = Path("/proc/net/tcp").read_text().splitlines()
    return any(f":{port:04X} 00000000:0000 0A" in line for line in sockets)


def assert_is_ffmpegs(found: dict[str, Any]) -> None:
    assert (found["codec"], found["width"], found["height"]) == ("h264", 320, 240)
    assert found["measured_frame_rate"] == pytest.approx(30, rel=0.3)  # the machine is busy
    assert found["declared_frame_rate"] == 30
    assert (found["gop_shortest"], found["gop_longest"]) == (15, 15)
    assert (found["access_unit_delimiters"], found["parameter_sets"]) == ("every", "every")
    assert found["reads_per_picture"] == pytest.approx(1, abs=0.7)
    assert found["issues"] == []


def test_ctrl_c_prints_what_was_seen_so_far() -> None:
    stream = encode("vp8", frames=30, gop=10)
    many = stream.header + b"".join(stream.pieces) * 200  # more than the system keeps for a reader
    with subprocess.Popen(
        [*PROBE, "listen:0", "--seconds", "1h", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as probe:
        assert probe.stderr is not None
        port = int(probe.stderr.readline().split("TCP port ")[1].split(";")[0])
        with socket.create_connection(("127.0.0.1", port)) as encoder:
            encoder.sendall(many)
            probe.send_signal(signal.SIGINT)
            said, errors = probe.communicate(timeout=PATIENCE_S)
    assert (probe.returncode, errors) == (0, "")
    assert json.loads(said)["pictures"] > 30


def test_the_sdk_is_not_imported(tmp_path: Path) -> None:
    path = tmp_path / "x.h264"
    path.write_bytes(encode("h264", frames=8).container)
    program = (
        "import sys; from ingestd.cli import main; code = main(sys.argv[1:]); "
        "assert 'livekit' not in sys.modules, 'the SDK was imported'; sys.exit(code)"
    )
    process = subprocess.run(
        [sys.executable, "-c", program, "probe", str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"LC_ALL": "POSIX", "PYTHONIOENCODING": "ascii"},
    )
    assert process.returncode == 0, process.stderr
    assert "WebRTC will show it." in process.stdout
