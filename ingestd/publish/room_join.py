"""Joins a LiveKit room, by a token and through the signalling relay or directly, and leaves it."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from datetime import timedelta

from livekit import rtc

from ingestd import descriptors
from ingestd.config import ParticipantConfig
from ingestd.diagnose.explain import explain_room
from ingestd.errors import RoomError
from ingestd.publish.given_token import GivenToken
from ingestd.publish.room_errors import not_joined
from ingestd.publish.sdk.event_filter import wake_for_own_events
from ingestd.publish.signal_relay import Route
from ingestd.publish.token import LIFETIME, mint
from ingestd.redact import without_credentials

# Leaving is polite, not needed; a server that is gone must not hold up our exit.
LEAVE_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class RoomAddress:
    """Which room, as whom, and with what right."""

    url: str
    api_key: str
    api_secret: str
    room: str
    identity: str
    # What the participant is said to be does not make another one of it.
    participant: ParticipantConfig = field(default=ParticipantConfig(), compare=False)
    given: GivenToken | None = field(default=None, compare=False)  # in place of key and secret

    def __repr__(self) -> str:
        return f"{self.identity}@{self.room}"


async def connect(
    room: rtc.Room,
    address: RoomAddress,
    route: Route | None = None,
    *,
    hidden: bool | None = None,
    lifetime: timedelta = LIFETIME,
) -> None:
    """Join by ``route``, or directly, with a token that is valid for ``lifetime``; see `connect_with_token`.

    Other participants do not see one who is ``hidden``. Where a token is given that is used as it is.
    """
    token = address.given.take() if address.given is not None else _mint(address, hidden, lifetime)
    try:
        if route is None or not await _connect_by(route, room, address.url, token):
            await connect_with_token(room, address.url, token)
    except RoomError as error:
        if error.reason != "unauthorized" or address.given is None:
            raise
        seen = f"{without_credentials(address.url)} refuses {address.given.source}"
        raise RoomError("unauthorized", explain_room("unauthorized", seen, "token")) from None


def _mint(a: RoomAddress, hidden: bool | None, lifetime: timedelta) -> str:
    return mint(
        key=a.api_key,
        secret=a.api_secret,
        room=a.room,
        identity=a.identity,
        hidden=hidden,
        lifetime=lifetime,
        participant=a.participant,
    )


async def _connect_by(route: Route, room: rtc.Room, url: str, token: str) -> bool:
    """Join by ``route``; False where that has failed and the server itself has said nothing."""
    try:
        await connect_with_token(room, url, token, await route.open())
    except OSError:
        return False
    except RoomError:
        if route.reached and route.failure is None:
            raise
        return False
    return True


async def connect_with_token(room: rtc.Room, url: str, token: str, by: str | None = None) -> None:
    """Join the server at ``url``, which is reached ``by`` another URL where one is given.

    Do not cancel: the SDK goes on, and if it completes the join it aborts the process. (It panics where the
    room's events are not taken 10 s after it has joined.) A server that does not answer is tried four times
    for 5 s each, one that no media gets to four times for 15 s each. Raises RoomError, which says why the
    room cannot be joined.
    """
    with descriptors.promised(descriptors.WHILE_JOINING) as kept:
        if not kept:
            raise RoomError("no_descriptors", explain_room("no_descriptors"))
        try:
            await room.connect(by or url, token, rtc.RoomOptions(auto_subscribe=False, dynacast=False))
        except rtc.ConnectError as error:
            raise not_joined(url, error.message) from None
    wake_for_own_events(room)


async def leave(room: rtc.Room) -> None:
    """Leave it, or give up after a while."""
    with contextlib.suppress(Exception):
        async with asyncio.timeout(LEAVE_TIMEOUT_S):
            await room.disconnect()
