"""Encodes a moving picture and pushes its access units into a LiveKit room; the encoder obeys feedback.

    LIVEKIT_API_KEY=… LIVEKIT_API_SECRET=… \\
        python examples/push_access_units.py --url wss://livekit.example.com lobby

Needs PyAV and NumPy, as `pip install ingestd[demo]` brings them.
"""

import argparse
import asyncio
import os
import sys
from fractions import Fraction

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame

from ingestd import AccessUnit, Codec, ConfigError, Publication, offer_h265
from ingestd.publish.sdk import native_log

WIDTH, HEIGHT, FPS = 640, 360, 30
BITRATE_BPS = 1_500_000
REALTIME = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
ENCODERS = {
    Codec.H264: (
        "libx264",
        {
            "preset": "veryfast",
            "tune": "zerolatency",
            "profile": "baseline",
            "forced-idr": "1",
            # Without these two, in bits, x264 would not take another bit rate while it runs.
            "maxrate": str(BITRATE_BPS),
            "bufsize": str(BITRATE_BPS // 2),
        },
    ),
    Codec.H265: (
        "libx265",
        {"preset": "ultrafast", "tune": "zerolatency", "forced-idr": "1", "x265-params": "log-level=none"},
    ),
    Codec.VP8: ("libvpx", REALTIME),
    Codec.VP9: ("libvpx-vp9", REALTIME),
}


class Encoder:
    """Stands in for the application's own encoder."""

    def __init__(self, codec: Codec) -> None:
        name, options = ENCODERS[codec]
        context = av.CodecContext.create(name, "w")
        assert isinstance(context, VideoCodecContext)
        context.width, context.height, context.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        context.framerate, context.time_base = Fraction(FPS), Fraction(1, FPS)
        context.gop_size, context.max_b_frames, context.bit_rate = 10 * FPS, 0, BITRATE_BPS
        context.options = options
        self._codec = codec
        self._context = context
        self._keyframe_wanted = False

    def force_keyframe(self) -> None:
        """Make the next picture a keyframe."""
        self._keyframe_wanted = True

    def set_bitrate(self, bitrate_bps: int) -> None:
        """Spend ``bitrate_bps`` from the next picture on, or BITRATE_BPS if that is less."""
        # Of these encoders FFmpeg lets only libx264 change it; the others would have to be opened again.
        if self._codec is Codec.H264:
            self._context.bit_rate = min(bitrate_bps, BITRATE_BPS)

    def encode(self, number: int) -> list[AccessUnit]:
        """Draw and encode picture ``number``; return its access unit, as these options add no delay."""
        frame = draw(number)
        if self._keyframe_wanted:
            self._keyframe_wanted = False
            frame.pict_type = PictureType.I
        return [AccessUnit(bytes(packet), self._codec) for packet in self._context.encode(frame)]


def draw(number: int) -> VideoFrame:
    """Return a diagonal grey ramp that moves by two pixels per picture."""
    luma = np.add.outer(np.arange(HEIGHT), np.arange(WIDTH) + 2 * number) // 2 % 128 + 64
    grey = np.full((HEIGHT // 2, WIDTH), 128)
    frame = VideoFrame.from_ndarray(np.vstack([luma, grey]).astype(np.uint8), format="yuv420p")
    frame.pts, frame.time_base = number, Fraction(1, FPS)
    return frame


async def push(options: argparse.Namespace) -> None:
    """Push pictures in real time for as long as the command line says."""
    native_log.forward(False)  # the SDK logs two lines per picture, which would cost as much CPU as the rest
    if options.codec is Codec.H265 and (refusal := await offer_h265()) is not None:
        print(f"H.265 cannot be published: {refusal}")
    encoder = Encoder(options.codec)
    publication = Publication(
        url=options.url,
        api_key=os.environ.get("LIVEKIT_API_KEY", ""),
        api_secret=os.environ.get("LIVEKIT_API_SECRET", ""),
        room=options.room,
        identity="push-access-units",
        track="moving-picture",
        on_keyframe_wanted=encoder.force_keyframe,
        on_rate_wanted=lambda bitrate_bps, _: encoder.set_bitrate(bitrate_bps),
    )
    try:
        await publication.publish()
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for number in range(round(options.seconds * FPS)):
            # Encoding takes milliseconds, and the loop has other work: only `submit` belongs on it.
            for access_unit in await asyncio.to_thread(encoder.encode, number):
                dropped = publication.submit(access_unit)
                if dropped is not None:
                    print(f"picture {number} was dropped: {dropped}")
            await asyncio.sleep(begun + (number + 1) / FPS - loop.time())
        figures = publication.figures()
        print(f"{figures.frames_submitted} pictures submitted, {figures.frames_sent} sent by WebRTC")
    finally:
        await publication.close()


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(description="Push a moving picture into a LiveKit room.")
    parser.add_argument("room", help="the room to publish into")
    parser.add_argument("--url", default="ws://127.0.0.1:7880", help="of the LiveKit server")
    parser.add_argument("--codec", type=Codec, default=Codec.H264, choices=list(ENCODERS))
    parser.add_argument("--seconds", type=float, default=30.0, help="how long")
    options = parser.parse_args()
    try:
        asyncio.run(push(options))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    code = main()
    # The SDK's threads outlive `close` and call into Python. A call while the interpreter shuts down is
    # unwound through Rust, which aborts the process.
    sys.stdout.flush()
    os._exit(code)
