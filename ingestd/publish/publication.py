"""One track in a room: published when the stream is known, published again whenever it was lost."""

import asyncio
import contextlib
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from livekit import rtc
from livekit.rtc.participant import PublishTrackError, UnpublishTrackError

from ingestd.backoff import Backoff
from ingestd.errors import RoomError
from ingestd.media.access_unit import Codec, StreamInfo
from ingestd.publish.stats import SendStats, read
from ingestd.tasks import Tasks

logger = structlog.get_logger("ingestd.publish")

# Until WebRTC encodes, its statistics are asked often: every wait here delays the first picture.
IMPATIENT = 0.05
# WebRTC renews its statistics at most every 50 ms; once a second is enough for a dashboard.
PATIENT = 1.0
# Negotiation takes two round trips to the server; longer than this is a server that does not answer.
NEGOTIATION_TIMEOUT = 10.0
# Between two tries to publish.
FIRST_DELAY = 0.3
LONGEST_DELAY = 10.0
# WebRTC may pause its encoder for good, and takes pictures all the same: no sign of them for so long, while
# so many were handed over, and the track is published anew.
SILENCE = 3.0
PICTURES_FOR_SILENCE = 5

# With any other preference one bandwidth dip stops WebRTC's encoder for good. (The SDK's options are typed by
# the protocol's enum, its users are given this one.)
SURVIVES_A_DIP: Any = rtc.DegradationPreference.MAINTAIN_FRAMERATE_AND_RESOLUTION

CODECS = {
    Codec.H264: rtc.VideoCodec.H264,
    Codec.H265: rtc.VideoCodec.H265,
    Codec.VP8: rtc.VideoCodec.VP8,
    Codec.VP9: rtc.VideoCodec.VP9,
    Codec.AV1: rtc.VideoCodec.AV1,
}
MIME_TYPES = {
    Codec.H264: "video/h264",
    Codec.H265: "video/h265",
    Codec.VP8: "video/vp8",
    Codec.VP9: "video/vp9",
    Codec.AV1: "video/av1",
}


@dataclass(frozen=True, slots=True)
class TrackOptions:
    """What the configuration says of a track."""

    stream: str
    name: str
    max_bitrate: int  # bit/s
    max_framerate: float


@dataclass(frozen=True, slots=True)
class Feedback:
    """What WebRTC has asked of the encoder since the last time."""

    keyframe: bool
    bitrate_bps: int | None
    framerate_fps: float | None

    def __bool__(self) -> bool:
        return self.keyframe or self.bitrate_bps is not None


class Listener(Protocol):
    """Who wants to know what becomes of a publication."""

    def publication_opened(self) -> None:
        """The track is negotiated; WebRTC will encode soon."""
        ...

    def publication_running(self) -> None:
        """WebRTC has encoded the first picture since `publication_opened`."""
        ...

    def publication_closed(self) -> None:
        """Whatever is handed over from now on is lost."""
        ...


