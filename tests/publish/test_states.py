"""The state tables: a track and a room connection that the test plays reach every cell."""

import asyncio
from enum import Enum
from types import SimpleNamespace
from typing import Any, cast

import pytest
from livekit import rtc

from ingestd.devserver.livekit_server import LiveKitServer
from ingestd.errors import RoomError
from ingestd.media.access_unit import StreamInfo
from ingestd.publish.rejoin_policy import RejoinPolicy
from ingestd.publish.room_connection import RoomConnection
from ingestd.publish.room_join import RoomAddress, connect
from ingestd.publish.signal_relay import Route
from ingestd.publish.states import ROOM, TABLES, TRACK, RoomEvent, RoomState, TrackEvent, TrackState
from ingestd.publish.track import PublishedTrack, TrackOptions
from ingestd.publish.track_keeper import TrackKeeper
from ingestd.state_table import after
from ingestd.tasks import Tasks
from tests.publish.support import OPTIONS, Stream, address, info, outbound, own_tasks, played_source
from tests.support.wait import eventually

Table = dict[Any, dict[Any, Any]]


def cells(table: Table) -> list[Any]:
    return [
        pytest.param(state, event, id=f"{state.name}-{event.name}")
        for state, row in table.items()
        for event in row
    ]


@pytest.mark.parametrize("table", [table for _title, table in TABLES], ids=["room", "track"])
def test_an_event_without_a_cell_is_an_error(table: Table) -> None:
    events: type[Enum] = type(next(iter(next(iter(table.values())))))
    for state, row in table.items():
        for event in events:
            if event in row:
                assert after(table, state, event) is row[event]
            else:
                with pytest.raises(AssertionError, match=f"{event.name} cannot happen in .*{state.name}"):
                    after(table, state, event)


@pytest.mark.parametrize("table", [table for _title, table in TABLES], ids=["room", "track"])
def test_every_state_has_a_row_and_can_be_reached(table: Table) -> None:
    states: type[Enum] = type(next(iter(table)))
    assert list(table) == list(states)
    assert {state for row in table.values() for state in row.values()} == set(table)


class Track:
    """A track as the SDK would make it, of which the test says what WebRTC counts."""

    def __init__(self) -> None:
        self.negotiated = asyncio.Event()
        self.frames_encoded = 0
        self.broken = False

    async def get_stats(self) -> list[Any]:
        if self.broken:
            raise RuntimeError("the transport is closed")
        await self.negotiated.wait()
        return [outbound(encoded=self.frames_encoded)]


class PlayedTrack:
    """A track keeper without a server, to which any event may happen."""

    def __init__(self, tasks: Tasks) -> None:
        self.stream, self.track = Stream(), Track()
        self.keeper = TrackKeeper(OPTIONS, self.stream, tasks, publish=self.publish, first_retry_delay_s=60.0)
        self.room = rtc.Room()
        self.published = asyncio.Event()
        self.codecs = iter(["vp8", "vp9"])

    async def publish(self, _room: rtc.Room, _options: TrackOptions, info: StreamInfo) -> PublishedTrack:
        source, publication = played_source(), SimpleNamespace(sid="TR_1")
        self.published.set()
        return PublishedTrack(info.codec, cast(Any, source), cast(Any, self.track), cast(Any, publication))

    async def happen(self, event: TrackEvent) -> None:
        keeper, track = self.keeper, self.track
        match event:
            case TrackEvent.ROOM_JOINED:
                keeper.room_joined(self.room)
            case TrackEvent.ROOM_GONE:
                keeper.room_lost()
            case TrackEvent.INTERRUPTED:
                keeper.room_interrupted()
            case TrackEvent.RESUMED:
                keeper.room_resumed()
            case TrackEvent.DESCRIBED:
                keeper.describe(info(next(self.codecs)))
            case TrackEvent.OPENED:
                track.negotiated.set()
                await eventually(lambda: keeper.state is TrackState.OPEN, every_s=0.001)
            case TrackEvent.ENCODING:
                track.frames_encoded += 1
                await eventually(lambda: keeper.state is TrackState.RUNNING, every_s=0.001)
            case TrackEvent.FAILED:
                track.broken = True
                track.negotiated.set()
                await eventually(lambda: "no_statistics" in self.stream.events, every_s=0.001)
            case TrackEvent.MUTED:
                await self.published.wait()
                keeper.mute("TR_1", True)
            case TrackEvent.UNMUTED:
                keeper.mute("TR_1", False)

    async def close(self) -> None:
        self.track.negotiated.set()
        await self.keeper.close()


