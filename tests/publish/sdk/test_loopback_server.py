"""The real SDK joins the loopback server and sends a track to itself."""

import asyncio
import time

from livekit import rtc

from ingestd.media.access_unit import Codec, Format, StreamInfo
from ingestd.publish.sdk.loopback_server import LoopbackServer
from ingestd.publish.send_stats import Statistics
from ingestd.publish.track import TrackOptions, publish, withdraw
from tests.support.encoded import encode
from tests.support.wait import PATIENCE_S, eventually

OPTIONS = TrackOptions("cam", "cam", max_bitrate_bps=1_000_000, max_framerate_fps=30.0, frame_metadata=False)


async def test_what_is_published_leaves_by_a_connection_that_hears_each_offer() -> None:
    video = encode("vp8", frames=1, size=(160, 120))
    info = StreamInfo(Codec.VP8, Format.IVF, 160, 120, "", "", "4:2:0", 8, None)
    offers: list[str] = []
    async with asyncio.timeout(PATIENCE_S), LoopbackServer(offers.append) as server:
        room = rtc.Room()
        without_ice_servers = rtc.RtcConfiguration(ice_servers=[])
        await room.connect(
            server.url, "any", rtc.RoomOptions(auto_subscribe=False, rtc_config=without_ice_servers)
        )
        published = await publish(room, OPTIONS, info)
        statistics = Statistics(published.track)

        async def sent() -> bool:
            published.source.capture_frame(
                rtc.EncodedVideoFrame(
                    data=video.access_units[0],
                    width=160,
                    height=120,
                    codec=rtc.VideoCodec.VP8,
                    frame_type=rtc.EncodedFrameType.ENCODED_FRAME_KEY,
                    timestamp_us=time.monotonic_ns() // 1000,
                )
            )
            return (await statistics.next(0.02)).frames_sent > 0

        await eventually(sent, "send a picture")
        await withdraw(room, published)
        await room.disconnect()
    assert " VP8/90000" in offers[0], "the first one is of all that the SDK can send and receive"
    assert any("m=video" in offer and "a=sendonly" in offer for offer in offers[1:]), "the track's"
