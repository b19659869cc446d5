"""What comes later or sooner than it should: stalls of the network, files, viewers in the middle of a GOP."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from ingestd.devserver.livekit_server import LiveKitServer
from tests.conftest import RunDaemon
from tests.support.daemon import stream
from tests.support.encoded import EncodedStream, encode
from tests.support.matching import assert_pictures_match, latencies
from tests.support.push import Encoder, Write, send
from tests.support.viewer import Viewer
from tests.support.wait import PATIENCE_S

SOON_S = 1.0  # seconds within which the latency is to be back to normal


def stalled(seconds: float, at: int) -> Callable[[EncodedStream], Iterator[Write]]:
    """From picture `at` on nothing gets through for so long, and then all of it at once."""

    def writes(video: EncodedStream) -> Iterator[Write]:
        behind = at + round(seconds * video.fps)
        for number, piece in enumerate([video.header + video.pieces[0], *video.pieces[1:]]):
            yield Write(piece, behind if at <= number < behind else number, number + 1)

    return writes


@pytest.mark.alone
def test_a_stall_shorter_than_the_backlog_allowed_costs_no_picture(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str
) -> None:
    video = encode("h264", frames=150, gop=30, size=(160, 120))
    with run_daemon(stream("cam", room)) as daemon, Viewer(livekit, room) as viewer:
        with Encoder(daemon.port(), video, writing=stalled(0.4, at=75)) as encoder:
            encoder.wait()
            viewer.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S)
        assert_pictures_match(viewer.pictures(), encoder.pushed, left_out=viewer.left_out)
        assert daemon.metrics().total("ingestd_frames_dropped_total", reason="backlog") == 0


@pytest.mark.alone
def test_behind_a_long_stall_the_newest_gop_is_shown_and_the_rest_is_counted(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str
) -> None:
    video = encode("h264", frames=330, gop=30, size=(160, 120))
    with run_daemon(stream("cam", room)) as daemon, Viewer(livekit, room) as viewer:
        with Encoder(daemon.port(), video, writing=stalled(5.0, at=90)) as encoder:
            encoder.wait()
            viewer.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S)
        metrics = daemon.metrics()
        dropped = metrics.total("ingestd_frames_dropped_total", reason="backlog")
        assert dropped == metrics.total("ingestd_frames_dropped_total") > 60
        assert metrics.total("ingestd_frozen_seconds_total") == pytest.approx(dropped / video.fps, rel=0.3)
        since = [picture for picture in viewer.pictures() if picture.at > encoder.pushed[240].at + SOON_S]
        assert_pictures_match(since, encoder.pushed[250:], left_out=viewer.left_out)
        assert max(latencies(since, encoder.pushed)) < SOON_S


def faster(ratio: float) -> Callable[[EncodedStream], Iterator[Write]]:
    """Pictures come at another rate than the one that the stream states."""

    def writes(video: EncodedStream) -> Iterator[Write]:
        for number, piece in enumerate([video.header + video.pieces[0], *video.pieces[1:]]):
            yield Write(piece, number / ratio, number + 1)

    return writes


@pytest.mark.alone
@pytest.mark.parametrize(("codec", "ratio"), [("vp8", 2), ("h264", 4)])
def test_a_live_source_is_shown_as_it_comes_whatever_rate_it_states(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str, codec: str, ratio: float
) -> None:
    video = encode(codec, frames=round(8 * 30 * ratio), fps=30, gop=60, size=(160, 120))
    with run_daemon(stream("cam", room)) as daemon, Viewer(livekit, room) as viewer:
        with Encoder(daemon.port(), video, writing=faster(ratio)) as encoder:
            encoder.wait()
            viewer.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S)
        metrics = daemon.metrics()
        assert metrics.total("ingestd_frames_dropped_total") == 0
        assert metrics.total("ingestd_frames_submitted_total") == len(video.access_units)
        since = [p for p in viewer.pictures() if p.at > encoder.connected_at + 3]
        assert max(latencies(since, encoder.pushed)) < SOON_S
        named = daemon.wait_for_record(
            lambda record: "wrong frame rate" in str(record.get("event")), timeout=1, what="name it"
        )
        assert str(named["seen"]).startswith("it states 30 pictures/s and sends ")


@pytest.mark.alone
@pytest.mark.parametrize(
    "codec", ["h264", *(pytest.param(codec, marks=pytest.mark.long) for codec in ("h265", "vp8"))]
)
def test_a_file_is_shown_at_its_own_pace_and_whole(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str, codec: str
) -> None:
    video = encode(codec, frames=210, fps=30, gop=60, size=(160, 120))
    file = video.header + b"".join(video.pieces)
    with (
        run_daemon(stream("cam", room)) as daemon,
        Viewer(livekit, room, decodes_h265=codec == "h265") as viewer,
    ):
        sender = threading.Thread(target=send, args=(daemon.port(), file), daemon=True)
        sender.start()
        first = viewer.wait_for_first_picture(timeout=PATIENCE_S)
        last = viewer.wait_for_picture(video.reference_hashes[-1], timeout=PATIENCE_S)
        sender.join(PATIENCE_S)

        positions = {name: number for number, name in enumerate(video.reference_hashes)}
        seen = [positions[picture.hash] for picture in viewer.pictures()]
        assert seen == list(range(seen[0], len(video.access_units)))
        assert last.at - first.at > (len(video.access_units) - 90) / video.fps - SOON_S
        daemon.wait_for_record(
            lambda record: "faster than real time" in str(record.get("event")), timeout=1, what="say so"
        )
        metrics = daemon.metrics()
        assert metrics.total("ingestd_frames_dropped_total") == 0
        assert metrics.total("ingestd_frames_submitted_total") == len(video.access_units)


@pytest.mark.alone
def test_a_camera_takes_the_place_of_a_file_whose_sender_has_ended(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str
) -> None:
    file = encode("h264", frames=300, gop=30, size=(160, 120))
    video = encode("h264", frames=90, gop=30, size=(160, 120), seed=2)
    with run_daemon(stream("cam", room)) as daemon, Viewer(livekit, room) as viewer:
        with socket.create_connection(("127.0.0.1", daemon.port())) as sender:
            sender.settimeout(1)
            with contextlib.suppress(TimeoutError):
                for _ in range(1000):  # until all buffers are full
                    sender.sendall(b"".join(file.pieces))
            viewer.wait_for_first_picture(timeout=PATIENCE_S)
        with socket.create_connection(("127.0.0.1", daemon.port())):
            pass  # a health check
        with Encoder(daemon.port(), video) as encoder:
            picture = viewer.wait_for_picture(video.reference_hashes[0], timeout=PATIENCE_S)
            assert picture.at - encoder.connected_at < SOON_S
            encoder.wait()
            viewer.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S)
        connections = daemon.metrics()
        assert connections.total("ingestd_encoder_connections_total", result="accepted") == 2
        assert connections.total("ingestd_encoder_connections_total", result="probe") == 1
        assert connections.total("ingestd_encoder_connections_total", result="second_encoder") == 0


@pytest.mark.alone
def test_where_replays_are_for_the_start_only_nobody_sees_the_stream_jump(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str
) -> None:
    video = encode("h264", frames=270, fps=30, gop=180, size=(160, 120))
    with (
        run_daemon(stream("cam", room, replay="start")) as daemon,
        Viewer(livekit, room, "early") as early,
        Encoder(daemon.port(), video) as encoder,
    ):
        early.wait_for_first_picture(timeout=PATIENCE_S)
        encoder.wait_until_pushed(105)  # the start is over
        with Viewer(livekit, room, "late") as late:
            first = late.wait_for_first_picture(timeout=PATIENCE_S)
            encoder.wait()
            early.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S)
            assert first.hash == encoder.pushed[180].hash
        positions = {name: number for number, name in enumerate(video.reference_hashes)}
        watched = [positions[p.hash] for p in early.pictures() if p.at > encoder.pushed[105].at]
        assert watched == sorted(watched)
