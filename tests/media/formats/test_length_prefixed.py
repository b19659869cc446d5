"""NAL units with lengths before them: the same access units as between start codes, in the same form."""

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.diagnose.explain import explain
from ingestd.errors import BitstreamError
from ingestd.media.access_unit import MAX_ACCESS_UNIT_BYTES, AccessUnit, Codec, Format
from ingestd.media.codecs.parameter_sets import ParameterSets
from ingestd.media.formats.access_unit_assembler import DELIMITER_PROOF_PICTURES
from ingestd.media.formats.length_prefixed import MAX_EMPTY_NAL_UNITS, LengthPrefixedReader
from ingestd.media.picture_end.detector import FIRST_PROOF_PICTURES, SILENCE_S
from tests.media.vectors_h26x import (
    AUD,
    SEI,
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
from tests.support.chunking import chunkings, read_all, read_in_every_chunking

SPS, PPS, IDR = sps(), pps(), slice(idr=True)
P1, P2, P3 = (slice(frame_num=n, poc_lsb=2 * n) for n in (1, 2, 3))
FRAME_INTERVAL_S = 1 / 30


def h264_reader() -> LengthPrefixedReader:
    return LengthPrefixedReader(Codec.H264, ParameterSets())


def read(data: bytes) -> list[AccessUnit]:
    return read_in_every_chunking(h264_reader, data)


def nals(unit: AccessUnit) -> list[bytes]:
    return unit.data.split(START)[1:]


def faults(data: bytes) -> list[str]:
    """Return the reasons of all faults, having checked that they do not depend on the chunks."""
    reasons = []
    for _, chunks in chunkings(data):
        reader = h264_reader()
        read_all(reader, chunks)
        reasons.append([fault.reason for fault in reader.faults])
    assert all(of_this == reasons[0] for of_this in reasons)
    return reasons[0]


def feed_into(units: list[AccessUnit], reader: LengthPrefixedReader, chunks: Iterable[bytes]) -> None:
    for chunk in chunks:
        units += reader.feed(chunk)
    units += reader.eof()


def test_access_units_come_out_as_byte_stream_with_their_sets_on_every_keyframe() -> None:
    units = read(length_prefixed(AUD, SPS, PPS, SEI, IDR, AUD, P1, AUD, SEI, IDR))
    assert [unit.data for unit in units] == [
        annexb(AUD, SPS, PPS, SEI, IDR),
        annexb(AUD, P1),
        annexb(AUD, SPS, PPS, SEI, IDR),
    ]
    assert [unit.keyframe for unit in units] == [True, False, True]
    assert units[0].info is not None
    assert units[0].info.format is Format.LENGTH_PREFIXED


def test_slices_of_one_picture_stay_together() -> None:
    first, second = slice(idr=True), slice(idr=True, first_mb=10)
    assert [nals(unit) for unit in read(length_prefixed(SPS, PPS, first, second, P1))] == [
        [SPS, PPS, first, second],
        [P1],
    ]


def test_a_keyframe_whose_sets_stayed_in_the_caps_says_so() -> None:
    [key, delta] = read(length_prefixed(IDR, P1))
    assert key == AccessUnit(annexb(IDR), True, None, lacks_parameter_sets=True)
    assert delta == AccessUnit(annexb(P1), False, None)


def test_h265() -> None:
    sets = (h265_vps(), h265_sps(), h265_pps())
    idr, trail = h265_slice(19), h265_slice(1)
    units = read_in_every_chunking(
        lambda: LengthPrefixedReader(Codec.H265, ParameterSets()), length_prefixed(*sets, idr, trail, idr)
    )
    assert [unit.data for unit in units] == [annexb(*sets, idr), annexb(trail), annexb(*sets, idr)]


def test_the_head_of_the_next_picture_completes_the_one_before() -> None:
    reader = h264_reader()
    assert reader.feed(length_prefixed(SPS, PPS, IDR)) == []
    next_picture = length_prefixed(slice(frame_num=1, poc_lsb=2, payload=b"x" * 1000))
    assert [nals(unit) for unit in reader.feed(next_picture[:68])] == [[SPS, PPS, IDR]]
    assert reader.feed(next_picture[68:]) == []


def test_so_does_a_delimiter() -> None:
    reader = h264_reader()
    delimited = [slice(frame_num=n, poc_lsb=n) for n in range(1, DELIMITER_PROOF_PICTURES + 1)]
    for picture in [IDR, *delimited]:  # it might be one before each slice
        reader.feed(length_prefixed(AUD, picture))
    assert [nals(unit) for unit in reader.feed(length_prefixed(AUD))] == [[AUD, delimited[-1]]]


# --- the last byte is enough ---


def test_once_the_encoder_is_known_a_picture_leaves_with_its_last_byte() -> None:
    reader, now, waited = h264_reader(), 0.0, list[float]()
    for n in range(FIRST_PROOF_PICTURES + 10):
        head = length_prefixed(SPS, PPS) if n == 0 else b""
        size = 1000 if n < FIRST_PROOF_PICTURES + 5 else 10 + n  # as small as no picture before
        picture = head + length_prefixed(
            slice(idr=n == 0, frame_num=n % 16, poc_lsb=2 * n % 16, payload=b"x" * size)
        )
        # A stall of 20 ms within the slice: its length says that more must come.
        reader.feed(picture[:-5], now)
        assert reader.quiet_at is None
        reader.feed(picture[-5:], now + 0.02)
        assert reader.quiet_at is not None
        waited.append(reader.quiet_at - now - 0.02)
        if waited[-1] < FRAME_INTERVAL_S:
            assert len(reader.flush()) == 1
        now += FRAME_INTERVAL_S + 0.02
    assert waited[:FIRST_PROOF_PICTURES] == pytest.approx([SILENCE_S] * FIRST_PROOF_PICTURES)
    assert waited[FIRST_PROOF_PICTURES + 1 :] == pytest.approx([0.0] * 9)
    assert reader.faults == []


def test_a_slice_that_comes_late_belongs_to_its_picture_all_the_same() -> None:
    reader = h264_reader()
    first, second = slice(idr=True), slice(idr=True, first_mb=10)
    reader.feed(length_prefixed(SPS, PPS, first))
    assert [nals(unit) for unit in reader.flush()] == [[SPS, PPS, first]]
    units = reader.feed(length_prefixed(second, P1)) + reader.eof()
    assert [nals(unit) for unit in units] == [[SPS, PPS, first, second], [P1]]
    assert [unit.corrects for unit in units] == [True, False]
    assert [fault.reason for fault in reader.faults] == ["torn_picture"]


@pytest.mark.parametrize("waiting", [(SPS, PPS), (SPS, PPS, b"\x41\x8d"), (AUD,)])
def test_a_silence_without_a_slice_completes_nothing(waiting: tuple[bytes, ...]) -> None:
    reader = h264_reader()
    reader.feed(length_prefixed(*waiting))
    assert (reader.quiet_at, reader.flush()) == (None, [])


# --- faults ---


@pytest.mark.parametrize("length_bytes", [1, 2, 3, 4])
def test_lengths_of_other_sizes(length_bytes: int) -> None:
    data = b"".join(len(nal).to_bytes(length_bytes, "big") + nal for nal in (SPS, PPS, IDR, P1, b"", P2))
    units = read_in_every_chunking(
        lambda: LengthPrefixedReader(Codec.H264, ParameterSets(), length_bytes=length_bytes), data
    )
    assert [nals(unit) for unit in units] == [[SPS, PPS, IDR], [P1], [P2]]


def test_a_length_of_0_is_passed_over_and_many_of_them_end_the_stream() -> None:
    assert [nals(unit) for unit in read(length_prefixed(SPS, PPS, IDR, b"", P1, b"", b"", P2))] == [
        [SPS, PPS, IDR],
        [P1],
        [P2],
    ]
    with pytest.raises(BitstreamError, match="a NAL unit of 0 bytes") as caught:
        feed_into(
            [], h264_reader(), [length_prefixed(SPS, PPS, IDR), bytes(4 * MAX_EMPTY_NAL_UNITS + 4), b""]
        )
    assert caught.value.reason == "lost_lengths"


@pytest.mark.parametrize("length", [MAX_ACCESS_UNIT_BYTES + 1, 0xFFFFFFFF])
def test_a_length_that_cannot_be_ends_the_stream_behind_the_pictures_before_it(length: int) -> None:
    data = length_prefixed(SPS, PPS, IDR, P1, P2) + length.to_bytes(4, "big") + b"x" * 50
    for _, chunks in chunkings(data):
        reader, units = h264_reader(), list[AccessUnit]()
        with pytest.raises(BitstreamError, match=f"of {length} bytes is announced") as caught:
            feed_into(units, reader, chunks)
        assert "video/x-h264,stream-format=byte-stream" in explain(caught.value)
        assert caught.value.reason == "lost_lengths"
        assert [nals(unit) for unit in units] == [[SPS, PPS, IDR], [P1], [P2]]


def test_an_encoder_that_goes_over_to_start_codes_is_noticed() -> None:
    reader = h264_reader()
    with pytest.raises(BitstreamError) as caught:
        reader.feed(length_prefixed(SPS, PPS) + annexb(IDR, P1))
    assert caught.value.reason == "lost_lengths"


def test_a_picture_too_large_is_refused_before_it_is_held() -> None:
    reader = h264_reader()
    reader.feed(length_prefixed(SPS, PPS) + MAX_ACCESS_UNIT_BYTES.to_bytes(4, "big") + IDR)
    with pytest.raises(BitstreamError, match="8 MiB") as caught:
        feed_into([], reader, [b"x" * 65536] * 300)
    assert caught.value.reason == "too_large"


def test_a_connection_cut_in_a_nal_unit_or_its_length_is_said() -> None:
    whole = length_prefixed(SPS, PPS, IDR, P1, P2)
    assert faults(whole) == []
    for cut in (whole[:-1], whole + b"\0\0"):
        assert faults(cut) == ["cut_nal_unit"]
    assert [nals(unit) for unit in read(whole[:-1])] == [[SPS, PPS, IDR], [P1]]
    assert faults(length_prefixed(SPS, PPS)) == ["cut_picture"]
    long = slice(frame_num=1, poc_lsb=2, payload=b"x" * 200)
    assert [nals(unit) for unit in read(length_prefixed(SPS, PPS, IDR, long)[:-1])] == [[SPS, PPS, IDR]]
    long_sei = b"\x06\x05\xb4" + b"s" * 180 + b"\x80"
    assert [nals(unit) for unit in read(length_prefixed(SPS, PPS, IDR, long_sei)[:-1])] == [[SPS, PPS, IDR]]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.sampled_from([length_prefixed(nal) for nal in (SPS, PPS, IDR, P1, P2, AUD, SEI)])
        | st.binary(min_size=1, max_size=30).map(length_prefixed)
        | st.binary(max_size=8),
        max_size=20,
    ).map(b"".join),
    st.integers(1, 100),
)
def test_whatever_comes_the_result_is_the_same_in_every_chunking(data: bytes, size: int) -> None:
    def outcome(step: int) -> tuple[list[AccessUnit], list[str], str | None]:
        reader, units = h264_reader(), list[AccessUnit]()
        try:
            for i in range(0, len(data), step):
                units += reader.feed(data[i : i + step])
            units += reader.eof()
        except BitstreamError as error:
            return units, [str(fault) for fault in reader.faults], str(error)
        return units, [str(fault) for fault in reader.faults], None

    assert outcome(max(len(data), 1)) == outcome(size) == outcome(1)
