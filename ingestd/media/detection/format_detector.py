"""What the first bytes of a connection are: recognised by what they say, not by what they begin with.

A start code and the length of a NAL unit may be the same bytes: 00 00 00 01 is a length of 1, and 00 00 01 a
length of 256 to 511. What tells them apart is whether the rest agrees. Read as lengths, several in a row must
lead from one plausible NAL unit to the next, or to a parameter set that is whole to the bit; read as start
codes, every length after the first is noise.
"""

import re
from typing import Literal, NamedTuple

from ingestd.errors import BitstreamError
from ingestd.media.access_unit import MAX_ACCESS_UNIT_BYTES, Codec, Format
from ingestd.media.codecs.decoder_configuration import DecoderConfiguration, read_decoder_configuration
from ingestd.media.codecs.h26x import HEAD_BYTES, START_CODE_PREFIX
from ingestd.media.codecs.nal_evidence import EXAMINE, FIRST_BYTES_OF_PROOF, Evidence, first_nal_unit
from ingestd.media.detection.foreign_formats import (
    TS_DETECTABLE_BYTES,
    refuse_mistakes,
    refuse_packets,
    refuse_start_codes,
)
from ingestd.media.detection.unknown_headers import pictures_begun, refuse_unknown_headers
from ingestd.media.formats.av1_annexb import looks_like_av1_annexb
from ingestd.media.formats.ivf import SIGNATURE as IVF_SIGNATURE
from ingestd.media.formats.ivf import looks_like_headerless_ivf
from ingestd.media.formats.length_prefixed import LENGTH_BYTES
from ingestd.media.formats.obu_stream import looks_like_obu_stream
from ingestd.media.formats.packets import PacketLayout, find_packets
from ingestd.media.formats.step import BYTES_PER_ITEM

# A stream says what it is in its first few hundred bytes; joined inside a large picture, behind it.
DETECTION_LIMIT_BYTES = 256 * 1024
# This many NAL units without a sign of a stream are noise, and would cost time to look at again and again.
MAX_NAL_UNITS_EXAMINED = 256
# Without parameter sets this many plausible NAL units in a row, a slice among them, are a stream; and as many
# more for each one before that was not plausible: a stream has none of those, noise with start codes many.
PLAUSIBLE_NAL_UNITS = 3
# Lengths of other sizes than four bytes need the proof of a parameter set: so small ones lead anywhere.
SHORT_LENGTHS_BYTES = (3, 2, 1)

# Where packets are, their sizes have led from one to the next when so many pictures have begun.
PACKETS_TELL_PICTURES = 4
# A size of 256 to 511 looks like a start code: where no NAL unit is behind it, wait for the next such size.
TWO_SMALL_PACKETS_BYTES = 640

_START_CODE = re.compile(rb"\0\0\0?\x01")
_BEGINS_WITH_START_CODE = re.compile(rb"\0{2,}+\x01")


class Detected(NamedTuple):
    """What a stream has been found to be."""

    format: Format
    codec: Codec | None  # None where the reader must find out
    length_delimited: bool = False  # of the two formats of OBUs the one of AV1 Annex B
    length_bytes: int = LENGTH_BYTES  # of NAL units with lengths
    begin: int = 0  # behind a decoder configuration record
    parameter_sets: tuple[bytes, ...] = ()  # that this had


