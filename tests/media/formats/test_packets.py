"""Packets of home-made protocols: the stream in them comes out, whatever the header before each holds."""

import struct
from collections.abc import Callable

import pytest

from ingestd.diagnose.explain import explain
from ingestd.errors import BitstreamError
from ingestd.media.access_unit import Codec, Format
from ingestd.media.demuxer import Demuxer
from ingestd.media.detection.format_detector import DETECTION_LIMIT_BYTES
from ingestd.media.formats.packets import PacketLayout, Unpacker, find_packets
from ingestd.media.picture_end.detector import FIRST_PROOF_PICTURES
from tests.media.vectors_h26x import (
    SHORT_START,
    START,
    annexb,
    h265_pps,
    h265_slice,
    h265_sps,
    h265_vps,
    length_prefixed,
    pps,
    slice,
    sps,
)
from tests.media.vectors_ivf import AV1_DELIMITER, AV1_DELTA, AV1_KEY, AV1_SEQUENCE_HEADER
from tests.media.vectors_records import AV1C, avcc, hvcc
from tests.support.chunking import chunkings, read_all, read_in_every_chunking
from tests.support.encoded import encode


def payload(n: int) -> bytes:
    return bytes([n + 1]) * (40 + 10 * n)


H264_UNITS = [
    annexb(sps(), pps(), slice(idr=True, payload=b"k" * 150)),
    *(annexb(slice(frame_num=n, poc_lsb=2 * n, payload=payload(n))) for n in range(1, 7)),
]
H265_UNITS = [
    annexb(h265_vps(), h265_sps(), h265_pps(), h265_slice(19, payload=b"k" * 150)),
    *(annexb(h265_slice(1, poc_lsb=n, payload=payload(n))) for n in range(1, 7)),
]
AV1_KEY_UNIT = AV1_DELIMITER + AV1_SEQUENCE_HEADER + AV1_KEY
AV1_UNITS = [AV1_KEY_UNIT, *[AV1_DELIMITER + AV1_DELTA] * 6]
STREAMS = {Codec.H264: H264_UNITS, Codec.H265: H265_UNITS, Codec.AV1: AV1_UNITS}

HEADERS: dict[str, Callable[[int, bytes], bytes]] = {
    "size": lambda _, unit: struct.pack(">I", len(unit)),
    "size, little-endian": lambda _, unit: struct.pack("<I", len(unit)),
    "size of 64 bits": lambda _, unit: struct.pack(">Q", len(unit)),
    "size of 16 bits": lambda _, unit: struct.pack(">H", len(unit)),
    "size with the header": lambda n, unit: struct.pack(">IQ", len(unit) + 12, n * 33_333),
    "size of all behind it": lambda n, unit: struct.pack(">IQ", len(unit) + 8, n * 33_333),
    "scrcpy's": lambda n, unit: struct.pack(">QI", n * 33_333 | (0 if n else 1 << 62), len(unit)),
    "size, timestamp": lambda n, unit: struct.pack("<IQ", len(unit), 1_700_000_000_000 + n * 33),
    "magic, size, number, checksum": lambda n, unit: b"HEAD" + struct.pack("<IIQ", len(unit), n, hash(unit)),
    "size at an odd place": lambda n, unit: b"abc" + struct.pack(">IB", len(unit), n) + b"\x5a" * 24,
    "size of 24 bits": lambda _, unit: len(unit).to_bytes(3, "big"),
    "40 bytes of anything": lambda n, unit: bytes([n * 7 % 256]) * 30 + struct.pack(">IIH", len(unit), n, n),
}


def hash(unit: bytes) -> int:
    return int.from_bytes(unit[-8:], "big") * 0x9E3779B97F4A7C15 % (1 << 64)


def packets(codec: Codec, header: str) -> bytes:
    return b"".join(HEADERS[header](n, unit) + unit for n, unit in enumerate(STREAMS[codec]))


