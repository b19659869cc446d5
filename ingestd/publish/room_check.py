"""Check of whether rooms can be joined, by joining each for a moment: ``ingestd check --connect``."""

import asyncio
import secrets

from livekit import rtc

from ingestd.config import Config
from ingestd.errors import RoomError
from ingestd.publish.given_token import GivenToken
from ingestd.publish.room_join import RoomAddress, connect, leave
from ingestd.publish.server_queries import ask_whether_valid


async def visit_rooms(config: Config) -> dict[str, RoomError | None]:
    """Join every room of ``config`` and leave it again; return why one cannot be joined, by its name.

    The visitors are hidden and their identities random, so that no participant sees them or is thrown out.
    All join at once: a server that does not answer keeps each of them waiting (`connect_with_token` says how
    long). A token that is given has one identity, which a running ingestd may have: then the server is only
    asked whether it is valid.
    """
    rooms = list(dict.fromkeys(stream.room for stream in config.streams))
    return dict(zip(rooms, await asyncio.gather(*(_visit(config, room) for room in rooms)), strict=True))


async def _visit(config: Config, name: str) -> RoomError | None:
    livekit, identity = config.livekit, f"ingestd-check-{secrets.token_hex(4)}"
    if livekit.token_source is not None:
        sources = frozenset(stream.track_source for stream in config.streams)
        given = GivenToken(livekit.token_source, name, config.streams[0].identity, sources)
        try:
            await ask_whether_valid(livekit.url, given.read().text)
        except RoomError as error:
            return error
        return None
    secret = livekit.api_secret.get_secret_value()
    room = rtc.Room()
    try:
        await connect(room, RoomAddress(livekit.url, livekit.api_key, secret, name, identity), hidden=True)
    except RoomError as error:
        return error
    await leave(room)
    return None
