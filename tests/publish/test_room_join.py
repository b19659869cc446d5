"""Joining a room once, with a token of our own, at a real server."""

import resource

import pytest
from livekit import rtc

from ingestd import descriptors
from ingestd.devserver.livekit_server import LiveKitServer
from ingestd.errors import RoomError
from ingestd.publish.room_join import connect
from tests.publish.support import address
from tests.support.wait import eventually


async def test_nobody_sees_a_hidden_participant(livekit: LiveKitServer, room: str) -> None:
    observer, hidden, other, seen = rtc.Room(), rtc.Room(), rtc.Room(), list[str]()
    observer.on("participant_connected", lambda participant: seen.append(participant.identity))
    await connect(observer, address(livekit, room, "observer"))
    await connect(hidden, address(livekit, room, "hidden"), hidden=True)
    await connect(other, address(livekit, room, "other"))
    await eventually(lambda: "other" in seen, "see the one who came last")
    assert seen == ["other"]
    for each in (other, hidden, observer):
        await each.disconnect()


async def test_no_room_is_joined_without_the_descriptors_that_it_takes(
    livekit: LiveKitServer, room: str
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = soft - descriptors.left() + descriptors.WHILE_JOINING - 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, hard))
    try:
        with pytest.raises(RoomError, match="not enough file descriptors left") as caught:
            await connect(rtc.Room(), address(livekit, room))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert caught.value.reason == "no_descriptors"
