"""The one entry: bytes of a connection in, access units out, whatever they turn out to be."""

import re
from typing import NamedTuple, Protocol

from ingestd.errors import BitstreamError
from ingestd.media.access_unit import AccessUnit, Codec, Format
from ingestd.media.annexb import START_CODE_PREFIX, AnnexBReader
from ingestd.media.assembler import HEAD_BYTES
from ingestd.media.bits import BitReader, unescape
from ingestd.media.h264 import LEVELS, PROFILES
from ingestd.media.h264 import parse_sps as parse_h264_sps
from ingestd.media.h265 import FIRST_IRAP, LAST_IRAP, LAST_SUB_LAYER_SLICE, nal_header, parse_vps
from ingestd.media.h265 import SPS as H265_SPS
from ingestd.media.h265 import VPS as H265_VPS
from ingestd.media.h265 import parse_slice_segment_header as parse_h265_slice
from ingestd.media.h265 import parse_sps as parse_h265_sps
from ingestd.media.ivf import SIGNATURE as IVF_SIGNATURE
from ingestd.media.ivf import IvfReader, looks_like_headerless_ivf
from ingestd.media.limits import MAX_ACCESS_UNIT_BYTES
from ingestd.media.parameter_sets import ParameterSets

# A stream says what it is in its first few hundred bytes; joined inside a large picture, behind it.
RECOGNITION_LIMIT = 256 * 1024
# So many NAL units without a sign of a stream are noise, and would cost time to look at again and again.
MAX_NALS_EXAMINED = 256
# Without parameter sets so many plausible NAL units in a row, a slice among them, are a stream; and as many
# more for each one before that was not plausible: a stream has none of those, noise with start codes many.
PLAUSIBLE_RUN = 3
_TS_PACKET = 188  # ITU-T H.222.0 2.4.3.2
_TS_PACKETS_SEEN = 4

_BYTE_STREAM = (
    "expected a raw byte stream (ffmpeg: -f h264; GStreamer: h264parse ! "
    "video/x-h264,stream-format=byte-stream,alignment=au ! tcpclientsink) or IVF (-f ivf, avmux_ivf)"
)
_NO_MUXER = "expected the stream without a container: ffmpeg: -f h264 in place of -f "
_NO_PROTOCOL = "this port takes the bare stream on TCP: ffmpeg: -f h264 tcp://HOST:PORT"

