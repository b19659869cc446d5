"""Proves that the SDK publishes H.265 with the stand-ins: joins a loopback server, publishes, sends, leaves.

`python -m ingestd.publish.sdk.h265_proof` is a separate process, as what it tries may abort it. It ends
with status 0 where H.265 was offered, negotiated and sent; else it says why not on standard error.
"""

import asyncio
import os
import signal
import sys
import time
from typing import NoReturn

from livekit import rtc

from ingestd.errors import RoomError
from ingestd.media.access_unit import Codec, Format, StreamInfo
from ingestd.publish.sdk import h265, native_log
from ingestd.publish.sdk.loopback_server import LoopbackServer
from ingestd.publish.send_stats import Statistics
from ingestd.publish.track import TrackOptions, publish, withdraw

# It takes half a second; on a machine that is starting everything at once, more.
PROOF_TIMEOUT_S = 10.0
CAPTURE_INTERVAL_S = 0.02
WIDTH, HEIGHT = 160, 120
# An IDR picture as far as WebRTC looks into it: the header of its NAL unit.
PICTURE = b"\0\0\0\1\x26\x01" + bytes(range(1, 64))


async def prove() -> None:
    """Publish H.265 to ourselves. Raises RoomError, TimeoutError or what the SDK raises where that fails."""
    room = rtc.Room()
    async with asyncio.timeout(PROOF_TIMEOUT_S), LoopbackServer(_look) as server:
        options = rtc.RoomOptions(auto_subscribe=False, rtc_config=rtc.RtcConfiguration(ice_servers=[]))
        await room.connect(server.url, "any.token.does", options)
        track = TrackOptions(
            "proof", "proof", max_bitrate_bps=1_000_000, max_framerate_fps=30.0, frame_metadata=True
        )
        info = StreamInfo(Codec.H265, Format.ANNEXB, WIDTH, HEIGHT, "Main", "3.1", "4:2:0", 8, None)
        published = await publish(room, track, info)
        statistics = Statistics(published.track)
        while not (await statistics.next(CAPTURE_INTERVAL_S)).frames_sent:
            published.source.capture_frame(
                rtc.EncodedVideoFrame(
                    data=PICTURE,
                    width=WIDTH,
                    height=HEIGHT,
                    codec=rtc.VideoCodec.H265,
                    frame_type=rtc.EncodedFrameType.ENCODED_FRAME_KEY,
                    timestamp_us=time.monotonic_ns() // 1000,
                )
            )
        await withdraw(room, published)
        await room.disconnect()


def _look(offer: str) -> None:
    """End this process where ``offer``, an SDP, has video and not H.265: the SDK would wait for long."""
    if "m=video" in offer and " H265/90000" not in offer:
        _leave("the SDK does not offer H.265")


def _leave(error: str | None) -> NoReturn:
    """End this process at once: the SDK's threads abort one that takes its time."""
    if error is not None:
        print(error, file=sys.stderr, flush=True)  # noqa: T201 - read by the process that started it
    os._exit(0 if error is None else 1)


def main() -> NoReturn:
    """Load the stand-ins, prove, and leave."""
    signal.alarm(int(2 * PROOF_TIMEOUT_S))  # whatever the SDK is doing by then
    try:
        h265.load_standins()
        native_log.forward(False)
        asyncio.run(prove())
    except TimeoutError:
        _leave(f"the SDK has not sent H.265 to itself within {PROOF_TIMEOUT_S:g} s")
    except (OSError, RoomError, rtc.ConnectError) as error:
        _leave(str(error))
    _leave(None)


if __name__ == "__main__":
    main()
