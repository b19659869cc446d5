"""Joining, losing and joining again, with a real server."""

import asyncio
import contextlib
import os
import signal
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from livekit import api, rtc

from ingestd.config import ParticipantConfig, TokenSource
from ingestd.devserver.livekit_server import LiveKitServer
from ingestd.publish.given_token import GivenToken
from ingestd.publish.rejoin_policy import RejoinPolicy
from ingestd.publish.room_connection import RoomConnection
from ingestd.publish.room_join import LEAVE_TIMEOUT_S, RoomAddress, connect
from ingestd.publish.signal_relay import Route, SignalRelay
from ingestd.publish.states import RoomState
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
from tests.support.ports import free_port
from tests.support.wait import eventually

# The SDK's own attempts, before it gives up and says so.
UNTIL_THE_SDK_GIVES_UP_S = 60.0


async def test_a_room_is_joined_and_left(livekit: LiveKitServer, room: str) -> None:
    async with own_tasks() as tasks:
        connection = RoomConnection(address(livekit, room), tasks)
        assert connection.problem == f"room {room!r} is not joined"
        connection.start()
        await eventually(lambda: connection.problem is None, "join")
        assert connection.connections == {"joined": 1, "reconnected": 0, "lost": 0}
        await tracks_become(livekit, room, {"cam": []})
        await connection.close()
        assert connection.problem == f"room {room!r} is not joined"
        await tracks_become(livekit, room, {})


async def test_a_room_is_joined_while_one_needs_it_and_a_little_longer(
    livekit: LiveKitServer, room: str
) -> None:
    async with own_tasks() as tasks:
        connection = RoomConnection(address(livekit, room), tasks, linger_s=0.5)
        assert tasks.names == []
        connection.need("one")
        await eventually(lambda: connection.problem is None, "join")
        connection.need("other")
        connection.release("one")
        connection.release("who never needed it")
        await asyncio.sleep(1)
        assert connection.problem is None, "another needs it"
        connection.release("other")
        connection.need("one")
        await asyncio.sleep(1)
        assert connection.problem is None, "one came back in time"
        connection.release("one")
        await tracks_become(livekit, room, {})
        connection.need("one")
        await tracks_become(livekit, room, {"cam": []})
        await eventually(lambda: connection.connections["joined"] == 2, "hear that it is joined")
        assert connection.connections["lost"] == 0
        await connection.close()


async def test_a_room_that_is_needed_no_more_while_it_is_joined_is_left(
    livekit: LiveKitServer, room: str
) -> None:
    async with own_tasks() as tasks:
        connection = RoomConnection(address(livekit, room), tasks, linger_s=0)
        connection.need("one")
        await eventually(lambda: connection.state is RoomState.JOINING, "begin to join")
        connection.release("one")
        await eventually(lambda: connection.state is RoomState.OUT, "leave")
        await tracks_become(livekit, room, {})
        connection.need("one")
        await eventually(lambda: connection.problem is None, "join")
        await connection.close()


async def test_hundreds_of_streams_that_ask_for_the_notice_have_the_token_read_once() -> None:
    asked: list[str] = []

    class Given(GivenToken):
        def notice(self) -> str | None:
            asked.append("notice")
            return "it expires"

    given = Given(TokenSource("", None), "lobby", "cam", frozenset({"camera"}))
    where = RoomAddress("ws://127.0.0.1:1", "", "", "lobby", "cam", given=given)
    async with own_tasks() as tasks:
        connection = RoomConnection(where, tasks)
        assert {connection.notice for _ in range(300)} == {"it expires"}
        assert len(asked) < 30, "not for each"


async def test_the_servers_own_token_opens_the_room_again_where_the_one_that_was_given_has_expired(
    livekit: LiveKitServer, room: str, tmp_path: Path
) -> None:
    file, relay = tmp_path / "token", SignalRelay()

    def write(lifetime: timedelta) -> None:
        a = address(livekit, room)
        file.write_text(
            mint(key=a.api_key, secret=a.api_secret, room=room, identity="cam", lifetime=lifetime)
        )

    write(timedelta(hours=2))
    given = GivenToken(TokenSource("", file), room, "cam", frozenset({"camera"}))
    there = replace(address(livekit, room), api_key="", api_secret="", given=given)
    async with own_tasks() as tasks:
        connection = RoomConnection(there, tasks, relay=relay)
        connection.start()
        await eventually(lambda: connection.problem is None, "join")
        assert connection.notice is None
        write(timedelta(seconds=-60))
        await eventually(lambda: "expired at" in str(connection.notice), "see the new file")
        assert connection.barred is None, "it is joined"
        connection._rejoin("unanswered")
        await eventually(lambda: connection.connections["joined"] == 2, "join again")
        await connection.close()
        given.refreshed = None
        late = RoomConnection(there, tasks)
        late.start()
        await eventually(lambda: late.connections["token_expired"] >= 1, "find it expired")
        assert str(file) in str(late.problem)
        assert str(file) in str(late.barred)
        await late.close()
    await relay.close()