# What arrives by mistake: (pattern of the first bytes, reason, what was seen, what to change)
_WRONG: tuple[tuple[re.Pattern[bytes], str, str, str], ...] = tuple(
    (re.compile(pattern, re.DOTALL), reason, seen, cure)
    for pattern, reason, seen, cure in (
        (rb"[A-Z_]{3,13} rtsps?:|RTSP/1", "rtsp", "an RTSP message", _NO_PROTOCOL),
        (rb"(GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH|CONNECT|TRACE) [/*h]|HTTP/1|PRI \* HTTP/2", "http",
         "an HTTP message", _NO_PROTOCOL + "; browsers and -method PUT do not belong here"),
        (rb"\x16\x03[\x00-\x04]..\x01", "tls", "a TLS ClientHello",
         "this port speaks plain TCP: connect without TLS, or listen with tls:// in source.listen"),
        (rb"\x03....(\0\0\0\0|\x09\0\x7c\x02)", "rtmp", "an RTMP handshake",
         _NO_PROTOCOL + " in place of -f flv"),
        (rb"....(ftyp|styp|moov|moof)", "mp4", "MP4", _NO_MUXER + "mp4; GStreamer: leave mp4mux out"),
        (rb"\x1a\x45\xdf\xa3", "matroska", "Matroska or WebM",
         _NO_MUXER + "matroska or webm, -f ivf for VP8, VP9 and AV1; GStreamer: leave matroskamux out"),
        (rb"FLV\x01", "flv", "FLV", _NO_MUXER + "flv; GStreamer: leave flvmux out"),
        (rb"OggS", "ogg", "Ogg", _NO_MUXER + "ogg"),
        (rb"RIFF....AVI ", "avi", "AVI", _NO_MUXER + "avi"),
        (rb"nut/multimedia", "nut", "NUT", _NO_MUXER + "nut"),
        (rb"YUV4MPEG2 ", "raw_video", "raw video (Y4M)",
         "expected coded video: add an encoder, -c:v libx264 -f h264"),
        (rb"\xff\xd8\xff", "jpeg", "JPEG", "WebRTC has no JPEG: encode to H.264, -c:v libx264 -f h264"),
        (rb"\x01\0.{8}\xff{8}", "gdp", "the GStreamer Data Protocol", "leave gdppay out of the pipeline"),
        (rb"SSH-[12]", "ssh", "SSH", _NO_PROTOCOL),
        (rb"\0*\0\0\x01\xb3", "mpeg2", "MPEG-1 or MPEG-2 video", "encode to H.264: -c:v libx264 -f h264"),
        (rb"\0*\0\0\x01\xba", "mpeg_ps", "an MPEG program stream", _NO_MUXER + "mpeg"),
        (rb"\0*\0\0\x01[\xb0\xb6]", "mpeg4", "MPEG-4 Part 2 video", "encode to H.264: -c:v libx264 -f h264"),
        (rb"\x12\0\x0a[\x04-\x40]", "obu", "AV1 as bare OBUs",
         "send it as IVF: ffmpeg: -f ivf (GStreamer 1.22 cannot put AV1 into IVF: pipe it through ffmpeg)"),
    )
)  # fmt: skip


class Reader(Protocol):
    """What every format's reader offers."""

    faults: list[BitstreamError]

    @property
    def quiet_at(self) -> float | None:
        """When `flush` is due if nothing more arrives."""
        ...

    def feed(self, data: bytes | bytearray | memoryview, now: float) -> list[AccessUnit]:
        """Take what has arrived at ``now``."""
        ...

    def flush(self) -> list[AccessUnit]:
        """Take the silence until `quiet_at` as the end of the picture."""
        ...

    def eof(self) -> list[AccessUnit]:
        """Take the end of the connection."""
        ...


class Recognised(NamedTuple):
    """What a stream has been found to be."""

    format: Format
    codec: Codec | None  # None where the reader must find out


