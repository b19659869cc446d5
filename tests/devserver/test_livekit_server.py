import http.client
import shutil
import signal
import socket
import subprocess
import sys

import pytest

from ingestd.devserver.livekit_binary import ServerError
from ingestd.devserver.livekit_server import LiveKitServer
from ingestd.devserver.port_pair import PortPair
from tests.devserver.test_process import dies, gone


def status_of(url: str) -> int:
    """GET / there."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_killed_server_comes_back_where_it_was() -> None:
    with LiveKitServer() as livekit:
        before = (livekit.url, livekit.api_key, livekit.api_secret, livekit.pid)
        assert status_of(livekit.http_url) == 200
        livekit.kill()
        assert not livekit.running
        with pytest.raises(ConnectionRefusedError):
            status_of(livekit.http_url)
        livekit.start()
        assert (livekit.url, livekit.api_key, livekit.api_secret) == before[:3]
        assert livekit.pid != before[3]
        assert status_of(livekit.http_url) == 200
        pid, log = livekit.pid, livekit.log_path
        assert "starting LiveKit server" in log.read_text()
    assert gone(pid)
    assert not log.exists()


def test_servers_side_by_side_share_no_port_and_no_key() -> None:
    with LiveKitServer() as one, LiveKitServer() as other:
        assert not {one.port, one.rtc_port} & {other.port, other.rtc_port}
        assert one.api_secret != other.api_secret
        one.kill()  # and while it is away its ports stay reserved
        with LiveKitServer() as third:
            assert third.port not in (one.port, other.port)


def test_the_server_dies_with_a_parent_that_was_killed() -> None:
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import time; from ingestd.devserver.livekit_server import LiveKitServer\n"
            "livekit = LiveKitServer(); livekit.start()\n"
            "print(livekit.pid, livekit.log_path.parent, flush=True)\n"
            "time.sleep(60)",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    with parent:
        pid, directory = parent.stdout.readline().split()
        assert not gone(int(pid))
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    shutil.rmtree(directory)
    dies(int(pid))


def test_a_port_taken_by_somebody_else_is_exchanged_for_another() -> None:
    chosen: list[int] = []

    def reserve() -> PortPair:
        pair = PortPair.reserve()
        if not chosen:
            other.bind(("127.0.0.1", pair.first))
            other.listen()
        chosen.append(pair.first)
        return pair

    with socket.socket() as other, LiveKitServer(reserve_ports=reserve) as livekit:
        assert len(chosen) == 2
        assert livekit.port == chosen[1] != chosen[0]
        assert status_of(livekit.http_url) == 200


def test_overrides_reach_the_server_and_a_wrong_one_is_told_in_its_words() -> None:
    with LiveKitServer(
        config_overrides={"room": {"max_participants": 3}, "logging": {"json": True}}
    ) as livekit:
        assert '"level":"info"' in livekit.log_path.read_text()
    with (
        pytest.raises(ServerError, match="field nonsense not found"),
        LiveKitServer(config_overrides={"nonsense": 1}),
    ):
        pass
