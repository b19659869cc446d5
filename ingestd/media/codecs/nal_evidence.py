"""How far a single NAL unit speaks for H.264 or H.265, when nothing else is known of the stream."""

from enum import IntEnum
from typing import Protocol

from ingestd.errors import BitstreamError
from ingestd.media.access_unit import Codec
from ingestd.media.bits.bit_reader import BitReader, unescape
from ingestd.media.codecs.h26x import HEAD_BYTES, START_CODE_PREFIX
from ingestd.media.codecs.h264_parameter_sets import LEVELS, PROFILES
from ingestd.media.codecs.h264_parameter_sets import parse_sps as parse_h264_sps
from ingestd.media.codecs.h265 import FIRST_IRAP, LAST_IRAP, LAST_SUB_LAYER_SLICE, nal_header
from ingestd.media.codecs.h265 import SPS as H265_SPS
from ingestd.media.codecs.h265 import VPS as H265_VPS
from ingestd.media.codecs.h265 import parse_slice_segment_header as parse_h265_slice
from ingestd.media.codecs.h265_parameter_sets import parse_sps as parse_h265_sps
from ingestd.media.codecs.h265_parameter_sets import parse_vps
from ingestd.media.codecs.parameter_sets import ParameterSets

# Before a stream, what looks like a slice and ends within this many bytes may be none.
MAX_STRAY_BYTES = 64
MAX_STRAY_NAL_UNITS = 8
# Within this much the first NAL unit of a stream shows itself, whatever stands before it.
FIRST_NAL_UNIT_BYTES = 4096


class Evidence(IntEnum):
    """How far it does."""

    NO = 0  # it is none of this codec
    NEUTRAL = 1
    POSSIBLE = 2
    SLICE = 3
    PROOF = 4


class Examine(Protocol):
    """The question put to a NAL unit for one codec."""

    def __call__(self, nal: bytes, *, whole: bool) -> Evidence:
        """Return what a NAL unit, or its beginning where it is not ``whole``, says; of no bytes: NO."""
        ...


def _examine_h264(nal: bytes, *, whole: bool) -> Evidence:
    if not nal:
        return Evidence.NO
    forbidden_zero_bit, nal_ref_idc, nal_unit_type = nal[0] >> 7, nal[0] >> 5 & 3, nal[0] & 31
    if forbidden_zero_bit or (nal_ref_idc == 0 and nal_unit_type in (5, 7, 8)):
        return Evidence.NO
    try:
        match nal_unit_type:
            case 1 | 5:
                r = BitReader(unescape(nal[1:HEAD_BYTES]), "slice_header")
                r.ue("first_mb_in_slice", 139264)  # MaxFS of level 6.2, Table A-1
                slice_type = r.ue("slice_type", 9)
                r.ue("pic_parameter_set_id", 255)
                # IDR pictures have I and SI slices only (7.4.3).
                return Evidence.SLICE if nal_unit_type == 1 or slice_type % 5 in (2, 4) else Evidence.NO
            case 7 if whole:
                known = nal[1] in PROFILES and nal[2] & 3 == 0 and nal[3] in LEVELS
                return Evidence.PROOF if known and parse_h264_sps(nal) else Evidence.NO
            case 9:
                return Evidence.POSSIBLE if len(nal) == 2 and nal[1] & 0x1F == 0x10 else Evidence.NO
            case 6 | 7 | 8 | 12:
                return Evidence.POSSIBLE if len(nal) > 1 else Evidence.NO
            case 0 | 2 | 3 | 4:  # private, or data partitions, which no encoder sends and H.265 looks like
                return Evidence.NO
        return Evidence.NEUTRAL
    except (BitstreamError, IndexError):
        pass
    return Evidence.NO


def _examine_h265(nal: bytes, *, whole: bool) -> Evidence:
    if len(nal) < 3:
        return Evidence.NO
    nal_unit_type, nuh_layer_id, nuh_temporal_id_plus1 = nal_header(nal)
    if nal[0] & 0x80 or nuh_layer_id or not nuh_temporal_id_plus1:
        return Evidence.NO
    try:
        if nal_unit_type <= LAST_SUB_LAYER_SLICE or FIRST_IRAP <= nal_unit_type <= LAST_IRAP:
            parse_h265_slice(nal[:HEAD_BYTES], ParameterSets())
            irap_above = nal_unit_type >= FIRST_IRAP and nuh_temporal_id_plus1 > 1
            return Evidence.NO if irap_above else Evidence.SLICE
        if nal_unit_type in (H265_VPS, H265_SPS):
            if nuh_temporal_id_plus1 != 1:
                return Evidence.NO
            if whole:
                (parse_h265_sps if nal_unit_type == H265_SPS else parse_vps)(nal)
                return Evidence.PROOF
        # VPS to suffix SEI
        return Evidence.POSSIBLE if H265_VPS <= nal_unit_type <= 40 else Evidence.NO
    except BitstreamError:
        return Evidence.NO


EXAMINE: dict[Codec, Examine] = {Codec.H264: _examine_h264, Codec.H265: _examine_h265}

# Those of an SPS of H.264, and of the VPS and SPS of H.265; to the other codec each is a NAL unit that it has
# no use for.
FIRST_BYTES_OF_PROOF = {Codec.H264: frozenset({0x27, 0x47, 0x67}), Codec.H265: frozenset({0x40, 0x42})}


def examine_whole(codec: Codec, nal: bytes) -> Evidence:
    """Return what a whole NAL unit says of being ``codec``."""
    return EXAMINE[codec](nal, whole=True)


def first_nal_unit(data: bytes) -> int:
    """Return the position of the first start code with what may be a NAL unit behind it; -1: none.

    What is over soon and could be a slice, and a sequence parameter set behind it, is more likely a part of
    something else that stands before the stream.
    """
    data = data[:FIRST_NAL_UNIT_BYTES]
    first, begin = -1, data.find(START_CODE_PREFIX)
    for _ in range(MAX_STRAY_NAL_UNITS):
        if not 0 <= begin <= (len(data) if first < 0 else MAX_STRAY_BYTES):
            break
        behind = begin + len(START_CODE_PREFIX)
        following = data.find(START_CODE_PREFIX, behind)
        whole = following >= 0
        nal = data[behind : following if whole else len(data)].rstrip(b"\0")
        sign = max(examine(nal, whole=whole) for examine in EXAMINE.values())
        if sign is Evidence.PROOF or (sign is Evidence.POSSIBLE and first < 0):
            return begin
        if sign is Evidence.SLICE and first < 0:
            first = begin
        begin = following
    return first
