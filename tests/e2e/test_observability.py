"""What operators see: metrics, health, readiness, and logs without secrets."""

import json
import time
from pathlib import Path

from ingestd.devserver.livekit_server import LiveKitServer
from tests.conftest import RunDaemon
from tests.support.daemon import Daemon, stream
from tests.support.encoded import encode
from tests.support.push import Encoder
from tests.support.viewer import Viewer
from tests.support.wait import PATIENCE_S

# docs: contract.md, "Metrics".
CONTRACT = {
    "ingestd_build_info",
    "ingestd_stream_up",
    "ingestd_bytes_received_total",
    "ingestd_frames_received_total",
    "ingestd_frames_submitted_total",
    "ingestd_frames_replayed_total",
    "ingestd_frames_dropped_total",
    "ingestd_frames_held",
    "ingestd_frames_sent_total",
    "ingestd_stream_errors_total",
    "ingestd_encoder_connections_total",
    "ingestd_room_connections_total",
    "ingestd_keyframe_requests_total",
    "ingestd_keyframe_requests_unanswered_total",
    "ingestd_keyframe_answer_seconds",
    "ingestd_feedback_messages_total",
    "ingestd_keyframe_interval_seconds",
    "ingestd_frame_rate",
    "ingestd_bitrate_bps",
    "ingestd_target_bitrate_bps",
    "ingestd_frame_delay_seconds",
    "ingestd_backlog_seconds",
    "ingestd_send_delay_seconds",
}


def test_every_promised_metric_is_there_and_the_books_balance_at_every_scrape(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str
) -> None:
    video = encode("h264", frames=120, gop=40)
    with (
        run_daemon(stream("cam", room)) as daemon,
        Viewer(livekit, room) as viewer,
        Encoder(daemon.port(), video) as encoder,
    ):
        scrapes = 0
        while not encoder.finished:
            metrics = daemon.metrics()  # asserts that the books balance
            scrapes += 1
            time.sleep(0.02)
        assert scrapes > 20
        viewer.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S)
        metrics = daemon.wait_for_metrics(
            lambda metrics: metrics.total("ingestd_frames_sent_total") >= 120, what="all pictures sent"
        )

        assert metrics.families >= CONTRACT, f"missing: {CONTRACT - metrics.families}"
        assert metrics.total("ingestd_stream_up", stream="cam") == 1
        assert metrics.total("ingestd_bytes_received_total") == len(video.container)
        assert metrics.by("ingestd_frames_received_total", "type") == {"key": 3, "delta": 117}
        assert sum(metrics.by("ingestd_frames_dropped_total", "reason").values()) == 0
        assert metrics.total("ingestd_frames_submitted_total") == 120
        assert metrics.total("ingestd_frame_delay_seconds_count") == 120
        assert metrics.total("ingestd_keyframe_interval_seconds") > 1.0


def test_an_encoder_that_left_is_not_up(run_daemon: RunDaemon, livekit: LiveKitServer, room: str) -> None:
    video = encode("h264", frames=120, gop=60, size=(160, 120))
    with run_daemon(stream("cam", room)) as daemon:
        with Encoder(daemon.port(), video):
            daemon.wait_for_metrics(
                lambda metrics: metrics.total("ingestd_stream_up") == 1,
                what="the stream up",
                timeout=PATIENCE_S,
            )
        daemon.wait_for_metrics(lambda metrics: metrics.total("ingestd_stream_up") == 0, what="it down")


def test_readiness_follows_the_room_and_health_does_not(
    own_livekit: LiveKitServer, tmp_path: Path, room: str
) -> None:
    video = encode("h264", frames=600, fps=5, gop=10, size=(160, 120))
    own_livekit.kill()
    with Daemon(own_livekit, tmp_path, stream("cam", room)) as daemon:
        assert daemon.get("/readyz")[0] == 200, "its source is open, and no encoder asks for a room"
        with Encoder(daemon.port(), video):
            reasons = daemon.wait_for_status("/readyz", 503, timeout=PATIENCE_S)
            assert "cam" in reasons
            assert daemon.get("/healthz")[0] == 200

            own_livekit.start()

            daemon.wait_for_status("/readyz", 200, timeout=60.0)
            assert daemon.get("/healthz")[0] == 200


def test_the_page_and_the_api_show_the_stream(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str
) -> None:
    video = encode("h264", frames=240, gop=60)
    with (
        run_daemon(stream("cam", room)) as daemon,
        Viewer(livekit, room) as viewer,
        Encoder(daemon.port(), video),
    ):
        viewer.wait_for_first_picture(timeout=PATIENCE_S)
        status, page = daemon.get("/")
        assert status == 200
        assert "cam" in page
        status, body = daemon.get("/api/streams")
        assert status == 200
        json.loads(body)
        for word in ("cam", "h264", "320x240", room):
            assert word in body


def test_no_secret_is_logged_even_when_everything_is(
    own_livekit: LiveKitServer, tmp_path: Path, room: str
) -> None:
    video = encode("h264", frames=600, fps=15, gop=30, size=(160, 120))
    with (
        Daemon(own_livekit, tmp_path, stream("cam", room), level="debug") as daemon,
        Viewer(own_livekit, room) as viewer,
        Encoder(daemon.port(), video),
    ):
        viewer.wait_for_first_picture(timeout=PATIENCE_S)
        own_livekit.kill()  # failing connections are what tends to be logged with its URL
        daemon.wait_for_status("/readyz", 503, timeout=PATIENCE_S)
        own_livekit.start()
        daemon.wait_for_status("/readyz", 200, timeout=60.0)
        for path in ("/", "/metrics", "/api/streams", "/readyz"):
            assert own_livekit.api_secret not in daemon.get(path)[1]
        daemon.assert_clean_log()
