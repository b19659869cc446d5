"""Who may watch, as the SDK tells of participants: by a room that the test plays, and by a real server."""

import time
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import structlog
from livekit import rtc

from ingestd.devserver.livekit_server import LiveKitServer
from ingestd.publish.membership import Membership
from ingestd.publish.room_audience import RoomAudience
from ingestd.publish.room_connection import RoomConnection
from tests.publish.support import address, own_tasks
from tests.support.viewer import Viewer
from tests.support.wait import eventually


class Room(rtc.Room):
    """One that is joined, with participants of these names; the server counts some of them."""

    def __init__(self, *names: str, counted: int) -> None:
        super().__init__()
        self.participants = {name: participant(name) for name in names}
        self.counted = counted

    @property
    def num_participants(self) -> int:
        return self.counted

    @property
    def remote_participants(self) -> Mapping[str, Any]:
        return self.participants


def participant(identity: str) -> Any:
    """One who may subscribe, unless it is a publisher."""
    may = SimpleNamespace(can_subscribe=not identity.startswith("publisher"))
    return SimpleNamespace(identity=identity, permissions=may)


class Watched:
    """The audience of a room, and how many arrivals were told of."""

    def __init__(self, *names: str, counted: int) -> None:
        self.arrivals = 0
        self.room = Room(*names, counted=counted)
        self.membership = Membership(self.room, structlog.get_logger())
        self.audience = RoomAudience(self.membership, self._came).audience

    def _came(self) -> None:
        self.arrivals += 1

    def count(self, participants: int) -> None:
        self.room.counted = participants
        self.room.emit("room_updated")


async def test_those_who_were_there_before_are_no_arrivals() -> None:
    watched = Watched("ann", "bob", "publisher", counted=4)
    assert watched.audience.size == 2
    assert watched.arrivals == 0
    assert not watched.audience.newcomer(time.monotonic())


async def test_a_count_that_is_older_than_the_join_is_not_believed() -> None:
    watched = Watched("ann", "bob", counted=1)
    watched.count(3)
    assert watched.arrivals == 0
    watched.count(4)
    assert watched.arrivals == 1


async def test_who_comes_and_may_watch_is_told_of() -> None:
    watched = Watched(counted=1)
    watched.room.emit("participant_connected", participant("publisher"))
    assert (watched.audience.size, watched.arrivals) == (0, 0)
    watched.room.emit("participant_connected", participant("ann"))
    assert (watched.audience.size, watched.arrivals) == (1, 1)
    watched.room.emit("participant_disconnected", participant("ann"))
    assert (watched.audience.size, watched.arrivals) == (0, 1)


async def test_a_room_that_was_left_tells_nothing() -> None:
    watched = Watched("ann", counted=2)
    watched.membership.end("left")
    watched.room.emit("participant_disconnected", participant("ann"))
    watched.count(5)
    assert (watched.audience.size, watched.arrivals) == (1, 0)


async def test_who_may_watch_is_known_and_another_publisher_is_not_one_of_them(
    livekit: LiveKitServer, room: str
) -> None:
    async with own_tasks() as tasks:
        with Viewer(livekit, room, "early"):
            connection = RoomConnection(address(livekit, room), tasks)
            other = RoomConnection(replace(address(livekit, room), identity="other"), tasks)
            connection.start()
            await eventually(lambda: connection.problem is None, "join")
            now = time.monotonic()
            assert connection.audience.others(now) == 0, "one watches"
            other.start()
            await eventually(lambda: connection.audience.newcomer(time.monotonic()), "hear of an arrival")
            with Viewer(livekit, room, "late"):
                await eventually(
                    lambda: connection.audience.others(time.monotonic()) == 1, "hear of the viewer"
                )
            await eventually(lambda: connection.audience.others(time.monotonic()) == 0, "hear that it left")
            await other.close()
            await connection.close()
