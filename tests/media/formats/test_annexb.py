"""The byte stream format, parameter sets on keyframes, faults."""

from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.diagnose.explain import explain
from ingestd.errors import BitstreamError
from ingestd.media.access_unit import MAX_ACCESS_UNIT_BYTES, AccessUnit, Codec
from ingestd.media.codecs.parameter_sets import ParameterSets
from ingestd.media.formats.access_unit_assembler import DELIMITER_PROOF_PICTURES
from ingestd.media.formats.annexb import AnnexBReader
from ingestd.media.formats.nal_unit_reader import CodecChanged
from ingestd.media.picture_end.detector import SILENCE_S
from tests.media.vectors_h26x import AUD, FILLER, SEI, SHORT_START, START, annexb, pps, slice, sps
from tests.support.chunking import read_in_every_chunking
from tests.support.memory import most_memory

SPS, PPS, IDR = sps(), pps(), slice(idr=True)
P1, P2, P3 = (slice(frame_num=n, poc_lsb=2 * n) for n in (1, 2, 3))
# A delimiter might be one before each slice; behind these it is believed.
DELIMITED = b"".join(
    annexb(AUD, slice(frame_num=n, poc_lsb=n, payload=b"x" * 70))
    for n in range(2, DELIMITER_PROOF_PICTURES + 3)
)


def h264_reader() -> AnnexBReader:
    return AnnexBReader(Codec.H264, ParameterSets())


def read(data: bytes) -> list[AccessUnit]:
    return read_in_every_chunking(h264_reader, data)


def nals(unit: AccessUnit) -> list[bytes]:
    return unit.data.split(START)[1:]


def faults(data: bytes) -> list[str]:
    """Return the reasons of all faults, having checked that they do not depend on the chunks either."""
    whole, bytewise = h264_reader(), h264_reader()
    whole.feed(data)
    whole.eof()
    for i in range(len(data)):
        bytewise.feed(data[i : i + 1])
    bytewise.eof()
    reasons = [fault.reason for fault in whole.faults]
    assert [fault.reason for fault in bytewise.faults] == reasons
    return reasons


# --- start codes ---


def test_every_start_code_comes_out_with_four_bytes_and_no_zeros_before_it() -> None:
    data = b"\0\0\0" + START + SPS + SHORT_START + PPS + b"\0\0" + START + IDR + bytes(70) + SHORT_START + P1
    assert [unit.data for unit in read(data + b"\0\0\0")] == [annexb(SPS, PPS, IDR), annexb(P1)]
    assert faults(data) == []


def test_empty_nal_units_are_nothing() -> None:
    assert [nals(u) for u in read(START + annexb(SPS, PPS, IDR) + START + START + START + P1)] == [
        [SPS, PPS, IDR],
        [P1],
    ]


def test_cabac_zero_words_are_part_of_the_slice() -> None:
    padded = P1 + b"\0\0\3\0\0\3"
    assert nals(read(annexb(SPS, PPS, IDR, padded, P2))[1]) == [padded]


def test_a_picture_is_complete_when_the_head_of_the_next_has_arrived() -> None:
    reader = h264_reader()
    assert reader.feed(annexb(SPS, PPS, IDR)) == []
    assert reader.feed(START + slice(frame_num=1, poc_lsb=2, payload=b"x" * 70)) != []
    assert len(reader.feed(DELIMITED)) >= DELIMITER_PROOF_PICTURES
    assert reader.feed(b"x" * 100_000) == []
    assert reader.feed(START + b"\x09") == []
    assert len(reader.feed(b"\xf0" + START)) == 1


def test_the_end_of_the_stream_completes_the_last_picture() -> None:
    reader = h264_reader()
    reader.feed(annexb(SPS, PPS, IDR, P1))
    assert [nals(unit) for unit in reader.eof()] == [[SPS, PPS, IDR], [P1]]
    assert reader.faults == []


def test_a_long_silence_completes_the_picture_that_has_arrived() -> None:
    reader = h264_reader()
    assert reader.feed(annexb(SPS, PPS, IDR), now=1.0) == []
    assert reader.quiet_at == 1.0 + SILENCE_S
    assert [nals(unit) for unit in reader.flush()] == [[SPS, PPS, IDR]]
    assert reader.flush() == []
    assert reader.feed(annexb(P1)) == []
    assert [nals(unit) for unit in reader.flush()] == [[P1]]
    assert [nals(unit) for unit in reader.feed(annexb(P2)) + reader.eof()] == [[P2]]
    assert reader.faults == []


