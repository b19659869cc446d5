"""The commands of docs/encoder-commands.md: each that is not marked `not run` sends what viewers can see."""

import re
import subprocess
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.e2e.test_commands_to_copy import probed, shell
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]


def blocks(page: str) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)


BLOCKS = blocks("docs/encoder-commands.md")
RUN = [block for block in BLOCKS if not block.startswith("# not run: ")]
CAMERA = "-rtsp_transport tcp -i rtsp://CAMERA/stream"
FFMPEG = (
    "ffmpeg -re -f lavfi -i testsrc2=size=320x180:rate=30 -pix_fmt yuv420p -c:v libx264 -profile:v baseline "
    "-tune zerolatency -g 30 -f rtsp -rtsp_transport tcp"
)


def name(block: str) -> str:
    words = [word for word in block.split() if re.search("enc$|^lib|rtsp:", word)]
    return f"{block.split()[0]}-{words[0]}" if words else block.split()[0]


def test_blocks_of_each_kind_are_found() -> None:
    assert len(RUN) >= 8
    assert len(BLOCKS) > len(RUN)
    assert sum(CAMERA in block for block in RUN) == 1


@pytest.mark.parametrize("page", ["README.md", "docs/first-stream.md"])
def test_what_other_pages_show_is_one_of_these(page: str) -> None:
    shown = [
        command.strip() for block in blocks(page) for command in block.split("\n\n") if "5004" in command
    ]
    assert shown
    assert {command for command in shown if f"{command}\n" not in RUN} == set()


@pytest.mark.parametrize("block", BLOCKS, ids=name)
def test_bash_can_read_it(block: str) -> None:
    subprocess.run(["bash", "-n"], input=block, text=True, check=True)


@pytest.mark.parametrize(
    "block",
    [pytest.param(block, marks=() if "x264" in block else pytest.mark.long) for block in RUN],
    ids=name,
)
def test_the_command_sends_what_viewers_see(block: str) -> None:
    port, camera = free_port(), free_port()
    command = block.replace("127.0.0.1:5004", f"127.0.0.1:{port}").replace("port=5004", f"port={port}")
    # ffmpeg is no server of RTSP that can be asked, but takes what is announced to it.
    sends = None
    if CAMERA in block:
        sends = shell(f"bash -c 'sleep 1; exec {FFMPEG} rtsp://127.0.0.1:{camera}/stream'")
    command = command.replace(CAMERA, f"-rtsp_flags listen -i rtsp://127.0.0.1:{camera}/stream")
    with sends or nullcontext():
        found = probed(command, f"listen:{port}", waits_for="waiting for an encoder")
        if sends is not None:
            sends.kill()
    assert found["faults"] == []
    assert found["issues"] == []