class Demuxer:
    """Turns the bytes of one connection into access units; recognises what they are."""

    def __init__(
        self,
        *,
        codec: Codec | None = None,
        format: Format | None = None,
        parameter_sets: ParameterSets | None = None,
    ) -> None:
        self.faults: list[BitstreamError] = []
        self.codec: Codec | None = None
        self.format: Format | None = None
        self._configured_codec = codec
        self._configured_format = format
        self._parameter_sets = parameter_sets if parameter_sets is not None else ParameterSets()
        self._reader: Reader | None = None
        self._unrecognised = bytearray()
        self._examined = 0

    @property
    def quiet_at(self) -> float | None:
        """When `flush` is due if nothing more arrives; None while nothing waits for that."""
        return self._reader.quiet_at if self._reader is not None else None

    def feed(self, data: bytes | bytearray | memoryview, now: float = 0.0) -> list[AccessUnit]:
        """Take what has arrived at ``now``, in seconds; return the access units that it completes."""
        if self._reader is not None:
            return self._read(self._reader.feed(data, now))
        self._unrecognised += data
        while (length := _next_length(self._examined)) <= min(len(self._unrecognised), RECOGNITION_LIMIT):
            self._examined = length
            found = recognise(bytes(self._unrecognised[:length]))
            if found is None and length == RECOGNITION_LIMIT:
                found = self._last_resort(length)
            if found is not None:
                return self._start(found, now)
        return []

    def eof(self) -> list[AccessUnit]:
        """Take the end of the connection."""
        units: list[AccessUnit] = []
        if self._reader is None:
            if not self._unrecognised:
                raise BitstreamError(
                    "empty",
                    "the connection closed without sending a byte; expected an encoder (a port scan or "
                    "health check does this, and so does ffmpeg when it fails before the first picture)",
                )
            found = recognise(bytes(self._unrecognised), final=True)
            units = self._start(found or self._last_resort(len(self._unrecognised)), 0.0)
        assert self._reader is not None
        return units + self._read(self._reader.eof())

    def flush(self) -> list[AccessUnit]:
        """Take the silence until `quiet_at` as the end of the picture."""
        return self._read(self._reader.flush()) if self._reader is not None else []

    def _read(self, units: list[AccessUnit]) -> list[AccessUnit]:
        assert self._reader is not None
        self.faults += self._reader.faults
        self._reader.faults.clear()
        if self.codec is None:
            self.codec = next((unit.info.codec for unit in units if unit.info is not None), None)
        return units

    def _last_resort(self, length: int) -> Recognised:
        """Decide when nothing more may be waited for."""
        if self._configured_format is Format.IVF:
            return Recognised(Format.IVF, None)
        seen = bytes(self._unrecognised[:16]).hex(" ")
        begun = _BEGINS_WITH_START_CODE.match(self._unrecognised) or IVF_SIGNATURE.startswith(
            bytes(self._unrecognised[:4])
        )
        if begun and length < RECOGNITION_LIMIT:
            raise BitstreamError(
                "cut_header",
                f"the connection closed after {length} bytes ({seen}), before the headers were whole that "
                "say which codec this is; see why the encoder stopped",
            )
        raise BitstreamError(
            "not_video",
            f"the first {length} bytes hold no video that is known here; they begin {seen}; {_BYTE_STREAM}",
        )

    def _start(self, found: Recognised, now: float) -> list[AccessUnit]:
        format, codec = found
        if self._configured_format not in (None, format):
            raise BitstreamError(
                "format_mismatch",
                f"the bytes are {format}, the configuration says format: {self._configured_format}; set "
                f"format: {format} (or auto), or change the encoder's muxer",
            )
        if codec is not None and self._configured_codec not in (None, codec):
            raise BitstreamError(
                "codec_mismatch",
                f"the stream is {codec}, the configuration says codec: {self._configured_codec}; set "
                f"codec: {codec} (or auto), or change the encoder",
            )
        self.format, self.codec = found
        if format is Format.IVF:
            self._reader = IvfReader(self._configured_codec)
        else:
            assert codec is not None
            self._reader = AnnexBReader(codec, self._parameter_sets)
        data = bytes(self._unrecognised)
        self._unrecognised.clear()
        return self._read(self._reader.feed(data, now))


