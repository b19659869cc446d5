"""VP9 frame headers and superframes (VP9 bitstream specification 6.1, 6.2, 7.2, Annex B)."""

from fractions import Fraction
from itertools import accumulate
from typing import NamedTuple

from ingestd.errors import BitstreamError, ExcessError
from ingestd.media.access_unit import MAX_ACCESS_UNIT_BYTES, AccessUnit, Codec, Format, StreamInfo
from ingestd.media.bits.bit_reader import BitReader

FRAME_MARKER = 2
SYNC_CODE = 0x498342
CS_RGB = 7

_CHROMA_FORMATS = {(1, 1): "4:2:0", (1, 0): "4:2:2", (0, 1): "4:4:0", (0, 0): "4:4:4"}

MAX_FRAMES_IN_SUPERFRAME = 8  # B.2: frames_in_superframe_minus_1 has 3 bits
_HEAD_BYTES = 14  # uncompressed_header() up to render_size() has at most 106 bits


class UncompressedHeader(NamedTuple):
    """uncompressed_header() as far as it says whether and at what size a decoder can start (6.2)."""

    profile: int
    show_existing_frame: bool
    key_frame: bool
    show_frame: bool
    width: int = 0  # this and the rest in a key frame only
    height: int = 0
    bit_depth: int = 0
    chroma_format: str = ""
    full_range: bool = False
    sample_aspect_ratio: Fraction = Fraction(1)


def parse_uncompressed_header(frame: bytes) -> UncompressedHeader:
    """Read the beginning of uncompressed_header() (6.2, 7.2)."""
    bits = BitReader(frame[:_HEAD_BYTES], "vp9")
    if bits.u(2) != FRAME_MARKER:
        raise bits.malformed(f"a frame begins with the byte {frame[0]:02x}, not with frame_marker 2")
    profile_low_bit, profile_high_bit = bits.u(1), bits.u(1)
    profile = (profile_high_bit << 1) + profile_low_bit
    if profile == 3 and bits.flag():
        raise bits.malformed("reserved_zero is 1 in profile 3")
    if bits.flag():  # show_existing_frame: a picture decoded before is shown, nothing starts here
        return UncompressedHeader(profile, True, key_frame=False, show_frame=True)
    key_frame = not bits.flag()  # frame_type: KEY_FRAME is 0
    show_frame = bits.flag()
    bits.skip(1)  # error_resilient_mode
    if not key_frame:
        return UncompressedHeader(profile, False, key_frame, show_frame)
    if (sync_code := bits.u(24)) != SYNC_CODE:
        raise bits.malformed(f"a key frame has the sync code {sync_code:06x}, not {SYNC_CODE:06x}")
    bit_depth, chroma_format, full_range = _color_config(bits, profile)
    width, height = bits.u(16) + 1, bits.u(16) + 1  # frame_size(), 6.2.3
    return UncompressedHeader(
        profile,
        False,
        key_frame,
        show_frame,
        width,
        height,
        bit_depth,
        chroma_format,
        full_range,
        _sample_aspect_ratio(bits, width, height),
    )


def _sample_aspect_ratio(bits: BitReader, width: int, height: int) -> Fraction:
    """Return the shape that render_size() (6.2.4) gives the samples; 1 where it is cut off."""
    if bits.left < 33 or not bits.flag():  # render_and_frame_size_different
        return Fraction(1)
    render_width, render_height = bits.u(16) + 1, bits.u(16) + 1
    return Fraction(render_width * height, render_height * width)


def _color_config(bits: BitReader, profile: int) -> tuple[int, str, bool]:
    """Return BitDepth, the chroma format and color_range (color_config(), 6.2.2)."""
    bit_depth = 8
    if profile >= 2:
        bit_depth = 12 if bits.flag() else 10
    odd_profile = profile & 1
    if bits.u(3) == CS_RGB:
        if not odd_profile:
            raise bits.malformed(f"RGB in profile {profile}, which has 4:2:0 only")
        bits.skip(1)  # reserved_zero
        return bit_depth, "4:4:4", False  # RGB: there is no other range
    full_range = bits.flag()  # color_range
    if not odd_profile:
        return bit_depth, "4:2:0", full_range
    subsampling = (bits.u(1), bits.u(1))
    bits.skip(1)  # reserved_zero
    return bit_depth, _CHROMA_FORMATS[subsampling], full_range


def starts_key_frame(data: bytes) -> bool:
    """Whether `data`, a frame or the first bytes of one, has the header of a key frame."""
    try:
        return parse_uncompressed_header(data).key_frame
    except BitstreamError:
        return False


