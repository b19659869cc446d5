"""GStreamer and ffmpeg as users run them, overheard on their way to the daemon."""

import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ingestd.devserver.livekit_server import LiveKitServer
from tests.conftest import RunDaemon
from tests.support.daemon import stream
from tests.support.matching import assert_pictures_match
from tests.support.push import RecordingProxy
from tests.support.viewer import Viewer
from tests.support.wait import PATIENCE_S

GST_SOURCE = "gst-launch-1.0 -q videotestsrc is-live=true num-buffers=120 ! "
GST_RAW = "video/x-raw,format=I420,width=320,height=240,framerate=30/1 ! "
GST_SINK = " ! tcpclientsink host=127.0.0.1 port={port}"
FFMPEG = (
    "ffmpeg -v error -nostdin -re -f lavfi -i testsrc2=size=320x240:rate=30 -frames:v 120 -pix_fmt yuv420p "
)

# VP8 at a quantizer that needs no loop filter: see tests.support.encoded.VP8_UNFILTERED.
ENCODERS = {
    "gstreamer-h264": (
        "h264",
        GST_SOURCE
        + GST_RAW
        + "x264enc tune=zerolatency bitrate=800 key-int-max=40 "
        + "! video/x-h264,stream-format=byte-stream,profile=constrained-baseline"
        + GST_SINK,
    ),
    "gstreamer-h265": (
        "h265",
        GST_SOURCE
        + GST_RAW
        + "x265enc tune=zerolatency speed-preset=ultrafast bitrate=800 key-int-max=60 "
        + "option-string=scenecut=0:pools=1 ! video/x-h265,stream-format=byte-stream,profile=main"
        + GST_SINK,
    ),
    "gstreamer-vp8": (
        "vp8",
        GST_SOURCE
        + GST_RAW
        + "vp8enc deadline=1 min-quantizer=4 max-quantizer=4 keyframe-max-dist=40 ! avmux_ivf"
        + GST_SINK,
    ),
    "ffmpeg-h264": (
        "h264",
        FFMPEG + "-c:v libx264 -preset ultrafast -tune zerolatency -g 40 -f h264 tcp://127.0.0.1:{port}",
    ),
    "ffmpeg-h265": (
        "h265",
        FFMPEG
        + "-c:v libx265 -preset ultrafast -tune zerolatency -x265-params keyint=60:scenecut=0:log-level=none "
        + "-f hevc tcp://127.0.0.1:{port}",
    ),
    "ffmpeg-av1": (
        "av1",
        FFMPEG
        + "-c:v libaom-av1 -usage realtime -cpu-used 8 -lag-in-frames 0 -g 40 -f ivf tcp://127.0.0.1:{port}",
    ),
}

# Each program, each framing, and H.265; the others in `make test-long`.
SHORT = ("gstreamer-h264", "gstreamer-vp8", "ffmpeg-h265")


@contextmanager
def running(command: str) -> Iterator["subprocess.Popen[str]"]:
    """Run an encoder; end it when the test is done with it."""
    process = subprocess.Popen(
        shlex.split(command), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def finish(process: "subprocess.Popen[str]") -> None:
    """Wait until an encoder has pushed everything."""
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said


@pytest.mark.quiet
@pytest.mark.parametrize(
    ("codec", "command"),
    [
        pytest.param(*ENCODERS[name], id=name, marks=() if name in SHORT else pytest.mark.long)
        for name in ENCODERS
    ],
)
def test_a_real_encoder_is_seen_bit_for_bit(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str, codec: str, command: str
) -> None:
    with (
        run_daemon(stream("cam", room)) as daemon,
        Viewer(livekit, room, decodes_h265=codec == "h265") as viewer,
        RecordingProxy(daemon.port()) as proxy,
        running(command.format(port=proxy.port)) as encoder,
    ):
        viewer.wait_for_first_picture(timeout=PATIENCE_S)
        finish(encoder)
        pushed = proxy.pushed(codec)
        viewer.wait_for_picture(pushed[-1].hash, timeout=PATIENCE_S)

        assert len(pushed) == 120
        assert_pictures_match(viewer.pictures(), pushed, left_out=viewer.left_out)


def test_x264enc_without_caps_is_told_which_caps_to_add(run_daemon: RunDaemon, room: str) -> None:
    with (
        run_daemon(stream("cam", room)) as daemon,
        running((GST_SOURCE + "x264enc tune=zerolatency" + GST_SINK).format(port=daemon.port())),
    ):
        warning = daemon.wait_for_problem("4:4:4", "profile", timeout=PATIENCE_S)
        text = str(warning)
        assert "format=I420" in text or "profile=" in text
        assert warning.get("stream") == "cam"