OPENED = [TrackEvent.ROOM_JOINED, TrackEvent.DESCRIBED, TrackEvent.OPENED]
TRACK_PATHS = {
    TrackState.NO_ROOM: [],
    TrackState.IN_ROOM: [TrackEvent.ROOM_JOINED],
    TrackState.PUBLISHING: [TrackEvent.ROOM_JOINED, TrackEvent.DESCRIBED],
    TrackState.OPEN: OPENED,
    TrackState.RUNNING: [*OPENED, TrackEvent.ENCODING],
    TrackState.INTERRUPTED: [*OPENED, TrackEvent.INTERRUPTED],
    TrackState.MUTED: [*OPENED, TrackEvent.MUTED],
    TrackState.MUTED_INTERRUPTED: [*OPENED, TrackEvent.MUTED, TrackEvent.INTERRUPTED],
}


@pytest.mark.parametrize(("state", "event"), cells(TRACK))
async def test_a_track_does_what_its_table_says(state: TrackState, event: TrackEvent) -> None:
    async with own_tasks() as tasks:
        played = PlayedTrack(tasks)
        for step in TRACK_PATHS[state]:
            await played.happen(step)
        assert played.keeper.state is state
        await played.happen(event)
        expected = TRACK[state][event]
        if expected is TrackState.IN_ROOM and TrackEvent.DESCRIBED in TRACK_PATHS[state]:
            expected = TRACK[expected][TrackEvent.DESCRIBED]  # at once
        assert played.keeper.state is expected
        assert (played.keeper.problem is None) == played.keeper.open
        assert (
            played.stream.events.count("opened") - played.stream.events.count("closed") == played.keeper.open
        )
        await played.close()


async def test_what_cannot_happen_to_a_track_leaves_it_as_it_was() -> None:
    async with own_tasks() as tasks:
        played = PlayedTrack(tasks)
        with pytest.raises(AssertionError, match=r"INTERRUPTED cannot happen in .*NO_ROOM"):
            played.keeper.room_interrupted()
        for step in OPENED:
            await played.happen(step)
        with pytest.raises(AssertionError, match=r"ROOM_JOINED cannot happen in .*OPEN"):
            played.keeper.room_joined(rtc.Room())
        assert played.keeper.open
        await played.happen(TrackEvent.ENCODING)
        assert played.stream.events == ["opened", "running"]
        await played.close()


class PlayedRoom:
    """A room connection to which any event may happen; only who has its identity is asked of a server."""

    def __init__(
        self, tasks: Tasks, address: RoomAddress, retry_delay_s: float = 60.0, identity_settles_s: float = 0.0
    ) -> None:
        policy = RejoinPolicy(
            first_retry_delay_s=retry_delay_s,
            max_retry_delay_s=60.0,
            identity_settles_s=identity_settles_s,
            identity_poll_s=0.05,
        )
        self.connection = RoomConnection(address, tasks, connect=self.connect, policy=policy)
        self.address = address
        self.rooms: list[rtc.Room] = []
        self.other = rtc.Room()
        self.answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def connect(self, room: rtc.Room, _address: RoomAddress, _route: Route | None) -> None:
        self.rooms.append(room)
        await self.answer

    async def become(self, state: RoomState) -> None:
        await eventually(lambda: self.connection.state is state, f"be {state.name}", every_s=0.001)

    def permit(self, *, can_publish: bool, identity: str = "cam") -> None:
        who, permission = SimpleNamespace(identity=identity), SimpleNamespace(can_publish=can_publish)
        self.rooms[-1].emit("participant_permissions_changed", who, permission)

    async def happen(self, event: RoomEvent) -> None:
        state = self.connection.state
        match event:
            case RoomEvent.JOIN if state is RoomState.WAITING_FOR_IDENTITY:
                self.answer = asyncio.get_running_loop().create_future()
                await self.other.disconnect()
                await self.become(RoomState.JOINING)
            case RoomEvent.JOIN:
                self.connection.start()
                await self.become(RoomState.JOINING)
            case RoomEvent.JOINED:
                self.answer.set_result(None)
                await self.become(RoomState.JOINED)
            case RoomEvent.INTERRUPTED:
                self.rooms[-1].emit("reconnecting")
            case RoomEvent.RESUMED:
                self.rooms[-1].emit("reconnected")
            case RoomEvent.FORBIDDEN:
                self.permit(can_publish=False)
            case RoomEvent.LEFT:
                if state is RoomState.JOINING:
                    self.answer.set_exception(RoomError("unreachable", "nothing listens there"))
                else:
                    self.rooms[-1].emit("disconnected", rtc.DisconnectReason.ROOM_DELETED)
                await self.become(RoomState.OUT)
            case RoomEvent.IDENTITY_TAKEN:
                await self.happen(RoomEvent.JOIN)
                await self.happen(RoomEvent.JOINED)
                await connect(self.other, self.address)
                self.rooms[-1].emit("disconnected", rtc.DisconnectReason.DUPLICATE_IDENTITY)
                await self.become(RoomState.WAITING_FOR_IDENTITY)
            case RoomEvent.CLOSED:
                await self.connection.close()

    async def close(self) -> None:
        self.answer.cancel()
        await self.connection.close()
        await self.other.disconnect()


