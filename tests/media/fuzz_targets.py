"""What is fed with bytes by the fuzzer, and by the test that replays what the fuzzer has found.

Nothing here needs more than Python: the fuzzer has an environment of its own.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import cycle

from ingestd.errors import BitstreamError
from ingestd.media.access_unit import AccessUnit, Codec
from ingestd.media.bits.bit_reader import BitReader
from ingestd.media.codecs import (
    av1,
    h264,
    h264_parameter_sets,
    h265,
    h265_parameter_sets,
    obu,
    sei,
    vp8,
    vp9,
)
from ingestd.media.codecs.decoder_configuration import read_decoder_configuration
from ingestd.media.codecs.nal_evidence import EXAMINE
from ingestd.media.codecs.parameter_sets import ParameterSets
from ingestd.media.demuxer import Demuxer, Reader
from ingestd.media.detection import format_detector
from ingestd.media.formats.annexb import AnnexBReader
from ingestd.media.formats.av1_annexb import Av1AnnexBReader
from ingestd.media.formats.ivf import IvfReader, looks_like_headerless_ivf
from ingestd.media.formats.length_prefixed import LengthPrefixedReader
from ingestd.media.formats.nal_unit_reader import CodecChanged
from ingestd.media.formats.obu_stream import ObuStreamReader
from ingestd.media.formats.packets import find_packets
from ingestd.media.formats.step import MAX_ITEMS_PER_STEP

READERS: dict[str, Callable[[], Reader]] = {
    "demuxer": Demuxer,
    "annexb h264": lambda: AnnexBReader(Codec.H264, ParameterSets()),
    "annexb h265": lambda: AnnexBReader(Codec.H265, ParameterSets()),
    "length-prefixed h264": lambda: LengthPrefixedReader(Codec.H264, ParameterSets()),
    "length-prefixed h265": lambda: LengthPrefixedReader(Codec.H265, ParameterSets()),
    "ivf": IvfReader,
    "obu": ObuStreamReader,
    "obu, length delimited": Av1AnnexBReader,
}

# None is ever called without a byte.
PARSERS: dict[str, Callable[[bytes], object]] = {
    "decoder configuration": lambda data: read_decoder_configuration(data, last=True),
    "packets": lambda data: find_packets(data, final=True, last=True),
    "h264 sps": h264_parameter_sets.parse_sps,
    "h264 pps": h264_parameter_sets.parse_pps,
    "h264 slice": lambda data: h264.parse_slice_header(data, ParameterSets()),
    "h264 sei": lambda data: sei.sei_messages(data, header_bytes=1),
    "h265 vps": h265_parameter_sets.parse_vps,
    "h265 sps": h265_parameter_sets.parse_sps,
    "h265 pps": h265_parameter_sets.parse_pps,
    "h265 slice": lambda data: h265.parse_slice_segment_header(data, ParameterSets()),
    "h265 sei": lambda data: sei.sei_messages(data, header_bytes=2),
    "recovery point": sei.recovery_frame_cnt,
    "user data": sei.user_data_unregistered,
    "exp-golomb": lambda data: BitReader(data, "sps").se(),
    "obus": lambda data: list(obu.open_bitstream_units(data)),
    "obu with size": obu.with_size,
    "av1 sequence header": av1.parse_sequence_header,
    "av1 frame header": av1.parse_frame_header,
    "av1 temporal unit": av1.starts_temporal_unit,
    "vp8": vp8.parse_frame_header,
    "vp9": vp9.parse_uncompressed_header,
    "vp9 superframe": vp9.superframe_sizes_bytes,
    "h264 sign": lambda data: EXAMINE[Codec.H264](data, whole=True),
    "h265 sign": lambda data: EXAMINE[Codec.H265](data, whole=True),
    "headerless ivf": looks_like_headerless_ivf,
    "recognise": lambda data: format_detector.detect(data, final=True),
}

# An input: one byte picks the target, four are the sizes in which the rest is read.
HEADER_BYTES = 5
FIRST_READER = 128
# Ten times what the slowest stream takes with the fuzzer's instruments; what is quadratic takes more.
SECONDS, SECONDS_PER_BYTE = 1.0, 0.0005
# Likewise, of a step, which takes up to 10 ms without them.
SECONDS_PER_STEP = 0.5


def check(fuzzed: bytes) -> None:
    """Feed one target; raises what no target may raise."""
    header, data = fuzzed[:HEADER_BYTES], fuzzed[HEADER_BYTES:]
    if not data:
        return
    begin = time.process_time()
    if header[0] < FIRST_READER:
        parsers = list(PARSERS.values())
        check_parser(parsers[header[0] % len(parsers)], data)
    else:
        readers = list(READERS.values())
        chunks = list(cut(data, [1 + size * size for size in header[1:]]))
        check_reader(readers[header[0] % len(readers)], data, chunks)
        check_steps(data)
    seconds = time.process_time() - begin
    assert seconds < SECONDS + SECONDS_PER_BYTE * len(data), f"{len(data)} bytes took {seconds} s"


def fuzzed(target: str, data: bytes) -> bytes:
    """Return the input that feeds ``target`` with ``data``."""
    names = list(PARSERS) if target in PARSERS else list(READERS)
    first = names.index(target) + (0 if target in PARSERS else FIRST_READER)
    return bytes([first, 0, 3, 11, 38]) + data


def check_parser(parse: Callable[[bytes], object], data: bytes) -> None:
    with suppress(BitstreamError):
        parse(data)


def check_reader(make_reader: Callable[[], Reader], data: bytes, chunks: list[bytes]) -> None:
    """However the bytes are cut, the same comes out; and silences between them break nothing."""
    whole = outcome(make_reader(), [data])
    cut = outcome(make_reader(), chunks)
    assert whole == cut, f"whole: {whole}; cut: {cut}"
    reader, now = make_reader(), 0.0
    with suppress(BitstreamError, CodecChanged):
        for chunk in chunks:
            now += 1.0
            reader.feed(chunk, now)
            if reader.quiet_at is not None:
                reader.flush()
        reader.eof()


def check_steps(data: bytes) -> None:
    """No step takes long, and what comes of all steps is what comes of the whole."""
    demuxer = Demuxer(max_items=MAX_ITEMS_PER_STEP)
    units: list[AccessUnit] = []
    with suppress(BitstreamError):
        chunk = data
        while chunk or demuxer.behind:
            begin = time.process_time()
            units += demuxer.feed(chunk)
            seconds = time.process_time() - begin
            assert seconds < SECONDS_PER_STEP, f"a step took {seconds} s"
            chunk = b""
        units += demuxer.eof()
    assert units == outcome(Demuxer(), [data])[0]


def outcome(reader: Reader, chunks: Iterable[bytes]) -> tuple[list[AccessUnit], list[str]]:
    """Return the access units and what was said of the stream, the last word among it."""
    units: list[AccessUnit] = []
    error = []
    try:
        for chunk in chunks:
            units += reader.feed(chunk, 0.0)
        units += reader.eof()
    except CodecChanged as change:
        units += change.units
    except BitstreamError as fatal:
        error.append(str(fatal))
    return units, [str(fault) for fault in reader.faults] + error


def cut(data: bytes, sizes: Iterable[int]) -> Iterator[bytes]:
    position = 0
    for size in cycle(sizes):
        if position >= len(data):
            return
        yield data[position : position + size]
        position += size