def superframe_sizes_bytes(chunk: bytes) -> list[int]:
    """Return the frame sizes by the superframe index at the end of `chunk`; [] without one (Annex B.2)."""
    if not chunk or chunk[-1] & 0b1110_0000 != 0b1100_0000:
        return []
    marker = chunk[-1]
    frames_in_superframe = (marker & 7) + 1
    size_bytes = (marker >> 3 & 3) + 1
    index_bytes = 2 + size_bytes * frames_in_superframe
    if len(chunk) < index_bytes or chunk[-index_bytes] != marker:
        return []  # B.3: without the marker at both ends it is one frame whose last byte looks like one
    starts = range(len(chunk) - index_bytes + 1, len(chunk) - 1, size_bytes)
    sizes = [int.from_bytes(chunk[start : start + size_bytes], "little") for start in starts]
    if sum(sizes) > len(chunk) - index_bytes:
        raise BitstreamError(
            "malformed_vp9",
            f"VP9: a superframe of {len(chunk)} bytes whose index promises frames of {sum(sizes)}",
        )
    return sizes


def _frames(chunk: bytes) -> list[bytes]:
    """Return the frames of a superframe, or the one that `chunk` is."""
    sizes = superframe_sizes_bytes(chunk)
    ends = list(accumulate(sizes))
    return [chunk[end - size : end] for size, end in zip(sizes, ends, strict=True) if size] or [chunk]


def _superframe(frames: list[bytes]) -> bytes:
    """Return `frames` with their superframe index (Annex B.2)."""
    size_bytes = (max(map(len, frames)).bit_length() + 7) // 8
    marker = bytes([0b1100_0000 | size_bytes - 1 << 3 | len(frames) - 1])
    sizes = (len(frame).to_bytes(size_bytes, "little") for frame in frames)
    return b"".join((*frames, marker, *sizes, marker))


def _shown_frames(superframe: bytes, sizes: list[int]) -> int:
    """Count the frames that are shown at one time: each spatial layer has one, hidden references none."""
    starts = [0, *accumulate(sizes[:-1])]
    return max(1, sum(parse_uncompressed_header(superframe[start:]).show_frame for start in starts))


class Vp9Frames:
    """Turns frames and superframes into access units; remembers what the last key frame said."""

    def __init__(self, container: Format) -> None:
        self.info: StreamInfo | None = None
        self.frame_rate_fps: float | None = None
        self._format = container
        self._hidden: list[bytes] = []  # frames that wait for one to be shown

    def join(self, chunk: bytes) -> bytes | None:
        """Return the superframe that ends with `chunk`; None: it shows nothing, and goes with the next.

        A hidden frame belongs into a superframe with the next shown one (Annex B), and some muxers give it a
        chunk of its own. It is no picture. Raises ExcessError for more than a superframe holds.
        """
        try:
            frames = _frames(chunk)
            shows = any(parse_uncompressed_header(frame).show_frame for frame in frames)
        except BitstreamError:
            return chunk  # said when it comes out
        if shows and not self._hidden:
            return chunk
        self._hidden += frames
        size_bytes = sum(map(len, self._hidden))
        if size_bytes > MAX_ACCESS_UNIT_BYTES or len(self._hidden) > MAX_FRAMES_IN_SUPERFRAME:
            raise ExcessError(
                "too_large",
                f"VP9: hidden frames and the one that shows them have {size_bytes} bytes in "
                f"{len(self._hidden)} frames, more than the {MAX_ACCESS_UNIT_BYTES} bytes or "
                f"{MAX_FRAMES_IN_SUPERFRAME} frames allowed",
                case="ivf",
            )
        if not shows and len(self._hidden) < MAX_FRAMES_IN_SUPERFRAME:
            return None
        joined = _superframe(self._hidden)
        self._hidden.clear()
        return joined

    def access_unit(self, chunk: bytes, timestamp_us: int | None) -> AccessUnit:
        """Return `chunk`, untouched, with what the header of its first frame says of it."""
        sizes = superframe_sizes_bytes(chunk)  # a broken index makes the whole unreadable
        # The first frame begins where the chunk does: what follows it refers to it, so it alone decides.
        header = parse_uncompressed_header(chunk)
        if header.key_frame:
            self.info = StreamInfo(
                codec=Codec.VP9,
                format=self._format,
                width=header.width,
                height=header.height,
                profile=f"Profile {header.profile}",
                level="",
                chroma_format=header.chroma_format,
                bit_depth=header.bit_depth,
                frame_rate_fps=self.frame_rate_fps,
                layers=_shown_frames(chunk, sizes),
                sample_aspect_ratio=header.sample_aspect_ratio,
                full_range=header.full_range,
            )
        return AccessUnit(chunk, header.key_frame, self.info, timestamp_us)
