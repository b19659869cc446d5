"""VP8 frame headers (RFC 6386)."""

from fractions import Fraction
from typing import NamedTuple

from ingestd.errors import BitstreamError
from ingestd.media.access_unit import AccessUnit, Codec, Format, StreamInfo

KEY_FRAME_START_CODE = b"\x9d\x01\x2a"  # "start_code" (9.1)
FRAME_TAG_BYTES = 3
KEY_FRAME_HEADER_BYTES = 10
MAX_VERSION = 3  # 9.1: "other values are reserved for future use"
_UPSCALING = (Fraction(1), Fraction(5, 4), Fraction(5, 3), Fraction(2))  # 9.1


class FrameHeader(NamedTuple):
    """The uncompressed data chunk at the start of a frame (9.1)."""

    key_frame: bool
    version: int
    show_frame: bool
    first_part_size: int
    width: int  # 0 in an interframe, which does not carry its size
    height: int
    sample_aspect_ratio: Fraction = Fraction(1)


def parse_frame_header(frame: bytes) -> FrameHeader:
    """Read the frame tag and, in a key frame, the start code and the dimensions (9.1)."""
    if len(frame) < FRAME_TAG_BYTES:
        raise _malformed(f"a frame of {len(frame)} bytes, expected a frame tag of {FRAME_TAG_BYTES}")
    tag = int.from_bytes(frame[:FRAME_TAG_BYTES], "little")
    key_frame = not tag & 1
    version = tag >> 1 & 7
    first_part_size = tag >> 5
    if version > MAX_VERSION:
        raise _malformed(f"version {version} in a frame tag, expected 0 to {MAX_VERSION}")
    width = height = 0
    sample_aspect_ratio = Fraction(1)
    if key_frame:
        if not starts_key_frame(frame):
            seen = frame[FRAME_TAG_BYTES:KEY_FRAME_HEADER_BYTES].hex(" ")
            raise _malformed(f"after the tag of a key frame comes {seen}, expected 9d 01 2a and a size")
        # The upper two bits of each are the upscaling a player should do, not part of the size.
        sample_aspect_ratio = _UPSCALING[frame[7] >> 6] / _UPSCALING[frame[9] >> 6]
        width = int.from_bytes(frame[6:8], "little") & 0x3FFF
        height = int.from_bytes(frame[8:10], "little") & 0x3FFF
    header_bytes = KEY_FRAME_HEADER_BYTES if key_frame else FRAME_TAG_BYTES
    if first_part_size > len(frame) - header_bytes:
        raise _malformed(f"a first partition of {first_part_size} bytes in a frame of {len(frame)}")
    show_frame = bool(tag & 0x10)
    return FrameHeader(key_frame, version, show_frame, first_part_size, width, height, sample_aspect_ratio)


def starts_key_frame(data: bytes) -> bool:
    """Whether `data`, a frame or the beginning of one, has the header of a key frame with a size (9.1)."""
    return (
        len(data) >= KEY_FRAME_HEADER_BYTES
        and not data[0] & 1
        and data[3:6] == KEY_FRAME_START_CODE
        and int.from_bytes(data[6:8], "little") & 0x3FFF > 0
        and int.from_bytes(data[8:10], "little") & 0x3FFF > 0
    )


class Vp8Frames:
    """Turns frames into access units; remembers what the last key frame said."""

    def __init__(self, container: Format) -> None:
        self.info: StreamInfo | None = None
        self.frame_rate_fps: float | None = None
        self._format = container

    def join(self, chunk: bytes) -> bytes:
        """Return `chunk`: VP8 has nothing to put a hidden frame into but a frame of its own."""
        return chunk

    def access_unit(self, frame: bytes, timestamp_us: int | None) -> AccessUnit:
        """Return `frame`, untouched, with what its header says of it."""
        header = parse_frame_header(frame)
        if header.key_frame:
            self.info = StreamInfo(
                codec=Codec.VP8,
                format=self._format,
                width=header.width,
                height=header.height,
                profile=f"Profile {header.version}",
                level="",
                chroma_format="4:2:0",
                bit_depth=8,
                frame_rate_fps=self.frame_rate_fps,
                sample_aspect_ratio=header.sample_aspect_ratio,
            )
        return AccessUnit(frame, header.key_frame, self.info, timestamp_us)


def _malformed(what: str) -> BitstreamError:
    return BitstreamError("malformed_vp8", f"VP8: {what}")
