"""A live encoder: draws, encodes and pushes 30 pictures per second over TCP.

A separate process, as real encoders are: `python -m ingestd.demo.encoder CODEC PORT`. It prints when it wrote
which picture:

    connected 51234.100301
    0 51234.112345 20411        the picture's number, the time before its first byte was written, its bytes
"""

import signal
import socket
import struct
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
from av.video.codeccontext import VideoCodecContext

from ingestd.demo.numbered_picture import FPS, HEIGHT, WIDTH, TestPicture

GOP_PICTURES = 2 * FPS
BITRATE_BPS = 1_500_000
_CONNECT_TIMEOUT_S = 10.0
_MAX_LATE_S = 0.5  # an encoder that is later than this skips pictures instead of catching up

_REALTIME = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "auto-alt-ref": "0"}


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """PyAV's encoder of a codec, and the container of what it makes."""

    title: str
    encoder: str
    options: dict[str, str]
    fourcc: bytes | None  # in IVF; None: an Annex B byte stream


ENCODERS = {
    "h264": EncoderSettings(
        "H.264",
        "libx264",
        {"preset": "veryfast", "tune": "zerolatency", "profile": "baseline", "x264-params": "scenecut=0"},
        None,
    ),
    "h265": EncoderSettings(
        "H.265",
        "libx265",
        {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "x265-params": "scenecut=0:repeat-headers=1:pools=1:log-level=none",
        },
        None,
    ),
    "vp8": EncoderSettings("VP8", "libvpx", _REALTIME, b"VP80"),
    "vp9": EncoderSettings("VP9", "libvpx-vp9", _REALTIME | {"row-mt": "1"}, b"VP90"),
    "av1": EncoderSettings(
        "AV1",
        "libaom-av1",
        {"usage": "realtime", "cpu-used": "8", "lag-in-frames": "0"},
        b"AV01",
    ),
}


def ivf_file_header(fourcc: bytes) -> bytes:
    """Return the IVF file header of a stream of the test picture; its number of frames is 0, unknown."""
    return struct.pack("<4sHH4sHHIIII", b"DKIF", 0, 32, fourcc, WIDTH, HEIGHT, FPS, 1, 0, 0)


def ivf_frame_header(size_bytes: int, pts: int) -> bytes:
    """Return the IVF frame header of a picture of ``size_bytes`` bytes; ``pts`` counts pictures."""
    return struct.pack("<Iq", size_bytes, pts)


class Encoder:
    """Encodes the test picture into bytes that can be written to a socket as they are."""

    def __init__(self, settings: EncoderSettings) -> None:
        self._picture = TestPicture()
        self._fourcc = settings.fourcc
        encoder = av.CodecContext.create(settings.encoder, "w")
        assert isinstance(encoder, VideoCodecContext)
        encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        encoder.framerate, encoder.time_base = Fraction(FPS), Fraction(1, FPS)
        encoder.gop_size, encoder.max_b_frames = GOP_PICTURES, 0
        encoder.bit_rate = encoder.bit_rate_tolerance = BITRATE_BPS
        encoder.thread_count = 1
        encoder.options = settings.options
        self._encoder = encoder

    @property
    def header(self) -> bytes:
        """The bytes before the first picture."""
        return ivf_file_header(self._fourcc) if self._fourcc else b""

    def encode(self, number: int, now: float) -> Iterator[bytes]:
        """Encode picture ``number`` of ``now`` (seconds since 1970); yield each coded picture."""
        frame = av.VideoFrame.from_ndarray(self._picture.draw(number, now), format="yuv420p")
        frame.pts, frame.time_base = number, Fraction(1, FPS)
        for packet in self._encoder.encode(frame):
            data = bytes(packet)
            yield ivf_frame_header(len(data), packet.pts or 0) + data if self._fourcc else data


def _stop(_number: int, _frame: object) -> None:
    sys.exit(0)


def push(settings: EncoderSettings, port: int) -> None:
    """Push pictures in real time until the connection breaks."""
    encoder = Encoder(settings)
    with socket.create_connection(("127.0.0.1", port), _CONNECT_TIMEOUT_S) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(None)
        due_at = time.monotonic()
        print("connected", due_at, flush=True)
        connection.sendall(encoder.header)
        written = drawn = 0
        while True:
            time.sleep(max(0.0, due_at - time.monotonic()))
            for data in encoder.encode(drawn, time.time()):
                print(written, time.monotonic(), len(data), flush=True)
                connection.sendall(data)
                written += 1
            drawn += 1
            due_at = max(due_at + 1 / FPS, time.monotonic() - _MAX_LATE_S)


def main() -> int:
    """Push until SIGTERM; return 1, with the reason on standard error, if that fails."""
    signal.signal(signal.SIGTERM, _stop)
    try:
        push(ENCODERS[sys.argv[1]], int(sys.argv[2]))
    except (OSError, av.FFmpegError, ValueError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
