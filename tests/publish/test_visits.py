"""Visits to rooms, as those who are in them see it: not at all."""

from pathlib import Path

import yaml
from livekit import rtc

from ingestd.config import load
from ingestd.demo.server import LiveKitServer
from ingestd.publish.room import connect
from ingestd.publish.visits import visit_rooms
from tests.publish.support import address, eventually
from tests.support.daemon import stream


async def test_nobody_sees_a_visitor(livekit: LiveKitServer, room: str, tmp_path: Path) -> None:
    path = tmp_path / "ingestd.yaml"
    server = {"url": livekit.url, "api_key": livekit.api_key, "api_secret": livekit.api_secret}
    path.write_text(yaml.safe_dump({"livekit": server, "streams": [stream("cam", room)]}))
    observer, other, seen = rtc.Room(), rtc.Room(), list[str]()
    observer.on("participant_connected", lambda participant: seen.append(participant.identity))
    await connect(observer, address(livekit, room, "observer"))

    assert await visit_rooms(load(path, {})) == {room: None}

    await connect(other, address(livekit, room, "other"))
    await eventually(lambda: seen, "see the one who came after the visitor")
    assert seen == ["other"]
    for each in (other, observer):
        await each.disconnect()
