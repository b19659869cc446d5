"""IVF: one header for the file, then a 12-byte header before every frame.

There is no specification; the layout is what libvpx's ``ivfenc`` and ffmpeg's ``ivf`` muxer write, all
little-endian: signature "DKIF", u16 version, u16 header length, FourCC, u16 width, u16 height, u32 rate,
u32 scale, u32 frame count, u32 unused; then for every frame u32 size, i64 pts in units of scale / rate s.
"""

import re
from struct import Struct
from typing import Protocol

from ingestd.errors import BitstreamError, ExcessError
from ingestd.media.access_unit import MAX_ACCESS_UNIT_BYTES, AccessUnit, Codec, Format, StreamInfo
from ingestd.media.codecs.av1 import Av1TemporalUnits, starts_temporal_unit
from ingestd.media.codecs.codec_changes import CodecChanges
from ingestd.media.codecs.vp8 import Vp8Frames
from ingestd.media.codecs.vp8 import starts_key_frame as starts_vp8_key_frame
from ingestd.media.codecs.vp9 import Vp9Frames
from ingestd.media.codecs.vp9 import starts_key_frame as starts_vp9_key_frame
from ingestd.media.formats.step import BYTES_PER_ITEM, NO_LIMIT

SIGNATURE = b"DKIF"
FILE_HEADER_BYTES = 32
FRAME_HEADER_BYTES = 12
# No muxer writes more than 32; a length that is damage must not swallow the first pictures.
MAX_FILE_HEADER_BYTES = 1024
# GStreamer's avmux_ivf on a socket: at the end it "seeks" to byte 24 and appends what belongs there instead.
TRAILER_BYTES = 8

# Without a file header the codec shows at the first keyframe. A client may join anywhere in a GOP, and one of
# 10 s at 8 Mbit/s is 10 MB; a connection that brings more than this without a keyframe is something else.
MAX_UNRECOGNISED_BYTES = 16 * 1024 * 1024
# That many frames that do not tell are noise, and would cost time to look at again and again.
MAX_FRAMES_EXAMINED = 256
# The longest start of a frame that tells its codec: an AV1 sequence header with a dozen operating points.
RECOGNISABLE_BYTES = 64

# A timebase of 1/fps is a frame rate; 1/1000 and 1/90000 are clocks. No camera sends more than 240/s.
MAX_FPS = 240
# Anything coarser or finer than this is no clock for video, but damage.
MAX_TICK_S = 10
MAX_TICKS_PER_SECOND = 1_000_000_000
AV_NOPTS_VALUE = -(1 << 63)  # how ffmpeg says that it does not know
MAX_TIMESTAMP_US = (1 << 63) - 1  # what WebRTC and the SDK keep a time in

_FILE_HEADER = Struct("<4xHH4sHHII8x")
_FRAME_HEADER = Struct("<Iq")
FOURCCS = {b"VP80": Codec.VP8, b"VP90": Codec.VP9, b"AV01": Codec.AV1}
_ANNEXB_FOURCCS = {
    b"H264": Codec.H264,
    b"X264": Codec.H264,
    b"AVC1": Codec.H264,
    b"H265": Codec.H265,
    b"X265": Codec.H265,
    b"HEVC": Codec.H265,
    b"HVC1": Codec.H265,
    b"HEV1": Codec.H265,
}
_ANNEXB = re.compile(rb"\0?\0\0\x01")


class _Frames(Protocol):
    """What vp8, vp9 and av1 offer."""

    info: StreamInfo | None
    frame_rate_fps: float | None

    def join(self, chunk: bytes, /) -> bytes | None: ...

    def access_unit(self, data: bytes, timestamp_us: int | None, /) -> AccessUnit: ...


