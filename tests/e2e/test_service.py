"""The daemon under a service manager: what it reports, passed sockets, reloads, a log that nothing takes."""

import fcntl
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
import yaml

from ingestd.devserver.livekit_server import LiveKitServer
from tests.attack.storms import long_value
from tests.conftest import RunDaemon
from tests.service.support import Manager
from tests.support.daemon import ROOT, Daemon, clean_environment, stream
from tests.support.encoded import encode
from tests.support.matching import assert_pictures_match
from tests.support.ports import free_port
from tests.support.push import Encoder, over_and_over, pausing
from tests.support.service import ServiceDaemon
from tests.support.viewer import Viewer
from tests.support.wait import PATIENCE_S, wait_until

VIDEO = encode("h264", frames=90, gop=30, size=(160, 120))
PUSHED_IN_THE_GAP = 15


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    with Manager(tmp_path) as manager:
        yield manager


def test_a_life_under_systemd(livekit: LiveKitServer, room: str, tmp_path: Path, manager: Manager) -> None:
    cam = stream("cam", room)
    with ServiceDaemon(livekit, tmp_path, cam, notify=manager.address, watchdog_s=1.0) as daemon:
        manager.wait_for(lambda: manager.values("READY") == ["1"], "that it is ready")
        with Encoder(daemon.port(), VIDEO, writing=over_and_over):
            manager.wait_for(
                lambda: re.fullmatch(r"1 of 1 streams up, (2|3)\d pictures/s", manager.values("STATUS")[-1]),
                "what it carries",
            )
            alive = len(manager.values("WATCHDOG"))
            manager.wait_for(lambda: len(manager.values("WATCHDOG")) > alive + 3, "that it lives")
            daemon.reconfigure(log={"level": "info", "format": "json", "colour": "red"})
            manager.wait_for(lambda: len(manager.values("READY")) == 2, "that it has tried to reload")
            told = manager.told[-1] if "READY" in manager.told[-1] else manager.told[-2]
            assert "the last reload failed: " in told["STATUS"]
            assert "log.colour: is not known" in told["STATUS"]
            daemon.reconfigure(log={"level": "info", "format": "json"})
            manager.wait_for(lambda: len(manager.values("READY")) == 3, "that it has reloaded")
            manager.wait_for(lambda: "failed" not in manager.values("STATUS")[-1], "of the failure no more")
        daemon.stop()
    kinds = [name for told in manager.told for name in told if name in ("READY", "RELOADING", "STOPPING")]
    assert kinds == ["READY", "RELOADING", "READY", "RELOADING", "READY", "STOPPING"]
    assert all("MONOTONIC_USEC" in told for told in manager.told if "RELOADING" in told)


def test_the_watchdog_is_told_while_no_room_can_be_joined(
    livekit: LiveKitServer, room: str, tmp_path: Path, manager: Manager
) -> None:
    away = {"url": f"ws://127.0.0.1:{free_port()}", "api_key": "k", "api_secret": "s" * 40}
    cam = stream("cam", room)
    with (
        ServiceDaemon(livekit, tmp_path, cam, livekit=away, notify=manager.address, watchdog_s=0.5) as daemon,
        Encoder(daemon.port(), VIDEO, writing=over_and_over),
    ):
        manager.wait_for(lambda: "is not joined" in manager.values("STATUS")[-1], "what is wrong")
        alive = len(manager.values("WATCHDOG"))
        manager.wait_for(lambda: len(manager.values("WATCHDOG")) > alive + 5, "that it lives")


def test_an_encoder_that_dials_during_a_restart_is_not_refused_and_loses_nothing(
    livekit: LiveKitServer, room: str, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as line, Viewer(livekit, room) as viewer:
        port = line.getsockname()[1]
        cam = {"name": "cam", "room": room, "source": {"listen": f"tcp://127.0.0.1:{port}"}}
        with ServiceDaemon(livekit, tmp_path, cam, sockets={"cam": line}) as daemon:
            with Encoder(port, encode("h264", frames=30, gop=30, size=(160, 120), seed=2)) as encoder:
                viewer.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S)
            daemon.stop()
        # One GOP: of two, what came before the room is joined would make way for the second.
        video, go_on = encode("h264", frames=90, gop=90, size=(160, 120)), threading.Event()
        with Encoder(port, video, writing=pausing(PUSHED_IN_THE_GAP, go_on)) as encoder:  # there is no daemon
            encoder.wait_until_pushed(PUSHED_IN_THE_GAP)
            in_the_gap = {push.hash for push in encoder.pushed}
            with ServiceDaemon(livekit, tmp_path, cam, sockets={"cam": line}) as daemon:
                viewer.wait_for_picture(video.reference_hashes[0], timeout=PATIENCE_S)
                go_on.set()
                # The SDK at the viewer shows them in the track before, too, where they may come first.
                sid = viewer.tracks("cam")[-1].sid
                last = (encoder.last_hash, sid)
                viewer.wait_until(
                    lambda: last in {(picture.hash, picture.sid) for picture in viewer.pictures()},
                    timeout=PATIENCE_S,
                    what="see the last picture",
                )
                seen = [picture for picture in viewer.pictures() if picture.sid == sid]
                assert_pictures_match(seen, encoder.pushed, left_out=daemon.unseen(viewer))
                assert in_the_gap & {picture.hash for picture in seen}, (
                    "what was sent in the gap is seen, too"
                )
                assert daemon.metrics().by("ingestd_encoder_connections_total", "result")["accepted"] == 1
                waiting = [r for r in daemon.records if r.get("event") == "waiting for the encoder"]
                assert [record.get("passed_by") for record in waiting] == ["systemd"]


