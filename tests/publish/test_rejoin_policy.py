"""What administrators, servers and rivals do to a participant, provoked at a real server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from livekit import api, rtc
from livekit.api.room_service import RoomService

from ingestd.backoff import Backoff
from ingestd.devserver.livekit_server import LiveKitServer
from ingestd.publish.rejoin_policy import RejoinPolicy
from ingestd.publish.room_connection import Connect, RoomConnection
from ingestd.publish.room_join import connect
from ingestd.publish.token import mint
from ingestd.publish.track_keeper import TrackKeeper
from tests.publish.support import (
    OPTIONS,
    Publisher,
    Rooms,
    Stream,
    address,
    hand_over_until,
    info,
    own_tasks,
    tracks_become,
    video,
)
from tests.support.wait import PATIENCE_S, eventually

USUAL = RejoinPolicy()


class Joined:
    """A participant with a track that WebRTC encodes."""

    def __init__(
        self, connection: RoomConnection, publication: TrackKeeper, stream: Stream, publisher: Publisher
    ) -> None:
        self.connection, self.publication, self.stream = connection, publication, stream
        self.publisher = publisher

    @property
    def counted(self) -> dict[str, int]:
        return {reason: count for reason, count in self.connection.connections.items() if count}

    async def published(self, times: int, patience_s: float = PATIENCE_S) -> None:
        await eventually(lambda: self.stream.events.count("opened") == times, "publish", patience_s)
        await hand_over_until(self.publication, video(), lambda: self.publication.running)


@contextlib.asynccontextmanager
async def joined(
    server: LiveKitServer, room: str, *, connect: Connect = connect, policy: RejoinPolicy = USUAL
) -> AsyncIterator[Joined]:
    async with own_tasks() as tasks:
        connection = RoomConnection(address(server, room), tasks, connect=connect, policy=policy)
        stream, publisher = Stream(), Publisher()
        publication = TrackKeeper(OPTIONS, stream, tasks, publish=publisher.publish)
        connection.add(publication)
        publication.describe(info())
        connection.start()
        participant = Joined(connection, publication, stream, publisher)
        await participant.published(1)
        yield participant
        await connection.close()


async def administer(server: LiveKitServer, act: Callable[[RoomService], Awaitable[Any]]) -> None:
    async with api.LiveKitAPI(server.http_url, server.api_key, server.api_secret) as client:
        await act(client.room)


async def permit(rooms: RoomService, room: str, *, can_publish: bool) -> None:
    permission = api.ParticipantPermission(can_publish=can_publish)
    await rooms.update_participant(
        api.UpdateParticipantRequest(room=room, identity="cam", permission=permission)
    )


async def test_who_is_removed_says_so_and_stays_out_for_a_while(livekit: LiveKitServer, room: str) -> None:
    cam = api.RoomParticipantIdentity(room=room, identity="cam")
    async with joined(livekit, room, policy=RejoinPolicy(first_removed_retry_delay_s=3.0)) as participant:
        await administer(livekit, lambda rooms: rooms.remove_participant(cam))
        await eventually(lambda: "participant_removed" in participant.counted, "notice")
        assert str(participant.connection.problem).endswith("an administrator removed participant 'cam'")
        await asyncio.sleep(1.0)  # less than the least of the delay; a back-off as for others would be over
        await tracks_become(livekit, room, {})
        await participant.published(2)
        assert participant.counted == {"joined": 2, "participant_removed": 1}


def test_removal_is_taken_seriously_and_more_so_each_time() -> None:
    policy = RejoinPolicy()
    delays = Backoff(policy.first_removed_retry_delay_s, policy.max_removed_retry_delay_s)
    first, *_, last = (delays.next_s() for _ in range(8))
    assert 5 < first < 20 < 200 < last


async def test_a_room_that_is_deleted_is_joined_again(livekit: LiveKitServer, room: str) -> None:
    async with joined(livekit, room) as participant:
        await administer(livekit, lambda rooms: rooms.delete_room(api.DeleteRoomRequest(room=room)))
        await participant.published(2)
        assert participant.counted == {"joined": 2, "room_deleted": 1}
        await tracks_become(livekit, room, {"cam": ["video/vp8"]})


async def test_whose_identity_is_taken_says_by_whom_and_waits_until_it_is_free(
    livekit: LiveKitServer, room: str
) -> None:
    async with joined(livekit, room, policy=RejoinPolicy(identity_poll_s=0.2)) as first:
        async with joined(livekit, room) as second:
            await eventually(lambda: "waiting until it leaves" in str(first.connection.problem), "give way")
            assert "another participant has joined as 'cam' (PA_" in str(first.connection.problem)
            await asyncio.sleep(2.0)  # in which they would have thrown each other out several times
            assert first.counted == {"joined": 1, "duplicate_identity": 1}
            assert second.counted == {"joined": 1}
        await first.published(2)
        assert first.counted == {"joined": 2, "duplicate_identity": 1}


async def test_who_loses_the_right_to_publish_says_so_and_waits_until_it_is_back(
    livekit: LiveKitServer, room: str
) -> None:
    async with joined(livekit, room) as participant:
        await administer(livekit, lambda rooms: permit(rooms, room, can_publish=False))
        await eventually(lambda: not participant.publication.open, "stop publishing")
        assert "the right to publish (`can_publish`)" in str(participant.connection.problem)
        assert participant.counted == {"joined": 1, "publish_forbidden": 1}
        await tracks_become(livekit, room, {"cam": []})
        await administer(livekit, lambda rooms: permit(rooms, room, can_publish=True))
        await participant.published(2)
        assert participant.connection.problem is None
        await tracks_become(livekit, room, {"cam": ["video/vp8"]})


async def test_a_track_that_is_muted_stays_so_until_it_is_unmuted(room: str) -> None:
    with LiveKitServer(config_overrides={"room": {"enable_remote_unmute": True}}) as server:
        async with joined(server, room) as participant:
            publication, stream = participant.publication, participant.stream
            [published] = participant.publisher.published
            sid = published.publication.sid
            muting = api.MuteRoomTrackRequest(room=room, identity="cam", track_sid=sid, muted=True)
            unmuting = api.MuteRoomTrackRequest(room=room, identity="cam", track_sid=sid, muted=False)

            await administer(server, lambda rooms: rooms.mute_published_track(muting))
            await eventually(lambda: not publication.open, "say so")
            assert publication.problem is not None
            assert publication.problem.startswith("the track was muted in the room")
            publication.room_interrupted()
            publication.room_resumed()
            publication.describe(info("vp9"))
            publication.describe(info("vp8"))
            assert publication.problem.startswith("the track was muted in the room")
            assert not publication.open

            await administer(server, lambda rooms: rooms.mute_published_track(unmuting))
            await participant.published(2)
            assert stream.events == ["opened", "running", "muted", "closed", "opened", "running"]
            assert participant.publisher.published == [published], "the same, not published again"
            assert published.publication.sid == sid


@pytest.mark.parametrize("scenario", ["SIGNAL_RECONNECT", "MIGRATION", "FULL_RECONNECT"])
async def test_a_track_outlives_migration_and_reconnection(
    livekit: LiveKitServer, room: str, scenario: str
) -> None:
    rooms = Rooms()
    async with joined(livekit, room, connect=rooms.connect) as participant:
        [before] = rooms.joined
        await before.simulate_scenario(getattr(rtc.SimulateScenarioKind, f"SIMULATE_{scenario}"))
        await participant.published(2)
        assert participant.connection.problem is None
        await tracks_become(livekit, room, {"cam": ["video/vp8"]})


@pytest.mark.long
async def test_who_is_forbidden_to_publish_asks_again_when_the_server_has_forgotten(
    own_livekit: LiveKitServer, room: str
) -> None:
    async with joined(own_livekit, room) as participant:
        await administer(own_livekit, lambda rooms: permit(rooms, room, can_publish=False))
        await eventually(lambda: not participant.publication.open, "stop publishing")
        own_livekit.kill()
        own_livekit.start()
        await participant.published(2, patience_s=60.0)
        assert participant.connection.problem is None


@pytest.mark.long
async def test_a_token_that_has_expired_meanwhile_keeps_nobody_from_coming_back(
    own_livekit: LiveKitServer, room: str
) -> None:
    # Each is good for ten seconds: servers take tokens for a minute longer than these say.
    lifetime = timedelta(seconds=-50)
    there = address(own_livekit, room)
    async with joined(own_livekit, room, connect=partial(connect, lifetime=lifetime)) as participant:
        expired = mint(
            key=there.api_key, secret=there.api_secret, room=room, identity="another", lifetime=lifetime
        )
        await asyncio.sleep(12.0)
        with pytest.raises(rtc.ConnectError, match="401"):
            await rtc.Room().connect(there.url, expired)
        own_livekit.kill()
        own_livekit.start()
        await participant.published(2, patience_s=60.0)
        assert participant.connection.problem is None