class IvfReader:
    """Cuts an IVF byte stream into access units, whether or not its file header arrived."""

    def __init__(self, codec: Codec | None = None, changes: CodecChanges | None = None) -> None:
        self.faults: list[BitstreamError] = []
        self.quiet_at: float | None = None  # never: see `flush`
        self.behind = False
        self._unread = b""  # what has arrived while `behind`
        self._now = 0.0
        self._configured = codec
        self._changes = changes if changes is not None else CodecChanges()
        self._named: Codec | None = None  # by the file header
        self._codec: Codec | None = None
        self._confirmed = False  # a keyframe has shown that this is the codec
        self._frames: _Frames | None = None  # None until the codec is known
        self._timebase: tuple[int, int] | None = None  # rate, scale
        self._unrecognised_bytes = 0
        self._header = bytearray()  # as much of the next file or frame header as has arrived
        self._header_bytes = FRAME_HEADER_BYTES  # how long that header is, as far as is known
        self._timestamp_us: int | None = None
        self._frame_bytes = 0  # the size of the frame being received, 0 between frames
        self._frame = bytearray()  # at that size, once the frame is known to span calls
        self._frame_filled = 0
        self._hopeless: BitstreamError | None = None

    def flush(self) -> list[AccessUnit]:
        """Nothing: the format says how long a frame is, so that each comes out with its last byte."""
        return []

    def feed(
        self, data: bytes | bytearray | memoryview, now: float = 0.0, max_items: int = NO_LIMIT
    ) -> list[AccessUnit]:
        """Take in the next bytes and return the access units they complete.

        At most ``max_items`` headers and frames are taken apart, and less of large ones; where there are
        more, `behind` is True, and the next call goes on.
        """
        units: list[AccessUnit] = []
        self._now = now
        if self._unread:
            data, self._unread = b"".join((self._unread, data)), b""
            self.behind = False
        if self._hopeless is None:
            try:
                view = memoryview(data)
                position = self._read(view, units, max_items)
                if position < len(view):
                    self._unread, self.behind = bytes(view[position:]), True
            except BitstreamError as error:
                self._hopeless = error
        # The pictures before the damage are whole and go out first; the error comes with the next call.
        if self._hopeless is not None and not units:
            raise self._hopeless
        return units

    def eof(self) -> list[AccessUnit]:
        """Note what the end of the connection cut short."""
        if self._hopeless is not None:
            raise self._hopeless
        if self._frame_bytes:
            self._note_cut("cut_frame", self._frame_filled, self._frame_bytes, "frame")
        elif self._header and not self._is_trailer():
            self._note_cut("cut_header", len(self._header), self._header_bytes, "header")
        return []

    def _read(self, view: memoryview, units: list[AccessUnit], max_items: int) -> int:
        """Take headers and frames out of ``view``; return where it goes on."""
        position = items = 0
        while position < len(view) and items < max_items:
            if not self._frame_bytes:
                items += 1
                taken = view[position : position + self._header_bytes - len(self._header)]
                self._header += taken
                position += len(taken)
                if len(self._header) == self._header_bytes:
                    self._read_header()
                continue
            taken = view[position : position + self._frame_bytes - self._frame_filled]
            position += len(taken)
            if len(taken) == self._frame_bytes:
                items += 1 + len(taken) // BYTES_PER_ITEM
                self._take_frame(bytes(taken), units)
                continue
            if not self._frame_filled:
                self._frame = bytearray(self._frame_bytes)
            self._frame[self._frame_filled : self._frame_filled + len(taken)] = taken
            self._frame_filled += len(taken)
            if self._frame_filled == self._frame_bytes:
                items += 1 + self._frame_bytes // BYTES_PER_ITEM
                self._take_frame(bytes(self._frame), units)
        return position

    def _read_header(self) -> None:
        """Read what is in `_header`, or find that more of it must come first."""
        header = self._header
        if header.startswith(SIGNATURE):
            # The length in the header counts; what is beyond the fields we know is skipped with it.
            length = max(FILE_HEADER_BYTES, int.from_bytes(header[6:8], "little"))
            if length > MAX_FILE_HEADER_BYTES:
                raise BitstreamError(
                    "malformed_header",
                    f"IVF: the file header says that it has {length} bytes, {FILE_HEADER_BYTES} are expected "
                    f"and {MAX_FILE_HEADER_BYTES} possible",
                )
            if len(header) < length:
                self._header_bytes = length
                return
            self._read_file_header()
        elif header.endswith(SIGNATURE) and self._is_trailer(header[:TRAILER_BYTES]):
            del header[:TRAILER_BYTES]
            return
        else:
            self._read_frame_header()
        header.clear()
        self._header_bytes = FRAME_HEADER_BYTES

    def _is_trailer(self, rest: bytes | bytearray | None = None) -> bool:
        """Whether what lies after the last frame is GStreamer's: u32 duration, u32 zero."""
        rest = self._header if rest is None else rest
        return self._frames is not None and len(rest) == TRAILER_BYTES and not any(rest[4:])

    def _read_file_header(self) -> None:
        _version, _length, fourcc, _width, _height, rate, scale = _FILE_HEADER.unpack_from(self._header)
        self._timebase = (rate, scale) if _is_clock(rate, scale) else None
        self._named, self._confirmed = _codec_of(fourcc), False

    def _use(self, codec: Codec) -> None:
        """Go on with `codec`; a second file header that says the same changes nothing but the frame rate."""
        if self._configured not in (None, codec):
            raise BitstreamError(
                "codec_mismatch",
                f"IVF: the stream is {codec}, the configuration says codec: {self._configured}",
                case=codec,
            )
        if self._frames is None or codec != self._codec:
            self._changes.use(codec, self._now)
            self._codec = codec
            self._frames = _frames_of(codec)
        self._frames.frame_rate_fps = _frame_rate_fps(self._timebase)

    def _read_frame_header(self) -> None:
        size_bytes, pts = _FRAME_HEADER.unpack_from(self._header)
        if size_bytes > MAX_ACCESS_UNIT_BYTES:
            raise self._too_large(size_bytes)
        if self._frames is None:
            self._unrecognised_bytes += FRAME_HEADER_BYTES + size_bytes
            if self._unrecognised_bytes > MAX_UNRECOGNISED_BYTES:
                raise BitstreamError(
                    "not_ivf",
                    f"IVF: neither a file header (DKIF) nor a VP8, VP9 or AV1 keyframe in "
                    f"{MAX_UNRECOGNISED_BYTES} bytes",
                )
        if not size_bytes:
            self.faults.append(
                BitstreamError("empty_frame", f"IVF: a frame of no bytes at pts {pts} is skipped")
            )
        self._timestamp_us = _microseconds(pts, self._timebase)
        self._frame_bytes = size_bytes
        self._frame_filled = 0

    def _too_large(self, size_bytes: int) -> BitstreamError:
        if self._frames is None and self._named is None:
            seen = bytes(self._header).hex(" ")
            return BitstreamError("not_ivf", f"IVF: the stream begins {seen}")
        return ExcessError(
            "too_large",
            f"IVF: a frame of {size_bytes} bytes, more than the {MAX_ACCESS_UNIT_BYTES} allowed",
            case="ivf",
        )

    def _take_frame(self, frame: bytes, units: list[AccessUnit]) -> None:
        self._frame_bytes = 0
        self._frame = bytearray()
        if not self._confirmed:
            self._identify(frame)
        if self._frames is None:  # joined in the middle of a GOP: nothing tells yet whose delta this is
            units.append(AccessUnit(frame, False, None, None))
        elif (picture := self._frames.join(frame)) is not None:
            units.append(self._access_unit(self._frames, picture))

    def _access_unit(self, frames: _Frames, frame: bytes) -> AccessUnit:
        try:
            return frames.access_unit(frame, self._timestamp_us)
        except ExcessError:
            raise
        except BitstreamError as fault:
            self._confirmed = False
            self.faults.append(fault)
            return AccessUnit(frame, False, frames.info, self._timestamp_us)

    def _identify(self, frame: bytes) -> None:
        """Find out what `frame` is: its content counts for more than the file header."""
        content, named = _codec_by_content(frame), self._named
        if content is None:
            if _ANNEXB.match(frame):
                raise _wrong_format(
                    "the frames begin with start codes, as those of H.264 and H.265", Codec.H264
                )
            if named is not None:
                self._use(named)
            return
        self._confirmed = True
        if named not in (None, content):
            self._named = None
            self.faults.append(
                BitstreamError(
                    "wrong_fourcc",
                    f"IVF: the file header says {named}, the frames are {content} and published as such",
                )
            )
        self._use(content)

    def _note_cut(self, reason: str, got: int, expected: int, what: str) -> None:
        self.faults.append(
            BitstreamError(reason, f"IVF: the connection ended after {got} of {expected} bytes of a {what}")
        )


