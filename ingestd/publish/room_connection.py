"""Keeps one participant in one LiveKit room: joins it, notices when it is lost, and joins it again.

It does so for as long as it is needed there (`RoomConnection.need`).

A state of `states.ROOM` says whether the participant is in the room.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import structlog
from livekit import rtc

from ingestd.backoff import Backoff
from ingestd.config import ParticipantConfig
from ingestd.delivery.audience import Audience
from ingestd.diagnose.explain import explain_room
from ingestd.errors import RoomError
from ingestd.publish.join_turns import next_turn
from ingestd.publish.membership import Membership
from ingestd.publish.rejoin_policy import REJOIN_POLICY, RejoinPolicy
from ingestd.publish.room_audience import RoomAudience
from ingestd.publish.room_errors import lost
from ingestd.publish.room_join import LEAVE_TIMEOUT_S, RoomAddress, connect, leave
from ingestd.publish.server_queries import identity_taken_by, session_lost, update_participant
from ingestd.publish.shared_link import SharedLink
from ingestd.publish.signal_relay import Route, SignalRelay
from ingestd.publish.states import ROOM, RoomEvent, RoomState
from ingestd.publish.token_expiry import warn_of_expiry
from ingestd.publish.track_keeper import TrackKeeper
from ingestd.redact import without_credentials
from ingestd.state_table import after
from ingestd.tasks import Tasks, outcome

logger = structlog.get_logger("ingestd.publish")

# After the last encoder has gone: one that restarts is back within seconds, and its viewers are still there.
LINGER_S = 10.0
# Each stream of the room asks of the token once a second, and the answer is in a file.
TOKEN_LOOK_INTERVAL_S = 1.0
# Why a stay ends that nothing has gone wrong with.
UNNEEDED = "unneeded"

Connect = Callable[[rtc.Room, RoomAddress, Route | None], Coroutine[Any, Any, None]]


class RoomConnection:
    """Keeps one participant in one room and tells its tracks when it comes and goes."""

    def __init__(
        self,
        address: RoomAddress,
        tasks: Tasks,
        *,
        relay: SignalRelay | None = None,
        connect: Connect = connect,
        policy: RejoinPolicy = REJOIN_POLICY,
        linger_s: float = LINGER_S,
    ) -> None:
        """``relay``: through which the SDK's signalling goes; None has the SDK join directly."""
        self._address = address
        self._tasks = tasks
        self._connect = connect
        self._policy = policy
        self._linger_s = linger_s
        self._needed_by: set[object] = set()
        self._needed = asyncio.Event()  # and for `LINGER_S` after that
        self._lingering: asyncio.TimerHandle | None = None
        self._log = logger.bind(room=address.room, identity=address.identity)
        self._tracks: list[TrackKeeper] = []
        self._link = SharedLink(address.url, relay, self._tracks, tasks, repr(address))
        self._membership: Membership | None = None  # while joining and joined
        self._task: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._asking: asyncio.Task[None] | None = None
        self._ever_joined = asyncio.Event()
        self.audience = Audience()  # of the room that was joined last
        self.state = RoomState.OUT
        self.connections: Counter[str] = Counter(joined=0, reconnected=0, lost=0)
        self.problem: str | None = f"room {address.room!r} is not joined"
        self._notice: str | None = None  # of the token, as of the last look at it
        self._barred: str | None = None  # likewise
        self._looks_at_token_at = 0.0  # again

    def start(self) -> None:
        """Begin to join, and stay until `close`."""
        self.need(self)

    def need(self, who: object) -> None:
        """Be in the room while ``who``, or another, needs it; joins at once."""
        self._needed_by.add(who)
        self._needed.set()
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None
        if self._task is None:
            self._task = self._tasks.start(f"room {self._address!r}", self._run())

    def release(self, who: object) -> None:
        """Leave the room, where no other needs it, `LINGER_S` from now; ``who`` need not have needed it."""
        if who not in self._needed_by:
            return
        self._needed_by.remove(who)
        if not self._needed_by:
            self._lingering = asyncio.get_running_loop().call_later(self._linger_s, self._unneeded)

    def _unneeded(self) -> None:
        self._lingering = None
        self._needed.clear()
        if self._membership is not None:
            self._membership.end(UNNEEDED)

    def revise(self, address: RoomAddress) -> None:
        """Say of the participant what ``address`` says, which is equal to the one so far."""
        changed = address.participant != self._address.participant
        self._address, self._looks_at_token_at = address, 0.0
        if changed and self.state is RoomState.JOINED:
            self._introduce()

    @property
    def notice(self) -> str | None:
        """What to do about the token that is given, in words; None where nothing is needed."""
        self._look_at_token()
        return self._notice

    @property
    def barred(self) -> str | None:
        """Why the room cannot be joined whatever the server says, in words; None where it can, or is."""
        self._look_at_token()
        return None if self.state is RoomState.JOINED else self._barred

    def _look_at_token(self) -> None:
        given, now = self._address.given, time.monotonic()
        if given is None or now < self._looks_at_token_at:
            return
        self._looks_at_token_at = now + TOKEN_LOOK_INTERVAL_S
        self._notice, self._barred = given.notice(), None
        try:
            given.take()
        except RoomError as error:
            self._barred = f"room {self._address.room!r} is not joined: {error}"

    async def joined_once(self) -> None:
        """Return when the room has been joined, even if it has been lost since."""
        await self._ever_joined.wait()

    async def close(self) -> None:
        """Leave the room."""
        if self._lingering is not None:
            self._lingering.cancel()
        running = [task for task in (self._task, self._watching) if task is not None]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        self._move(RoomEvent.CLOSED)
        self._link.close()

    def add(self, track: TrackKeeper) -> None:
        """Publish ``track`` here whenever there is a room."""
        self._tracks.append(track)
        if self._watching is None and self._address.given is not None:
            watching = warn_of_expiry(lambda: self._address.given, self._log)
            self._watching = self._tasks.start(f"token for {self._address!r}", watching)
        if self._membership is not None and self.state is not RoomState.JOINING:
            self._offer_room(track, self._membership)
            if self.state is not RoomState.JOINED:
                track.room_interrupted()

    def remove(self, track: TrackKeeper) -> None:
        """Forget ``track``, if it was added; the caller closes it."""
        if track in self._tracks:
            self._tracks.remove(track)

    def _rejoin(self, reason: str) -> None:
        """Leave the room and join it again, as one of the tracks wishes.

        ``reason``: "silent": a track stays so, and publishing it again did not help; where others get through
        on the same connection they are not disturbed for it. "unanswered": the server does not answer us.
        "unheard": no media of it has arrived, for all that it says; where it does not answer either, it has
        lost us.
        """
        if reason == "unheard":
            if self._asking is None or self._asking.done():
                self._asking = self._tasks.start(
                    f"ask for {self._address!r}", self._leave_if_lost(self._here)
                )
        elif self._membership is not None and not (reason == "silent" and self._others_get_through):
            self._membership.end(reason)

    async def _leave_if_lost(self, here: Membership) -> None:
        if await session_lost(here.room, self._address.url) and any(track.unheard for track in self._tracks):
            here.end("unanswered")

    @property
    def _others_get_through(self) -> bool:
        return any(track.running for track in self._tracks)

    def _move(self, event: RoomEvent) -> None:
        self.state = after(ROOM, self.state, event)

    async def _run(self) -> None:
        policy = self._policy
        backoff = Backoff(policy.first_retry_delay_s, policy.max_retry_delay_s)
        after_removal = Backoff(policy.first_removed_retry_delay_s, policy.max_removed_retry_delay_s)
        while True:
            await self._needed.wait()
            try:
                await self._join_and_stay(backoff)
                continue
            except RoomError as error:
                reason, problem = error.reason, str(error)
            except Exception as error:
                # A defect of ours must cost one room some time, not the daemon its life.
                self._log.exception("internal error in the room; joining again")
                reason, problem = "internal", f"{type(error).__name__}: {error}"
            self.connections[reason] += 1
            self.problem = f"room {self._address.room!r} is not joined: {problem}"
            if reason == "duplicate_identity" and self._address.given is None:
                await self._give_way()
            unasked = reason == "duplicate_identity" and self._address.given is not None
            delay_s = (after_removal if reason == "participant_removed" or unasked else backoff).next_s()
            self._log.warning("room not joined; trying again", error=problem, retry_in_s=round(delay_s, 1))
            await asyncio.sleep(delay_s)

    async def _give_way(self) -> None:
        """Return when no other participant has our identity; else we would throw each other out for ever."""
        a = self._address
        await asyncio.sleep(self._policy.identity_settles_s)
        while other := await identity_taken_by(
            url=a.url, key=a.api_key, secret=a.api_secret, room=a.room, identity=a.identity
        ):
            self.problem = explain_room(
                "duplicate_identity",
                f"room {a.room!r} is not joined: another participant has joined as {other}; waiting until it "
                "leaves",
            )
            if self.state is RoomState.OUT:
                self._move(RoomEvent.IDENTITY_TAKEN)
                self._log.error("identity taken by another participant; waiting until it leaves", other=other)
            await asyncio.sleep(self._policy.identity_poll_s)

    async def _join_and_stay(self, backoff: Backoff) -> None:
        """Join the room and stay in it while it is needed. Raises RoomError, which says why it ended."""
        end_turn = await next_turn()
        membership = self._membership = Membership(rtc.Room(), self._log)
        self._move(RoomEvent.JOIN)
        address = self._address
        if address.given is not None and self._link.route is not None:
            address.given.refreshed = self._link.route.refreshed_token
        connecting = self._tasks.begin(
            f"connect {address!r}", self._connect(membership.room, address, self._link.route)
        )
        try:
            await self._answer(connecting)
            end_turn()
            self._joined(membership)
            if address.participant != self._address.participant:
                self._introduce()
            joined_at = time.monotonic()
            reason = await membership.ended
            if time.monotonic() - joined_at > self._policy.settled_s:
                backoff.reset()
            if reason == UNNEEDED:
                self._log.info("room left until an encoder comes", without_encoder_s=self._linger_s)
                return
            raise lost(reason, self._address.identity)
        finally:
            self._left(membership)
            leaving = self._tasks.start(f"leave {self._address!r}", _leave(membership.room, connecting))
            await asyncio.wait({leaving}, timeout=LEAVE_TIMEOUT_S)

    async def _answer(self, connecting: asyncio.Task[None]) -> None:
        patience = asyncio.get_running_loop().call_later(self._policy.answer_patience_s, self._unanswered)
        try:
            await outcome(connecting)
        finally:
            patience.cancel()

    def _unanswered(self) -> None:
        url, waited_s = without_credentials(self._address.url), self._policy.answer_patience_s
        said = f"{url} has not answered for {waited_s:g} s, or no media gets there; still trying"
        self.problem = f"room {self._address.room!r} is not joined: {said}"
        self._log.warning("room not joined yet", error=said)

    def _offer_room(self, track: TrackKeeper, membership: Membership) -> None:
        """Tell ``track`` that there is a room."""
        link = self._link
        track.room_joined(membership.room, self._rejoin, link.server_protocol, link.estimated, link.flush)

    def _joined(self, membership: Membership) -> None:
        self._move(RoomEvent.JOINED)
        self.connections["joined"] += 1
        self._link.joined()
        self._log.info("room joined", url=without_credentials(self._address.url))
        if (failure := self._link.relay_failure) is not None:
            self._log.warning(
                "room joined without the signalling relay: WebRTC's bandwidth estimate begins at 1 Mbit/s",
                error=failure,
            )
        self._ever_joined.set()
        self.problem = None
        self.audience = RoomAudience(membership, self._viewer_came).audience
        membership.listen("reconnecting", self._interrupted)
        membership.listen("reconnected", self._resumed)
        membership.listen("participant_permissions_changed", self._permissions_changed)
        membership.listen("track_muted", self._muted)
        membership.listen("track_unmuted", self._muted)
        membership.listen("local_track_unpublished", self._track_withdrawn)
        for track in self._tracks:
            self._offer_room(track, membership)

    def _left(self, membership: Membership) -> None:
        self._move(RoomEvent.LEFT)
        membership.end("left")
        self._membership = None
        self.problem = f"room {self._address.room!r} is not joined"
        for track in self._tracks:
            track.room_lost()

    # What the SDK tells of the room that the participant is in.

    def _viewer_came(self) -> None:
        for track in self._tracks:
            track.viewer_came()

    def _interrupted(self) -> None:
        self._move(RoomEvent.INTERRUPTED)
        self._log.warning("room interrupted; reconnecting")
        self.problem = f"room {self._address.room!r} is reconnecting"
        for track in self._tracks:
            track.room_interrupted()

    def _resumed(self) -> None:
        if self.state is RoomState.FORBIDDEN:
            # Whether it still is, is not said: a server that has restarted does not remember it.
            self._here.end("interrupted_while_forbidden")
            return
        self._move(RoomEvent.RESUMED)
        self._log.info("room reconnected")
        self.connections["reconnected"] += 1
        self.problem = None
        for track in self._tracks:
            track.room_resumed()
        if self._address.participant != ParticipantConfig():
            self._introduce()  # a server that has restarted knows what the SDK's token said

    def _introduce(self) -> None:
        """Have the server say of us what the configuration says."""
        self._tasks.start(f"introduce {self._address!r}", self._update_participant(self._here))

    async def _update_participant(self, here: Membership) -> None:
        a, said, had = self._address, self._address.participant, here.room.local_participant.attributes
        updated = await update_participant(
            said, had, url=a.url, key=a.api_key, secret=a.api_secret, room=a.room, identity=a.identity
        )
        if updated:
            self._log.info("participant updated")
        elif said == self._address.participant:
            here.end("participant_changed")

    def _permissions_changed(self, participant: rtc.Participant, permission: Any) -> None:
        if participant.identity != self._address.identity:
            return
        if not permission.can_publish:
            self._forbidden()
        elif self.state is RoomState.FORBIDDEN:
            self._here.end("publish_allowed")  # the server has taken our tracks out

    def _forbidden(self) -> None:
        """An administrator has taken our right to publish away: what is submitted is lost."""
        self._move(RoomEvent.FORBIDDEN)
        a = self._address
        self.connections["publish_forbidden"] += 1
        self.problem = f"{a.identity!r} in room {a.room!r}: {explain_room('publish_forbidden')}"
        self._log.error("publishing forbidden by the server; waiting until it is allowed again")
        for track in self._tracks:
            track.room_interrupted()

    def _muted(self, participant: rtc.Participant, publication: rtc.TrackPublication) -> None:
        if participant.identity == self._address.identity:
            for track in self._tracks:
                track.mute(publication.sid, publication.muted)

    def _track_withdrawn(self, _publication: rtc.LocalTrackPublication) -> None:
        here, policy = self._here, self._policy
        here.withdrawn_tracks += 1
        most = (
            policy.max_withdrawn_tracks_beside_others
            if self._others_get_through
            else policy.max_withdrawn_tracks
        )
        if here.withdrawn_tracks >= most:
            here.end("renewed")

    @property
    def _here(self) -> Membership:
        assert self._membership is not None, "what the SDK tells is listened to in the room only"
        return self._membership


async def _leave(room: rtc.Room, connecting: asyncio.Task[None]) -> None:
    await asyncio.wait({connecting})
    await leave(room)
