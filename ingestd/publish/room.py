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
from ingestd.errors import RoomError
from ingestd.publish.join_limiter import next_turn
from ingestd.publish.room_errors import lost, not_joined
from ingestd.publish.sdk.event_filter import wake_for_own_events
from ingestd.publish.server_queries import identity_taken_by
from ingestd.publish.token import mint
from ingestd.publish.track_keeper import TrackKeeper
from ingestd.redact import without_credentials
from ingestd.tasks import Tasks, outcome

logger = structlog.get_logger("ingestd.publish")

# A server that restarts is back within a second or two; one that is down for long is not hammered.
FIRST_RETRY_DELAY_S = 0.3
MAX_RETRY_DELAY_S = 10.0
# Whoever is thrown out sooner than this waits longer each time.
SETTLED_S = 30.0
# An administrator who removes a participant does not want it back at once, and less so each time; to keep it
# out for good there are other ways.
REMOVED_RETRY_DELAY_S = 15.0
MAX_REMOVED_RETRY_DELAY_S = 600.0
# Between two looks at whether another participant still has our identity.
IDENTITY_POLL_S = 5.0
# Tracks that may be taken out before the room is joined anew: till then the SDK keeps threads of each, and
# what it negotiates grows. Where another track of the same connection would be interrupted, more.
MAX_WITHDRAWN_TRACKS = 16
MAX_WITHDRAWN_TRACKS_BESIDE_OTHERS = 64
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

    def __repr__(self) -> str:
        return f"{self.identity}@{self.room}"


async def connect(room: rtc.Room, address: RoomAddress, *, hidden: bool | None = None) -> None:
    """Join. To be run to its end: the SDK goes on when this is cancelled, and if it succeeds ends us.

    (It panics when nobody is ready for the room's events 10 s after it has joined.) A server that does
    not answer is tried four times for 5 s each, one that no media gets to four times for 15 s each. Raises
    RoomError, which says why the room cannot be joined. Other participants do not see one who is ``hidden``.
    """
    a = address
    token = mint(key=a.api_key, secret=a.api_secret, room=a.room, identity=a.identity, hidden=hidden)
    try:
        await room.connect(a.url, token, rtc.RoomOptions(auto_subscribe=False, dynacast=False))
    except rtc.ConnectError as error:
        raise not_joined(a.url, error.message) from None
    wake_for_own_events(room)