def looks_like_headerless_ivf(data: bytes) -> Codec | None:
    """Return the codec of an IVF stream whose file header never came; None if `data` begins as anything else.

    Walks the frame headers from the first byte on up to the first frame that starts as a keyframe does.
    """
    position = 0
    last_pts, examined = AV_NOPTS_VALUE, 0
    while examined < MAX_FRAMES_EXAMINED and position + FRAME_HEADER_BYTES < len(data):
        size_bytes, pts = _FRAME_HEADER.unpack_from(data, position)
        if not 0 < size_bytes <= MAX_ACCESS_UNIT_BYTES or pts < last_pts:
            return None
        start, end = position + FRAME_HEADER_BYTES, position + FRAME_HEADER_BYTES + size_bytes
        codec = _codec_by_content(data[start : min(end, start + RECOGNISABLE_BYTES)])
        if codec is not None:
            return codec if _may_follow(data[end : end + FRAME_HEADER_BYTES], pts) else None
        position, last_pts, examined = end, pts, examined + 1
    return None


def _may_follow(header: bytes, last_pts: int) -> bool:
    """Whether `header` may come after a frame of `last_pts`; what has not arrived cannot speak against it."""
    if len(header) < FRAME_HEADER_BYTES or header.startswith(SIGNATURE):
        return True
    size_bytes, pts = _FRAME_HEADER.unpack(header)
    return bool(size_bytes <= MAX_ACCESS_UNIT_BYTES and pts >= last_pts)


