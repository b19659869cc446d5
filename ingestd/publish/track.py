"""Publishes a track in a room, checks the negotiated codec, and withdraws the track again."""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any, Literal

from livekit import rtc

from ingestd.diagnose.explain import explain_room
from ingestd.errors import RoomError
from ingestd.media.access_unit import Codec, StreamInfo
from ingestd.publish.frame_metadata import FEATURES
from ingestd.publish.send_stats import Statistics

# The SDK waits 10 s for the server's answer to a new track, and raises then. Longer, and the SDK is stuck.
PUBLISH_TIMEOUT_S = 15.0
# Negotiation takes two round trips to the server. Longer, and the server does not answer.
NEGOTIATION_TIMEOUT_S = 10.0
# Between two looks at what was negotiated: each delays the first picture.
NEGOTIATION_POLL_S = 0.01
# It takes milliseconds, as the server's answer is not waited for.
WITHDRAW_TIMEOUT_S = 2.0

# With any other preference one bandwidth dip stops WebRTC's encoder for good. (The SDK types its options by
# the protocol's enum and exports this one.)
SURVIVES_A_DIP: Any = rtc.DegradationPreference.MAINTAIN_FRAMERATE_AND_RESOLUTION

# The most that the configuration takes; a source that is faster is no live one.
NO_MAX_FRAMERATE_FPS = 240.0
NO_MAX_BITRATE_BPS = 1_000_000_000  # what WebRTC's estimate never exceeds is told with the SDP

# What viewers are told that a track shows. The SDK does nothing else with it: a shared screen is sent as a
# camera is (docs/webrtc.md).
SOURCES = {
    "camera": rtc.TrackSource.SOURCE_CAMERA,
    "screen_share": rtc.TrackSource.SOURCE_SCREENSHARE,
}

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
    max_bitrate_bps: int | None  # None: what the stream needs, from `TrackKeeper`
    max_framerate_fps: float | None  # None: no limit
    frame_metadata: bool | None  # whether viewers are told what is known of each picture; None: auto
    source: Literal["camera", "screen_share"] = "camera"
    h265_refusal: str | None = None  # why this process does not publish H.265, and the cure; None: it tries


@dataclass(frozen=True, slots=True)
class PublishedTrack:
    """A track that is in a room."""

    codec: Codec
    source: rtc.EncodedVideoSource
    track: rtc.LocalVideoTrack
    # The SDK gives it another SID when it publishes the track again by itself.
    publication: rtc.LocalTrackPublication


async def publish(room: rtc.Room, options: TrackOptions, info: StreamInfo) -> PublishedTrack:
    """Publish a track for what ``info`` describes. Raises RoomError, and leaves nothing in the room then.

    Do not cancel: the SDK goes on, and its track stays behind in the room.
    """
    source = rtc.EncodedVideoSource(info.width, info.height)
    track = rtc.LocalVideoTrack.create_video_track(options.name, source)
    try:
        async with asyncio.timeout(PUBLISH_TIMEOUT_S):
            publication = await room.local_participant.publish_track(track, _sdk_options(options, info.codec))
    except TimeoutError:
        raise RoomError("not_published", "the SDK has not published the track in time") from None
    except Exception as error:  # its own, and what it did not expect
        raise RoomError("not_published", f"the SDK has not published the track: {error!r}") from None
    published = PublishedTrack(info.codec, source, track, publication)
    try:
        await _check_codec(published)
    except RoomError:
        await withdraw(room, published)
        raise
    return published


async def withdraw(room: rtc.Room, published: PublishedTrack) -> None:
    """Take the track out of the room."""
    # What cannot be taken out is not in there any more, or leaves with the room.
    with contextlib.suppress(Exception):
        async with asyncio.timeout(WITHDRAW_TIMEOUT_S):
            await room.local_participant.unpublish_track(published.publication.sid)


def _sdk_options(options: TrackOptions, codec: Codec) -> rtc.TrackPublishOptions:
    return rtc.TrackPublishOptions(
        source=SOURCES[options.source],
        video_codec=CODECS[codec],
        video_encoder=rtc.VideoEncoderBackend.ENCODER_BACKEND_PRE_ENCODED,
        simulcast=False,
        video_encoding=rtc.VideoEncoding(
            max_bitrate=options.max_bitrate_bps,
            max_framerate=options.max_framerate_fps or NO_MAX_FRAMERATE_FPS,
        ),
        degradation_preference=SURVIVES_A_DIP,
        frame_metadata_features=FEATURES if options.frame_metadata else [],
    )


async def _check_codec(published: PublishedTrack) -> None:
    # `publish_track` does not fail when the codec is refused: another one is negotiated in its place.
    codec = published.codec
    try:
        async with asyncio.timeout(NEGOTIATION_TIMEOUT_S):
            statistics = Statistics(published.track)
            while not (mime_type := (await statistics.next(NEGOTIATION_POLL_S)).mime_type):
                pass
    except TimeoutError:
        raise RoomError(
            "not_negotiated", f"no codec was negotiated within {NEGOTIATION_TIMEOUT_S:g} s"
        ) from None
    if mime_type.lower() != MIME_TYPES[codec]:
        raise RoomError(
            "codec_refused",
            f"the room negotiated {mime_type} for a stream of {codec}; "
            f"{explain_room('codec_refused', case=codec)}",
        )