def detect(data: bytes, *, final: bool = False, packed: bool = False) -> Detected | PacketLayout | None:
    """Say what the first bytes of a connection are; None while they do not tell.

    A `PacketLayout` says that packets must be taken apart first; then ``packed`` says that they were. `final`
    says that no more bytes will come. Raises BitstreamError for what ingestd cannot take.
    """
    if data.startswith(IVF_SIGNATURE):
        return Detected(Format.IVF, None)  # the frames tell, whatever the header says
    refuse_mistakes(data)
    at_start = begins_with_start_code(data)
    if not at_start:
        refuse_packets(data)
    last = final or len(data) >= DETECTION_LIMIT_BYTES
    record = _record(data, last)
    if record is None:
        return None
    if isinstance(record, DecoderConfiguration):
        if not packed and data[:1] == b"\0":  # a size stands before the record
            in_packets = _sample_in_packet(data[record.end :], record, final)
            if in_packets is None:
                return None
            if in_packets:
                return PacketLayout(0, LENGTH_BYTES, 0, LENGTH_BYTES, "big", 0, nal_units=False)
        return _behind_record(record, data[record.end :], final)
    obus = looks_like_obu_stream(data, last=last)
    if obus:
        return Detected(Format.OBU, Codec.AV1)
    delimited = looks_like_av1_annexb(data, last=last)
    if delimited:
        return Detected(Format.OBU, Codec.AV1, length_delimited=True)
    prefixed = _length_prefixed(data, final)
    if prefixed:
        return Detected(Format.LENGTH_PREFIXED, prefixed)
    for length_bytes in SHORT_LENGTHS_BYTES:
        if codec := _length_prefixed(data, final, length_bytes):
            return Detected(Format.LENGTH_PREFIXED, codec, length_bytes=length_bytes)
    waits = None in (obus, delimited, prefixed)
    if waits and at_start:
        return None
    packets: PacketLayout | Literal[False] | None = False
    # Only what stands before the first start code can be a header.
    if not packed and not (at_start and _begins_with_nal_unit(data)):
        packets = find_packets(data, final=final, last=last)
    if packets and (packets.nal_units or not (waits or looks_like_headerless_ivf(data))):
        return packets
    if waits:
        return None
    if len(data) >= DETECTION_LIMIT_BYTES and (codec := _length_prefixed(data, final, cut=True)):
        return Detected(Format.LENGTH_PREFIXED, codec)
    if at_start and packets is None and len(data) >= TWO_SMALL_PACKETS_BYTES:
        packets = False
    refuse_start_codes(data)
    # Inside MPEG-TS there are start codes too: wait for enough of it to be known by its packets.
    if not at_start and len(data) < TS_DETECTABLE_BYTES and not last:
        return None
    codec = _byte_stream_codec(data, at_start, last)
    if codec is not None:
        if packets is None and pictures_begun(data, codec, PACKETS_TELL_PICTURES) < PACKETS_TELL_PICTURES:
            return None
        if not packed and refuse_unknown_headers(data, codec, last=last) is None:
            return None
        return Detected(Format.ANNEXB, codec)
    # What is behind a start code may look like an AV1 sequence header, and frames of 65536 bytes, whose
    # size looks like a start code, are rare: let the rest of what arrives tell.
    if at_start and not last:
        return None
    ivf_codec = looks_like_headerless_ivf(data)
    return None if ivf_codec is None else Detected(Format.IVF, ivf_codec)


def begins_with_start_code(data: bytes | bytearray) -> bool:
    """Whether `data` begins with a start code (H.264 and H.265 Annex B), or what could be one."""
    return _BEGINS_WITH_START_CODE.match(data) is not None


def _begins_with_nal_unit(data: bytes) -> bool:
    """Whether what is behind the first start code may be a NAL unit."""
    return first_nal_unit(data) == data.find(START_CODE_PREFIX)


def _record(data: bytes, last: bool) -> DecoderConfiguration | Literal[False] | None:
    """Return the decoder configuration record at the beginning, which a length may stand before."""
    record = read_decoder_configuration(data, last=last)
    if record is None or isinstance(record, DecoderConfiguration):
        return record
    record = read_decoder_configuration(data[LENGTH_BYTES:], last=last)
    if not isinstance(record, DecoderConfiguration):
        return False
    if int.from_bytes(data[:LENGTH_BYTES], "big") != record.end:
        return False
    return record._replace(end=LENGTH_BYTES + record.end)


def _sample_in_packet(rest: bytes, record: DecoderConfiguration, final: bool) -> bool | None:
    """Whether a size stands before the sample behind a record, too; None while that does not tell."""
    if record.codec is Codec.AV1:
        return False
    nal_at = LENGTH_BYTES + record.length_bytes
    if len(rest) < nal_at + HEAD_BYTES and not final:
        return None
    size, sample = int.from_bytes(rest[:LENGTH_BYTES], "big"), rest[LENGTH_BYTES:]
    nal, nal_bytes = rest[nal_at : nal_at + HEAD_BYTES], int.from_bytes(sample[: record.length_bytes], "big")
    if not nal:
        return False
    begins = 0 < nal_bytes <= size - record.length_bytes
    begins &= EXAMINE[record.codec](nal[:nal_bytes], whole=False) > Evidence.NO
    return begins or _START_CODE.match(sample) is not None


