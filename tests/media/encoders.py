"""Streams by the encoders in PyAV, and what PyAV says of them: the truth from outside."""

import io
from fractions import Fraction
from typing import NamedTuple

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

from tests.media.vectors_h26x import SHORT_START, START

SIZE = (90, 68)  # neither fills its blocks: the headers crop
DECODERS = {"libx264": "h264", "libx265": "hevc", "libaom-av1": "libdav1d"}


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


def obu_file(packets: list[bytes]) -> bytes:
    """Return what ffmpeg's obu muxer makes of AV1 packets: temporal units, each behind its delimiter."""
    file = io.BytesIO()
    with av.open(file, "w", format="obu") as container:
        stream = container.add_stream("libaom-av1", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = SIZE
        for n, data in enumerate(packets):
            packet = av.Packet(data)
            packet.stream, packet.pts, packet.dts = stream, n, n
            packet.time_base = Fraction(1, 25)
            container.mux(packet)
    return file.getvalue()


def packets_of_obu_file(data: bytes, format: str = "obu") -> list[Coded]:
    """Return the temporal units that ffmpeg's demuxer finds: obu, or av1 with lengths around them."""
    with av.open(io.BytesIO(data), "r", format=format) as container:
        return [
            Coded(bytes(packet), n, packet.is_keyframe)
            for n, packet in enumerate(container.demux(video=0))
            if packet.size
        ]
