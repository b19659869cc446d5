"""Streams of pictures that carry their number in squares along their top edge."""

from collections.abc import Iterator, Mapping
from fractions import Fraction

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

WIDTH, HEIGHT, FPS = 640, 360, 30
BITS, SQUARE_PIXELS = 16, 40  # as in page.html
_NOISE_ROWS = 160


def encode(pictures: int, gop_pictures: int, bitrate_bps: int) -> Iterator[bytes]:
    """Yield ``pictures`` access units of H.264 for low delay in Annex B, each a whole picture."""
    kbit = bitrate_bps // 1000
    options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "profile": "baseline",
        "x264-params": f"scenecut=0:slices=1:vbv-maxrate={kbit}:vbv-bufsize={kbit // 2}:nal-hrd=none",
    }
    return encode_with("libx264", options, pictures, gop_pictures, bitrate_bps)


def encode_with(
    encoder_name: str,
    options: Mapping[str, str],
    pictures: int,
    gop_pictures: int,
    bitrate_bps: int,
    *,
    pixels_per_picture: int | None = None,
) -> Iterator[bytes]:
    """Yield ``pictures`` access units in Annex B, in the order of decoding; ``options`` are those of ffmpeg.

    What is below the number moves by ``pixels_per_picture``; None: by chance.
    """
    encoder = av.CodecContext.create(encoder_name, "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    encoder.framerate, encoder.time_base = Fraction(FPS), Fraction(1, FPS)
    encoder.gop_size, encoder.thread_count = gop_pictures, 1
    encoder.bit_rate = bitrate_bps
    encoder.options = dict(options)
    rng = np.random.default_rng(1)
    noise = rng.integers(64, 192, (_NOISE_ROWS, WIDTH * 2), dtype=np.uint8)
    for number in range(pictures):
        picture = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
        for bit in range(BITS):
            white = number >> (BITS - 1 - bit) & 1
            picture[:SQUARE_PIXELS, bit * SQUARE_PIXELS : (bit + 1) * SQUARE_PIXELS] = 235 if white else 16
        left = (
            int(rng.integers(0, WIDTH)) if pixels_per_picture is None else number * pixels_per_picture % WIDTH
        )
        picture[120 : 120 + _NOISE_ROWS] = noise[:, left : left + WIDTH]
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts, frame.time_base = number, Fraction(1, FPS)
        for packet in encoder.encode(frame):
            yield bytes(packet)
    for packet in encoder.encode(None):
        yield bytes(packet)
