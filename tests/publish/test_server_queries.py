"""A real server, whose half of the session has died while the connection is kept open."""

import asyncio
import time
from dataclasses import replace

import pytest
from livekit import rtc

from ingestd.devserver.livekit_server import LiveKitServer
from ingestd.publish.room_connection import RoomConnection
from ingestd.publish.room_join import connect
from ingestd.publish.server_queries import ANSWER_TIMEOUT_S, answers, session_lost
from ingestd.publish.track_keeper import TrackKeeper
from tests.publish.support import OPTIONS, Stream, address, info, own_tasks, tracks_become
from tests.support.ports import free_port
from tests.support.tcp_link import Link
from tests.support.wait import eventually


async def test_a_server_that_listens_answers_at_once_and_one_that_does_not_is_not_waited_for_long(
    livekit: LiveKitServer, room: str
) -> None:
    with Link(livekit.port) as link:
        joined = rtc.Room()
        await connect(joined, replace(address(livekit, room), url=f"ws://127.0.0.1:{link.port}"))
        assert await answers(joined)
        link.stick()
        begin = time.monotonic()
        assert not await answers(joined)
        assert time.monotonic() - begin < ANSWER_TIMEOUT_S + 1
        await joined.disconnect()


async def test_a_session_is_lost_where_the_server_answers_others_only(
    livekit: LiveKitServer, room: str
) -> None:
    with Link(livekit.port) as link:
        url = f"ws://127.0.0.1:{link.port}"
        joined = rtc.Room()
        await connect(joined, replace(address(livekit, room), url=url))
        assert not await session_lost(joined, url)
        link.stick()
        lost, interrupted = await asyncio.gather(
            session_lost(joined, url), session_lost(joined, f"ws://127.0.0.1:{free_port()}")
        )
        assert lost
        assert not interrupted
        await joined.disconnect()


@pytest.mark.long
async def test_a_room_is_joined_anew_where_neither_media_nor_a_request_is_answered(
    livekit: LiveKitServer, room: str
) -> None:
    with Link(livekit.port) as link:
        async with own_tasks() as tasks:
            url = f"ws://127.0.0.1:{link.port}"
            connection = RoomConnection(replace(address(livekit, room), url=url), tasks)
            publication = Unheard(OPTIONS, Stream(), tasks)
            connection.add(publication)
            connection.start()
            await eventually(lambda: connection.problem is None, "join")

            async def asked() -> None:
                connection._rejoin("unheard")
                assert connection._asking is not None
                await connection._asking

            await asked()  # the server answers
            link.stick()
            publication.is_unheard = False
            await asked()  # media has come back meanwhile
            assert connection.connections["unanswered"] == 0
            publication.is_unheard = True
            await asked()
            await eventually(lambda: connection.connections["joined"] == 2, "join again")
            assert connection.connections["unanswered"] == 1
            connection.remove(publication)
            await publication.close()
            await connection.close()


class Unheard(TrackKeeper):
    """A track of which the server reports nothing, by its statistics."""

    is_unheard = True

    @property
    def unheard(self) -> bool:
        return self.is_unheard


@pytest.mark.long
async def test_a_room_whose_server_does_not_listen_any_more_is_joined_anew_to_publish(
    livekit: LiveKitServer, room: str
) -> None:
    with Link(livekit.port) as link:
        async with own_tasks() as tasks:
            url = f"ws://127.0.0.1:{link.port}"
            connection = RoomConnection(replace(address(livekit, room), url=url), tasks)
            stream = Stream()
            publication = TrackKeeper(OPTIONS, stream, tasks)
            connection.add(publication)
            connection.start()
            await eventually(lambda: connection.problem is None, "join")

            link.stick()
            publication.describe(info())
            await eventually(lambda: publication.open, "publish")
            assert stream.events == ["not_published", "opened"]
            assert connection.connections == {"joined": 2, "reconnected": 0, "lost": 0, "unanswered": 1}
            await tracks_become(livekit, room, {"cam": ["video/vp8"]})
            connection.remove(publication)
            await publication.close()
            await connection.close()
