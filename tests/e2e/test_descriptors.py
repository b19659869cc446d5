"""A daemon that runs out of file descriptors: what it refuses, what it says, and that it goes on."""

import os
import resource
import socket
from pathlib import Path

from ingestd import descriptors
from tests.conftest import RunDaemon
from tests.support.daemon import Daemon, stream

PLENTY = 10_000


def allow(daemon: Daemon, more: int) -> None:
    """Let ``daemon`` open ``more`` descriptors than it has, up to PLENTY."""
    most = len(os.listdir(f"/proc/{daemon.pid}/fd")) + more
    resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (min(most, PLENTY), PLENTY))


def test_encoders_and_streams_are_refused_in_words_and_come_in_when_there_is_room(
    run_daemon: RunDaemon, room: str, tmp_path: Path
) -> None:
    cam = stream("cam", room)
    with run_daemon(cam) as daemon:
        soft, hard = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)
        assert soft == hard, "raised at the start"

        allow(daemon, more=descriptors.RESERVED - 10)
        with socket.create_connection(("127.0.0.1", daemon.port("cam"))) as encoder:
            assert encoder.recv(1) == b"", "refused at once"
        daemon.wait_for_problem("encoder refused", "no file descriptors left", "LimitNOFILE")
        refused = daemon.metrics().total("ingestd_encoder_connections_total", result="no_descriptors")
        assert refused == 1

        sockets = [{"listen": f"unix://{tmp_path}/{number}.sock"} for number in range(150)]
        many = [stream(f"s{n}", room, identity="many") | {"source": s} for n, s in enumerate(sockets)]
        daemon.reconfigure(streams=[cam, *many])
        daemon.wait_for_problem("stream not started", "Too many open files", "LimitNOFILE")
        daemon.wait_for_record(
            lambda record: record["event"] == "configuration reloaded", timeout=20, what="reload"
        )

        allow(daemon, more=PLENTY)
        daemon.wait_for_metrics(
            lambda metrics: len(metrics.streams()) == 151, timeout=60, what="start what it could not"
        )
        assert daemon.get("/healthz")[0] == 200