async def test_who_has_our_identity_cannot_be_asked_with_a_token_and_is_not_fought_over(
    livekit: LiveKitServer, room: str, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    a = address(livekit, room)
    file.write_text(mint(key=a.api_key, secret=a.api_secret, room=room, identity="cam"))
    given = GivenToken(TokenSource("", file), room, "cam", frozenset({"camera"}))
    async with own_tasks() as tasks:
        connection = RoomConnection(replace(a, api_key="", api_secret="", given=given), tasks)
        connection.start()
        await eventually(lambda: connection.problem is None, "join")
        other = rtc.Room()
        await connect(other, a)
        await eventually(lambda: connection.connections["duplicate_identity"] == 1, "make way")
        assert "another participant has joined as 'cam'" in str(connection.problem)
        await asyncio.sleep(2)
        assert other.isconnected()
        assert connection.connections["joined"] == 1
        await other.disconnect()
        await connection.close()


async def test_what_is_said_of_the_participant_changes_in_the_room_or_with_a_new_join(
    livekit: LiveKitServer, room: str
) -> None:
    async def seen() -> tuple[str, str, dict[str, str]]:
        async with api.LiveKitAPI(livekit.http_url, livekit.api_key, livekit.api_secret) as server:
            who = api.RoomParticipantIdentity(room=room, identity="cam")
            found = await server.room.get_participant(who)
        return found.name, found.metadata, dict(found.attributes)

    def saying(**said: object) -> RoomAddress:
        return replace(address(livekit, room), participant=ParticipantConfig.model_validate(said))

    async def become(*expected: object) -> None:
        async def are() -> bool:
            with contextlib.suppress(api.TwirpError):  # not there: it joins again
                return await seen() == expected
            return False

        await eventually(are, f"say {expected}", every_s=0.05)

    async with own_tasks() as tasks:
        first = saying(name="Door", attributes={"a": "1", "b": "2"})
        connection = RoomConnection(first, tasks)
        connection.start()
        await eventually(lambda: connection.problem is None, "join")
        await become("Door", "", {"a": "1", "b": "2"})
        connection.revise(saying(name="Front door", metadata="m", attributes={"b": "3"}))
        await become("Front door", "m", {"b": "3"})
        assert connection.connections["joined"] == 1
        connection.revise(saying(name="Front door"))  # the server takes no metadata back
        await become("Front door", "", {})
        await eventually(lambda: connection.connections["joined"] == 2, "join again")
        assert connection.connections["participant_changed"] == 1
        await connection.close()


@pytest.mark.long
async def test_a_track_that_publishing_anew_does_not_help_has_the_room_joined_anew_unless_others_get_through(
    livekit: LiveKitServer, room: str
) -> None:
    async with own_tasks() as tasks:
        connection = RoomConnection(address(livekit, room), tasks)
        stream, other_stream, publisher = Stream(), Stream(), Publisher()
        publication = TrackKeeper(OPTIONS, stream, tasks, publish=publisher.publish)
        other = TrackKeeper(replace(OPTIONS, stream="other", name="other"), other_stream, tasks)
        connection.add(publication)
        connection.add(other)
        publication.describe(info())
        connection.start()

        async def fall_silent(times: int) -> None:
            await eventually(lambda: publication.open, "publish")
            publisher.deafen()
            await hand_over_until(publication, video(), lambda: stream.events.count("silent") == times)

        await fall_silent(1)
        await fall_silent(2)
        await eventually(lambda: connection.connections["joined"] == 2, "join again")
        assert connection.connections == {"joined": 2, "reconnected": 0, "lost": 1}

        other.describe(info())
        await eventually(lambda: other.open, "publish the other track")
        await hand_over_until(other, video(), lambda: other.running)
        await fall_silent(3)
        await fall_silent(4)
        await eventually(lambda: publication.open, "publish the silent one again")
        assert connection.connections["joined"] == 2
        for each in (publication, other):
            connection.remove(each)
            await each.close()
        await connection.close()


async def test_a_wrong_secret_is_counted_and_its_cure_named(livekit: LiveKitServer, room: str) -> None:
    async with own_tasks() as tasks:
        wrong = replace(address(livekit, room), api_secret="x" * 40)
        connection = RoomConnection(wrong, tasks)
        connection.start()
        await eventually(lambda: connection.connections["unauthorized"] >= 2, "try again")
        assert connection.problem is not None
        assert "check livekit.api_key and api_secret" in connection.problem
        assert livekit.url in connection.problem
        assert "x" * 40 not in connection.problem + repr(wrong)
        await connection.close()
        assert connection.connections["joined"] == 0


async def test_a_server_that_is_not_there_is_counted_and_its_cure_named(room: str) -> None:
    async with own_tasks() as tasks:
        nobody = RoomAddress(f"ws://127.0.0.1:{free_port()}", "key", "s" * 40, room, "cam")
        connection = RoomConnection(nobody, tasks)
        connection.start()
        await eventually(lambda: connection.connections["unreachable"] >= 1, "notice that no server is there")
        assert connection.problem is not None
        assert "nothing listens there: check the URL (livekit.url)" in connection.problem
        await connection.close()


async def test_a_server_that_accepts_and_does_not_answer_is_named_long_before_the_sdk_gives_up(
    livekit: LiveKitServer, room: str
) -> None:
    answers = asyncio.Event()

    async def connect_late(sdk_room: rtc.Room, there: RoomAddress, route: Route | None) -> None:
        await answers.wait()
        await connect(sdk_room, there, route)

    assert RejoinPolicy().answer_patience_s < 10
    async with own_tasks() as tasks:
        policy = RejoinPolicy(answer_patience_s=0.1)
        connection = RoomConnection(address(livekit, room), tasks, connect=connect_late, policy=policy)
        connection.start()
        said = f"{livekit.url} has not answered for 0.1 s"
        await eventually(lambda: said in (connection.problem or ""), "say that no answer comes")
        answers.set()
        await eventually(lambda: connection.problem is None, "join")
        await connection.close()


async def test_a_server_that_hangs_does_not_hold_up_the_end_and_finds_nobody_when_it_comes_back(
    own_livekit: LiveKitServer, room: str
) -> None:
    async with own_tasks() as tasks:
        connection = RoomConnection(address(own_livekit, room), tasks)
        os.kill(own_livekit.pid, signal.SIGSTOP)
        try:
            connection.start()
            await eventually(lambda: unaccepted(own_livekit.port), "dial the server")
            async with asyncio.timeout(LEAVE_TIMEOUT_S + 1):
                await connection.close()
            assert connection.problem == f"room {room!r} is not joined"
        finally:
            os.kill(own_livekit.pid, signal.SIGCONT)
        await eventually(lambda: not tasks.names, "join and leave")
        await tracks_become(own_livekit, room, {})
        assert connection.connections["joined"] == 0


def unaccepted(port: int) -> bool:
    """Whether somebody waits for the server at that port of this machine to read what was sent."""
    local, unread = f"0100007F:{port:04X}", 4
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
    return any(line[1] == local and not line[unread].endswith(":00000000") for line in lines)


async def test_what_the_sdk_says_of_a_room_that_was_left_is_not_listened_to(
    livekit: LiveKitServer, room: str
) -> None:
    async with own_tasks() as tasks:
        rooms = Rooms()
        connection = RoomConnection(address(livekit, room), tasks, connect=rooms.connect)
        connection.start()
        await eventually(lambda: connection.problem is None, "join")
        [left] = rooms.joined
        await connection.close()
        left.emit("reconnecting")
        assert connection.problem == f"room {room!r} is not joined"
        left.emit("reconnected")
        assert connection.problem == f"room {room!r} is not joined"
        assert connection.connections["reconnected"] == 0


async def test_a_track_that_is_added_during_an_interruption_is_published_after_it(
    livekit: LiveKitServer, room: str
) -> None:
    async with own_tasks() as tasks:
        rooms = Rooms()
        connection = RoomConnection(address(livekit, room), tasks, connect=rooms.connect)
        connection.start()
        await eventually(lambda: connection.problem is None, "join")
        [joined] = rooms.joined
        joined.emit("reconnecting")
        publication = TrackKeeper(OPTIONS, Stream(), tasks)
        connection.add(publication)
        publication.describe(info())
        assert not [name for name in tasks.names if name.startswith("keep")]
        joined.emit("reconnected")
        await eventually(lambda: publication.open, "publish")
        connection.remove(publication)
        await publication.close()
        await connection.close()


@pytest.mark.parametrize("result", ["joined", "unreachable"])
async def test_a_url_with_a_password_is_said_without_it(
    livekit: LiveKitServer, room: str, capsys: pytest.CaptureFixture[str], result: str
) -> None:
    server = f"127.0.0.1:{livekit.port if result == 'joined' else free_port()}"
    async with own_tasks() as tasks:
        there = replace(address(livekit, room), url=f"ws://user:hunter2@{server}")
        connection = RoomConnection(there, tasks)
        connection.start()
        await eventually(lambda: connection.connections[result], "try")
        said = f"{capsys.readouterr().out}{connection.problem}"
        await connection.close()
    assert f"ws://{server}" in said
    assert "hunter2" not in said


async def test_a_server_that_restarts_finds_us_and_the_track_again(
    own_livekit: LiveKitServer, room: str
) -> None:
    stream, pictures = Stream(), video()
    async with own_tasks() as tasks:
        connection = RoomConnection(address(own_livekit, room), tasks)
        publication = TrackKeeper(OPTIONS, stream, tasks)
        connection.add(publication)
        publication.describe(info())
        connection.start()
        await eventually(lambda: publication.open, "publish")
        await hand_over_until(publication, pictures, lambda: "running" in stream.events)
        assert stream.events == ["opened", "running"]

        own_livekit.kill()
        await eventually(lambda: connection.problem is not None, "notice the loss")
        assert stream.events == ["opened", "running", "closed"]
        assert not publication.open

        own_livekit.start()
        await eventually(lambda: publication.open, "publish again", patience_s=UNTIL_THE_SDK_GIVES_UP_S)
        await hand_over_until(publication, pictures, lambda: stream.events.count("running") == 2)
        assert connection.problem is None
        assert connection.connections["joined"] + connection.connections["reconnected"] >= 2
        await tracks_become(own_livekit, room, {"cam": ["video/vp8"]})

        connection.remove(publication)
        await publication.close()
        await connection.close()


async def test_a_room_that_is_lost_is_joined_anew(livekit: LiveKitServer, room: str) -> None:
    stream = Stream()
    async with own_tasks() as tasks:
        connection = RoomConnection(address(livekit, room), tasks)
        publication = TrackKeeper(OPTIONS, stream, tasks)
        connection.add(publication)
        publication.describe(info())
        connection.start()
        await eventually(lambda: publication.open, "publish")
        async with api.LiveKitAPI(livekit.http_url, livekit.api_key, livekit.api_secret) as client:
            await client.room.delete_room(api.DeleteRoomRequest(room=room))
        await eventually(lambda: connection.connections["room_deleted"] == 1, "notice")
        assert stream.events == ["opened", "closed"]
        assert connection.problem is not None
        await eventually(lambda: publication.open, "publish again")
        assert connection.connections == {"joined": 2, "reconnected": 0, "lost": 0, "room_deleted": 1}
        assert connection.problem is None
        await tracks_become(livekit, room, {"cam": ["video/vp8"]})
        connection.remove(publication)
        await publication.close()
        await connection.close()


async def test_one_connection_serves_several_tracks(livekit: LiveKitServer, room: str) -> None:
    streams = Stream(), Stream()
    async with own_tasks() as tasks:
        connection = RoomConnection(address(livekit, room), tasks)
        first, second = (
            TrackKeeper(replace(OPTIONS, stream=name, name=name), stream, tasks)
            for name, stream in zip(("a", "b"), streams, strict=True)
        )
        connection.add(first)
        connection.start()
        first.describe(info("vp8"))
        await eventually(lambda: first.open, "publish the first")
        connection.add(second)  # it joins when the room is there already
        second.describe(info("vp9"))
        await eventually(lambda: second.open, "publish the second")
        assert streams[0].events == ["opened"]
        connection.remove(first)
        await first.close()
        await tracks_become(livekit, room, {"cam": ["video/vp9"]})
        assert [stream.events for stream in streams] == [["opened", "closed"], ["opened"]]
        connection.remove(second)
        await second.close()
        await connection.close()


def encoder_threads() -> int:
    """Of WebRTC, in this process: one for each track that it has not forgotten."""
    names = [path.read_text() for path in Path("/proc/self/task").glob("*/comm")]
    return sum(name.startswith("VideoEncoder") for name in names)


async def test_a_room_that_many_tracks_were_taken_out_of_is_joined_anew_to_free_their_threads(
    livekit: LiveKitServer, room: str
) -> None:
    async with own_tasks() as tasks:
        before = encoder_threads()
        policy = RejoinPolicy(max_withdrawn_tracks=3)
        connection = RoomConnection(address(livekit, room), tasks, policy=policy)
        connection.start()
        publication = TrackKeeper(OPTIONS, Stream(), tasks)
        connection.add(publication)
        for codec in ("vp8", "vp9", "vp8"):
            publication.describe(info(codec))
            await eventually(lambda: publication.open, "publish")
        await tracks_become(livekit, room, {"cam": ["video/vp8"]})
        assert encoder_threads() == before + 3, "the SDK forgets them now: the limit can go"
        publication.describe(info("vp9"))
        await eventually(lambda: connection.connections["renewed"], "join again")
        await eventually(lambda: publication.open, "publish")
        await tracks_become(livekit, room, {"cam": ["video/vp9"]})
        assert encoder_threads() == before + 1
        connection.remove(publication)
        await publication.close()
        await connection.close()
