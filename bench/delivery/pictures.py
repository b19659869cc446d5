"""What all contestants carry: H.264 of one slice per picture, no two alike, as the viewer names them."""

import zlib
from fractions import Fraction
from typing import NamedTuple

import av
import numpy as np

from ingestd.media.access_unit import Codec, Format, StreamInfo

SIZE, RATE = (640, 360), 30
TILE, AREA = 64, 160  # luma samples: of one change, of all that ever changes
INFO = StreamInfo(Codec.H264, Format.ANNEXB, *SIZE, "Constrained Baseline", "3.0", "4:2:0", 8, RATE)
START_CODE = b"\0\0\1"


class Picture(NamedTuple):
    """One access unit and the name its slice has at the viewer."""

    data: bytes
    keyframe: bool
    crc: int


def encode(count: int, gop_seconds: int) -> list[Picture]:
    rng = np.random.default_rng(1)
    width, height = SIZE
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
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
    pictures = []
    image = np.full((height * 3 // 2, width), 128, dtype=np.uint8)
    for n in range(count):
        # One more tile of noise in each picture, so that no two slices are alike.
        y, x = rng.integers(0, AREA - TILE, 2)
        image[y : y + TILE, x : x + TILE] = rng.integers(64, 192, (TILE, TILE), dtype=np.uint8)
        frame = av.VideoFrame.from_ndarray(image, "yuv420p")
        frame.pts = n
        pictures += [_picture(bytes(p), p.is_keyframe) for p in encoder.encode(frame)]
    pictures += [_picture(bytes(p), p.is_keyframe) for p in encoder.encode(None)]
    assert len({picture.crc for picture in pictures}) == count
    return pictures


def _picture(data: bytes, keyframe: bool) -> Picture:
    # The slice is the last NAL unit; emulation prevention keeps start codes out of it.
    return Picture(data, keyframe, zlib.crc32(data[data.rindex(START_CODE) + len(START_CODE) :]))
