"""One track in a room: published when the stream is known, published again whenever it was lost."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog
from livekit import rtc

from ingestd.backoff import Backoff
from ingestd.errors import RoomError
from ingestd.media.access_unit import FrameMetadata, StreamInfo
from ingestd.publish.encoder_losses import EncoderLosses
from ingestd.publish.encoder_stall import EncoderStall
from ingestd.publish.send_stats import SendStats, Statistics, read
from ingestd.publish.server_queries import answers
from ingestd.publish.track import CODECS, PublishedTrack, TrackOptions, publish, withdraw
from ingestd.tasks import Tasks, outcome

logger = structlog.get_logger("ingestd.publish")

# Until WebRTC encodes, its statistics are asked often: every wait here delays the first picture.
STARTING_POLL_S = 0.05
# WebRTC renews its statistics at most every 50 ms; this is enough for a dashboard, and, with the time after
# which it counts as silence, to notice within 3 s that WebRTC encodes no more.
RUNNING_POLL_S = 0.5
# Between two tries to publish.
FIRST_RETRY_DELAY_S = 0.3
MAX_RETRY_DELAY_S = 10.0
# Silent again so soon after it was published anew: then it is the connection that carries nothing.
RELAPSE_S = 10.0
# What a track may have failed of where the server does not listen to us any more.
UNANSWERED = ("not_negotiated", "not_published")
MUTED = (
    "the track was muted in the room; nothing is published until it is unmuted there (the server lets "
    "administrators do so by room.enable_remote_unmute) or ingestd restarted"
)
# Taking the track out of the room is polite; a server that does not answer must not hold up our exit.
CLOSE_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class Feedback:
    """What WebRTC has asked of the encoder since the last time."""

    keyframe: bool
    bitrate_bps: int | None
    framerate_fps: float | None

    def __bool__(self) -> bool:
        return self.keyframe or self.bitrate_bps is not None


class TrackListener(Protocol):
    """Who wants to know what becomes of a track."""

    def track_opened(self) -> None:
        """The track is negotiated; WebRTC will encode soon."""
        ...

    def track_running(self) -> None:
        """WebRTC has encoded the first picture since `track_opened`."""
        ...

    def track_closed(self) -> None:
        """Whatever is handed over from now on is lost."""
        ...

    def track_lost(self, count: int) -> None:
        """WebRTC took ``count`` pictures and has not encoded them."""
        ...

    def track_failed(self, reason: str) -> None:
        """The track is of no use: it will be published anew or, if ``reason`` is "muted", when it may."""
        ...


def _stay(_reason: str) -> None:
    """Where nobody can join anew."""


class TrackKeeper:
    """A track that outlives rooms: the stream describes it once, the room connection comes and goes."""

    def __init__(self, options: TrackOptions, listener: TrackListener, tasks: Tasks) -> None:
        self._options = options
        self._listener = listener
        self._tasks = tasks
        self._log = logger.bind(stream=options.stream, track=options.name)
        self._room: rtc.Room | None = None
        self._join_anew: Callable[[str], None] = _stay
        self._interrupted = False
        self._muted = False
        self._info: StreamInfo | None = None
        # The last one begun in this room. Whoever waits for it may be cancelled, it never is while the room
        # lasts: the next to come waits for it again, and keeps or withdraws the track.
        self._publishing: asyncio.Task[PublishedTrack] | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._source: rtc.EncodedVideoSource | None = None  # while open
        self._booked = 0  # of the pictures that WebRTC says it has sent on this track's transport
        self._losses = EncoderLosses()
        self._silence = EncoderStall(0)
        self.frames_sent = 0  # by WebRTC's count, over all the times the track was published
        self.target_bitrate: float | None = None
        self.running = False  # WebRTC has encoded since the track was opened, and has not fallen silent
        self.problem: str | None = "the track is not published"

    @property
    def open(self) -> bool:
        """Whether pictures handed over now can reach the room."""
        return self._source is not None

    def describe(self, info: StreamInfo) -> None:
        """Say what will be handed over; publishes, or publishes anew when the codec changed."""
        changed = self._info is None or self._info.codec != info.codec
        self._info = info
        if changed:
            self._keep()

    def room_joined(self, room: rtc.Room, join_anew: Callable[[str], None] = _stay) -> None:
        """There is a room to publish into; ``join_anew`` is told why it is of no use (`RoomConnection`)."""
        self._room, self._interrupted, self._muted = room, False, False
        self._join_anew = join_anew
        self._keep()

    def room_lost(self) -> None:
        """The room, and the track in it, are gone."""
        self._room = None
        self._let_go()
        if self._publishing is not None:
            self._publishing.cancel()
            self._publishing = None

    def room_interrupted(self) -> None:
        """The SDK is reconnecting: the track will be back, what is handed over meanwhile is lost."""
        self._interrupted = True
        self._let_go()

    def room_resumed(self) -> None:
        """The SDK has reconnected, and published the track again if it had to."""
        self._interrupted = False
        self._keep()

    def mute(self, sid: str, muted: bool) -> None:
        """The server has muted the track ``sid``, or unmuted it; nothing is done if it is not this one."""
        begun = self._publishing
        if begun is None or not begun.done() or begun.cancelled() or begun.exception() is not None:
            return
        if begun.result().publication.sid != sid or muted == self._muted:
            return
        self._muted = muted
        if muted:
            # Published anew it would be seen again, and whoever has muted it does not want that.
            self._log.warning(MUTED)
            self._listener.track_failed("muted")
            self._let_go()
        else:
            self._log.info("the track was unmuted in the room")
            self._keep()

    async def close(self) -> None:
        """Take the track out of the room."""
        self._let_go()
        room, self._room = self._room, None
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
        """Give one access unit to WebRTC; False if it said no. True proves nothing: see `frames_sent`."""
        if self._source is None:
            return False
        frame = rtc.EncodedVideoFrame(
            data=data,
            width=info.width,
            height=info.height,
            codec=CODECS[info.codec],
            frame_type=rtc.EncodedFrameType.ENCODED_FRAME_KEY
            if keyframe
            else rtc.EncodedFrameType.ENCODED_FRAME_DELTA,
            timestamp_us=timestamp_us,
            metadata=rtc.FrameMetadata(
                user_timestamp=metadata.user_timestamp,
                frame_id=metadata.frame_id,
                user_data=metadata.user_data,
            ),
        )
        now = time.monotonic()
        self._losses.submitted(now)
        self._silence.submitted(len(data), keyframe, now)
        return self._source.capture_frame(frame)

    def take_feedback(self) -> Feedback:
        """Return, and forget, what WebRTC has asked for."""
        if self._source is None:
            return Feedback(False, None, None)
        feedback = self._source.take_feedback()
        rate = feedback.rate_control
        return Feedback(
            feedback.keyframe_requested,
            rate.target_bitrate_bps if rate else None,
            rate.framerate_fps if rate else None,
        )

    def _keep(self) -> None:
        if self._muted:
            return
        self._let_go()
        if self._room is not None and not self._interrupted and self._info is not None:
            name = f"keep {self._options.stream} published"
            self._keeping = self._tasks.start(name, self._keep_published(self._room))

    def _let_go(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            self._keeping = None
        self._close()

    def _close(self) -> None:
        self.problem = MUTED if self._muted else "the track is not published"
        self.target_bitrate = None
        self.running = False
        if self._source is not None:
            self._source = None
            self._listener.track_closed()

    async def _keep_published(self, room: rtc.Room) -> None:
        """Have the track in the room and watch it; publish it anew when it is of no use."""
        backoff = Backoff(FIRST_RETRY_DELAY_S, MAX_RETRY_DELAY_S)
        silent_before = False
        while True:
            begin = time.monotonic()
            try:
                await self._watch(await self._published(room))
            except RoomError as error:
                self._log.error("the track is of no use; publishing it anew", error=str(error))
                reason, problem = error.reason, str(error)
            except Exception as error:
                # A defect of ours must cost one track some time, not the daemon its life.
                self._log.exception("the track failed; publishing it anew")
                reason, problem = "internal", f"{type(error).__name__}: {error}"
            self._close()
            self.problem = problem
            self._listener.track_failed(reason)
            if time.monotonic() - begin > RELAPSE_S:
                backoff.reset()
                silent_before = False
            if reason == "silent" and silent_before:
                self._join_anew("silent")
            elif reason in UNANSWERED and not await answers(room):
                self._join_anew("unanswered")
            silent_before = reason == "silent"
            await self._withdraw(room)
            await asyncio.sleep(backoff.next())

    async def _published(self, room: rtc.Room) -> PublishedTrack:
        """The track that is in the room, if its codec is the stream's; else a new one."""
        info = self._info
        assert info is not None
        published = await self._begun()
        if published is not None and published.codec == info.codec:
            return published
        await self._withdraw(room)
        self._booked = 0
        publishing = publish(room, self._options, info)
        self._publishing = self._tasks.begin(f"publish {self._options.stream}", publishing)
        published = await outcome(self._publishing)
        size, sid = f"{info.width}x{info.height}", published.publication.sid
        self._log.info("published", codec=info.codec, size=size, sid=sid)
        return published

    async def _begun(self) -> PublishedTrack | None:
        """The track whose publishing was begun, once that has ended; None where it left none."""
        if self._publishing is None:
            return None
        try:
            return await outcome(self._publishing)
        except Exception:
            return None  # raised where it was begun, if anybody still waits there

    async def _withdraw(self, room: rtc.Room) -> None:
        published = await self._begun()
        if published is not None:
            with contextlib.suppress(RoomError):
                self._book(await read(published.track))
        self._publishing = None
        if published is not None:
            await withdraw(room, published)

    async def _watch(self, published: PublishedTrack) -> None:
        statistics = Statistics(published.track)
        before = (await statistics.next(STARTING_POLL_S)).frames_encoded
        self._losses, self._silence = EncoderLosses(), EncoderStall(before)
        # What was asked for in an earlier life of the track is no sign that WebRTC encodes in this one.
        published.source.take_feedback()
        self._source = published.source
        self.problem = None
        self._listener.track_opened()
        while True:
            stats = await statistics.next(RUNNING_POLL_S if self.running else STARTING_POLL_S)
            self._book(stats)
            self.target_bitrate = stats.target_bitrate_bps
            # A new transport counts from 0 again.
            if not self.running and stats.frames_encoded and stats.frames_encoded != before:
                self.running = True
                self._listener.track_running()
            if self.running and (lost := self._losses.encoded(stats.frames_encoded, stats.at)):
                self._listener.track_lost(lost)
            if self._silence.lasts(stats.frames_encoded, stats.target_bitrate_bps, time.monotonic()):
                raise RoomError("silent", f"WebRTC encodes none of {self._silence.unanswered} pictures")

    def _book(self, stats: SendStats) -> None:
        sent = stats.frames_sent
        self.frames_sent += sent - self._booked if sent >= self._booked else sent
        self._booked = sent