JOINED = [RoomEvent.JOIN, RoomEvent.JOINED]
ROOM_PATHS = {
    RoomState.OUT: [],
    RoomState.JOINING: [RoomEvent.JOIN],
    RoomState.JOINED: JOINED,
    RoomState.RECONNECTING: [*JOINED, RoomEvent.INTERRUPTED],
    RoomState.FORBIDDEN: [*JOINED, RoomEvent.FORBIDDEN],
    RoomState.WAITING_FOR_IDENTITY: [RoomEvent.IDENTITY_TAKEN],
}


@pytest.mark.parametrize(("state", "event"), cells(ROOM))
async def test_a_room_connection_does_what_its_table_says(
    livekit: LiveKitServer, room: str, state: RoomState, event: RoomEvent
) -> None:
    async with own_tasks() as tasks:
        played = PlayedRoom(tasks, address(livekit, room), 0.1 if event is RoomEvent.JOIN else 60.0)
        for step in ROOM_PATHS[state]:
            await played.happen(step)
        assert played.connection.state is state
        await played.happen(event)
        assert played.connection.state is ROOM[state][event]
        assert (played.connection.problem is None) == (played.connection.state is RoomState.JOINED)
        await played.close()
        assert played.connection.state is RoomState.OUT


async def test_a_rival_that_the_server_lists_late_is_given_way_to(livekit: LiveKitServer, room: str) -> None:
    async with own_tasks() as tasks:
        played = PlayedRoom(tasks, address(livekit, room), identity_settles_s=2.0)
        for step in JOINED:
            await played.happen(step)
        played.rooms[-1].emit("disconnected", rtc.DisconnectReason.DUPLICATE_IDENTITY)
        await played.become(RoomState.OUT)
        await asyncio.sleep(0.3)  # in which it would have looked
        await connect(played.other, played.address)
        await played.become(RoomState.WAITING_FOR_IDENTITY)
        await played.close()


class DefectiveTrack(TrackKeeper):
    """Fails once in what the room tells it."""

    def __init__(self, tasks: Tasks, fails: RoomEvent) -> None:
        super().__init__(OPTIONS, Stream(), tasks)
        self._fails: RoomEvent | None = fails

    def _fail(self, event: RoomEvent) -> None:
        if event is self._fails:
            self._fails = None
            raise AssertionError("a defect of ours")

    def room_joined(self, room: rtc.Room, *arguments: Any) -> None:
        self._fail(RoomEvent.JOINED)
        super().room_joined(room, *arguments)

    def room_interrupted(self) -> None:
        self._fail(RoomEvent.INTERRUPTED)
        self._fail(RoomEvent.FORBIDDEN)
        super().room_interrupted()

    def room_resumed(self) -> None:
        self._fail(RoomEvent.RESUMED)
        super().room_resumed()


@pytest.mark.parametrize(
    "event", [RoomEvent.JOINED, RoomEvent.INTERRUPTED, RoomEvent.FORBIDDEN, RoomEvent.RESUMED]
)
async def test_a_defect_in_what_the_room_tells_is_logged_and_the_room_joined_again(
    livekit: LiveKitServer, room: str, capsys: pytest.CaptureFixture[str], event: RoomEvent
) -> None:
    async with own_tasks() as tasks:
        played = PlayedRoom(tasks, address(livekit, room), retry_delay_s=0.1)
        played.connection.add(DefectiveTrack(tasks, event))
        await played.happen(RoomEvent.JOIN)
        played.answer.set_result(None)
        if event is not RoomEvent.JOINED:
            await played.become(RoomState.JOINED)
            await played.happen(event)
        await eventually(lambda: played.connection.connections["internal"] == 1, "count it")
        assert played.connection.problem is not None
        await eventually(lambda: len(played.rooms) == 2, "join again")
        await played.become(RoomState.JOINED)
        await played.close()
    said = capsys.readouterr().out
    assert "internal error in the room; joining again" in said
    assert "Traceback" in said


async def test_what_ends_a_stay_without_the_right_to_publish(livekit: LiveKitServer, room: str) -> None:
    async with own_tasks() as tasks:
        for end in ("allowed", "reconnected"):
            played = PlayedRoom(tasks, address(livekit, room))
            for step in ROOM_PATHS[RoomState.FORBIDDEN]:
                await played.happen(step)
            played.permit(can_publish=True, identity="another")
            assert played.connection.state is RoomState.FORBIDDEN
            if end == "allowed":
                played.permit(can_publish=True)
            else:
                played.rooms[-1].emit("reconnected")
            await played.become(RoomState.OUT)
            await played.close()
