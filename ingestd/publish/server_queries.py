"""Requests to the server: whether it answers or takes a token, who has an identity, what a participant is."""

import asyncio
import os
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import aiohttp
from livekit import api, rtc

from ingestd.config import ParticipantConfig
from ingestd.name_lookup import connector
from ingestd.publish.room_errors import not_joined

# It takes one round trip. The SDK itself gives up after 5 s and does not say so.
ANSWER_TIMEOUT_S = 3.0
# As in sessions that the SDK makes itself.
API_TIMEOUT_S = 10.0


async def answers(room: rtc.Room) -> bool:
    """Return whether the server answers a request that changes nothing within `ANSWER_TIMEOUT_S`.

    Media may go on where no request is answered. An overloaded server drops its half of a participant's
    session when too many messages wait for it ("channel is full" in its log), and leaves the WebSocket open,
    whose pings it answers for ever.
    """
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            # We have no right to set attributes, and the server says so.
            await room.local_participant.set_attributes({})
    except TimeoutError:
        return False
    except Exception:  # an answer, whatever it is
        return True
    return True


async def session_lost(room: rtc.Room, url: str) -> bool:
    """Return whether the server at ``url`` answers, and this session in ``room`` does not.

    So it is where the node of a cluster that has the room has died and the signalling goes through another
    one: the SDK would find out after some 15 s. (The others take up to 5 s to believe a node dead; who joins
    sooner is sent there.) Where neither answers the link is interrupted, and a new session is no better.
    """
    answered, there = await asyncio.gather(answers(room), _is_there(url))
    return there and not answered


async def _is_there(url: str) -> bool:
    try:
        async with (
            asyncio.timeout(ANSWER_TIMEOUT_S),
            aiohttp.ClientSession(connector=connector(), trust_env=True) as client,
            client.get(f"http{url.removeprefix('ws')}"),
        ):
            return True  # whatever the answer
    except (aiohttp.ClientError, OSError, TimeoutError):
        return False


async def identity_taken_by(*, url: str, key: str, secret: str, room: str, identity: str) -> str | None:
    """Return, in words, which participant is in ``room`` as ``identity``.

    None where there is none, and where the server does not say: then one may as well try to join.
    """
    try:
        async with _api(url, key, secret) as server:
            wanted = api.RoomParticipantIdentity(room=room, identity=identity)
            other = await server.room.get_participant(wanted)
    except Exception:  # its own for an answer, aiohttp's for none
        return None
    since = datetime.fromtimestamp(other.joined_at, UTC)
    return f"{identity!r} ({other.sid}, there since {since:%Y-%m-%d %H:%M:%S} UTC)"


async def update_participant(
    said: ParticipantConfig,
    had: Collection[str],
    *,
    url: str,
    key: str,
    secret: str,
    room: str,
    identity: str,
) -> bool:
    """Have the server say of the participant what ``said`` says; return whether it does then.

    ``had``: the keys of the attributes that it has. A name and metadata the server can only replace.
    """
    attributes = dict(said.attributes)
    wanted = api.UpdateParticipantRequest(
        room=room,
        identity=identity,
        name=said.name or "",
        metadata=said.metadata or "",
        attributes=dict.fromkeys(had, "") | attributes,
    )
    try:
        async with (
            asyncio.timeout(ANSWER_TIMEOUT_S),
            _api(url, key, secret) as server,
        ):
            now = await server.room.update_participant(wanted)
    except Exception:  # its own for a refusal, aiohttp's for no answer
        return False
    left = (now.name, now.metadata, dict(now.attributes))
    return left == (said.name or "", said.metadata or "", attributes)


@asynccontextmanager
async def _api(url: str, key: str, secret: str) -> AsyncIterator[api.LiveKitAPI]:
    timeout = aiohttp.ClientTimeout(total=API_TIMEOUT_S)
    async with (
        aiohttp.ClientSession(connector=connector(), timeout=timeout) as session,
        api.LiveKitAPI("http" + url.removeprefix("ws"), key, secret, session=session) as server,
    ):
        yield server


async def ask_whether_valid(url: str, token: str) -> None:
    """Ask the server at ``url`` whether ``token`` lets one join. Raises RoomError where it does not."""
    where = f"http{url.removeprefix('ws').rstrip('/')}/rtc/validate"
    try:
        async with (
            asyncio.timeout(ANSWER_TIMEOUT_S),
            aiohttp.ClientSession(connector=connector(), trust_env=True) as client,
            client.get(where, headers={"Authorization": f"Bearer {token}"}) as answer,
        ):
            status, text = f"{answer.status} {answer.reason}", await answer.text()
    except TimeoutError:
        raise not_joined(url, "timed out") from None
    except (aiohttp.ClientError, OSError) as error:
        errno = getattr(error, "errno", None)
        raise not_joined(url, f"{error} ({os.strerror(errno)})" if errno else str(error)) from None
    if not status.startswith("200"):
        raise not_joined(url, f"{status}: {text}")
