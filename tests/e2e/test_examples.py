"""The examples run as they stand, and what they push arrives."""

import argparse
import asyncio
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from av.error import FFmpegError
from av.video.frame import VideoFrame

from ingestd import AccessUnit, Codec, Drop, Publication
from ingestd.devserver.livekit_server import LiveKitServer
from tests.support.encoded import decode_hashes
from tests.support.viewer import Viewer
from tests.support.wait import PATIENCE_S

EXAMPLE = Path(__file__).parents[2] / "examples" / "push_access_units.py"


def run(server: LiveKitServer, room: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    keys = {"LIVEKIT_API_KEY": server.api_key, "LIVEKIT_API_SECRET": server.api_secret}
    return subprocess.run(
        [sys.executable, EXAMPLE, "--url", server.url, *arguments, room],
        env={**os.environ, **keys},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("push_access_units", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Recorded(Publication):
    """Writes down what the example submits."""

    submitted: list[AccessUnit]

    def submit(self, access_unit: AccessUnit) -> Drop | None:
        self.submitted.append(access_unit)
        return super().submit(access_unit)


# Not VP8, of which WebRTC's decoder smooths what it shows.
@pytest.mark.alone
@pytest.mark.parametrize("codec", ["h264", pytest.param("vp9", marks=pytest.mark.long)])
async def test_what_the_example_pushes_is_seen_bit_for_bit_and_a_viewer_gets_its_keyframe(
    livekit: LiveKitServer, room: str, codec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    example, submitted = load(), list[AccessUnit]()
    monkeypatch.setattr(Recorded, "submitted", submitted, raising=False)
    monkeypatch.setattr(example, "Publication", Recorded)
    monkeypatch.setenv("LIVEKIT_API_KEY", livekit.api_key)
    monkeypatch.setenv("LIVEKIT_API_SECRET", livekit.api_secret)
    options = argparse.Namespace(url=livekit.url, room=room, codec=Codec(codec), seconds=5.0)
    pushing = asyncio.get_running_loop().create_task(example.push(options))
    async with asyncio.timeout(PATIENCE_S):
        while len(submitted) < 30 and not pushing.done():  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    viewer = await asyncio.to_thread(Viewer(livekit, room).__enter__)
    await pushing
    seen = viewer.hashes()
    await asyncio.to_thread(viewer.__exit__, None, None, None)

    pushed = decode_hashes(codec, [unit.data for unit in submitted])
    keyframes = [number for number, unit in enumerate(submitted) if is_keyframe(codec, unit.data)]
    assert len(pushed) == 150
    assert 30 < keyframes[-1] < 100, "the encoder's own come every 10 s"
    assert set(seen) <= set(pushed)
    first = min(pushed.index(name) for name in seen)
    assert first < keyframes[-1] + 10, (
        "the viewer sees from its keyframe on, but for what came before it looked"
    )
    # A replay that the keyframe cut short may have come first; the last few are on their way when the example
    # leaves the room.
    first = max(first, keyframes[-1])
    assert [number for number in range(first, 140) if pushed[number] not in seen] == []


def test_the_examples_encoder_spends_what_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    example, noise = load(), np.random.default_rng(7)
    draw = example.draw

    def noisy(number: int) -> VideoFrame:
        pixels = noise.integers(0, 256, (example.HEIGHT * 3 // 2, example.WIDTH), dtype=np.uint8)
        frame = VideoFrame.from_ndarray(pixels, format="yuv420p")
        frame.pts, frame.time_base = draw(number).pts, draw(number).time_base
        return frame

    monkeypatch.setattr(example, "draw", noisy)
    encoder = example.Encoder(Codec.H264)
    for first, bitrate_bps in ((0, example.BITRATE_BPS), (90, 400_000), (180, 1_200_000)):
        encoder.set_bitrate(bitrate_bps)
        sizes = [len(unit.data) for n in range(first, first + 90) for unit in encoder.encode(n)]
        spent_bps = sum(sizes[60:]) * 8 * example.FPS / 30
        assert spent_bps == pytest.approx(bitrate_bps, rel=0.25)


@pytest.mark.long
def test_the_example_publishes_h265(livekit: LiveKitServer, room: str) -> None:
    with Viewer(livekit, room, decodes_h265=True) as viewer:
        ended = run(livekit, room, "--codec", "h265", "--seconds", "4")
        assert (ended.returncode, ended.stderr.count("Traceback")) == (0, 0), ended.stderr
        assert ended.stdout.splitlines()[-1].startswith("120 pictures submitted"), ended.stdout
        assert "Nvidia" not in ended.stdout, "the SDK's own line"
        assert [track.mime_type for track in viewer.tracks()] == ["video/H265"]
        assert len(set(viewer.hashes())) > 100


def is_keyframe(codec: str, data: bytes) -> bool:
    """By the decoder's word, which starts at nothing else."""
    try:
        return bool(decode_hashes(codec, [data]))
    except FFmpegError:
        return False


def test_the_example_is_a_program(livekit: LiveKitServer, room: str) -> None:
    done = run(livekit, room, "--seconds", "2")
    assert (done.returncode, "60 pictures submitted" in done.stdout) == (0, True), done


def test_the_example_says_what_is_missing(livekit: LiveKitServer, room: str) -> None:
    done = run(livekit, room, "--url", "nowhere")
    assert (done.returncode, done.stdout) == (2, "")
    assert "url: 'nowhere' is not usable" in done.stderr
