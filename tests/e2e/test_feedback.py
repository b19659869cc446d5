"""What an encoder hears of WebRTC, on its own connection."""

import json

from ingestd.devserver.livekit_server import LiveKitServer
from tests.conftest import RunDaemon
from tests.support.daemon import stream
from tests.support.encoded import encode
from tests.support.push import Encoder
from tests.support.viewer import Viewer
from tests.support.wait import PATIENCE_S


def test_an_encoder_hears_which_rate_the_link_carries_and_when_a_viewer_needs_a_keyframe(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str
) -> None:
    slow = encode("h264", frames=120, fps=15, gop=120, size=(160, 120))
    config = stream("cam", room, feedback={"inline": True}, max_framerate=25)
    with run_daemon(config) as daemon, Encoder(daemon.port(), slow) as encoder:
        daemon.wait_for_metrics(
            lambda metrics: metrics.total("ingestd_frames_sent_total") > 30, what="pictures sent"
        )
        with Viewer(livekit, room) as viewer:
            viewer.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S)
        counted = daemon.metrics().by("ingestd_feedback_messages_total", "type", result="sent")
        heard = [json.loads(line) for line in encoder.heard()]

    rates = [message for message in heard if message["type"] == "rate"]
    assert {message["framerate_fps"] for message in rates} == {25.0}, "and not the 15 that come in"
    assert all(0 < message["bitrate_bps"] <= 8_000_000 for message in rates)
    assert len(rates) >= counted["rate"] > 0
    assert len(heard) - len(rates) >= counted["keyframe"] > 0
