"""Decoder configuration records: avcC, hvcC (ISO/IEC 14496-15 5.3.3.1, 8.3.3.1), av1C (AV1 in ISOBMFF 2.3).

Containers keep them beside the pictures; some senders put them on the socket first, with the samples of the
container behind.
"""

from typing import Literal, NamedTuple

from ingestd.errors import BitstreamError
from ingestd.media.access_unit import Codec
from ingestd.media.codecs.h264_parameter_sets import parse_sps as parse_h264_sps
from ingestd.media.codecs.h265_parameter_sets import parse_sps as parse_h265_sps
from ingestd.media.codecs.obu import ObuType, read_obu

CONFIGURATION_VERSION = 1
AV1_MARKER_AND_VERSION = 0x81
AV1_RECORD_BYTES = 4  # without configOBUs, which the stream may as well begin with
MAX_AV1_PROFILE = 2
HEVC_FIXED_BYTES = 22
H264_SPS, H264_PPS, H265_SPS = 7, 8, 33
H265_SETS = frozenset({32, 33, 34})
HEVC_ARRAYS = H265_SETS | {39, 40}  # and SEI
# AVCProfileIndication 100, 110, 122 and 144 bring four bytes more, and some writers leave them out.
AVC_EXTENSION_BYTES = 4
# With every set that an encoder has; a record is read again as long as it is not whole.
MAX_RECORD_BYTES = 4096


class DecoderConfiguration(NamedTuple):
    """What a record says."""

    codec: Codec
    end: int  # how many bytes it has
    length_bytes: int = 0  # of the NALUnitLength in the samples; 0: AV1
    parameter_sets: tuple[bytes, ...] = ()


class _More(Exception):  # noqa: N818 - no error
    """The record may be one, and is not whole."""


def read_decoder_configuration(data: bytes, *, last: bool) -> DecoderConfiguration | Literal[False] | None:
    """Return the record that ``data`` begins with; None if more of it must come to tell, False without one.

    `last` says that nothing more will come.
    """
    try:
        if data[:1] == bytes([CONFIGURATION_VERSION]):
            record = _avcc(data) or _hvcc(data)
        elif data[:1] == bytes([AV1_MARKER_AND_VERSION]):
            record = _av1c(data)
        else:
            return False
    except _More:
        return None if len(data) < MAX_RECORD_BYTES and not last else False
    return record if record is not None else False


def _part(data: bytes, begin: int, size: int) -> bytes:
    if begin + size > len(data):
        raise _More
    return data[begin : begin + size]


def _sets(data: bytes, position: int, count: int) -> tuple[list[bytes], int]:
    """Return ``count`` NAL units behind lengths of two bytes, and where they end."""
    nals = []
    for _ in range(count):
        size = int.from_bytes(_part(data, position, 2), "big")
        nals.append(_part(data, position + 2, size))
        position += 2 + size
    return nals, position


def _avcc(data: bytes) -> DecoderConfiguration | None:
    """AVCDecoderConfigurationRecord; what stands in reserved bits is passed over, as some write 0 there."""
    head = _part(data, 0, 8)
    sps_count, sps_bytes = head[5] & 31, int.from_bytes(head[6:8], "big")
    # The first bytes of an SPS say again what the record begins with, or this is none.
    if not sps_count or sps_bytes < 4 or (data[8:9] and data[8] & 0x9F != H264_SPS):
        return None
    if _part(data, 9, 3) != head[1:4]:
        return None
    sps, position = _sets(data, 6, sps_count)
    pps, position = _sets(data, position + 1, _part(data, position, 1)[0])
    try:
        for nal in sps:
            parse_h264_sps(nal)
    except BitstreamError:
        return None
    if any(nal[:1] == b"" or nal[0] & 0x9F != H264_PPS for nal in pps):
        return None
    extension = _part(data, position, AVC_EXTENSION_BYTES)
    if extension[0] >= 0xFC and extension[1] >= 0xF8 and extension[2] >= 0xF8:
        _, position = _sets(data, position + AVC_EXTENSION_BYTES, extension[3])
    return DecoderConfiguration(Codec.H264, position, (head[4] & 3) + 1, (*sps, *pps))


def _hvcc(data: bytes) -> DecoderConfiguration | None:
    """HEVCDecoderConfigurationRecord."""
    head = _part(data, 0, HEVC_FIXED_BYTES + 1)
    position, nals = HEVC_FIXED_BYTES + 1, list[bytes]()
    for _ in range(head[HEVC_FIXED_BYTES]):  # numOfArrays
        nal_unit_type = _part(data, position, 1)[0] & 63
        if nal_unit_type not in HEVC_ARRAYS:
            return None
        of_type, position = _sets(data, position + 3, int.from_bytes(_part(data, position + 1, 2), "big"))
        if any(len(nal) < 2 or nal[0] != nal_unit_type << 1 for nal in of_type):
            return None
        nals += of_type
    sps = [nal for nal in nals if nal[0] >> 1 == H265_SPS]
    try:
        for nal in sps:
            parse_h265_sps(nal)
    except BitstreamError:
        return None
    sets = tuple(nal for nal in nals if nal[0] >> 1 in H265_SETS)
    return DecoderConfiguration(Codec.H265, position, (head[21] & 3) + 1, sets) if sps else None


def _av1c(data: bytes) -> DecoderConfiguration | None:
    """AV1CodecConfigurationRecord: a sequence header, or a temporal unit, comes behind its four bytes."""
    head = _part(data, 0, AV1_RECORD_BYTES + 2)
    if head[1] >> 5 > MAX_AV1_PROFILE or head[3] & 0xE0:  # reserved
        return None
    try:
        obu = read_obu(data, AV1_RECORD_BYTES)
    except BitstreamError:
        return None
    begins = obu.obu_type in (ObuType.SEQUENCE_HEADER, ObuType.TEMPORAL_DELIMITER) and obu.has_size_field
    return DecoderConfiguration(Codec.AV1, AV1_RECORD_BYTES) if begins else None
