"""One stay of a participant in a LiveKit room: the SDK's events, until it ends for a reason."""

import asyncio
from collections.abc import Callable
from functools import wraps
from typing import Any

from livekit import rtc
from livekit.rtc.room import EventTypes


class Membership:
    """One stay in a room: hears what the SDK tells of it until it ends."""

    def __init__(self, room: rtc.Room, log: Any) -> None:
        self.room = room
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()  # with the reason
        self.withdrawn_tracks = 0
        self._log = log
        self._handlers: list[tuple[EventTypes, Callable[..., None]]] = []
        self.listen("disconnected", self._disconnected)

    def listen(self, event: EventTypes, handler: Callable[..., None]) -> None:
        """Have ``handler`` called at the SDK's ``event`` until the end; what it raises ends the stay."""

        @wraps(handler)  # the SDK gives it as many arguments as its signature has
        def guarded(*arguments: Any) -> None:
            try:
                handler(*arguments)
            except Exception:
                # The SDK would drop it, and our state would no longer be that of the room.
                self._log.exception("internal error in the room; joining again", sdk_event=event)
                self.end("internal")

        self.room.on(event, guarded)
        self._handlers.append((event, guarded))

    def end(self, reason: str) -> None:
        """End the stay; what the SDK tells from now on is not listened to."""
        while self._handlers:
            self.room.off(*self._handlers.pop())
        if not self.ended.done():
            self.ended.set_result(reason)

    def _disconnected(self, reason: Any) -> None:
        self.end(rtc.DisconnectReason.Name(reason).lower())
