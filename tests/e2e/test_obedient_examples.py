"""Each client in examples/obey, built and run as its first lines say, and told what ingestd tells."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.sender.receiver import Receiver

EXAMPLES = Path(__file__).parents[2] / "examples" / "obey"
X264_H = Path("/usr/include/x264.h")


def command(example: str, directory: Path, address: tuple[str, str]) -> list[str]:
    """What runs it, after it was compiled."""
    program = str(directory / "push")
    if example == "pyav.py":
        return [sys.executable, str(EXAMPLES / example), *address]
    if example == "ffmpeg.sh":
        return [str(EXAMPLES / example), *address]
    if not X264_H.exists():
        pytest.skip("no x264.h: install libx264-dev")
    if example == "x264.c":
        if shutil.which("cc") is None:
            pytest.skip("no C compiler: install gcc")
        warnings = ["-Wall", "-Wextra", "-Wno-deprecated-declarations", "-Werror"]
        subprocess.run(["cc", *warnings, EXAMPLES / example, "-o", program, "-lx264"], check=True)
        return [program, *address]
    if shutil.which("go") is None:
        pytest.skip("no go: install Go 1.22 or newer")
    subprocess.run(["go", "build", "-o", program, EXAMPLES / example], check=True, cwd=directory)
    return [program, ":".join(address)]


@contextmanager
def running(arguments: list[str]) -> Iterator[None]:
    process = subprocess.Popen(arguments)
    try:
        yield
        assert process.poll() is None, "it left by itself"
    finally:
        process.terminate()
        process.wait()


@pytest.mark.parametrize(
    "example",
    [
        "pyav.py",
        "x264.c",
        pytest.param("ffmpeg.sh", marks=pytest.mark.long),
        pytest.param("x264.go", marks=pytest.mark.long),
    ],
)
def test_an_example_answers_a_request_with_a_keyframe_and_a_rate_with_that_bitrate(
    example: str, tmp_path: Path
) -> None:
    with Receiver() as receiver:
        host, port = receiver.address.removeprefix("tcp://").split(":")
        with running(command(example, tmp_path, (host, port))):
            receiver.wait_for_pictures(30)
            receiver.say(type="hello", version=1, stream="cam")
            receiver.say(type="keyframe", at_us=1)
            receiver.wait_for_pictures(30)
            assert len(receiver.keyframes(since=1)) == 1

            usual_bps = receiver.bitrate_bps(since=1)
            receiver.say(type="rate", bitrate_bps=400_000, framerate_fps=30.0, at_us=2)
            receiver.wait_for_pictures(45)
            lowered = len(receiver.pictures)
            receiver.wait_for_pictures(60)
            assert receiver.bitrate_bps(lowered) < 500_000 < usual_bps
            assert receiver.connections == 1