def test_a_silence_completes_nothing_while_headers_are_on_their_way() -> None:
    reader = h264_reader()
    for sent in (START, SPS, START, PPS, START, IDR[:3]):
        assert reader.feed(sent) == []
        assert reader.flush() == []
    assert [nals(unit) for unit in reader.feed(IDR[3:]) + reader.eof()] == [[SPS, PPS, IDR]]


def test_a_silence_behind_a_slice_that_cannot_be_read_completes_nothing() -> None:
    reader = h264_reader()
    reader.feed(
        annexb(
            SPS,
            PPS,
            b"\x41\x8d".ljust(70, b"x"),  # slice_type 12
        )
    )
    assert reader.flush() == []
    assert [fault.reason for fault in reader.faults] == ["malformed_slice_header"]


@pytest.mark.parametrize("zeros", [b"", b"\0", b"\0\0\3"])
def test_a_picture_that_was_taken_for_whole_too_soon_comes_out_again_whole(zeros: bytes) -> None:
    reader = h264_reader()
    piece = slice(idr=True, payload=b"x" * 70) + zeros
    whole = piece + b"y" * 30
    reader.feed(annexb(SPS, PPS, piece))
    assert [nals(unit) for unit in reader.flush()] == [[SPS, PPS, piece.rstrip(b"\0")]]
    units = reader.feed(whole[len(piece) :] + annexb(P1)) + reader.eof()
    assert [(nals(unit), unit.corrects) for unit in units] == [([SPS, PPS, whole], True), ([P1], False)]
    assert [fault.reason for fault in reader.faults] == ["torn_picture"]


def test_slices_that_come_late_belong_to_their_picture_all_the_same() -> None:
    reader = h264_reader()
    first, second = slice(idr=True), slice(idr=True, first_mb=10)
    reader.feed(annexb(SPS, PPS, first))
    assert [nals(unit) for unit in reader.flush()] == [[SPS, PPS, first]]
    units = reader.feed(annexb(second, P1)) + reader.eof()
    assert [nals(unit) for unit in units] == [[SPS, PPS, first, second], [P1]]
    assert [unit.corrects for unit in units] == [True, False]


def test_the_delimiter_of_the_next_picture_need_not_be_waited_for() -> None:
    reader = h264_reader()
    reader.feed(annexb(SPS, PPS, IDR) + DELIMITED)
    assert len(reader.feed(START + AUD + START)) == 1


def test_a_picture_to_be_shown_before_one_sent_earlier_says_so() -> None:
    p3 = slice(frame_num=1, poc_lsb=6)
    b1, b2 = (slice(frame_num=2, poc_lsb=lsb, ref_idc=0, slice_type=6) for lsb in (2, 4))
    units = read(annexb(SPS, PPS, IDR, p3, b1, b2, slice(frame_num=2, poc_lsb=8)))
    assert [unit.reordered for unit in units] == [False, False, True, True, False]


def test_headers_without_their_picture_are_a_cut() -> None:
    assert [nals(unit) for unit in read(annexb(SPS, PPS, IDR, AUD, SEI))] == [[SPS, PPS, IDR]]
    assert faults(annexb(SPS, PPS, IDR, AUD, SEI)) == ["cut_picture"]


# --- parameter sets ---


def test_keyframes_get_the_sets_they_lack_and_no_others() -> None:
    units = read(annexb(SPS, PPS, pps(id=1), IDR, P1, slice(idr=True, idr_pic_id=1), P1))
    assert [nals(unit) for unit in units] == [
        [SPS, PPS, pps(id=1), IDR],
        [P1],
        [SPS, PPS, slice(idr=True, idr_pic_id=1)],
        [P1],
    ]
    assert [unit.keyframe for unit in units] == [True, False, True, False]
    assert [unit.repaired for unit in units] == [False, False, True, False]


def test_they_go_behind_the_delimiter_and_before_sei() -> None:
    units = read(annexb(SPS, PPS, IDR, AUD, P1, AUD, SEI, IDR))
    assert nals(units[2]) == [AUD, SPS, PPS, SEI, IDR]


def test_a_set_in_band_is_not_doubled() -> None:
    units = read(annexb(SPS, PPS, IDR, AUD, SPS, SEI, IDR, AUD, PPS, IDR, AUD, PPS, SPS, IDR))
    assert [nals(unit) for unit in units[1:]] == [
        [AUD, SPS, PPS, SEI, IDR],
        [AUD, SPS, PPS, IDR],
        [AUD, PPS, SPS, IDR],
    ]


def test_sets_before_the_delimiter_count_as_in_band() -> None:
    assert nals(read(annexb(SPS, PPS, IDR, P1, SPS, PPS, AUD, IDR))[-1])[-1] == IDR
    units = read(annexb(SPS, PPS, AUD, IDR))
    assert nals(units[0]) == [SPS, PPS, AUD, IDR]