class RoomConnection:
    """Keeps one participant in one room and tells its publications when it comes and goes."""

    def __init__(self, address: RoomAddress, tasks: Tasks) -> None:
        self._address = address
        self._tasks = tasks
        self._log = logger.bind(room=address.room, identity=address.identity)
        self._tracks: list[TrackKeeper] = []
        self._room: rtc.Room | None = None
        self._gone: asyncio.Future[str] | None = None  # will say why the room was lost
        self._task: asyncio.Task[None] | None = None
        self._joined = False
        self._forbidden = False  # to publish, though we are in the room
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

    def add(self, track: TrackKeeper) -> None:
        """Publish ``track`` here whenever there is a room."""
        self._tracks.append(track)
        if self._room is not None:
            track.room_joined(self._room, self.join_anew)
            if not self._joined:
                track.room_interrupted()

    def remove(self, track: TrackKeeper) -> None:
        """Forget ``track``, if it was added; whoever calls this closes it."""
        if track in self._tracks:
            self._tracks.remove(track)

    def join_anew(self, reason: str) -> None:
        """Leave the room and join it again.

        ``reason``: "silent": a track stays so, and publishing it anew was no help; where others get through
        on the same connection they are not disturbed for it. "unanswered": the server does not listen to us.
        """
        others_get_through = any(track.running for track in self._tracks)
        if reason == "silent" and others_get_through:
            return
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(reason)

    async def _run(self) -> None:
        backoff = Backoff(FIRST_RETRY_DELAY_S, MAX_RETRY_DELAY_S)
        after_removal = Backoff(REMOVED_RETRY_DELAY_S, MAX_REMOVED_RETRY_DELAY_S)
        while True:
            try:
                await self._stay(backoff)
            except Exception as error:
                # Whatever the SDK raises must not be the daemon's end: a room is joined again, for ever.
                reason = error.reason if isinstance(error, RoomError) else "failed"
                self.connections[reason] += 1
                self.problem = f"room {self._address.room!r} is not joined: {error}"
                if reason == "duplicate_identity":
                    await self._give_way()
                delay = (after_removal if reason == "participant_removed" else backoff).next()
                self._log.warning("room not joined; trying again", error=str(error), seconds=round(delay, 1))
                await asyncio.sleep(delay)

    async def _give_way(self) -> None:
        """Return when no other participant has our identity; else we would throw each other out for ever."""
        a, said = self._address, False
        while other := await identity_taken_by(
            url=a.url, key=a.api_key, secret=a.api_secret, room=a.room, identity=a.identity
        ):
            self.problem = (
                f"room {a.room!r} is not joined: another participant has joined as {other}; waiting until it "
                "leaves: give one of the two another identity"
            )
            if not said:
                self._log.error("identity taken by another participant; waiting until it leaves", other=other)
                said = True
            await asyncio.sleep(IDENTITY_POLL_S)

    async def _stay(self, backoff: Backoff) -> None:
        end_turn = await next_turn()
        room = rtc.Room()
        gone: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._gone = gone
        self._listen(room, gone)
        connecting = self._tasks.begin(f"connect {self._address!r}", connect(room, self._address))
        try:
            await outcome(connecting)
            end_turn()
            self._meet(room)
            joined_at = time.monotonic()
            reason = await gone
            if time.monotonic() - joined_at > SETTLED_S:
                backoff.reset()
            raise lost(reason, self._address.identity)
        finally:
            self._part()
            leaving = self._tasks.start(f"leave {self._address!r}", _leave(room, connecting))
            await asyncio.wait({leaving}, timeout=LEAVE_TIMEOUT_S)

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
            for track in self._tracks:
                track.room_interrupted()

        def reconnected() -> None:
            if self._room is not room or gone.done():
                return
            if self._forbidden:
                # Whether we still are is not said: a server that has restarted does not remember it.
                gone.set_result("interrupted_while_forbidden")
                return
            self._log.info("the connection to the room is back")
            self.connections["reconnected"] += 1
            self._joined = True
            self.problem = None
            for track in self._tracks:
                track.room_resumed()

        def permissions_changed(participant: rtc.Participant, permission: Any) -> None:
            if self._room is not room or participant is not room.local_participant:
                return
            if permission.can_publish and self._forbidden and not gone.done():
                # The server has taken our tracks out.
                gone.set_result("publish_allowed")
            elif not permission.can_publish:
                self._forbid()

        def muted(participant: rtc.Participant, publication: rtc.TrackPublication) -> None:
            if self._room is room and participant is room.local_participant:
                for ours in self._tracks:
                    ours.mute(publication.sid, publication.muted)

        withdrawn = 0

        def track_withdrawn(_publication: rtc.LocalTrackPublication) -> None:
            nonlocal withdrawn
            withdrawn += 1
            others_get_through = any(track.running for track in self._tracks)
            most = MAX_WITHDRAWN_TRACKS_BESIDE_OTHERS if others_get_through else MAX_WITHDRAWN_TRACKS
            if self._room is room and withdrawn >= most and not gone.done():
                gone.set_result("renewed")

        room.on("local_track_unpublished", track_withdrawn)
        room.on("track_muted", muted)
        room.on("track_unmuted", muted)
        room.on("participant_permissions_changed", permissions_changed)
        room.on("disconnected", disconnected)
        room.on("reconnecting", reconnecting)
        room.on("reconnected", reconnected)

    def _forbid(self) -> None:
        """An administrator has taken our right to publish away: what is handed over goes nowhere."""
        a = self._address
        self._forbidden, self._joined = True, False
        self.connections["publish_forbidden"] += 1
        self.problem = (
            f"participant {a.identity!r} must not publish in room {a.room!r} any more: the server has taken "
            "the right away (can_publish), and its tracks out; waiting until it is given back"
        )
        self._log.error("the server has forbidden us to publish; waiting until it allows it again")
        for track in self._tracks:
            track.room_interrupted()

    def _meet(self, room: rtc.Room) -> None:
        self.connections["joined"] += 1
        self._log.info("room joined", url=without_credentials(self._address.url))
        self._room = room
        self._joined, self._forbidden = True, False
        self._ever_joined.set()
        self.problem = None
        for track in self._tracks:
            track.room_joined(room, self.join_anew)

    def _part(self) -> None:
        self._room = None
        self._joined = False
        self.problem = f"room {self._address.room!r} is not joined"
        for track in self._tracks:
            track.room_lost()


async def _leave(room: rtc.Room, connecting: asyncio.Task[None]) -> None:
    await asyncio.wait({connecting})
    with contextlib.suppress(Exception):
        async with asyncio.timeout(LEAVE_TIMEOUT_S):
            await room.disconnect()
