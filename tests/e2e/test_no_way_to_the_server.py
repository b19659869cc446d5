"""Networks that do not lead to the server: what the log, `/readyz` and the metrics say, and how we go on."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ingestd.devserver.livekit_server import LiveKitServer
from tests.support.daemon import Daemon, stream
from tests.support.disturbance import Reached
from tests.support.link import FAR, NOTHING, Link, Namespace, unavailable
from tests.support.wait import PATIENCE_S

FOUR_ATTEMPTS_S = 4 * 15.0 + 30.0  # seconds: the SDK's longest, and what a busy machine may add

UNAVAILABLE = unavailable()
pytestmark = pytest.mark.skipif(UNAVAILABLE is not None, reason=str(UNAVAILABLE))


@pytest.fixture
def nothing_but_loopback() -> Iterator[None]:
    with closing(Namespace()) as namespace, namespace.entered():
        subprocess.run(["ip", "link", "set", "dev", "lo", "up"], check=True)
        yield


def assert_said_everywhere(daemon: Daemon, reason: str, words: str) -> None:
    record = daemon.wait_for_problem("room not joined; trying again", words, timeout=FOUR_ATTEMPTS_S)
    daemon.wait_for_metrics(
        lambda metrics: metrics.total("ingestd_room_connections_total", result=reason) >= 2,
        timeout=FOUR_ATTEMPTS_S,
        what=f"another try that ends with {reason}",
    )
    with socket.create_connection(("127.0.0.1", daemon.port())) as encoder:
        encoder.send(b"\0")  # only an encoder needs the room
        assert record["error"] in daemon.wait_for_status("/readyz", 503, timeout=PATIENCE_S)
        assert words in daemon.get("/api/streams")[1]


@pytest.mark.usefixtures("nothing_but_loopback")
@pytest.mark.parametrize(
    ("host", "reason", "words"),
    [
        (FAR, "unreachable", "there is no way to this address"),
        ("livekit.example.com", "unresolved", "the host name in the URL (livekit.url) is not known here"),
    ],
)
def test_no_network(tmp_path: Path, room: str, host: str, reason: str, words: str) -> None:
    server = Reached(f"ws://{host}:7880", "key", "s" * 40)
    with Daemon(server, tmp_path, stream("cam", room)) as daemon:
        assert_said_everywhere(daemon, reason, words)


@pytest.mark.long
def test_no_answer(tmp_path: Path, room: str) -> None:
    server = Reached(f"ws://{FAR}:7880", "key", "s" * 40)
    with Link() as link, link.near.entered():
        link.quality = NOTHING
        with Daemon(server, tmp_path, stream("cam", room)) as daemon:
            assert_said_everywhere(daemon, "timeout", "the server does not answer")


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("nothing_but_loopback")
def test_no_way_for_media(tmp_path: Path, room: str) -> None:
    # WebRTC has no use for loopback, which is all there is; the WebSocket has.
    with LiveKitServer() as server, Daemon(server, tmp_path, stream("cam", room)) as daemon:
        assert_said_everywhere(daemon, "no_media", "the server answers, but WebRTC finds no way to it")