# Of AV1 the size must stand at either end; "size, timestamp" is IVF without its file header.
NOT_AV1 = ("size, timestamp", "size at an odd place", "magic, size, number, checksum", "40 bytes of anything")


@pytest.mark.parametrize(
    ("header", "codec"),
    [
        (header, codec)
        for header in HEADERS
        for codec in STREAMS
        if codec is not Codec.AV1 or header not in NOT_AV1
    ],
)
def test_the_stream_in_packets_comes_out_untouched(header: str, codec: Codec) -> None:
    data = packets(codec, header)
    for chunk_bytes in (1, 13, 100, len(data)):
        demuxer = Demuxer()
        chunks = [data[i : i + chunk_bytes] for i in range(0, len(data), chunk_bytes)]
        assert [unit.data for unit in read_all(demuxer, chunks)] == STREAMS[codec]
        assert (demuxer.codec, demuxer.faults) == (codec, [])
        assert demuxer.format is (Format.OBU if codec is Codec.AV1 else Format.ANNEXB)


def test_the_stream_in_packets_does_not_depend_on_how_they_were_cut() -> None:
    for codec, units in STREAMS.items():
        found = read_in_every_chunking(Demuxer, packets(codec, "scrcpy's"))
        assert [unit.data for unit in found] == units


@pytest.mark.parametrize("greeting", [b"", b"\0"])
@pytest.mark.parametrize("name", [b"", b"Pixel 9".ljust(64, b"\0")])
@pytest.mark.parametrize("codec", STREAMS)
def test_scrcpy_with_its_greeting(greeting: bytes, name: bytes, codec: Codec) -> None:
    codec_id = {Codec.H264: b"h264", Codec.H265: b"h265", Codec.AV1: b"\0av1"}[codec]
    config = AV1C + AV1_SEQUENCE_HEADER if codec is Codec.AV1 else annexb(sps(), pps())
    if codec is Codec.H265:
        config = annexb(h265_vps(), h265_sps(), h265_pps())
    data = greeting + name + codec_id + struct.pack(">II", 320, 240)
    data += struct.pack(">QI", 1 << 63, len(config)) + config + packets(codec, "scrcpy's")
    units = read_all(Demuxer(), [data[i : i + 7] for i in range(0, len(data), 7)])
    assert len(units) == len(STREAMS[codec])
    assert [unit.data for unit in units[1:]] == STREAMS[codec][1:]
    assert units[0].keyframe
    assert units[0].data.endswith(STREAMS[codec][0][-140:])


