"""How a track is published, and withdrawn again."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from livekit import rtc

from ingestd.devserver.livekit_server import LiveKitServer
from ingestd.errors import RoomError
from ingestd.media.access_unit import Codec
from ingestd.publish.room_join import connect
from ingestd.publish.track import TrackOptions, publish, withdraw
from tests.publish.support import OPTIONS, address, info, tracks_become


@pytest.mark.parametrize("codec", ["h264", "vp8", "vp9", "av1"])
async def test_a_track_is_in_the_room_until_it_is_withdrawn(
    livekit: LiveKitServer, room: str, codec: str
) -> None:
    joined = rtc.Room()
    await connect(joined, address(livekit, room))
    published = await publish(joined, OPTIONS, info(codec))
    assert published.codec is Codec(codec)
    await tracks_become(livekit, room, {"cam": [f"video/{codec}"]})
    await withdraw(joined, published)
    await tracks_become(livekit, room, {"cam": []})
    await withdraw(joined, published)  # is not in there any more
    await joined.disconnect()


class Refusing:
    """A participant for whom the SDK publishes nothing."""

    def __init__(self) -> None:
        self.asked: list[rtc.TrackPublishOptions] = []

    async def publish_track(self, _track: rtc.LocalTrack, options: rtc.TrackPublishOptions) -> None:
        self.asked.append(options)
        raise RuntimeError("engine is closed")


async def refused(options: TrackOptions) -> rtc.TrackPublishOptions:
    """What the SDK is asked for with ``options``."""
    participant = Refusing()
    with pytest.raises(RoomError, match="engine is closed") as caught:
        await publish(cast(Any, SimpleNamespace(local_participant=participant)), options, info("h264"))
    assert caught.value.reason == "not_published"
    [asked] = participant.asked
    return asked


async def test_the_sdk_is_asked_to_pass_pictures_on_as_they_are_and_to_keep_on_through_a_dip() -> None:
    asked = await refused(TrackOptions("cam", "camera", 2_000_000, 25.0, frame_metadata=False))
    assert asked.video_encoder == rtc.VideoEncoderBackend.ENCODER_BACKEND_PRE_ENCODED
    assert asked.video_codec == rtc.VideoCodec.H264
    assert not asked.simulcast
    assert (asked.video_encoding.max_bitrate, asked.video_encoding.max_framerate) == (2_000_000, 25.0)
    wanted = rtc.DegradationPreference.MAINTAIN_FRAMERATE_AND_RESOLUTION
    assert int(asked.degradation_preference) == int(wanted)
    assert list(asked.frame_metadata_features) == []


async def test_frame_metadata_is_asked_for_where_it_is_wanted() -> None:
    asked = await refused(TrackOptions("cam", "camera", 2_000_000, 25.0, frame_metadata=True))
    assert len(asked.frame_metadata_features) == 3
