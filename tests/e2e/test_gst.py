"""`ingestd-gst` through the daemon and a real server: the encoder obeys, and viewers see it."""

from itertools import pairwise

import pytest

from ingestd.devserver.livekit_server import LiveKitServer
from tests.conftest import RunDaemon
from tests.sender.command import PICTURE, Running
from tests.support.daemon import Daemon, stream
from tests.support.viewer import Viewer
from tests.support.wait import PATIENCE_S

# A keyframe every 5 min: whoever sees a picture soon was given one.
ENCODERS = {
    "x264enc": "x264enc key-int-max=9000 speed-preset=ultrafast",
    "x265enc": "x265enc key-int-max=9000 speed-preset=ultrafast log-level=none",
    "vp8enc": "vp8enc keyframe-max-dist=9000 cpu-used=8",
    "vp9enc": "vp9enc keyframe-max-dist=9000 cpu-used=8",
    "av1enc": "av1enc keyframe-max-dist=9000 cpu-used=8",
}
BUSY_S = 0.5  # what a busy machine may add
EACH = [
    pytest.param(name, marks=[] if name == "x264enc" else [pytest.mark.long], id=name) for name in ENCODERS
]


def received_keyframes(daemon: Daemon) -> int:
    return int(daemon.metrics().total("ingestd_frames_received_total", type="key"))


def replayed(daemon: Daemon) -> int:
    return int(daemon.metrics().total("ingestd_frames_replayed_total"))


@pytest.mark.quiet
@pytest.mark.parametrize("encoder", EACH)
def test_a_viewer_who_joins_gets_a_keyframe_of_the_encoder_and_who_was_there_sees_no_jump(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str, encoder: str
) -> None:
    decodes_h265 = encoder == "x265enc"
    with (
        run_daemon(stream("cam", room, feedback={"inline": True})) as daemon,
        Running(
            *("--to", f"tcp://127.0.0.1:{daemon.port()}"),
            *("--pipeline", f"{PICTURE} ! {ENCODERS[encoder]}", "--bitrate", "1Mbps"),
        ),
        Viewer(livekit, room, "there", decodes_h265=decodes_h265) as there,
    ):
        there.wait_for_pictures(60, timeout=PATIENCE_S)
        keyframes, replays, seen = received_keyframes(daemon), replayed(daemon), len(there.pictures())
        with Viewer(livekit, room, "comer", decodes_h265=decodes_h265) as comer:
            first = comer.wait_for_first_picture(timeout=PATIENCE_S)
            took_s = first.at - comer.tracks()[0].at
            comer.wait_for_pictures(30, timeout=PATIENCE_S)
            assert received_keyframes(daemon) - keyframes == 1
            assert replayed(daemon) == replays
            times = [picture.at for picture in there.pictures()[seen:]]
        gaps_s = [after - before for before, after in pairwise(times)]
        assert took_s < 0.5 + BUSY_S
        assert max(gaps_s) < 1.0
