"""Keeps one track published in a room: publishes it, watches it, and publishes it again after a failure.

A state of `states.TRACK` says how far the track has come. What happens outside (the room, the stream, an
administrator) starts the work over in the state that follows; what the work itself finds out only moves on.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import structlog
from livekit import rtc

from ingestd.backoff import Backoff
from ingestd.diagnose.explain import explain_room
from ingestd.errors import RoomError
from ingestd.media.access_unit import FrameMetadata, StreamInfo
from ingestd.publish.frame_metadata import sends_metadata
from ingestd.publish.link_health import LinkReading
from ingestd.publish.open_track import OpenTrack
from ingestd.publish.pass_through import start_pass_through
from ingestd.publish.send_stats import SendStats, Statistics, read
from ingestd.publish.server_queries import answers
from ingestd.publish.states import TRACK, TrackEvent, TrackState
from ingestd.publish.track import (
    NO_MAX_BITRATE_BPS,
    PublishedTrack,
    TrackOptions,
    publish,
    withdraw,
)
from ingestd.publish.track_listener import Feedback, TrackListener
from ingestd.state_table import after
from ingestd.tasks import Tasks, outcome

logger = structlog.get_logger("ingestd.publish")

# Until WebRTC encodes, its statistics are read often: every wait here delays the first picture.
STARTING_POLL_S = 0.05
# WebRTC renews its statistics at most every 50 ms. This is enough for a dashboard and, with ENCODER_STALL_S,
# to notice a stalled encoder within 3 s.
RUNNING_POLL_S = 0.5
# While packets wait longer than SHORT_DELAY_S in WebRTC, what waits may have to be cut, or may have left.
CONGESTED_POLL_S = 0.1
SHORT_DELAY_S = 0.1
# After a viewer has come it asks for a keyframe within this time. Where the encoder is silent only the
# statistics tell.
ARRIVAL_S = 3.0
ARRIVAL_POLL_S = 0.1
# The server misses packets, if it has within this time.
LOSSY_S = 2.0
# Nothing has come from the server for so long, though packets are sent, of which it reports many times a
# second: a short interruption of the link is over by then.
UNHEARD_S = 1.25
# Between two tries to publish.
FIRST_RETRY_DELAY_S = 0.3
MAX_RETRY_DELAY_S = 10.0
# Stalled again within this time after it was published again: then the connection carries nothing.
RELAPSE_S = 10.0
# Why a track may have failed where the server does not answer any more.
UNANSWERED = ("not_negotiated", "not_published")
NOT_PUBLISHED = "the track is not published"
MUTED = explain_room("muted", "the track was muted in the room; nothing is published")
# Taking the track out of the room is polite; a server that does not answer must not hold up our exit.
CLOSE_TIMEOUT_S = 1.0

ReadLink = Callable[[LinkReading], bool]
Flush = Callable[[], Coroutine[Any, Any, None] | None]
Publish = Callable[[rtc.Room, TrackOptions, StreamInfo], Coroutine[Any, Any, PublishedTrack]]


def _ignore_rejoin(_reason: str) -> None:
    """Where the room cannot be joined again."""


def _cannot_flush() -> None:
    """Where WebRTC cannot be made to throw away what waits in it."""


def _ignore_link(_reading: LinkReading) -> bool:
    """Where WebRTC's estimate grows by itself only."""
    return False


