"""The SDK's pass-through encoder, put in place before the first picture.

For the first picture of a track WebRTC starts an encoder of its own, which makes room for pictures of that
size (VP9 of 8192x4352: 1.7 GB, in a second), and leaves the picture out. Then the SDK has its pass-through
take that one's place. So the first pictures are tiny, and none that the pass-through would send.
"""

import asyncio
from itertools import count

from livekit import rtc

from ingestd.errors import RoomError
from ingestd.media.access_unit import Codec
from ingestd.publish.track import CODECS

# In samples; no encoder refuses it.
WIDTH = HEIGHT = 64
# A slice of H.264 that is no keyframe: no encoder looks into it, whatever its codec.
DELTA = b"\0\0\0\1\x41\0"
# It takes 40 to 50 ms on loopback, and several round trips where the server is far away.
INTERVAL_S = 0.005
TIMEOUT_S = 5.0


async def start_pass_through(source: rtc.EncodedVideoSource, codec: Codec) -> None:
    """Return when WebRTC has the pass-through, so that the next keyframe is sent.

    Raises RoomError ``silent`` where WebRTC takes no pictures.
    """
    try:
        async with asyncio.timeout(TIMEOUT_S):
            await _start(source, codec)
    except TimeoutError:
        raise RoomError("silent", f"WebRTC takes no pictures within {TIMEOUT_S:g} s") from None


async def _start(source: rtc.EncodedVideoSource, codec: Codec) -> None:
    source.take_feedback()  # what an earlier life of the track was asked for
    for number in count(1):
        source.capture_frame(
            rtc.EncodedVideoFrame(
                data=DELTA,
                width=WIDTH,
                height=HEIGHT,
                codec=CODECS[codec],
                frame_type=rtc.EncodedFrameType.ENCODED_FRAME_DELTA,
                timestamp_us=number * 1000,  # long before that of any picture, which must be later
            )
        )
        await asyncio.sleep(INTERVAL_S)
        feedback = source.take_feedback()
        # The pass-through holds the picture back for want of a keyframe, and asks for one.
        if feedback.keyframe_requested or feedback.rate_control is not None:
            return