@pytest.mark.parametrize("greeting", [b"", b"\0", b"\0" + b"Pixel 9".ljust(64, b"\0")])
@pytest.mark.parametrize(
    ("codec", "with_codec"),
    # That of AV1 is known by the greeting alone.
    [*((codec, True) for codec in STREAMS), (Codec.H264, False), (Codec.H265, False)],
)
def test_scrcpy_with_the_headers_of_its_sessions(greeting: bytes, codec: Codec, with_codec: bool) -> None:
    codec_id = {Codec.H264: b"h264", Codec.H265: b"h265", Codec.AV1: b"\0av1"}[codec]
    session = struct.pack(">III", 1 << 31, 320, 240)
    data = greeting + (codec_id if with_codec else b"") + session
    for n, unit in enumerate(STREAMS[codec]):
        if n == 4:
            data += struct.pack(">III", 1 << 31 | 1, 240, 320)  # the phone was turned
        data += struct.pack(">QI", n * 33_333 | (1 << 61 if n == 0 else 0), len(unit)) + unit
    units = read_in_every_chunking(Demuxer, data)
    assert [unit.data for unit in units] == STREAMS[codec]


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
@pytest.mark.parametrize("size_bytes", [2, 3])
@pytest.mark.parametrize("start_code", [SHORT_START, START])
def test_a_small_size_is_no_length_of_four_bytes(codec: Codec, size_bytes: int, start_code: bytes) -> None:
    nals = [
        nal
        for unit in encode(codec, frames=40, gop=20, size=(320, 240)).access_units
        for nal in unit.replace(START, SHORT_START).split(SHORT_START)[1:]
    ]
    pieces = [start_code + nal for nal in nals]
    data = b"".join(len(piece).to_bytes(size_bytes, "big") + piece for piece in pieces)
    demuxer = Demuxer()
    units = demuxer.feed(data[: len(data) // 2])
    assert demuxer.codec is codec, "though four bytes may be the length of megabytes that are still to come"
    units += demuxer.feed(data[len(data) // 2 :]) + demuxer.eof()
    assert b"".join(unit.data for unit in units) == b"".join(START + nal for nal in nals)


def test_after_a_packet_that_makes_no_sense_there_is_nothing_to_wait_for() -> None:
    demuxer = Demuxer()
    demuxer.feed(packets(Codec.H264, "scrcpy's") + b"\xff" * 40)
    assert demuxer.quiet_at is None
    with pytest.raises(BitstreamError, match="no packets any more"):
        demuxer.feed(b"x", 1.0)


def test_one_nal_unit_a_packet_is_put_together_to_pictures() -> None:
    nals = [sps(), pps()]
    for n in range(6):
        nals += [slice(idr=n == 0, frame_num=n, poc_lsb=2 * n, first_mb=mb) for mb in (0, 100)]
    data = b"".join(struct.pack(">I", len(annexb(nal))) + annexb(nal) for nal in nals)
    units = read_in_every_chunking(Demuxer, data)
    assert [unit.data for unit in units] == [
        annexb(*nals[:4]),
        *(annexb(*nals[n : n + 2]) for n in range(4, 14, 2)),
    ]


def test_a_picture_leaves_with_the_last_byte_of_its_packet() -> None:
    demuxer, now = Demuxer(), 0.0
    for n in range(FIRST_PROOF_PICTURES + 8):
        unit = annexb(
            *([sps(), pps()] if n == 0 else []), slice(idr=n == 0, frame_num=n % 16, poc_lsb=2 * n % 16)
        )
        demuxer.feed(struct.pack(">QI", n * 33_333, len(unit)) + unit[:-2], now)
        demuxer.feed(unit[-2:], now + 0.02)  # a stall in the packet tears nothing
        if n > FIRST_PROOF_PICTURES + 2:
            assert demuxer.quiet_at == now + 0.02
            assert [found.data for found in demuxer.flush()] == [unit]
        now += 1 / 30
    assert demuxer.faults == []


def test_the_codec_may_change_inside_packets() -> None:
    data = packets(Codec.H264, "scrcpy's") + packets(Codec.H265, "scrcpy's")
    units = read_in_every_chunking(Demuxer, data)
    assert [unit.data for unit in units] == H264_UNITS + H265_UNITS


@pytest.mark.parametrize(
    "damage", [b"\xff" * 40, bytes(40), b"text that comes in between, more than a header"]
)
def test_packets_that_make_no_sense_any_more_end_the_stream_behind_the_pictures_before(damage: bytes) -> None:
    for label, chunks in chunkings(
        packets(Codec.H264, "scrcpy's") + damage + packets(Codec.H264, "scrcpy's")
    ):
        demuxer, units = Demuxer(), []
        with pytest.raises(BitstreamError, match="no packets any more") as caught:  # noqa: PT012 (any call)
            for chunk in [*chunks, b""]:
                units += demuxer.feed(chunk)
        assert (caught.value.reason, "leave the headers out" in explain(caught.value)) == (
            "lost_lengths",
            True,
        )
        assert [unit.data for unit in units] == H264_UNITS[: len(units)], label
        assert len(units) >= len(H264_UNITS) - 1


def test_a_first_picture_larger_than_what_is_looked_at_is_believed_where_its_size_stands_last() -> None:
    large = annexb(sps(), pps(), slice(idr=True, payload=b"x" * 2 * DETECTION_LIMIT_BYTES))
    data = b"".join(
        struct.pack(">QI", n, len(unit)) + unit for n, unit in enumerate([large, *H264_UNITS[1:]])
    )
    demuxer = Demuxer()
    units = [unit for i in range(0, len(data), 65536) for unit in demuxer.feed(data[i : i + 65536])]
    assert [unit.data for unit in units + demuxer.eof()] == [large, *H264_UNITS[1:]]


def test_a_connection_cut_in_a_packet_is_said() -> None:
    demuxer = Demuxer()
    units = demuxer.feed(packets(Codec.H264, "size")[:-5]) + demuxer.eof()
    assert [unit.data for unit in units] == H264_UNITS[:-1]
    assert [fault.reason for fault in demuxer.faults] == ["cut_nal_unit"]
    with pytest.raises(BitstreamError):
        Demuxer().eof()


def test_nothing_else_is_packets() -> None:
    for units in (H264_UNITS, H265_UNITS):
        for junk in (b"", b"\x05", b"\x9f\x5c" * 20):
            assert not find_packets(junk + b"".join(units), final=True, last=True)


def test_the_unpacker_keeps_no_more_than_a_packet() -> None:
    unpacker = Unpacker(PacketLayout(0, 4, 0, 4, "big", 0, nal_units=True))
    assert unpacker.take(packets(Codec.H264, "size")) == b"".join(H264_UNITS)
    assert unpacker.waiting_bytes == 0
    assert unpacker.take(b"\0\0\0\x09" + annexb(b"\x41")[:3]) == b""
    assert unpacker.waiting_bytes == 7


@pytest.mark.parametrize("annexb_samples", [False, True])
@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_samples_in_packets_behind_their_record_are_understood(codec: Codec, annexb_samples: bool) -> None:
    nals = (
        [slice(idr=n == 0, frame_num=n, poc_lsb=2 * n, payload=payload(n)) for n in range(6)]
        if codec is Codec.H264
        else [h265_slice(1 if n else 19, poc_lsb=n, payload=payload(n)) for n in range(6)]
    )
    record = avcc([sps()], [pps()]) if codec is Codec.H264 else hvcc(h265_vps(), h265_sps(), h265_pps())
    samples = [annexb(nal) if annexb_samples else length_prefixed(nal) for nal in nals]
    data = b"".join(struct.pack(">I", len(packet)) + packet for packet in (record, *samples))
    units = read_in_every_chunking(Demuxer, data)
    assert len(units) == len(nals)
    assert [unit.data.endswith(nal) for unit, nal in zip(units, nals, strict=True)] == [True] * len(nals)


@pytest.mark.parametrize("in_packets", [False, True])
def test_a_record_may_be_repeated_before_keyframes(in_packets: bool) -> None:
    records = avcc([sps()], [pps()]), hvcc(h265_vps(), h265_sps(), h265_pps())
    gops = (
        [slice(idr=n == 0, frame_num=n, poc_lsb=2 * n, payload=payload(n)) for n in range(3)],
        [h265_slice(1 if n else 19, poc_lsb=n, payload=payload(n)) for n in range(3)],
    )
    for record, nals in zip(records, gops, strict=True):
        parts = [record, *map(length_prefixed, nals)] * 3
        data = b"".join(struct.pack(">I", len(part)) * in_packets + part for part in parts)
        units = read_in_every_chunking(Demuxer, data)
        assert [unit.data.endswith(nal) for unit, nal in zip(units, nals * 3, strict=True)] == [True] * 9


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_a_nal_unit_of_no_bytes_in_the_packet_behind_a_record_breaks_nothing(codec: Codec) -> None:
    record = avcc([sps()], [pps()]) if codec is Codec.H264 else hvcc(h265_vps(), h265_sps(), h265_pps())
    behind = struct.pack(">II", 200, 0) + bytes(range(1, 197))
    demuxer = Demuxer()
    demuxer.feed(struct.pack(">I", len(record)) + record + behind)
    assert demuxer.format is not None