class TrackKeeper:
    """A track that outlives rooms: the stream describes it once, the room connection comes and goes."""

    def __init__(
        self,
        options: TrackOptions,
        listener: TrackListener,
        tasks: Tasks,
        *,
        publish: Publish = publish,
        first_retry_delay_s: float = FIRST_RETRY_DELAY_S,
    ) -> None:
        self._options = options
        self._listener = listener
        self._tasks = tasks
        self._publish = publish
        self._first_retry_delay_s = first_retry_delay_s
        self._log = logger.bind(stream=options.stream, track=options.name)
        self._room: rtc.Room | None = None
        self._rejoin: Callable[[str], None] = _ignore_rejoin
        self._on_link: ReadLink = _ignore_link
        self._flush: Flush = _cannot_flush
        self._server_protocol: int | None = None
        self._said_no_metadata = False
        self._info: StreamInfo | None = None
        # The last one begun in this room. It is not cancelled while the room lasts, even if those who wait
        # for it are: the next to come waits for it again, and keeps or withdraws the track.
        self._publishing: asyncio.Task[PublishedTrack] | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._open_track: OpenTrack | None = None
        self._counted_sent = 0  # of the pictures that WebRTC says it has sent on this track's transport
        self._link_slow = False  # WebRTC believes that it carries less than the stream sends
        self._viewer_came_at = 0.0
        self._missed_packets_at = 0.0
        self.state = TrackState.NO_ROOM
        self.frames_sent = 0  # by WebRTC's count, over all the times the track was published
        self.problem: str | None = NOT_PUBLISHED

    @property
    def open(self) -> bool:
        """Whether pictures submitted now can reach the room."""
        return self.state in (TrackState.OPEN, TrackState.RUNNING)

    @property
    def running(self) -> bool:
        """Whether WebRTC has encoded since the track was opened, and has not stalled."""
        return self.state is TrackState.RUNNING

    @property
    def target_bitrate_bps(self) -> float | None:
        """What WebRTC believes the link carries of this track, in bit/s; None while nothing is known."""
        return self._open_track.target_bitrate_bps if self._open_track is not None else None

    @property
    def send_delay_s(self) -> float | None:
        """How long packets wait in WebRTC before they leave; None while nothing is known."""
        return self._open_track.send_delay_s if self._open_track is not None else None

    @property
    def misses_packets(self) -> bool:
        """Whether the server has missed some of late."""
        return time.monotonic() - self._missed_packets_at < LOSSY_S

    @property
    def unheard(self) -> bool:
        """Whether nothing has come from the server for longer than `UNHEARD_S` of sending."""
        track = self._open_track
        return self.running and track is not None and track.unheard_s > UNHEARD_S

    @property
    def bitrates_bps(self) -> tuple[float, float | None]:
        """What the stream sends now, and at most by the configuration (None: auto)."""
        return self._listener.needed_bitrate_bps(), self._options.max_bitrate_bps

    def describe(self, info: StreamInfo) -> None:
        """Say what will be submitted; publishes, or publishes again when the codec has changed."""
        changed = self._info is None or self._info.codec != info.codec
        self._info = info
        if changed:
            self._start_over(TrackEvent.DESCRIBED)

    def room_joined(
        self,
        room: rtc.Room,
        rejoin: Callable[[str], None] = _ignore_rejoin,
        server_protocol: int | None = None,
        on_link: ReadLink = _ignore_link,
        flush: Flush = _cannot_flush,
    ) -> None:
        """There is a room to publish in, on a server of this protocol version, None if it is not known.

        ``rejoin`` is told why to join it again (`RoomConnection`), ``on_link`` what the statistics
        say of the link; it returns whether they are to be read again soon. ``flush`` returns what has
        WebRTC throw away what waits in it, None where it cannot.
        """
        self._move_on(TrackEvent.ROOM_JOINED)
        self._room, self._rejoin, self._server_protocol = room, rejoin, server_protocol
        self._on_link, self._flush = on_link, flush
        if self._info is not None:
            self._start_over(TrackEvent.DESCRIBED)

    def room_lost(self) -> None:
        """The room, and the track in it, are gone."""
        self._room = None
        self._start_over(TrackEvent.ROOM_GONE)
        if self._publishing is not None:
            self._publishing.cancel()
            self._publishing = None

    def room_interrupted(self) -> None:
        """The SDK is reconnecting: the track will be back; what is submitted until then is lost."""
        self._start_over(TrackEvent.INTERRUPTED)

    def room_resumed(self) -> None:
        """The SDK has reconnected, and published the track again if it had to."""
        self._start_over(TrackEvent.RESUMED)

    def viewer_came(self) -> None:
        """A participant has come, who may soon ask for a keyframe."""
        self._viewer_came_at = time.monotonic()
        if self._open_track is not None and self._open_track.silent:
            self._open_track.look_now.set()

    def mute(self, sid: str, muted: bool) -> None:
        """The server has muted the track ``sid``, or unmuted it; does nothing if it is not this one."""
        begun = self._publishing
        if begun is None or not begun.done() or begun.cancelled() or begun.exception() is not None:
            return
        if begun.result().publication.sid != sid or muted == self._muted:
            return
        if muted:
            # Published again it would be seen again, which the administrator who has muted it does not want.
            self._log.warning(MUTED)
            self._listener.track_failed("muted")
            self._start_over(TrackEvent.MUTED)
        else:
            self._log.info("track unmuted in the room")
            self._start_over(TrackEvent.UNMUTED)

    async def close(self) -> None:
        """Take the track out of the room."""
        room, self._room = self._room, None
        self._start_over(TrackEvent.ROOM_GONE)
        if room is not None:
            withdrawing = self._tasks.start(f"withdraw {self._options.stream}", self._withdraw(room))
            await asyncio.wait({withdrawing}, timeout=CLOSE_TIMEOUT_S)

    def submit(
        self,
        data: bytes,
        info: StreamInfo,
        *,
        keyframe: bool,
        timestamp_us: int,
        metadata: FrameMetadata,
    ) -> bool:
        """Give one access unit to WebRTC; False if rejected. True proves nothing: see `frames_sent`."""
        if self._open_track is None:
            return False
        return self._open_track.submit(
            data, info, keyframe=keyframe, timestamp_us=timestamp_us, metadata=metadata
        )

    def take_feedback(self) -> Feedback:
        """Return, and forget, what WebRTC has asked for."""
        return self._open_track.take_feedback() if self._open_track is not None else Feedback(False, None)

    def flush(self) -> bool:
        """Have WebRTC throw away what waits in it, and tell the listener; False where it cannot."""
        if not self.running or (flushing := self._flush()) is None:
            return False
        self._tasks.start(f"flush {self._options.stream}", self._flushed(flushing))
        return True

    async def _flushed(self, flushing: Coroutine[Any, Any, None]) -> None:
        track = self._open_track
        await flushing
        if track is not None and track is self._open_track:
            track.take_feedback()  # of before
            self._log.info("what waits in WebRTC is thrown away: the link has dipped")
            self._listener.track_flushed()

    @property
    def _muted(self) -> bool:
        return self.state in (TrackState.MUTED, TrackState.MUTED_INTERRUPTED)

    def _start_over(self, event: TrackEvent) -> None:
        """Go on in the state that follows from what happened outside."""
        self.state = after(TRACK, self.state, event)
        if self._keeping is not None:
            self._keeping.cancel()
            self._keeping = None
        self._close()
        if self.state is TrackState.IN_ROOM and self._info is not None:
            self._start_over(TrackEvent.DESCRIBED)
        elif self.state is TrackState.PUBLISHING:
            assert self._room is not None
            name = f"keep {self._options.stream} published"
            self._keeping = self._tasks.start(name, self._keep_published(self._room))

    def _move_on(self, event: TrackEvent) -> None:
        """Note what the work has found out."""
        self.state = after(TRACK, self.state, event)

    def _close(self) -> None:
        self.problem = MUTED if self._muted else NOT_PUBLISHED
        if self._open_track is not None:
            self._open_track = None
            self._listener.track_closed()

    async def _keep_published(self, room: rtc.Room) -> None:
        """Have the track in the room and follow it; publish it again when it has failed."""
        backoff = Backoff(self._first_retry_delay_s, MAX_RETRY_DELAY_S)
        stalled_before = False
        while True:
            begun_at = time.monotonic()
            try:
                await self._follow(await self._published(room))
            except RoomError as error:
                self._log.error("track failed; republishing", error=str(error))
                reason, problem = error.reason, str(error)
            except Exception as error:
                # A defect of ours must cost one track some time, not the daemon its life.
                self._log.exception("internal error in the track; republishing")
                reason, problem = "internal", f"{type(error).__name__}: {error}"
            self._move_on(TrackEvent.FAILED)
            self._close()
            self.problem = problem
            self._listener.track_failed(reason)
            if time.monotonic() - begun_at > RELAPSE_S:
                backoff.reset()
                stalled_before = False
            if reason == "silent" and stalled_before:
                self._rejoin("silent")
            elif reason in UNANSWERED and not await answers(room):
                self._rejoin("unanswered")
            stalled_before = reason == "silent"
            await self._withdraw(room)
            await asyncio.sleep(backoff.next_s())

    async def _published(self, room: rtc.Room) -> PublishedTrack:
        """The track that is in the room, if its codec is the stream's; else a new one."""
        info = self._info
        assert info is not None
        published = await self._begun()
        if published is not None and published.codec == info.codec:
            return published
        await self._withdraw(room)
        self._counted_sent = 0
        publishing = self._publish(room, self._options_for(info), info)
        self._publishing = self._tasks.begin(f"publish {self._options.stream}", publishing)
        published = await outcome(self._publishing)
        size, sid = f"{info.width}x{info.height}", published.publication.sid
        self._log.info("published", codec=info.codec, size=size, sid=sid)
        return published

    def _options_for(self, info: StreamInfo) -> TrackOptions:
        """The options, with what those that are left open come to for this codec and server at present."""
        sends = sends_metadata(self._options.frame_metadata, info.codec, self._server_protocol)
        if not sends and self._options.frame_metadata is None and not self._said_no_metadata:
            self._said_no_metadata = True
            self._log.info(
                "frame metadata left out: with it some viewers could not play this codec (frame_metadata)",
                codec=info.codec,
                needed="livekit-server 1.10.1 or newer, joined through the signalling relay",
                server_protocol=self._server_protocol,
            )
        max_bitrate_bps = self._options.max_bitrate_bps
        if max_bitrate_bps is None:
            max_bitrate_bps = NO_MAX_BITRATE_BPS
        return replace(self._options, frame_metadata=sends, max_bitrate_bps=max_bitrate_bps)

    async def _begun(self) -> PublishedTrack | None:
        """The track whose publishing was begun, once that has ended; None where it left none."""
        if self._publishing is None:
            return None
        try:
            return await outcome(self._publishing)
        except Exception:
            return None  # raised where it was begun, unless that was cancelled

    async def _withdraw(self, room: rtc.Room) -> None:
        published = await self._begun()
        if published is not None:
            with contextlib.suppress(RoomError):
                self._count_sent(await read(published.track))
        self._publishing = None
        if published is not None:
            await withdraw(room, published)

    async def _follow(self, published: PublishedTrack) -> None:
        """Open the track and tell the listener what becomes of it. Raises RoomError when WebRTC stalls."""
        statistics = Statistics(published.track, self._room)
        stats = await statistics.next(STARTING_POLL_S)
        if not stats.frames_encoded:
            await start_pass_through(published.source, published.codec)
        track = OpenTrack(published.source, stats)
        self._open_track = track
        self.problem = None
        self._move_on(TrackEvent.OPENED)
        self._listener.track_opened()
        while True:
            track.look_now.clear()
            stats = await statistics.next(self._poll_interval_s(track), track.look_now)
            self._count_sent(stats)
            news = track.read(stats)
            if news.packets_missed:
                self._missed_packets_at = time.monotonic()
            if news.packets_lost and self.running:
                self._listener.track_packets_lost()
            if news.keyframe_asked_for:
                self._listener.track_asked_for_keyframe()
            if track.encoding:
                if not self.running:
                    self._move_on(TrackEvent.ENCODING)
                    self._listener.track_running()
                self._tell_of_link(track, stats, news.packets_missed)
                if self.unheard:
                    self._rejoin("unheard")
                if news.encoder.held_back:
                    self._listener.track_held_back(news.encoder.keyframe_left_out)
            if news.encoder.lost:
                self._listener.track_lost(news.encoder.lost)
            if news.encoder.stalled:
                raise RoomError("silent", f"WebRTC encodes none of {track.unencoded} pictures")

    def _tell_of_link(self, track: OpenTrack, stats: SendStats, packets_missed: bool) -> None:
        available_bps = stats.available_bps
        if track.send_delay_s is not None:
            self._listener.track_send_delay(
                track.send_delay_s, available_bps, track.link_good, track.link_idle
            )
        if available_bps is None:
            return
        wait_s = (track.send_delay_s or 0.0) + self._listener.held_back_s()
        reading = LinkReading(
            available_bps,
            wait_s,
            track.link_full,
            stats.packets_sent,
            packets_missed,
            may_risk=self._listener.may_risk(),
        )
        self._link_slow = self._on_link(reading) or available_bps < self._listener.needed_bitrate_bps()

    def _poll_interval_s(self, track: OpenTrack) -> float:
        if not track.encoding:
            return STARTING_POLL_S
        if track.silent and time.monotonic() - self._viewer_came_at < ARRIVAL_S:
            return ARRIVAL_POLL_S
        late = (track.send_delay_s or 0.0) > SHORT_DELAY_S
        return CONGESTED_POLL_S if late or self._link_slow else RUNNING_POLL_S

    def _count_sent(self, stats: SendStats) -> None:
        sent = stats.frames_sent
        self.frames_sent += sent - self._counted_sent if sent >= self._counted_sent else sent
        self._counted_sent = sent
