"""Two LiveKit servers and a Redis: the node of a stream goes away, and the stream goes on at the other."""

import asyncio
import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ingestd.devserver.livekit_server import LiveKitServer
from tests.conftest import SHOW_AT_ONCE
from tests.support.daemon import Daemon, stream
from tests.support.encoded import encode
from tests.support.ports import free_port
from tests.support.push import Encoder, over_and_over
from tests.support.tools import tool
from tests.support.viewer import Viewer
from tests.support.wait import PATIENCE_S, wait_until

STOPPED_BACK_S = 5.0
# Of a node that dies without a word: the other one believes it alive for up to 5 s. The SDK alone comes back
# after 16 s at best.
KILLED_BACK_S = 9.0
# A viewer with the SDK alone, whose signalling goes through the other node, learns of the death when that
# gives up passing it on: with the servers' own 7.5 s, after 8 to 13 s.
VIEWER_BACK_S = 12.0
SERVERS_GIVE_UP = {"signal_relay": {"retry_timeout": "1s"}}


class Entrance(threading.Thread):
    """A load balancer of TCP: each connection goes to the first node that takes it."""

    def __init__(self, nodes: list[LiveKitServer]) -> None:
        super().__init__(daemon=True)
        self.nodes = nodes
        self.port = free_port()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()

    def __enter__(self) -> "Entrance":
        self.start()
        assert self._ready.wait(PATIENCE_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self.join()

    def run(self) -> None:
        self._loop.run_until_complete(asyncio.start_server(self._connected, "127.0.0.1", self.port))
        self._ready.set()
        self._loop.run_forever()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for node in self.nodes:
            with contextlib.suppress(OSError):
                there_reader, there_writer = await asyncio.open_connection("127.0.0.1", node.port)
                await asyncio.gather(_copy(reader, there_writer), _copy(there_reader, writer))
                return
        writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@dataclass
class Cluster:
    """What a client knows of it, its entrance and the keys, and its parts."""

    url: str
    api_key: str
    api_secret: str
    nodes: list[LiveKitServer]
    redis_port: int

    def node_of(self, room: str) -> LiveKitServer:
        """The node that has the room, by the cluster's own book."""
        node_id = self.redis("HGET", "room_node_map", room)
        (found,) = [
            node for node in self.nodes if f'"nodeID": "{node_id}", "nodeIP"' in node.log_path.read_text()
        ]
        return found

    def redis(self, *words: str) -> str:
        """Say this to Redis (RESP); the bulk string that it answers."""
        with socket.create_connection(("127.0.0.1", self.redis_port)) as connection:
            said = "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
            connection.sendall(f"*{len(words)}\r\n{said}".encode())
            with connection.makefile("rb") as answer:
                size = int(answer.readline()[1:])
                return answer.read(size).decode() if size >= 0 else ""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    port = free_port()
    command = [
        tool("redis-server"),
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--dir",
        str(tmp_path),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as redis:
        try:
            wait_until(lambda: _answers(port), "have Redis answer")
            overrides = SHOW_AT_ONCE | SERVERS_GIVE_UP | {"redis": {"address": f"127.0.0.1:{port}"}}
            nodes = [LiveKitServer(config_overrides=overrides) for _ in range(2)]
            nodes[1].api_key, nodes[1].api_secret = nodes[0].api_key, nodes[0].api_secret
            with nodes[0], nodes[1], Entrance(nodes) as entrance:
                url = f"ws://127.0.0.1:{entrance.port}"
                yield Cluster(url, nodes[0].api_key, nodes[0].api_secret, nodes, port)
        finally:
            redis.terminate()


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


@pytest.mark.long
@pytest.mark.parametrize(
    ("end", "joined_within_s", "seen_within_s"),
    [
        pytest.param(LiveKitServer.stop, STOPPED_BACK_S, STOPPED_BACK_S, id="drained, then stopped"),
        pytest.param(LiveKitServer.kill, KILLED_BACK_S, VIEWER_BACK_S, id="killed"),
    ],
)
def test_pictures_are_back_when_the_node_of_a_stream_goes_away(
    cluster: Cluster,
    tmp_path: Path,
    room: str,
    end: Callable[[LiveKitServer], None],
    joined_within_s: float,
    seen_within_s: float,
) -> None:
    video = encode("h264", frames=60, gop=30, size=(160, 120))
    with (
        Daemon(cluster, tmp_path, stream("cam", room)) as daemon,
        Encoder(daemon.port(), video, writing=over_and_over),
        Viewer(cluster, room) as viewer,
    ):
        viewer.wait_for_pictures(30, timeout=PATIENCE_S)
        node = cluster.node_of(room)
        (old,) = {track.sid for track in viewer.tracks()}

        said = len(daemon.records)
        ended_at = time.monotonic()
        end(node)
        daemon.wait_for_record(
            lambda _: any(
                record["event"] in ("room joined", "room reconnected") for record in daemon.records[said:]
            ),
            timeout=PATIENCE_S * 2,
            what="be in the room again",
        )
        joined_s = time.monotonic() - ended_at
        viewer.wait_until(
            lambda: any(picture.sid != old for picture in viewer.pictures()),
            timeout=PATIENCE_S * 2,
            what="see pictures from the other node",
        )

        back_s = next(picture for picture in viewer.pictures() if picture.sid != old).at - ended_at
        print(f"\nat the other node after {joined_s:.1f} s, pictures after {back_s:.1f} s")  # noqa: T201 - for -s
        assert cluster.node_of(room) is not node
        assert joined_s < joined_within_s
        assert back_s < seen_within_s