def _codec_by_content(frame: bytes) -> Codec | None:
    """Return the codec that `frame`, or its beginning, is a keyframe of (AV1: a temporal unit of)."""
    if starts_vp8_key_frame(frame):
        return Codec.VP8
    if starts_vp9_key_frame(frame):
        return Codec.VP9
    if starts_temporal_unit(frame):
        return Codec.AV1
    return None


def _codec_of(fourcc: bytes) -> Codec:
    codec = FOURCCS.get(fourcc)
    if codec is not None:
        return codec
    name = fourcc.decode("ascii", "backslashreplace")
    if (annexb := _ANNEXB_FOURCCS.get(fourcc.upper())) is not None:
        raise _wrong_format(f"the file header says {name}", annexb)
    raise BitstreamError("unknown_codec", f"IVF: the file header says {name}")


def _wrong_format(seen: str, codec: Codec) -> BitstreamError:
    return BitstreamError("wrong_format", f"IVF: {seen}", case=codec)


def _frames_of(codec: Codec) -> _Frames:
    if codec is Codec.VP8:
        return Vp8Frames(Format.IVF)
    if codec is Codec.VP9:
        return Vp9Frames(Format.IVF)
    return Av1TemporalUnits(Format.IVF)


def _is_clock(rate: int, scale: int) -> bool:
    return 0 < scale <= rate * MAX_TICK_S and rate <= scale * MAX_TICKS_PER_SECOND


def _frame_rate_fps(timebase: tuple[int, int] | None) -> float | None:
    if timebase is None:
        return None
    rate, scale = timebase
    return rate / scale if scale <= rate <= scale * MAX_FPS else None


def _microseconds(pts: int, timebase: tuple[int, int] | None) -> int | None:
    if timebase is None or pts == AV_NOPTS_VALUE:
        return None
    rate, scale = timebase
    timestamp_us = pts * scale * 1_000_000 // rate
    return timestamp_us if abs(timestamp_us) <= MAX_TIMESTAMP_US else None
