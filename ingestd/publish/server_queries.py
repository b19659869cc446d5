"""Queries to the server: whether it still answers a participant, and who has an identity."""

import asyncio
from datetime import UTC, datetime

from livekit import api, rtc

# It takes one round trip. The SDK itself gives up after 5 s and does not say so.
ANSWER_TIMEOUT_S = 3.0


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


async def identity_taken_by(*, url: str, key: str, secret: str, room: str, identity: str) -> str | None:
    """Return, in words, which participant is in ``room`` as ``identity``.

    None where there is none, and where the server does not say: then one may as well try to join.
    """
    try:
        async with api.LiveKitAPI("http" + url.removeprefix("ws"), key, secret) as server:
            wanted = api.RoomParticipantIdentity(room=room, identity=identity)
            other = await server.room.get_participant(wanted)
    except Exception:  # its own for an answer, aiohttp's for none
        return None
    since = datetime.fromtimestamp(other.joined_at, UTC)
    return f"{identity!r} ({other.sid}, there since {since:%Y-%m-%d %H:%M:%S} UTC)"