def _next_length(examined: int) -> int:
    """Look at fixed lengths only, so that the result does not depend on how the bytes were cut."""
    if examined >= RECOGNITION_LIMIT:
        return examined + 1
    return min(examined + max(4, examined // 3), RECOGNITION_LIMIT)


_BEGINS_WITH_START_CODE = re.compile(rb"\0*\0\0\x01")


def recognise(data: bytes, *, final: bool = False) -> Recognised | None:
    """Say what the first bytes of a connection are; None while they do not tell.

    `final` says that no more bytes will come. Raises BitstreamError for what ingestd cannot take.
    """
    if data.startswith(IVF_SIGNATURE):
        # The FourCC follows signature, version and header length.
        if len(data) < 12 and not final:
            return None
        codec = {b"VP80": Codec.VP8, b"VP90": Codec.VP9, b"AV01": Codec.AV1}.get(data[8:12])
        return Recognised(Format.IVF, codec)
    for pattern, reason, seen, cure in _WRONG:
        if pattern.match(data):
            raise BitstreamError(reason, f"this is {seen}, not a video stream ingestd can take; {cure}")
    last = final or len(data) >= RECOGNITION_LIMIT
    at_start = _BEGINS_WITH_START_CODE.match(data) is not None
    if not at_start:
        _refuse_packets(data)
        # Inside MPEG-TS there are start codes too: wait for enough of it to be known by its packets.
        if len(data) < _TS_PACKET * (_TS_PACKETS_SEEN + 1) and not last:
            return None
    _refuse_length_prefixed(data, last)
    codec = _byte_stream_codec(data, at_start, last)
    if codec is not None:
        return Recognised(Format.ANNEXB, codec)
    ivf_codec = looks_like_headerless_ivf(data)
    return None if ivf_codec is None else Recognised(Format.IVF, ivf_codec)


def _refuse_packets(data: bytes) -> None:
    """Refuse MPEG-TS, wherever it was joined, and RTP framed by RFC 4571."""
    for first in range(min(_TS_PACKET, len(data) - _TS_PACKET * (_TS_PACKETS_SEEN - 1))):
        if data[first : first + _TS_PACKET * _TS_PACKETS_SEEN : _TS_PACKET] == b"\x47" * _TS_PACKETS_SEEN:
            raise BitstreamError(
                "mpeg_ts", f"this is MPEG-TS; {_NO_MUXER}mpegts; GStreamer: leave mpegtsmux out"
            )
    second = 2 + int.from_bytes(data[:2], "big")
    # Two packets of version 2 from one SSRC (RFC 3550 5.1), the length before each.
    if (
        second + 14 <= len(data)
        and data[2] & 0xC0 == data[second + 2] & 0xC0 == 0x80
        and data[10:14] == data[second + 10 : second + 14] != b"\0\0\0\0"
    ):
        raise BitstreamError(
            "rtp",
            "this is RTP over TCP; send the stream itself: GStreamer: leave rtph264pay and rtpstreampay out",
        )


def _refuse_length_prefixed(data: bytes, last: bool) -> None:
    """Refuse NAL units with lengths of four bytes before them (ISO/IEC 14496-15 5.3, "AVCC")."""
    position, codec = 0, None
    nals: list[bytes] = []
    while position + 4 < len(data) and len(nals) < PLAUSIBLE_RUN:
        end = position + 4 + int.from_bytes(data[position : position + 4], "big")
        if not position + 4 < end <= position + MAX_ACCESS_UNIT_BYTES:
            return
        if end > len(data) and not last:
            return
        nals.append(data[position + 4 : end])
        position = end
    if len(nals) < (1 if last else PLAUSIBLE_RUN):
        return
    for candidate, examine in _EXAMINE.items():
        signs = [examine(nal, whole=True) for nal in nals]
        if min(signs) > _NO and max(signs) >= _SLICE:
            codec = candidate
    if codec is not None:
        raise BitstreamError(
            "length_prefixed",
            f"this is {codec} with a length before each NAL unit (AVCC, HVCC); expected start codes: "
            f"GStreamer: {codec}parse ! video/x-{codec},stream-format=byte-stream,alignment=au; "
            f"ffmpeg: -bsf:v {'h264' if codec is Codec.H264 else 'hevc'}_mp4toannexb",
        )


# How far a NAL unit speaks for a codec.
_NO, _NEUTRAL, _POSSIBLE, _SLICE, _PROOF = range(5)


class _Run:
    """Plausible NAL units in a row."""

    def __init__(self) -> None:
        self.length = self.breaks = 0
        self.strongest = _NO

    def add(self, sign: int) -> None:
        if sign == _NO:
            self.breaks += 1
            self.length, self.strongest = 0, _NO
        elif sign > _NEUTRAL:
            self.length += 1
            self.strongest = max(self.strongest, sign)


def _byte_stream_codec(data: bytes, at_start: bool, last: bool) -> Codec | None:
    """Return the codec that the NAL units between start codes are of, if they are of one."""
    runs = {codec: _Run() for codec in _EXAMINE}
    begin = data.find(START_CODE_PREFIX)
    examined = 0
    while begin >= 0:
        begin += len(START_CODE_PREFIX)
        end = data.find(START_CODE_PREFIX, begin)
        whole = end >= 0 or last
        nal = data[begin : end if end >= 0 else len(data)].rstrip(b"\0")
        if not whole and len(data) - begin < HEAD_BYTES + 2:
            break
        for codec, examine in _EXAMINE.items():
            sign = examine(nal, whole=whole) if nal else _NO
            run = runs[codec]
            run.add(sign)
            if sign == _PROOF or (run.strongest == _SLICE and run.length >= PLAUSIBLE_RUN * (1 + run.breaks)):
                return codec
        begin = end
        examined += 1
        if examined == MAX_NALS_EXAMINED:
            raise BitstreamError(
                "not_video",
                f"{MAX_NALS_EXAMINED} start codes, but no H.264 or H.265 behind them; {_BYTE_STREAM}",
            )
    if last and at_start:
        # A single slice, large or the last of its kind: take the word of what cannot be the other codec.
        return next(
            (codec for codec, run in runs.items() if run.strongest == _SLICE and not run.breaks), None
        )
    return None


def _examine_h264(nal: bytes, *, whole: bool) -> int:
    forbidden_zero_bit, nal_ref_idc, nal_unit_type = nal[0] >> 7, nal[0] >> 5 & 3, nal[0] & 31
    if forbidden_zero_bit or (nal_ref_idc == 0 and nal_unit_type in (5, 7, 8)):
        return _NO
    try:
        match nal_unit_type:
            case 1 | 5:
                r = BitReader(unescape(nal[1:HEAD_BYTES]), "slice_header")
                r.ue("first_mb_in_slice", 139264)  # MaxFS of level 6.2, Table A-1
                slice_type = r.ue("slice_type", 9)
                r.ue("pic_parameter_set_id", 255)
                # IDR pictures have I and SI slices only (7.4.3).
                return _SLICE if nal_unit_type == 1 or slice_type % 5 in (2, 4) else _NO
            case 7 if whole:
                known = nal[1] in PROFILES and nal[2] & 3 == 0 and nal[3] in LEVELS
                return _PROOF if known and parse_h264_sps(nal) else _NO
            case 9:
                return _POSSIBLE if len(nal) == 2 and nal[1] & 0x1F == 0x10 else _NO
            case 6 | 7 | 8 | 12:
                return _POSSIBLE if len(nal) > 1 else _NO
            case 0 | 2 | 3 | 4:  # private, or data partitions, which nobody sends and H.265 looks like
                return _NO
        return _NEUTRAL
    except (BitstreamError, IndexError):
        pass
    return _NO


def _examine_h265(nal: bytes, *, whole: bool) -> int:
    nal_unit_type, nuh_layer_id, nuh_temporal_id_plus1 = nal_header(nal)
    if nal[0] & 0x80 or nuh_layer_id or not nuh_temporal_id_plus1 or len(nal) < 3:
        return _NO
    try:
        if nal_unit_type <= LAST_SUB_LAYER_SLICE or FIRST_IRAP <= nal_unit_type <= LAST_IRAP:
            parse_h265_slice(nal[:HEAD_BYTES])
            irap_above = nal_unit_type >= FIRST_IRAP and nuh_temporal_id_plus1 > 1
            return _NO if irap_above else _SLICE
        if nal_unit_type in (H265_VPS, H265_SPS):
            if nuh_temporal_id_plus1 != 1:
                return _NO
            if whole:
                (parse_h265_sps if nal_unit_type == H265_SPS else parse_vps)(nal)
                return _PROOF
        # VPS to suffix SEI
        return _POSSIBLE if H265_VPS <= nal_unit_type <= 40 else _NO
    except BitstreamError:
        return _NO


_EXAMINE = {Codec.H264: _examine_h264, Codec.H265: _examine_h265}