def test_a_passed_socket_outlasts_the_reload_that_changes_its_stream(
    livekit: LiveKitServer, room: str, tmp_path: Path
) -> None:
    path = tmp_path / "cam.sock"
    with socket.socket(socket.AF_UNIX) as line, Viewer(livekit, room) as viewer:
        line.bind(str(path))
        line.listen()
        cam = {"name": "cam", "room": room, "source": {"listen": f"unix://{path}"}}
        with ServiceDaemon(livekit, tmp_path, cam, sockets={"cam": line, "nobody": line}) as daemon:
            daemon.wait_for_problem("passed socket 'nobody' is not used", "FileDescriptorName=")
            daemon.reconfigure(streams=[{**cam, "track": "other"}])
            daemon.wait_for_record(
                lambda r: r.get("what") == "streams[cam].track" and r.get("change") == "cam → other",
                timeout=PATIENCE_S,
                what="say what changed",
            )
            with Encoder(path, VIDEO) as encoder:
                viewer.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S)
        assert path.exists(), "it is not ours"


def test_a_socket_of_another_kind_than_the_stream_listens_on_is_refused_and_other_streams_start(
    livekit: LiveKitServer, room: str, tmp_path: Path
) -> None:
    # It checks no addresses, where source.allow does.
    cam = {"name": "cam", "room": room, "source": {"listen": f"unix://{tmp_path}/cam.sock"}}
    with (
        socket.create_server(("127.0.0.1", 0)) as line,
        ServiceDaemon(livekit, tmp_path, cam, stream("roof", room), sockets={"cam": line}) as daemon,
    ):
        daemon.wait_for_problem(f"tcp://127.0.0.1:{line.getsockname()[1]}", "stream cam", "ListenStream=")
        assert "ListenStream=" in daemon.wait_for_status("/readyz", 503, timeout=PATIENCE_S)
        with Encoder(daemon.port("roof"), VIDEO):
            daemon.wait_for_metrics(
                lambda metrics: metrics.total("ingestd_frames_submitted_total", stream="roof") > 0,
                what="pictures of the other stream",
            )


@pytest.mark.quiet
def test_streams_that_a_reload_does_not_name_lose_no_picture(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str
) -> None:
    video = encode("h264", frames=240, gop=60, size=(160, 120))
    kept, shares = stream("kept", room, identity="both"), stream("shares", room, identity="both")
    other = stream("other", room)
    with run_daemon(kept, shares, other) as daemon, Viewer(livekit, room) as viewer:
        with (
            Encoder(daemon.port("kept"), video) as encoder,
            Encoder(daemon.port("shares"), VIDEO, writing=over_and_over),
        ):
            viewer.wait_for_first_picture(timeout=PATIENCE_S, track="kept")
            shown = {**daemon.config["streams"][0]}
            for number in range(3):
                changed = {**shares, "max_bitrate": f"{number + 1}Mbps"}
                daemon.reconfigure(streams=[shown, changed, *([other] if number % 2 else [])])
                wait_until(partial(said, daemon, f"{number + 1}Mbps"), "say what changed")
            viewer.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S, track="kept")
        seen, metrics = viewer.pictures("kept"), daemon.metrics()
        # With or without a reload, WebRTC loses pictures where the machine is busy: those are counted.
        assert_pictures_match(seen, encoder.pushed, left_out=daemon.unseen(viewer, stream="kept"))
        assert len({picture.sid for picture in seen}) == 1
        assert metrics.total("ingestd_encoder_connections_total", stream="kept", result="accepted") == 1
        assert metrics.total("ingestd_frames_dropped_total", stream="kept") == 0


