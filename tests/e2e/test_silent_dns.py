"""DNS that does not answer costs time, and threads only as long as the system's resolver waits."""

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingestd.devserver.livekit_server import LiveKitServer
from tests.support.daemon import Daemon, Metrics, stream
from tests.support.disturbance import Reached
from tests.support.link import unavailable
from tests.support.silent_dns import silent_dns, threads

ROOMS = 4
# The C library asks twice, for 5 s each, and each server of /etc/resolv.conf so.
LOOK_UP_S = 60.0
# The third dial comes within a second, a room within two.
DIALLED_WITHIN_S = 8.0
PUBLIC_STUN: dict[str, object] = {"rtc": {"stun_servers": None}}  # the server's own default: names

UNAVAILABLE = unavailable()
pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(400),
    pytest.mark.skipif(UNAVAILABLE is not None, reason=str(UNAVAILABLE)),
]


@pytest.fixture
def silence() -> Iterator[None]:
    with silent_dns():
        yield


def streams(room: str) -> list[dict[str, object]]:
    return [stream(f"cam-{n}", f"{room}-{n}") for n in range(ROOMS)]


def results(metrics: Metrics, *wanted: str) -> float:
    return sum(metrics.total("ingestd_room_connections_total", result=result) for result in wanted)


def fewest_threads(daemon: Daemon, seconds: float, enough: int) -> int:
    """Wait until there are no more than ``enough``; the fewest that were seen."""
    deadline = time.monotonic() + seconds
    fewest = threads(daemon.pid)
    while fewest > enough and time.monotonic() < deadline:
        time.sleep(0.2)
        fewest = min(fewest, threads(daemon.pid))
    return fewest


def at_least(count: int, *labels: str) -> Callable[[Metrics], bool]:
    return lambda metrics: results(metrics, *labels) >= count


@pytest.mark.usefixtures("silence")
def test_names_that_the_server_hands_out_cost_no_threads_for_long(tmp_path: Path, room: str) -> None:
    with (
        LiveKitServer(config_overrides=PUBLIC_STUN) as server,
        Daemon(server, tmp_path, *streams(room)) as daemon,
    ):
        quiet: list[int] = []
        for times in (1, 2, 3):
            daemon.wait_for_metrics(
                at_least(times * ROOMS, "joined", "reconnected"),
                timeout=90,
                what="every room joined",
            )
            busy = threads(daemon.pid)
            quiet.append(fewest_threads(daemon, LOOK_UP_S, enough=quiet[0] if quiet else busy // 3))
            assert busy > 2 * quiet[-1], f"{busy} threads: nothing was looked up"
            if times < 3:
                server.kill()
                server.start()
        assert max(quiet) <= quiet[0] + 1, f"threads after each look-up: {quiet}"


@pytest.mark.usefixtures("silence")
def test_a_name_of_the_server_that_nobody_knows_costs_no_more_threads_with_every_try(
    tmp_path: Path, room: str
) -> None:
    nowhere = Reached("ws://livekit.example.com:7880", "key", "s" * 40)
    with Daemon(nowhere, tmp_path, *streams(room)) as daemon:
        seen: list[int] = []
        for tries in (1, 2, 4, 6):
            daemon.wait_for_metrics(
                at_least(tries * ROOMS, "timeout", "unresolved"),
                timeout=120,
                what=f"{tries} tries per room",
            )
            seen.append(threads(daemon.pid))
        # One look-up per room and attempt may be under way, four attempts make a try.
        assert max(seen) <= seen[0] + ROOMS, f"threads after 1, 2, 4 and 6 tries: {seen}"
        daemon.wait_for_problem("livekit.example.com:7880", "the server does not answer")


@pytest.mark.usefixtures("silence")
def test_names_that_are_not_answered_hold_up_no_other_stream(tmp_path: Path, room: str) -> None:
    away = [
        {"name": f"away-{n}", "room": f"{room}-{n}", "source": {"connect": f"tcp://cam-{n}.example.com:5004"}}
        for n in range(ROOMS)
    ]
    with LiveKitServer() as server, socket.create_server(("127.0.0.1", 0)) as camera:
        camera.settimeout(DIALLED_WITHIN_S)
        local = Reached(server.url.replace("127.0.0.1", "localhost"), server.api_key, server.api_secret)
        good = {
            "name": "good",
            "room": room,
            "source": {"connect": f"tcp://localhost:{camera.getsockname()[1]}"},
        }
        with Daemon(local, tmp_path, *away, good) as daemon:
            for _ in range(3):
                camera.accept()[0].close()
            daemon.wait_for_metrics(
                at_least(1 + ROOMS, "joined"), timeout=DIALLED_WITHIN_S, what="every room joined"
            )
