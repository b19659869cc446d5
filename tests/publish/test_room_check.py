"""Visits to the rooms of a configuration, at a real server."""

from pydantic import SecretStr

from ingestd.config import Config
from ingestd.config.address import Address
from ingestd.config.schema import LiveKitConfig, SourceConfig, StreamConfig
from ingestd.devserver.livekit_server import LiveKitServer
from ingestd.publish.room_check import visit_rooms
from tests.publish.support import tracks_become


def config(server: LiveKitServer, secret: str, *rooms: str) -> Config:
    livekit = LiveKitConfig(url=server.url, api_key=server.api_key, api_secret=SecretStr(secret))
    source = SourceConfig(listen=Address("tcp", "127.0.0.1", 0))
    streams = [StreamConfig(name=f"s{n}", room=room, source=source) for n, room in enumerate(rooms)]
    return Config(livekit=livekit, streams=tuple(streams))


async def test_each_room_is_joined_once_and_left(livekit: LiveKitServer, room: str) -> None:
    found = await visit_rooms(config(livekit, livekit.api_secret, room, f"{room}-2", room))
    assert found == {room: None, f"{room}-2": None}
    await tracks_become(livekit, room, {})


async def test_why_a_room_cannot_be_joined_is_returned(livekit: LiveKitServer, room: str) -> None:
    found = await visit_rooms(config(livekit, "x" * 40, room))
    error = found[room]
    assert error is not None
    assert error.reason == "unauthorized"
