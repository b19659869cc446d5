"""What all contestants carry: one slice per picture, no two alike, as the viewer names them."""

import zlib
from fractions import Fraction
from typing import NamedTuple

import av
import numpy as np

from ingestd.media.access_unit import Codec, Format, StreamInfo

SIZE, RATE = (640, 360), 30
TILE, AREA = 64, 160  # luma samples: of one change, of all that ever changes
FAST_SIZE, FAST_TILE, FAST_AREA = (1280, 720), 512, 700
VBV_S = 0.6  # as GStreamer's x264enc has it
INFO = StreamInfo(Codec.H264, Format.ANNEXB, *SIZE, "Constrained Baseline", "3.0", "4:2:0", 8, RATE)
START_CODE = b"\0\0\1"


class Picture(NamedTuple):
    """One access unit and the name its slice has at the viewer."""

    data: bytes
    keyframe: bool
    crc: int


def encode(count: int, gop_seconds: int) -> list[Picture]:
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = *SIZE, "yuv420p"
    encoder.framerate = Fraction(RATE)
    encoder.gop_size = gop_seconds * RATE
    encoder.thread_count = 1
    encoder.profile = "Constrained Baseline"
    encoder.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "qp": "30",
        "x264-params": "slices=1:aud=1:repeat-headers=1:scenecut=0",
    }
    return _encoded(encoder, SIZE, TILE, AREA, count)


def encode_fast(count: int, codec: str, bitrate_bps: int) -> list[Picture]:
    """Pictures of a live encoder that keeps to ``bitrate_bps``; ``codec`` is "h264" or "h265"."""
    kbps = bitrate_bps // 1000
    vbv = f"bitrate={kbps}:vbv-maxrate={kbps}:vbv-bufsize={int(kbps * VBV_S)}"
    name, header, options = {
        "h264": ("libx264", "x264-params", f"slices=1:aud=1:repeat-headers=1:scenecut=0:{vbv}"),
        "h265": (
            "libx265",
            "x265-params",
            f"slices=1:aud=1:repeat-headers=1:scenecut=0:log-level=none:{vbv}",
        ),
    }[codec]
    encoder = av.CodecContext.create(name, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = *FAST_SIZE, "yuv420p"
    encoder.framerate = Fraction(RATE)
    encoder.gop_size = 2 * RATE
    encoder.thread_count = 1
    encoder.bit_rate = bitrate_bps
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", header: options}
    return _encoded(encoder, FAST_SIZE, FAST_TILE, FAST_AREA, count)


def _encoded(
    encoder: av.VideoCodecContext, size: tuple[int, int], tile: int, area: int, count: int
) -> list[Picture]:
    rng = np.random.default_rng(1)
    width, height = size
    pictures = []
    image = np.full((height * 3 // 2, width), 128, dtype=np.uint8)
    for n in range(count):
        # One more tile of noise in each picture, so that no two slices are alike.
        y, x = rng.integers(0, area - tile, 2)
        image[y : y + tile, x : x + tile] = rng.integers(64, 192, (tile, tile), dtype=np.uint8)
        frame = av.VideoFrame.from_ndarray(image, "yuv420p")
        frame.pts = n
        pictures += [_picture(bytes(p), p.is_keyframe) for p in encoder.encode(frame)]
    pictures += [_picture(bytes(p), p.is_keyframe) for p in encoder.encode(None)]
    assert len({picture.crc for picture in pictures}) == count
    return pictures


def _picture(data: bytes, keyframe: bool) -> Picture:
    # The slice is the last NAL unit; emulation prevention keeps start codes out of it.
    return Picture(data, keyframe, zlib.crc32(data[data.rindex(START_CODE) + len(START_CODE) :]))
