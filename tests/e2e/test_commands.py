"""The command line: exit codes, messages, signals."""

import signal
import socket
from pathlib import Path
from typing import Any

import pytest
import yaml

import ingestd
from ingestd.devserver.livekit_server import LiveKitServer
from tests.conftest import RunDaemon
from tests.support.daemon import JWT, Metrics, run_command, stream
from tests.support.encoded import encode
from tests.support.matching import assert_pictures_match
from tests.support.push import Encoder
from tests.support.viewer import Viewer
from tests.support.wait import PATIENCE_S

SECRET = "a-secret-that-no-output-may-hold"


def write_config(path: Path, **changes: Any) -> Path:
    """A valid configuration, with top-level sections replaced."""
    config = {
        "livekit": {"url": "ws://127.0.0.1:7880", "api_key": "devkey", "api_secret": SECRET},
        "streams": [stream("cam", "lobby")],
        **changes,
    }
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_while_streaming_ends_it_cleanly_within_five_seconds(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str, number: signal.Signals
) -> None:
    video = encode("h264", frames=900, gop=60, size=(160, 120))
    with Viewer(livekit, room) as viewer:
        daemon = run_daemon(stream("cam", room))
        with daemon, Encoder(daemon.port(), video) as encoder:
            viewer.wait_for_first_picture(timeout=PATIENCE_S)
            assert not encoder.finished
            daemon.stop(number)  # asserts: exit code 0, in time, no traceback, no panic, no secret


def test_a_wrong_configuration_ends_with_2_and_names_file_and_line(tmp_path: Path) -> None:
    path = write_config(tmp_path / "ingestd.yaml", http={"listen": "127.0.0.1:0", "colour": "red"})
    line = path.read_text().splitlines().index("  colour: red") + 1
    result = run_command("run", "--config", str(path))
    assert result.returncode == 2
    assert f"{path}:{line}:" in result.stderr
    assert "colour" in result.stderr
    assert SECRET not in result.stdout + result.stderr


def test_a_missing_configuration_ends_with_2_and_names_it(tmp_path: Path) -> None:
    result = run_command("run", "--config", str(tmp_path / "absent.yaml"))
    assert result.returncode == 2
    assert "absent.yaml" in result.stderr


def test_unknown_arguments_end_with_2() -> None:
    assert run_command("run", "--colour", "red").returncode == 2


def test_check_says_what_it_would_do_and_touches_no_network(tmp_path: Path) -> None:
    path = write_config(tmp_path / "ingestd.yaml")
    result = run_command("check", "--config", str(path))
    assert result.returncode == 0, result.stderr
    for word in ("cam", "lobby", "127.0.0.1"):
        assert word in result.stdout
    assert SECRET not in result.stdout + result.stderr


def test_check_finds_every_mistake_that_run_finds(tmp_path: Path) -> None:
    path = write_config(tmp_path / "ingestd.yaml", streams=[stream("Not A Name", "lobby", codec="mpeg2")])
    result = run_command("check", "--config", str(path))
    assert result.returncode == 2
    assert "Not A Name" in result.stderr
    assert "mpeg2" in result.stderr


def test_check_joins_the_rooms_when_told_to_and_neither_shows_itself_nor_throws_anybody_out(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str
) -> None:
    other = f"{room}-2"
    streams = [stream("cam", room), stream("door", room), stream("yard", other)]
    with run_daemon(*streams) as daemon:
        daemon.wait_for_metrics(lambda metrics: joined(metrics) == 3, what="three participants in the rooms")
        result = run_command("check", "--config", str(daemon.config_path), "--connect")
        assert result.returncode == 0, result.stdout + result.stderr
        assert [line for line in result.stdout.splitlines() if line.startswith("room ")] == [
            f"room {room}: joined, and left again",
            f"room {other}: joined, and left again",
        ]
        assert joined(daemon.metrics()) == 3
        assert daemon.problems() == []


def joined(metrics: Metrics) -> float:
    """How often participants have joined rooms."""
    return metrics.total("ingestd_room_connections_total", result="joined")


def test_check_says_why_a_room_cannot_be_joined_and_ends_with_1(
    livekit: LiveKitServer, room: str, tmp_path: Path
) -> None:
    wrong = {"url": livekit.url, "api_key": livekit.api_key, "api_secret": SECRET}
    path = write_config(tmp_path / "ingestd.yaml", livekit=wrong, streams=[stream("cam", room)])
    result = run_command("check", "--config", str(path), "--connect")
    assert result.returncode == 1
    assert f"room {room}: not joined: {livekit.url}: the server refuses the token" in result.stdout
    assert "check livekit.api_key and api_secret" in result.stdout
    assert not JWT.search(result.stdout + result.stderr)
    assert SECRET not in result.stdout + result.stderr


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    path = write_config(tmp_path / "ingestd.yaml")
    result = run_command("check", "--config", str(path), INGESTD_LIVEKIT__URL="wss://elsewhere.example")
    assert result.returncode == 0, result.stderr
    assert "elsewhere.example" in result.stdout


def test_version() -> None:
    result = run_command("--version")
    assert result.returncode == 0
    assert ingestd.__version__ in result.stdout


def test_a_port_that_is_taken_ends_with_1_and_names_the_key_and_the_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        path = write_config(
            tmp_path / "ingestd.yaml",
            http={"listen": "127.0.0.1:0"},
            streams=[stream("cam", "lobby", source={"listen": f"tcp://127.0.0.1:{port}"})],
        )
        result = run_command("run", "--config", str(path))
    assert result.returncode == 1
    assert "source.listen" in result.stderr
    assert str(port) in result.stderr
    assert "Traceback" not in result.stdout + result.stderr


def test_sighup_adds_a_stream_and_leaves_the_others_alone(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str
) -> None:
    old = encode("h264", frames=240, gop=60, size=(160, 120), seed=1)
    new = encode("h264", frames=105, gop=60, size=(160, 120), seed=2)
    with run_daemon(stream("old", room)) as daemon, Viewer(livekit, room) as viewer:
        with Encoder(daemon.port("old"), old) as first:
            viewer.wait_for_first_picture(timeout=PATIENCE_S, track="old")

            daemon.reconfigure(streams=[*daemon.config["streams"], stream("new", room)])

            with Encoder(daemon.port("new"), new) as second:
                second.wait()
                viewer.wait_for_picture(second.last_hash, timeout=PATIENCE_S, track="new")
            first.wait()
            viewer.wait_for_picture(first.last_hash, timeout=PATIENCE_S, track="old")

        assert_pictures_match(viewer.pictures("old"), first.pushed, left_out=daemon.unseen(viewer))
        assert_pictures_match(viewer.pictures("new"), second.pushed, left_out=daemon.unseen(viewer))
        assert len(viewer.tracks("old")) == 1
