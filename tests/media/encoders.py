"""Streams by the encoders in PyAV, and what PyAV says of them: the truth from outside."""

from fractions import Fraction
from typing import NamedTuple

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

from tests.media.vectors_h26x import SHORT_START, START

SIZE = (96, 64)
DECODERS = {"libx264": "h264", "libx265": "hevc", "libsvtav1": "libdav1d"}


class Coded(NamedTuple):
    """One packet of an encoder."""

    data: bytes
    pts: int  # its place in the order of output
    is_keyframe: bool


def encode(encoder: str, options: dict[str, str], count: int = 12, gop: int = 5) -> list[Coded]:
    """Return one packet per picture, in coding order."""
    context = av.CodecContext.create(encoder, "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height = SIZE
    context.pix_fmt = "yuv420p"
    context.time_base, context.framerate = Fraction(1, 25), Fraction(25)
    context.gop_size = gop
    context.options = options
    x, y = np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1]))
    packets = []
    for n in range(count):
        grey = ((x * 3 + y * (n + 2) + n * 20) % 256).astype(np.uint8)
        frame = av.VideoFrame.from_ndarray(np.dstack([grey, grey.T.reshape(grey.shape), 255 - grey]), "rgb24")
        frame = frame.reformat(format="yuv420p")
        frame.pts = n
        packets += context.encode(frame)
    packets += context.encode(None)
    return [Coded(bytes(packet), packet.pts or 0, packet.is_keyframe) for packet in packets]


def decode(encoder: str, packets: list[bytes]) -> list[bytes]:
    """Return every picture that the decoder for what `encoder` writes makes of `packets`."""
    context = av.CodecContext.create(DECODERS[encoder], "r")
    assert isinstance(context, VideoCodecContext)
    context.thread_count = 1
    coded = [*(av.Packet(data) for data in packets), None]
    return [frame.to_ndarray().tobytes() for packet in coded for frame in context.decode(packet)]


def long_start_codes(packet: bytes) -> bytes:
    """The packet, all its start codes with four bytes."""
    return START.join(part.rstrip(b"\0") for part in packet.split(SHORT_START))
