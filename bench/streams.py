"""Streams of every codec and format, made by the encoders in PyAV, of noise so that pictures are large."""

import io
import random
from typing import NamedTuple

import av
import numpy as np

from ingestd.media.access_unit import Codec, Format

START_CODE = b"\0\0\0\1"
SIZE, RATE, PICTURES = (640, 360), 30, 30
MEGABYTES = 48  # of each stream: enough for the clock
LARGE_NAL_BYTES = 8_000_000
HEAD_BYTES = 64  # of a NAL unit: its slice header is in here


class Stream(NamedTuple):
    """What is measured: ``head``, and then ``body`` as often as wanted."""

    name: str
    codec: Codec
    format: Format
    head: bytes
    body: bytes

    def data(self, repetitions: int) -> bytes:
        return self.head + self.body * repetitions

    @property
    def repetitions(self) -> int:
        return max(2, MEGABYTES * 1_000_000 // len(self.body))


def streams() -> list[Stream]:
    x264 = {"preset": "ultrafast", "tune": "zerolatency"}
    one_slice = _encode("libx264", "h264", x264 | {"x264-params": "slices=1:cabac=1"})
    slices = _encode("libx264", "h264", x264 | {"x264-params": "slices=4:cabac=1:aud=1"})
    x265 = {"preset": "ultrafast", "x265-params": "log-level=none:pools=1:frame-threads=1:bframes=0"}
    h265 = _encode("libx265", "hevc", x265)
    realtime = {"deadline": "realtime", "cpu-used": "8"}
    vp8 = _encode("libvpx", "ivf", realtime)
    vp9 = _encode("libvpx-vp9", "ivf", realtime)
    aom = {"usage": "realtime", "cpu-used": "8"}
    av1 = _encode("libaom-av1", "ivf", aom)
    obu = _encode("libaom-av1", "obu", aom)
    return [
        Stream("H.264", Codec.H264, Format.ANNEXB, b"", one_slice),
        Stream("H.264, 4 slices, AUD", Codec.H264, Format.ANNEXB, b"", slices),
        Stream("H.264, NAL units of 8 MB", Codec.H264, Format.ANNEXB, *_large(one_slice)),
        Stream("H.264, length-prefixed", Codec.H264, Format.LENGTH_PREFIXED, b"", _with_lengths(one_slice)),
        Stream("H.265", Codec.H265, Format.ANNEXB, b"", h265),
        Stream("VP8, IVF", Codec.VP8, Format.IVF, vp8[:32], vp8[32:]),
        Stream("VP9, IVF", Codec.VP9, Format.IVF, vp9[:32], vp9[32:]),
        Stream("AV1, IVF", Codec.AV1, Format.IVF, av1[:32], av1[32:]),
        Stream("AV1, OBU", Codec.AV1, Format.OBU, b"", obu),
    ]


def _encode(encoder: str, muxer: str, options: dict[str, str]) -> bytes:
    file = io.BytesIO()
    rng = np.random.default_rng(1)
    width, height = SIZE
    with av.open(file, "w", format=muxer) as container:
        stream = container.add_stream(encoder, rate=RATE, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.bit_rate = 40_000 * 8 * RATE * 7 // 10  # pictures of some 40 kB, by x264
        stream.codec_context.gop_size = PICTURES
        stream.codec_context.thread_count = 1
        for n in range(PICTURES):
            noise = rng.integers(0, 256, (height * 3 // 2, width), dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(noise, "yuv420p")
            frame.pts = n
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def _nals(annexb: bytes) -> list[bytes]:
    return [nal.rstrip(b"\0") for nal in annexb.split(b"\0\0\1")[1:]]


def _with_lengths(annexb: bytes) -> bytes:
    return b"".join(len(nal).to_bytes(4, "big") + nal for nal in _nals(annexb))


def _large(annexb: bytes) -> tuple[bytes, bytes]:
    """Return the stream as it is, and one picture of 8 MB in one slice."""
    last = _nals(annexb)[-1]
    noise = random.Random(1).randbytes(LARGE_NAL_BYTES - HEAD_BYTES).replace(b"\0\0", b"\0\1")
    return annexb, START_CODE + last[:HEAD_BYTES] + noise