def test_a_changed_set_takes_effect_with_the_picture_behind_it() -> None:
    larger = sps(width_mbs=40)
    units = read(annexb(SPS, PPS, IDR, P1, larger, IDR, P1, IDR))
    assert [unit.info and unit.info.width for unit in units] == [320, 320, 640, 640, 640]
    assert [nals(unit) for unit in units] == [
        [SPS, PPS, IDR], [P1], [larger, PPS, IDR], [P1], [larger, PPS, IDR],
    ]  # fmt: skip


def test_a_keyframe_keeps_the_sets_it_was_coded_with_when_others_follow_it() -> None:
    larger = sps(width_mbs=40)
    units = read(annexb(SPS, PPS, IDR, P1, IDR, larger, PPS, IDR))
    assert nals(units[2]) == [SPS, PPS, IDR]


def test_unknown_sets_are_said() -> None:
    assert read(annexb(IDR, P1)) == [
        AccessUnit(annexb(IDR), keyframe=True, info=None, lacks_parameter_sets=True),
        AccessUnit(annexb(P1), keyframe=False, info=None),
    ]
    assert read(annexb(SPS, IDR))[0].lacks_parameter_sets
    assert read(annexb(SPS, PPS, slice(idr=True, pps_id=7)))[0].lacks_parameter_sets


def test_an_encoder_that_comes_back_without_its_sets_still_works() -> None:
    sets = ParameterSets()
    first = AnnexBReader(Codec.H264, sets)
    first.feed(annexb(SPS, PPS, IDR))
    again = AnnexBReader(Codec.H264, sets)
    again.feed(annexb(IDR))
    assert [nals(unit) for unit in again.eof()] == [[SPS, PPS, IDR]]


def test_the_description_is_one_object_while_it_says_the_same() -> None:
    units = read_units_once(annexb(SPS, PPS, IDR, P1, SPS, PPS, IDR, sps(level_idc=40), IDR))
    assert units[0].info is units[1].info is units[2].info
    assert units[3].info is not units[2].info
    assert units[3].info is not None
    assert units[3].info.level == "4"


def test_a_changed_set_that_says_the_same_changes_no_description() -> None:
    units = read_units_once(annexb(SPS, PPS, IDR, sps(crop=(0, 0, 0, 0)), PPS, IDR))
    assert units[0].info is units[1].info


def read_units_once(data: bytes) -> list[AccessUnit]:
    reader = h264_reader()
    return reader.feed(data) + reader.eof()


def test_a_keyframe_joined_in_its_middle_is_none() -> None:
    rest = slice(idr=True, first_mb=100)
    assert [unit.keyframe for unit in read(annexb(SPS, PPS, rest, P1, IDR, rest))] == [False, False, True]


# --- faults ---


def test_garbage_before_the_first_start_code_is_one_fault() -> None:
    data = b"the rest of a slice" + annexb(SPS, PPS, IDR)
    assert [nals(unit) for unit in read(data)] == [[SPS, PPS, IDR]]
    assert faults(data) == ["leading_garbage"]


@pytest.mark.parametrize(
    ("noise", "reason", "kept"),
    [
        (b"\xff\xee", "malformed_nal_header", False),
        (b"\x67\x42\x00", "malformed_sps", True),
        (b"\x68\x00\x00\x01"[:2], "malformed_pps", False),
        (b"\x41\x00\x40", "malformed_slice_header", False),
    ],
)
def test_noise_costs_one_fault_and_the_stream_goes_on(noise: bytes, reason: str, kept: bool) -> None:
    noise = noise.rstrip(b"\0")
    data = annexb(SPS, PPS, IDR, noise, P1, P2)
    assert [nals(unit)[-1] for unit in read(data)] == [IDR, P1, P2]
    assert faults(data) == [reason]


def test_a_flood_of_noise_is_one_fault_per_picture() -> None:
    noise = [b"\xff"] * 100
    assert faults(annexb(SPS, PPS, IDR, *noise, P1, *noise, P2)) == ["malformed_nal_header"] * 2


def test_a_picture_that_never_ends_is_refused_as_soon_as_it_is_too_large() -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        yield annexb(SPS, PPS, IDR)
        while True:
            yield b"x" * 65536
            sent += 65536

    with pytest.raises(BitstreamError, match="8 MiB") as caught:
        feed_into([], h264_reader(), endless())
    assert caught.value.reason == "too_large"
    assert sent <= MAX_ACCESS_UNIT_BYTES


def feed_into(units: list[AccessUnit], reader: AnnexBReader, chunks: Iterable[bytes]) -> None:
    for chunk in chunks:
        units += reader.feed(chunk)
    units += reader.eof()


