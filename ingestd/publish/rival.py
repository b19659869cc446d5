"""Who has our identity: a room has one of each, and whoever joins last throws the others out."""

from datetime import UTC, datetime

from livekit import api


async def rival(*, url: str, key: str, secret: str, room: str, identity: str) -> str | None:
    """Return, in words, who is in ``room`` as ``identity``.

    None where nobody is, and where the server does not say: then one may as well try to join.
    """
    try:
        async with api.LiveKitAPI("http" + url.removeprefix("ws"), key, secret) as server:
            wanted = api.RoomParticipantIdentity(room=room, identity=identity)
            other = await server.room.get_participant(wanted)
    except Exception:  # its own for an answer, aiohttp's for none
        return None
    since = datetime.fromtimestamp(other.joined_at, UTC)
    return f"{identity!r} ({other.sid}, there since {since:%Y-%m-%d %H:%M:%S} UTC)"
