"""When the room is joined, and what viewers see of the participant in it."""

import json
import re
import socket
import time
from pathlib import Path

import jwt
import pytest
import yaml

from ingestd.devserver.livekit_server import LiveKitServer
from tests.conftest import RunDaemon
from tests.support.daemon import JWT, run_command, stream
from tests.support.encoded import encode
from tests.support.matching import assert_pictures_match
from tests.support.push import Encoder
from tests.support.viewer import Viewer
from tests.support.wait import PATIENCE_S

VIDEO = encode("h264", frames=120, gop=300, size=(160, 120))


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
        assert_pictures_match(viewer.pictures(), encoder.pushed, left_out=daemon.unseen(viewer))
        metrics = daemon.metrics()
        assert metrics.total("ingestd_room_connections_total", result="joined") == 1
        assert metrics.total("ingestd_frames_dropped_total") == 0
        assert [record["event"] for record in daemon.records].count("room joined") == 1


def test_names_in_any_script_are_those_that_viewers_see(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str
) -> None:
    room, identity = f"{room} 👨‍👩‍👧", "دوربین‌ها"
    cam = stream("cam", room, identity=identity, track="جلوی‌در", participant={"name": "👩‍🚒"})
    with run_daemon(cam) as daemon, Viewer(livekit, room) as viewer:
        with Encoder(daemon.port(), VIDEO) as encoder:
            viewer.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S)
        assert_pictures_match(viewer.pictures("جلوی‌در"), encoder.pushed, left_out=viewer.left_out)
        joined = [record for record in daemon.records if record.get("event") == "room joined"]
        assert [(record["room"], record["identity"]) for record in joined] == [(room, identity)]


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


def access_token(livekit: LiveKitServer, room: str, valid_s: float) -> str:
    claims = {"iss": livekit.api_key, "sub": "cam", "exp": time.time() + valid_s}
    return jwt.encode(claims | {"video": {"roomJoin": True, "room": room}}, livekit.api_secret)


def test_an_expired_token_is_named_and_the_next_one_in_its_file_opens_the_room(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(access_token(livekit, room, -3600))
    given = {"url": livekit.url, "token_file": str(file)}
    with run_daemon(stream("cam", room), livekit=given) as daemon:
        said = daemon.wait_for_problem("room not joined")["error"]
        assert re.search(rf"the token in {file} expired at .* UTC, 60 min ago; write a new one", said)
        [error] = [record for record in daemon.records if record.get("event") == "access token not usable"]
        assert (error["level"], "expired at" in error["problem"]) == ("error", True)
        checked = run_command("check", "--config", str(daemon.config_path))
        assert checked.returncode == 2
        assert re.search(rf"ingestd: the token in {file} expired at .* UTC, 60 min ago", checked.stderr)
        assert "token" in daemon.wait_for_status("/readyz", 503, timeout=PATIENCE_S), (
            "before an encoder comes, too"
        )
        [shown] = json.loads(daemon.get("/api/streams")[1])
        assert (shown["state"], "expired" in shown["state_reason"]) == ("failed", True)
        with Encoder(daemon.port(), VIDEO), Viewer(livekit, room) as viewer:
            assert "token" in daemon.wait_for_status("/readyz", 503, timeout=PATIENCE_S)
            file.write_text(access_token(livekit, room, 1800) + "\n")
            viewer.wait_for_first_picture(timeout=PATIENCE_S)
            daemon.wait_for_status("/readyz", 200, timeout=PATIENCE_S)
            daemon.wait_for_problem(str(file), "UTC, in 30 min: by then write a new one into this file")
            assert f"{file} expires at" in daemon.get("/")[1]
            checked = run_command("check", "--config", str(daemon.config_path), "--connect")
            assert checked.returncode == 0, checked.stderr
            assert "which expires at" in checked.stdout
            assert "the server takes the token; not joined" in checked.stdout
        assert daemon.metrics().total("ingestd_room_connections_total", result="joined") == 1
        shown = daemon.get("/")[1] + daemon.get("/api/streams")[1] + checked.stdout + checked.stderr
        assert not JWT.search(shown)


def test_a_token_for_another_room_or_an_expired_one_is_refused_at_the_start(
    livekit: LiveKitServer, room: str, tmp_path: Path
) -> None:
    def run(token: str) -> str:
        config = {"livekit": {"token": token}, "streams": [stream("cam", room)]}
        (tmp_path / "ingestd.yaml").write_text(yaml.safe_dump(config))
        refused = run_command("run", "--config", str(tmp_path / "ingestd.yaml"))
        assert refused.returncode == 2
        assert not JWT.search(refused.stderr)
        return refused.stderr

    other = run(access_token(livekit, "other", 60))
    assert (
        f"{room!r} is another room: the token (livekit.token) is for room 'other' as identity 'cam'" in other
    )
    assert "the token (livekit.token) expired at" in run(access_token(livekit, room, -60))


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
        assert_pictures_match(viewer.pictures(), encoder.pushed, left_out=daemon.unseen(viewer))
        [track] = viewer.tracks()
        assert track.source == "SOURCE_SCREENSHARE"
        assert track.participant == said
