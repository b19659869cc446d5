"""What all contestants carry: H.264 of one slice per picture, no two alike, as the viewer names them."""

import zlib
from typing import NamedTuple

import av
import numpy as np

SIZE, RATE = (640, 360), 30
BIT_RATE = 1_000_000
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
    encoder.framerate, encoder.bit_rate = RATE, BIT_RATE
    encoder.gop_size = gop_seconds * RATE
    encoder.thread_count = 1
    encoder.profile = "Constrained Baseline"
    encoder.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "x264-params": f"slices=1:aud=1:repeat-headers=1:scenecut=0:vbv-maxrate={BIT_RATE // 1000}:vbv-bufsize=500",
    }
    pictures = []
    still = rng.integers(64, 192, (height * 3 // 2, width), dtype=np.uint8)
    for n in range(count):
        moving = still.copy()
        moving[n % 200 : n % 200 + 40] = rng.integers(64, 192, (40, width), dtype=np.uint8)
        frame = av.VideoFrame.from_ndarray(moving, "yuv420p")
        frame.pts = n
        pictures += [_picture(bytes(p), p.is_keyframe) for p in encoder.encode(frame)]
    pictures += [_picture(bytes(p), p.is_keyframe) for p in encoder.encode(None)]
    assert len({picture.crc for picture in pictures}) == count
    return pictures


def _picture(data: bytes, keyframe: bool) -> Picture:
    # The slice is the last NAL unit; emulation prevention keeps start codes out of it.
    return Picture(data, keyframe, zlib.crc32(data[data.rindex(START_CODE) + len(START_CODE) :]))
