"""Whether the server listens to a participant: media may go on where no request is answered."""

import asyncio

from livekit import rtc

# It takes one round trip. The SDK itself gives up after 5 s, and does not say so.
TIMEOUT = 3.0


async def answers(room: rtc.Room) -> bool:
    """Ask the server for nothing, and say whether it answers within `TIMEOUT` seconds.

    A server that is overloaded drops its half of a participant's session when too many messages wait for it
    ("channel is full", in its log), and leaves the WebSocket open, whose pings it answers for ever.
    """
    try:
        async with asyncio.timeout(TIMEOUT):
            # Ours is no right to change them, and the server says so.
            await room.local_participant.set_attributes({})
    except TimeoutError:
        return False
    except Exception:  # an answer, whatever it is
        return True
    return True
