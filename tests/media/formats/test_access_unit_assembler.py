"""How much may come of how little: pictures out of one read of the smallest NAL units there are."""

import tracemalloc

from ingestd.media.access_unit import MAX_ADDED_PER_BYTE, AccessUnit, Codec
from ingestd.media.codecs.parameter_sets import ParameterSets
from ingestd.media.formats.annexb import AnnexBReader
from tests.media.vectors_h26x import AUD, SHORT_START, annexb, pps, slice, sps

READ_BYTES = 64 * 1024
LARGE_SETS = (sps() + b"\xff" * 4_000, pps() + b"\xff" * 4_000)
TINY_KEYFRAME = SHORT_START + slice(idr=True, payload=b"")
TINY_PICTURE = SHORT_START + AUD + SHORT_START + slice(frame_num=1, payload=b"")
MEMORY_BYTES = 16 * 1024 * 1024  # 256 times what was read


def flood(unit: bytes) -> tuple[list[AccessUnit], list[str]]:
    """Return what one read full of `unit` becomes, behind large parameter sets; and the faults."""
    reader = AnnexBReader(Codec.H264, ParameterSets())
    reader.feed(annexb(*LARGE_SETS, slice(idr=True, payload=b"x" * 600), AUD))
    data = unit * (READ_BYTES // len(unit))
    tracemalloc.start()
    units = reader.feed(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MEMORY_BYTES
    return units, [fault.reason for fault in reader.faults]


def test_tiny_keyframes_are_not_blown_up_with_parameter_sets_and_each_is_a_fault() -> None:
    units, faults = flood(TINY_KEYFRAME)
    assert len(units) >= READ_BYTES // len(TINY_KEYFRAME) - 2
    assert all(unit.lacks_parameter_sets for unit in units[1:])
    assert sum(len(unit.data) for unit in units[1:]) < 2 * READ_BYTES
    assert set(faults) == {"tiny_keyframe"}
    assert len(faults) >= len(units) - 1, "so that a stream of them is parted with"


def test_tiny_pictures_behind_delimiters_are_pictures_that_cost_little_and_no_fault() -> None:
    # A skipped picture is that small. Each is counted, and dropped if it outruns what WebRTC takes.
    units, faults = flood(TINY_PICTURE)
    assert len(units) >= READ_BYTES // len(TINY_PICTURE) - 2
    assert faults == []


def test_a_small_keyframe_gets_the_sets_that_it_needs() -> None:
    reader = AnnexBReader(Codec.H264, ParameterSets())
    key, small_key = slice(idr=True), slice(idr=True, idr_pic_id=1, payload=b"")
    [_, small] = reader.feed(annexb(sps(), pps(), key, small_key)) + reader.eof()
    assert small.repaired
    assert len(sps()) + len(pps()) < MAX_ADDED_PER_BYTE * len(slice(idr=True, payload=b""))
    assert (small.data[4:].startswith(sps()), small.lacks_parameter_sets) == (True, False)


def test_sei_of_a_wrong_size_in_every_picture_is_said_once_and_passed_on() -> None:
    reader = AnnexBReader(Codec.H264, ParameterSets())
    wrong = b"\x06\x05\xf0short\x80"
    pictures = [(wrong, slice(frame_num=n, poc_lsb=2 * n)) for n in range(1, 8)]
    units = reader.feed(annexb(sps(), pps(), slice(idr=True), *sum(pictures, ()))) + reader.eof()
    assert [unit.data for unit in units[1:]] == [annexb(*picture) for picture in pictures]
    assert [fault.reason for fault in reader.faults] == ["malformed_sei"]
