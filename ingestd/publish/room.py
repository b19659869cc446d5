"""A participant in a room, for as long as the daemon runs: joined, lost and joined again."""

import asyncio
import contextlib
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import structlog
from livekit import rtc

from ingestd.backoff import Backoff
from ingestd.config import without_credentials
from ingestd.errors import RoomError
from ingestd.publish.publication import Publication
from ingestd.publish.token import mint
from ingestd.tasks import Tasks, outcome

logger = structlog.get_logger("ingestd.publish")

# A server that restarts is back within a second or two; one that is down for long is not hammered.
FIRST_DELAY = 0.3
LONGEST_DELAY = 10.0
# Whoever is thrown out sooner than this waits longer each time, so that two daemons with one identity do not
# throw each other out for ever.
SETTLED = 30.0
# Leaving is polite, not needed; a server that is gone must not hold up our exit.
LEAVE_TIMEOUT = 2.0

# How the SDK words its failures, and what users make of them: (part of the text, reason, what to change)
_CURES = (
    ("401", "unauthorized", "the server refuses the token: check livekit.api_key and api_secret"),
    ("403", "forbidden", "the server forbids it: check what the API key may do"),
    ("404", "not_found", "no LiveKit server answers at this URL: check livekit.url"),
    ("timed out", "timeout", "the server does not answer: check livekit.url and the firewall"),
    ("timeout", "timeout", "the server does not answer: check livekit.url and the firewall"),
    ("refused", "unreachable", "nothing listens there: check livekit.url, and that the server runs"),
    ("lookup", "unresolved", "the host name of livekit.url is not known here"),
    ("dns", "unresolved", "the host name of livekit.url is not known here"),
    ("certificate", "tls", "the server's certificate is not trusted here"),
    ("tls", "tls", "TLS failed: ws:// and wss:// in livekit.url may be mixed up"),
)
# Why the server ended the session, where its word is not enough.
_REASONS = {
    "unknown_reason": "the connection broke",
    "duplicate_identity": "another participant has joined with the same identity; give this one another",
    "participant_removed": "an administrator removed this participant",
    "room_deleted": "the room was deleted",
    "server_shutdown": "the server is shutting down",
    "silent": "nothing of a track arrived there, nor after it was published anew",
}


@dataclass(frozen=True, slots=True)
class RoomAddress:
    """Which room, as whom, and with what right."""

    url: str
    api_key: str
    api_secret: str
    room: str
    identity: str

    def __repr__(self) -> str:
        return f"{self.identity}@{self.room}"