class Publication:
    """A track that outlives rooms: the stream describes it once, the room connection comes and goes."""

    def __init__(self, options: TrackOptions, listener: Listener, tasks: Tasks) -> None:
        self._options = options
        self._listener = listener
        self._tasks = tasks
        self._log = logger.bind(stream=options.stream, track=options.name)
        self._room: rtc.Room | None = None
        self._info: StreamInfo | None = None
        self._source: rtc.EncodedVideoSource | None = None
        self._sid = ""
        self._task: asyncio.Task[None] | None = None
        self._open = False
        self._track: rtc.LocalVideoTrack | None = None
        self._booked = 0  # of the pictures that WebRTC says it has sent on this track's transport
        self._handed_over = 0
        self.frames_sent = 0  # by WebRTC's count, over all the times the track was published
        self.target_bitrate: float | None = None
        self.problem: str | None = "the track is not published"

    @property
    def open(self) -> bool:
        """Whether pictures handed over now can reach the room."""
        return self._open

    def describe(self, info: StreamInfo) -> None:
        """Say what will be handed over; publishes, or publishes anew when the codec changed."""
        changed = self._info is None or self._info.codec != info.codec
        self._info = info
        if changed:
            self._restart()

    def room_joined(self, room: rtc.Room) -> None:
        """There is a room to publish into."""
        self._room = room
        self._restart()

    def room_lost(self) -> None:
        """The room, and the track in it, are gone."""
        self._room = None
        self._source = None
        self._track = None
        self._sid = ""
        self._stop_serving()

    def room_interrupted(self) -> None:
        """The SDK is reconnecting: the track will be back, what is handed over meanwhile is lost."""
        self._stop_serving()

    def room_resumed(self) -> None:
        """The SDK has reconnected, and published the track again if it had to."""
        if self._room is not None and self._source is not None:
            self._serve(self._keep_published(self._room, self._existing(self._room)))
        else:
            self._restart()

    async def close(self) -> None:
        """Take the track out of the room."""
        self._stop_serving()
        room, sid = self._room, self._sid
        self._room = None
        self._source = None
        if room is not None and sid:
            with contextlib.suppress(Exception):
                await room.local_participant.unpublish_track(sid)

    def hand_over(
        self,
        data: bytes,
        info: StreamInfo,
        *,
        keyframe: bool,
        timestamp_us: int,
        frame_id: int,
        user_timestamp_us: int,
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
            metadata=rtc.FrameMetadata(user_timestamp=user_timestamp_us, frame_id=frame_id & 0xFFFFFFFF),
        )
        self._handed_over += 1
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

    def _restart(self) -> None:
        self._stop_serving()
        if self._room is not None and self._info is not None:
            self._serve(self._keep_published(self._room, None))

    def _serve(self, coroutine: Coroutine[Any, Any, None]) -> None:
        if self._task is not None:
            self._task.cancel()
        self._task = self._tasks.start(f"publish {self._options.stream}", coroutine)

    def _stop_serving(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._close()

    def _close(self) -> None:
        self.problem = "the track is not published"
        self.target_bitrate = None
        if self._open:
            self._open = False
            self._listener.publication_closed()

    async def _keep_published(self, room: rtc.Room, track: rtc.LocalVideoTrack | None) -> None:
        """Publish, unless ``track`` is published already; watch it, and publish anew when it is of no use."""
        backoff = Backoff(FIRST_DELAY, LONGEST_DELAY)
        while True:
            try:
                if track is None:
                    await self._withdraw(room)
                    track = await self._publish(room)
                await self._watch(track)
            except (PublishTrackError, RoomError) as error:
                self._log.error("the track is of no use; publishing it anew", error=str(error))
                problem = str(error)
            except Exception as error:
                # Whatever the SDK raises must cost one track some time, not the daemon its life.
                self._log.exception("the track failed; publishing it anew")
                problem = f"{type(error).__name__}: {error}"
            track = None
            self._close()
            self.problem = problem
            await asyncio.sleep(backoff.next())

    async def _withdraw(self, room: rtc.Room) -> None:
        track, self._track = self._track, None
        if track is not None:
            with contextlib.suppress(RoomError):
                self._book(await read(track))
        sid, self._sid = self._sid, ""
        if sid:
            with contextlib.suppress(UnpublishTrackError):
                await room.local_participant.unpublish_track(sid)

    async def _publish(self, room: rtc.Room) -> rtc.LocalVideoTrack:
        info = self._info
        assert info is not None
        self._source = rtc.EncodedVideoSource(info.width, info.height)
        track = rtc.LocalVideoTrack.create_video_track(self._options.name, self._source)
        options = rtc.TrackPublishOptions(
            source=rtc.TrackSource.SOURCE_CAMERA,
            video_codec=CODECS[info.codec],
            video_encoder=rtc.VideoEncoderBackend.ENCODER_BACKEND_PRE_ENCODED,
            simulcast=False,
            video_encoding=rtc.VideoEncoding(
                max_bitrate=self._options.max_bitrate, max_framerate=self._options.max_framerate
            ),
            degradation_preference=SURVIVES_A_DIP,
            frame_metadata_features=[
                rtc.FrameMetadataFeature.FMF_USER_TIMESTAMP,
                rtc.FrameMetadataFeature.FMF_FRAME_ID,
            ],
        )
        try:
            async with asyncio.timeout(NEGOTIATION_TIMEOUT):
                publication = await room.local_participant.publish_track(track, options)
        except TimeoutError:
            raise RoomError("not_negotiated", "the server did not answer the track in time") from None
        self._sid = publication.sid
        self._track, self._booked = track, 0
        await self._check_codec(track, info.codec)
        size = f"{info.width}x{info.height}"
        self._log.info("published", codec=info.codec, size=size, sid=self._sid)
        return track

    async def _check_codec(self, track: rtc.LocalVideoTrack, codec: Codec) -> None:
        # `publish_track` does not fail when the codec is refused: another one is negotiated in its place.
        try:
            async with asyncio.timeout(NEGOTIATION_TIMEOUT):
                mime_type = (await read(track)).mime_type
                while not mime_type:
                    await asyncio.sleep(IMPATIENT / 5)
                    mime_type = (await read(track)).mime_type
        except TimeoutError:
            raise RoomError(
                "not_negotiated", f"no codec was negotiated within {NEGOTIATION_TIMEOUT:g} s"
            ) from None
        if mime_type.lower() != MIME_TYPES[codec]:
            raise RoomError(
                "codec_refused",
                f"the room negotiated {mime_type} for a stream of {codec}: the server or this machine's SDK "
                f"does not offer {codec}; allow it in the server's `room.enabled_codecs`, or send another",
            )

    def _existing(self, room: rtc.Room) -> rtc.LocalVideoTrack | None:
        for publication in room.local_participant.track_publications.values():
            track = publication.track
            if isinstance(track, rtc.LocalVideoTrack) and publication.name == self._options.name:
                self._sid = publication.sid
                return track
        return None

    async def _watch(self, track: rtc.LocalVideoTrack) -> None:
        before = (await read(track)).frames_encoded
        self._open = True
        self.problem = None
        self._listener.publication_opened()
        running = False
        handed_over, encoded, changed_at = self._handed_over, before, time.monotonic()
        while True:
            stats = await read(track)
            self._book(stats)
            # A new transport counts from 0 again.
            if not running and stats.frames_encoded and stats.frames_encoded != before:
                running = True
                self._listener.publication_running()
            now = time.monotonic()
            if stats.frames_encoded != encoded:
                handed_over, encoded, changed_at = self._handed_over, stats.frames_encoded, now
            elif self._handed_over - handed_over > PICTURES_FOR_SILENCE and now - changed_at > SILENCE:
                raise RoomError(
                    "silent",
                    f"WebRTC has encoded none of the last {self._handed_over - handed_over} pictures, "
                    f"for {now - changed_at:.0f} s",
                )
            await asyncio.sleep(PATIENT if running else IMPATIENT)

    def _book(self, stats: SendStats) -> None:
        sent = stats.frames_sent
        self.frames_sent += sent - self._booked if sent >= self._booked else sent
        self._booked = sent
        self.target_bitrate = stats.target_bitrate_bps