def test_pictures_before_a_hopeless_fault_are_handed_on_first() -> None:
    data, endless = annexb(SPS, PPS, IDR, P1, P2), b"x" * MAX_ACCESS_UNIT_BYTES
    for size in (1, 10, 100, len(data)):
        units: list[AccessUnit] = []
        chunks = [data[i : i + size] for i in range(0, len(data), size)]
        with pytest.raises(BitstreamError, match="a picture has more than"):
            feed_into(units, h264_reader(), [*chunks, endless])
        assert [nals(unit)[-1] for unit in units] == [IDR, P1]
        units = []
        with pytest.raises(BitstreamError, match="a picture has more than"):
            feed_into(units, h264_reader(), [*chunks[:-1], chunks[-1] + endless])
        assert [nals(unit)[-1] for unit in units] == [IDR, P1]


PRIVATE = START + b"\x78" + b"x" * 65536


def test_what_is_left_out_is_not_kept() -> None:
    reader = h264_reader()
    with most_memory(8 * len(PRIVATE)):
        for _ in range(300):
            assert reader.feed(PRIVATE) == []
    assert [nals(unit) for unit in reader.feed(annexb(SPS, PPS, IDR)) + reader.eof()] == [[SPS, PPS, IDR]]


def test_what_is_left_out_of_a_picture_counts_for_its_size() -> None:
    reader = h264_reader()
    reader.feed(annexb(SPS))
    # A bytearray takes up to an eighth more than it holds.
    with most_memory(MAX_ACCESS_UNIT_BYTES * 5 // 4), pytest.raises(BitstreamError, match="8 MiB"):
        feed_into([], reader, [PRIVATE] * 600)


def test_a_picture_of_many_tiny_nal_units_is_refused() -> None:
    with pytest.raises(BitstreamError, match="more than 16384 NAL units") as caught:
        h264_reader().feed(annexb(SPS, PPS, IDR, *[FILLER] * 20_000))
    assert "make fewer slices per picture; x264: slices=4" in explain(caught.value)


@pytest.mark.parametrize(
    "left_out", [b"\x80", b"\x18x", b"\x41\x01"], ids=["damaged", "private", "bad slice"]
)
def test_nal_units_that_are_left_out_count_as_well(left_out: bytes) -> None:
    with pytest.raises(BitstreamError, match="more than 16384 NAL units"):
        h264_reader().feed(annexb(SPS, PPS, IDR, *[left_out] * 20_000))


def test_a_picture_of_more_parameter_sets_than_there_are_ids_is_refused() -> None:
    reader = h264_reader()
    reader.feed(annexb(*[SPS] * 144, *[PPS] * 144, IDR, *[SPS, PPS] * 144, IDR))
    with pytest.raises(BitstreamError, match="more than 288 parameter sets") as caught:
        feed_into([], reader, [annexb(*[SPS] * 290), b""])
    assert caught.value.reason == "too_large"
    assert "before keyframes" in explain(caught.value)


@pytest.mark.parametrize("nal", [SPS, PPS, SEI], ids=["sps", "pps", "sei"])
def test_headers_that_are_too_large_to_be_read_stay_in_the_picture(nal: bytes) -> None:
    large = nal + b"x" * 1_000_000
    reader = h264_reader()
    [_, second] = reader.feed(annexb(SPS, PPS, IDR, large, P1)) + reader.eof()
    assert nals(second) == [large, P1]
    assert [fault.reason.partition("_")[0] for fault in reader.faults] == ["malformed"]


# --- anything at all ---

SOMETHING_LIKE_A_STREAM = st.lists(
    st.one_of(
        st.sampled_from([annexb(n) for n in (SPS, PPS, IDR, P1, P2, AUD, SEI, FILLER)]),
        st.binary(max_size=30).map(lambda data: START + data),
        st.binary(max_size=80),
        st.just(bytes(5)),
    ),
    max_size=30,
).map(b"".join)


@settings(max_examples=100, deadline=None)
@given(SOMETHING_LIKE_A_STREAM, st.sampled_from([Codec.H264, Codec.H265]), st.integers(1, 200))
def test_whatever_comes_the_result_is_the_same_in_every_chunking(
    data: bytes, codec: Codec, size: int
) -> None:
    def outcome(step: int) -> tuple[list[AccessUnit], list[str]]:
        reader = AnnexBReader(codec, ParameterSets())
        units = []
        try:
            for i in range(0, len(data), step):
                units += reader.feed(data[i : i + step])
            units += reader.eof()
        except CodecChanged as change:
            units += change.units
        return units, [str(fault) for fault in reader.faults]

    assert outcome(max(len(data), 1)) == outcome(size) == outcome(1)