@pytest.mark.alone
def test_a_fast_stream_loses_no_picture_through_five_reloads(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str
) -> None:
    video = encode("h264", frames=450, gop=60, size=(640, 360), bit_rate=8_000_000)
    fast, other = stream("fast", room), stream("other", room)
    with run_daemon(fast, other) as daemon, Viewer(livekit, room) as viewer:
        with (
            Encoder(daemon.port("fast"), video) as encoder,
            Encoder(daemon.port("other"), VIDEO, writing=over_and_over),
        ):
            viewer.wait_for_first_picture(timeout=PATIENCE_S, track="fast")
            for number in range(5):
                changed = {**other, "max_bitrate": f"{number + 1}Mbps"}
                daemon.reconfigure(streams=[fast, changed])
                wait_until(partial(said, daemon, f"{number + 1}Mbps"), "say what changed")
                encoder.wait_until_pushed(60 * (number + 2))  # a reload for each GOP
            assert not encoder.finished, "all reloads were during the stream"
            viewer.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S, track="fast")
        seen, metrics = viewer.pictures("fast"), daemon.metrics()
        # As above: without a reload WebRTC's estimate falls below 8 Mbit/s now and then as well.
        lost = int(metrics.total("ingestd_frames_lost_total", stream="fast"))
        assert_pictures_match(seen, encoder.pushed, left_out=lambda: lost + viewer.left_out())
        assert len({picture.sid for picture in seen}) == 1
        assert metrics.total("ingestd_bytes_received_total", stream="fast") > 450 / 30 * 8e6 / 8 * 0.95
        assert metrics.total("ingestd_encoder_connections_total", stream="fast", result="accepted") == 1
        assert metrics.total("ingestd_frames_dropped_total", stream="fast") == 0


@contextmanager
def full_disk() -> Iterator[int]:
    with open("/dev/full", "wb") as full:
        yield full.fileno()


@contextmanager
def pipe_that_nobody_reads() -> Iterator[int]:
    unread, log = os.pipe()
    fcntl.fcntl(log, fcntl.F_SETPIPE_SZ, 4096)
    try:
        yield log
    finally:
        os.close(unread)
        os.close(log)


@pytest.mark.parametrize("log", [full_disk, pipe_that_nobody_reads])
def test_a_log_that_nothing_takes_costs_no_picture(
    log: Callable[[], AbstractContextManager[int]], livekit: LiveKitServer, room: str, tmp_path: Path
) -> None:
    config = Daemon(livekit, tmp_path, stream("cam", room), level="debug")
    config._write_config()
    with log() as out, Viewer(livekit, room) as viewer:
        process = subprocess.Popen(
            [sys.executable, "-m", "ingestd", "run", "--config", str(config.config_path)],
            cwd=ROOT,
            env=clean_environment(),
            stdout=out,
            stderr=out,
        )
        try:
            wait_until(lambda: answers(config.http_port), "be ready")
            config.config_path.write_text(long_value(config.config_path.read_text()))
            process.send_signal(signal.SIGHUP)  # an error that no pipe of a page takes
            with Encoder(config.port(), encode("h264", frames=120, gop=30, size=(160, 120))) as encoder:
                viewer.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S)
            assert_pictures_match(viewer.pictures(), encoder.pushed, left_out=config.unseen(viewer))
            process.terminate()
            assert process.wait(10) == 0
        finally:
            process.kill()
            process.wait()


def said(daemon: Daemon, after: str) -> bool:
    """Whether it has said that a key has another value now."""
    return any(record.get("change", "").endswith(after) for record in daemon.records)


def answers(port: int) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
        return bool(answer.status == 200)
    return False


def test_the_configuration_that_a_reload_reads_may_be_a_template(tmp_path: Path) -> None:
    # What `check --against` says beforehand is what the log says afterwards: both are `compare`.
    livekit = {"api_key": "k", "api_secret": "s" * 40}
    files = []
    for name, level in (("old", "info"), ("new", "debug")):
        files.append(tmp_path / f"{name}.yaml")
        config = {"livekit": livekit, "log": {"level": level}, "streams": [stream("cam", "lobby")]}
        files[-1].write_text(yaml.safe_dump(config))
    said = subprocess.run(
        [sys.executable, "-m", "ingestd", "check", "--config", files[1], "--against", files[0]],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert re.search(r"^  log.level +info → debug +at once$", said, re.MULTILINE), said
    assert re.search(r"^  streams\[cam\].source.listen .* the stream starts again$", said, re.MULTILINE)
