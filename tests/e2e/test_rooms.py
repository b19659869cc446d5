"""When the room is joined, and what viewers see of the participant in it."""

import socket

import pytest

from ingestd.devserver.livekit_server import LiveKitServer
from tests.conftest import RunDaemon
from tests.support.daemon import Record, stream
from tests.support.encoded import encode
from tests.support.matching import assert_pictures_match
from tests.support.push import Encoder
from tests.support.viewer import Viewer
from tests.support.wait import PATIENCE_S

VIDEO = encode("h264", frames=90, gop=300, size=(160, 120))


def says(event: str) -> object:
    def wanted(record: Record) -> bool:
        return record.get("event") == event

    return wanted


def test_a_room_is_joined_with_the_encoder_and_its_first_picture_is_seen(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str
) -> None:
    with run_daemon(stream("cam", room, join="with-encoder")) as daemon, Viewer(livekit, room) as viewer:
        assert daemon.get("/readyz") == (200, "ready\n"), "a stream that waits outside is healthy"
        with socket.create_connection(("127.0.0.1", daemon.port())) as check:
            check.send(b"GET / HTTP/1.0\r\n\r\n")
            daemon.wait_for_problem("HTTP")
        assert daemon.metrics().total("ingestd_room_connections_total", result="joined") == 0
        with Encoder(daemon.port(), VIDEO) as encoder:
            encoder.wait()
            viewer.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S)
            assert daemon.get("/readyz")[0] == 200
        assert_pictures_match(viewer.pictures(), encoder.pushed, left_out=viewer.left_out)
        metrics = daemon.metrics()
        assert metrics.total("ingestd_room_connections_total", result="joined") == 1
        assert metrics.total("ingestd_frames_dropped_total") == 0
        assert [record["event"] for record in daemon.records].count("room joined") == 1


@pytest.mark.long
def test_a_room_is_left_when_the_encoder_has_gone_and_joined_with_the_next(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str
) -> None:
    with run_daemon(stream("cam", room, join="with-encoder")) as daemon, Viewer(livekit, room) as viewer:
        for times in (1, 2):
            seen = len(viewer.pictures())
            with Encoder(daemon.port(), VIDEO) as encoder:
                encoder.wait()
                viewer.wait_until(
                    lambda: encoder.last_hash in viewer.hashes()[seen:],  # noqa: B023 - called here
                    timeout=PATIENCE_S,
                    what="see all",
                )
            daemon.wait_for_metrics(
                lambda _: daemon.log.count("room left until an encoder comes") == times,  # noqa: B023
                timeout=20,
                what=f"leave {times} times",
            )
            assert daemon.get("/readyz") == (200, "ready\n")
            assert daemon.metrics().total("ingestd_room_connections_total", result="joined") == times
        assert daemon.problems() == []


def test_viewers_see_the_source_and_what_is_said_of_the_participant(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str
) -> None:
    said = {
        "name": "Front door",
        "metadata": '{"floor": 1}',
        "attributes": {"kind": "camera", "lens": "wide"},
    }
    screen = stream("cam", room, track_source="screen_share", participant=said)
    with run_daemon(screen) as daemon, Viewer(livekit, room) as viewer:
        with Encoder(daemon.port(), VIDEO) as encoder:
            encoder.wait()
            viewer.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S)
        assert_pictures_match(viewer.pictures(), encoder.pushed, left_out=viewer.left_out)
        [track] = viewer.tracks()
        assert track.source == "SOURCE_SCREENSHARE"
        assert track.participant == said