def _behind_record(record: DecoderConfiguration, rest: bytes, final: bool) -> Detected | None:
    """Say how the samples behind a record are laid out; None while they do not tell."""
    if record.codec is Codec.AV1:
        return Detected(Format.OBU, Codec.AV1, begin=record.end)
    samples = Detected(
        Format.LENGTH_PREFIXED,
        record.codec,
        length_bytes=record.length_bytes,
        begin=record.end,
        parameter_sets=record.parameter_sets,
    )
    if len(rest) <= LENGTH_BYTES and not final:
        return None
    if _START_CODE.match(rest):
        # 00 00 01 xx may be a length of 256 to 511, too.
        prefixed = record.length_bytes == LENGTH_BYTES and _length_prefixed(rest, final)
        if prefixed is None:
            return None
        if not prefixed:
            return samples._replace(format=Format.ANNEXB)
    return samples


def _length_prefixed(
    data: bytes, final: bool, length_bytes: int = LENGTH_BYTES, *, cut: bool = False
) -> Codec | Literal[False] | None:
    """Return the codec of NAL units with lengths before them; None if more of them must come to tell.

    Where a length has other than four bytes, only a parameter set tells. ``cut``: so does the beginning of a
    NAL unit that is larger than what is looked at, of which four bytes of noise may be the length.
    """
    last = final or len(data) >= DETECTION_LIMIT_BYTES
    position, empty = 0, False
    nals: list[bytes] = []
    while position + length_bytes < len(data) and len(nals) < PLAUSIBLE_NAL_UNITS:
        begin = position + length_bytes
        end = begin + int.from_bytes(data[position:begin], "big")
        if begin == end and not empty:  # padding; more of it are the zeros before a start code
            position, empty = end, True
            continue
        empty = False
        if not begin < end <= begin + MAX_ACCESS_UNIT_BYTES:
            return False
        if end > len(data) and not cut:
            break
        nals.append(data[begin:end])
        position = end
    begin = position + length_bytes  # of the NAL unit that is still arriving
    head = data[begin : begin + HEAD_BYTES] if len(nals) < PLAUSIBLE_NAL_UNITS and not last else b""
    for codec, examine in EXAMINE.items():
        signs = [examine(nal, whole=True) for nal in nals]
        strongest = max(signs, default=Evidence.NO)
        if len(head) == HEAD_BYTES:
            signs.append(examine(head, whole=False))
        if min(signs, default=Evidence.NEUTRAL) == Evidence.NO:
            continue
        enough = len(nals) >= (1 if last else PLAUSIBLE_NAL_UNITS) and strongest == Evidence.SLICE
        if (enough and length_bytes == LENGTH_BYTES) or strongest == Evidence.PROOF:
            return codec
        if not last and max(signs, default=Evidence.POSSIBLE) > Evidence.NEUTRAL:
            return None
    return False


class _Run:
    """Plausible NAL units in a row."""

    def __init__(self) -> None:
        self.length = self.breaks = 0
        self.strongest = Evidence.NO

    def add(self, sign: Evidence) -> None:
        if sign == Evidence.NO:
            self.breaks += 1
            self.length, self.strongest = 0, Evidence.NO
        elif sign > Evidence.NEUTRAL:
            self.length += 1
            self.strongest = max(self.strongest, sign)


def _byte_stream_codec(data: bytes, at_start: bool, last: bool) -> Codec | None:
    """Return the codec that the NAL units between start codes are of, if they are of one."""
    runs = {codec: _Run() for codec in EXAMINE}
    begin = data.find(START_CODE_PREFIX)
    examined = 0
    while begin >= 0:
        begin += len(START_CODE_PREFIX)
        end = data.find(START_CODE_PREFIX, begin)
        whole = end >= 0 or last
        nal = data[begin : end if end >= 0 else len(data)].rstrip(b"\0")
        if not whole and len(data) - begin < HEAD_BYTES + 2:
            break
        for codec, examine in EXAMINE.items():
            sign = examine(nal, whole=whole)
            run = runs[codec]
            run.add(sign)
            if sign == Evidence.PROOF or (
                run.strongest == Evidence.SLICE and run.length >= PLAUSIBLE_NAL_UNITS * (1 + run.breaks)
            ):
                return codec
        begin = end
        examined += 1
        if nal and any(nal[0] in first for first in FIRST_BYTES_OF_PROOF.values()):
            examined += len(nal) // BYTES_PER_ITEM  # it was read bit by bit, and is no proof
        if examined >= MAX_NAL_UNITS_EXAMINED:
            raise BitstreamError("not_video", "so many start codes, but no H.264 or H.265 behind them")
    if last and at_start:
        # A single slice, large or the last of its kind: take the word of what cannot be the other codec.
        return next(
            (codec for codec, run in runs.items() if run.strongest == Evidence.SLICE and not run.breaks), None
        )
    return None