class RoomConnection:
    """Keeps one participant in one room and tells its publications when it comes and goes."""

    def __init__(self, address: RoomAddress, tasks: Tasks) -> None:
        self._address = address
        self._tasks = tasks
        self._log = logger.bind(room=address.room, identity=address.identity)
        self._publications: list[Publication] = []
        self._room: rtc.Room | None = None
        self._gone: asyncio.Future[str] | None = None  # will say why the room was lost
        self._task: asyncio.Task[None] | None = None
        self._joined = False
        self._ever_joined = asyncio.Event()
        self.connections: Counter[str] = Counter(joined=0, reconnected=0, lost=0)
        self.problem: str | None = f"room {address.room!r} is not joined"

    def start(self) -> None:
        """Begin to join."""
        self._task = self._tasks.start(f"room {self._address!r}", self._run())

    async def joined_once(self) -> None:
        """Return when the room has been joined, be it lost again since."""
        await self._ever_joined.wait()

    async def close(self) -> None:
        """Leave the room."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def add(self, publication: Publication) -> None:
        """Publish ``publication`` here whenever there is a room."""
        self._publications.append(publication)
        if self._room is not None:
            publication.room_joined(self._room, self.join_anew)
            if not self._joined:
                publication.room_interrupted()

    def remove(self, publication: Publication) -> None:
        """Forget ``publication``, if it was added; whoever calls this closes it."""
        if publication in self._publications:
            self._publications.remove(publication)

    def join_anew(self) -> None:
        """Leave the room and join it again: a track in it stays silent, and publishing it anew was no help.

        Where others get through on the same connection they are not disturbed for it.
        """
        others_get_through = any(publication.running for publication in self._publications)
        if self._gone is not None and not self._gone.done() and not others_get_through:
            self._gone.set_result("silent")

    async def _run(self) -> None:
        backoff = Backoff(FIRST_DELAY, LONGEST_DELAY)
        while True:
            try:
                await self._stay(backoff)
            except Exception as error:
                # Whatever the SDK raises must not be the daemon's end: a room is joined again, for ever.
                reason = error.reason if isinstance(error, RoomError) else "failed"
                self.connections[reason] += 1
                self.problem = f"room {self._address.room!r} is not joined: {error}"
                delay = backoff.next()
                self._log.warning("room not joined; trying again", error=str(error), seconds=round(delay, 1))
                await asyncio.sleep(delay)

    async def _stay(self, backoff: Backoff) -> None:
        room = rtc.Room()
        gone: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._gone = gone
        self._listen(room, gone)
        connecting = self._tasks.begin(f"connect {self._address!r}", self._connect(room))
        try:
            await outcome(connecting)
            self._meet(room)
            joined_at = time.monotonic()
            reason = await gone
            if time.monotonic() - joined_at > SETTLED:
                backoff.reset()
            raise RoomError("lost", f"the room was lost: {_REASONS.get(reason, reason)}")
        finally:
            self._part()
            leaving = self._tasks.start(f"leave {self._address!r}", _leave(room, connecting))
            await asyncio.wait({leaving}, timeout=LEAVE_TIMEOUT)

    async def _connect(self, room: rtc.Room) -> None:
        """Connect. To be run to its end: the SDK goes on when this is cancelled, and if it succeeds ends us.

        (It panics when nobody is ready for the room's events 10 s after it has joined.) A server that does
        not answer is tried four times for 5 s each, about half a minute in all, and then there is an error.
        """
        a = self._address
        token = mint(key=a.api_key, secret=a.api_secret, room=a.room, identity=a.identity)
        try:
            await room.connect(a.url, token, rtc.RoomOptions(auto_subscribe=False, dynacast=False))
        except rtc.ConnectError as error:
            raise _room_error(a.url, error.message) from None

    def _listen(self, room: rtc.Room, gone: "asyncio.Future[str]") -> None:
        # What the SDK says of a room we have parted from is not about the one we are in, or come to be in.
        def disconnected(reason: Any) -> None:
            if not gone.done():
                gone.set_result(rtc.DisconnectReason.Name(reason).lower())

        def reconnecting() -> None:
            if self._room is not room:
                return
            self._log.warning("the connection to the room is interrupted; reconnecting")
            self._joined = False
            self.problem = f"room {self._address.room!r} is reconnecting"
            for publication in self._publications:
                publication.room_interrupted()

        def reconnected() -> None:
            if self._room is not room:
                return
            self._log.info("the connection to the room is back")
            self.connections["reconnected"] += 1
            self._joined = True
            self.problem = None
            for publication in self._publications:
                publication.room_resumed()

        room.on("disconnected", disconnected)
        room.on("reconnecting", reconnecting)
        room.on("reconnected", reconnected)

    def _meet(self, room: rtc.Room) -> None:
        self.connections["joined"] += 1
        self._log.info("room joined", url=without_credentials(self._address.url))
        self._room = room
        self._joined = True
        self._ever_joined.set()
        self.problem = None
        for publication in self._publications:
            publication.room_joined(room, self.join_anew)

    def _part(self) -> None:
        self._room = None
        self._joined = False
        self.problem = f"room {self._address.room!r} is not joined"
        for publication in self._publications:
            publication.room_lost()


async def _leave(room: rtc.Room, connecting: asyncio.Task[None]) -> None:
    await asyncio.wait({connecting})
    with contextlib.suppress(Exception):
        async with asyncio.timeout(LEAVE_TIMEOUT):
            await room.disconnect()


def _room_error(url: str, message: str) -> RoomError:
    server, lower = without_credentials(url), message.lower()
    for part, reason, cure in _CURES:
        if part in lower:
            return RoomError(reason, f"{server}: {cure} ({message})")
    return RoomError("failed", f"{server}: {message}")
