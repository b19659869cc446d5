import pytest

from ingestd.media.access_unit import Codec
from ingestd.media.codecs.h264 import parse_slice_header
from ingestd.media.codecs.h264_parameter_sets import parse_pps, parse_sps
from ingestd.media.codecs.parameter_sets import ParameterSets
from ingestd.media.codecs.random_access import MAX_PICTURES_BETWEEN
from ingestd.media.formats.access_unit_assembler import DELIMITER_PROOF_PICTURES
from ingestd.media.formats.annexb import AnnexBReader
from tests.media.vectors_h26x import (
    AUD,
    END_OF_SEQUENCE,
    END_OF_STREAM,
    FILLER,
    RECOVERY_POINT,
    SEI,
    START,
    annexb,
    pps,
    slice,
    sps,
)
from tests.support.chunking import read_in_every_chunking


def pictures(*nals: bytes) -> list[list[bytes]]:
    """Return the NAL units of each access unit found in `nals`."""
    units = read_in_every_chunking(lambda: AnnexBReader(Codec.H264, ParameterSets()), annexb(*nals))
    return [unit.data.split(START)[1:] for unit in units]


# --- picture boundaries: 7.4.1.2.3 ---

P0, P1, P2 = (slice(frame_num=n, poc_lsb=2 * n) for n in (0, 1, 2))
SETS = (sps(), pps())
IDR = slice(idr=True)


def test_each_of_these_begins_an_access_unit_after_the_last_slice() -> None:
    new_sets = (sps(id=1), pps(id=1))
    for nal in (AUD, SEI, *new_sets, b"\x0e\x01", b"\x6f\x01", b"\x10\x01", b"\x11\x01", b"\x12\x01"):
        assert pictures(*SETS, IDR, P1, nal, P2) == [[*SETS, IDR], [P1], [nal, P2]], nal


def test_each_of_these_stays_with_the_picture_before_it() -> None:
    for nal in (FILLER, END_OF_SEQUENCE, END_OF_STREAM, b"\x13\x80", b"\x74\x80"):
        assert pictures(*SETS, IDR, P1, nal, P2) == [[*SETS, IDR], [P1, nal], [P2]], nal


def test_sei_between_the_slices_of_a_picture_does_not_cut_it() -> None:
    second = slice(frame_num=1, poc_lsb=2, first_mb=150)
    assert pictures(*SETS, IDR, P1, SEI, second, P2) == [[*SETS, IDR], [P1, SEI, second], [P2]]


def test_prefix_nal_units_go_with_the_slice_behind_them() -> None:
    prefix, second = b"\x6e\x40\x00\x80", slice(frame_num=1, poc_lsb=2, first_mb=150)
    assert pictures(*SETS, prefix, IDR, prefix, P1, prefix, second, prefix, P2) == [
        [*SETS, prefix, IDR],
        [prefix, P1, prefix, second],
        [prefix, P2],
    ]


def test_types_that_mean_packetisation_in_rtp_are_left_out() -> None:
    for nal_unit_type in (0, *range(24, 32)):
        private = bytes([0x60 | nal_unit_type]) + b"private"
        assert pictures(*SETS, IDR, private, P1) == [[*SETS, IDR], [P1]]


# --- picture boundaries: 7.4.1.2.4 ---


def test_slices_of_one_picture_in_any_order_are_one_access_unit() -> None:
    slices = [slice(frame_num=1, poc_lsb=2, first_mb=mb) for mb in (200, 0, 100)]
    assert pictures(*SETS, IDR, *slices, P2) == [[*SETS, IDR], slices, [P2]]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (slice(frame_num=3, first_mb=7), slice(frame_num=4, first_mb=7)),
        (slice(poc_lsb=3, first_mb=7), slice(poc_lsb=4, first_mb=7)),
        (slice(ref_idc=0, first_mb=7), slice(ref_idc=1, first_mb=7)),
        (slice(ref_idc=3, first_mb=7), slice(ref_idc=0, first_mb=7)),
        (slice(idr=True, first_mb=7), slice(first_mb=7)),
        (slice(idr=True, first_mb=7), slice(idr=True, idr_pic_id=1, first_mb=7)),
        (slice(first_mb=7), slice(pps_id=1, first_mb=7)),
    ],
)
def test_each_difference_of_7_4_1_2_4_begins_a_picture(before: bytes, after: bytes) -> None:
    sets = (sps(), pps(), pps(id=1))
    assert [unit[-1] for unit in pictures(*sets, before, after)] == [before, after]


def test_differences_that_begin_no_picture() -> None:
    for after in (
        slice(frame_num=3, first_mb=9),
        slice(frame_num=3, first_mb=9, slice_type=2),
        slice(frame_num=3, first_mb=9, ref_idc=1),
    ):
        assert len(pictures(*SETS, slice(frame_num=3), after)) == 1


def test_what_stands_between_two_slices_counts_for_the_second_though_it_repeats_the_first() -> None:
    more = slice(frame_num=1, poc_lsb=2, first_mb=9)
    longer = sps(log2_max_frame_num=5)  # by which frame_num is 2
    assert pictures(*SETS, IDR, P1, longer, more) == [[*SETS, IDR], [P1], [longer, more]]
    subset, rest = b"\x6f" + sps()[1:], slice(idr=True, first_mb=9)
    (unit,) = AnnexBReader(Codec.H264, ParameterSets()).feed(annexb(*SETS, IDR, subset, rest, P1, P2))[:1]
    assert unit.info is not None
    assert unit.info.layers == 2


def test_the_fields_of_pic_order_cnt_with_bottom_field_pic_order_in_frame_present_flag() -> None:
    sets = (sps(), pps(bottom_order=True))
    a, b = slice(delta_bottom=0), slice(delta_bottom=-1, first_mb=9)
    assert len(pictures(*sets, a, slice(delta_bottom=0, first_mb=9))) == 1
    assert len(pictures(*sets, a, b)) == 2


def test_pic_order_cnt_type_1_compares_both_deltas() -> None:
    sets = (sps(pic_order_cnt_type=1), pps(bottom_order=True))
    first = slice(poc_lsb=None, deltas=(1, 2))
    assert len(pictures(*sets, first, slice(poc_lsb=None, deltas=(1, 2), first_mb=9))) == 1
    assert len(pictures(*sets, first, slice(poc_lsb=None, deltas=(2, 2), first_mb=9))) == 2
    assert len(pictures(*sets, first, slice(poc_lsb=None, deltas=(1, 3), first_mb=9))) == 2


def test_pic_order_cnt_type_2_has_no_such_field() -> None:
    sets = (sps(pic_order_cnt_type=2), pps())
    first, second = slice(poc_lsb=None, frame_num=1), slice(poc_lsb=None, frame_num=2)
    assert len(pictures(*sets, first, slice(poc_lsb=None, frame_num=1, first_mb=9), second)) == 2


def test_a_redundant_picture_never_begins_an_access_unit() -> None:
    sets = (sps(), pps(redundant=True))
    primary = slice(frame_num=1, redundant=0)
    redundant = slice(frame_num=0, poc_lsb=9, redundant=1)
    more = slice(frame_num=1, redundant=0, first_mb=9)
    assert len(pictures(*sets, primary, redundant, more, slice(frame_num=2, redundant=0))) == 2


def test_the_three_colour_planes_are_one_picture() -> None:
    sets = (sps(profile_idc=244, chroma_format_idc=3, separate_colour_planes=True), pps())
    planes = [slice(frame_num=1, colour_plane=plane) for plane in (0, 1, 2)]
    assert len(pictures(*sets, *planes, slice(frame_num=2, colour_plane=0))) == 2


def test_idr_pictures_that_all_have_the_same_idr_pic_id_are_still_told_apart() -> None:
    assert pictures(*SETS, IDR, IDR, IDR) == [[*SETS, IDR]] * 3


def test_a_slice_header_is_read_through_emulation_prevention() -> None:
    sets = ParameterSets()
    sets.store(parse_sps(sps(log2_max_frame_num=16)))
    sets.store(parse_pps(pps(bottom_order=True)))
    nal = slice(frame_num=0, frame_num_bits=16, first_mb=7, delta_bottom=100)
    assert b"\x00\x00\x03" in nal
    assert parse_slice_header(nal, sets).pic_order_cnt == (0, 100)


def test_without_parameter_sets_macroblock_0_begins_a_picture() -> None:
    later = slice(first_mb=9, frame_num=1)
    assert pictures(P1, later, P2) == [[P1, later], [P2]]


# --- interlaced ---

FIELD_SETS = (sps(frame_mbs_only=False), pps())


def field(parity: int, frame_num: int, first_mb: int = 0) -> bytes:
    return slice(
        field=parity, frame_num=frame_num, poc_lsb=2 * frame_num % 16 + parity - 1, first_mb=first_mb
    )


def test_two_fields_of_a_frame_are_one_access_unit() -> None:
    top, bottom = slice(idr=True, field=1), field(2, 0)
    assert pictures(*FIELD_SETS, top, bottom, field(1, 1), field(2, 1)) == [
        [*FIELD_SETS, top, bottom],
        [field(1, 1), field(2, 1)],
    ]


def test_a_delimiter_between_two_fields_does_not_part_them() -> None:
    frames = [[AUD, field(1, n), AUD, SEI, field(2, n)] for n in (1, 2)]
    first, second = [[AUD, field(1, n), SEI, field(2, n)] for n in (1, 2)]
    assert pictures(*FIELD_SETS, *frames[0], *frames[1]) == [[*FIELD_SETS, *first], second]


def test_a_delimiter_before_every_slice_parts_no_picture() -> None:
    def slices(n: int) -> list[bytes]:
        return [slice(idr=n == 0, frame_num=n, poc_lsb=2 * n, first_mb=mb) for mb in (0, 100, 200)]

    stream = [nal for n in range(5) for part in slices(n) for nal in (AUD, part)]
    assert pictures(*SETS, *stream) == [[*SETS, AUD, *slices(0)], *([AUD, *slices(n)] for n in range(1, 5))]
    # The sets before every slice, too: those that are known do not stay between two slices.
    stream = [nal for n in range(5) for part in slices(n) for nal in (AUD, *SETS, part)]
    assert pictures(*stream) == [[AUD, *SETS, *slices(0)], *([AUD, *slices(n)] for n in range(1, 5))]


def test_a_delimiter_inside_a_picture_behind_many_that_were_none_corrects_it() -> None:
    pictures = [slice(frame_num=n, poc_lsb=n) for n in range(1, DELIMITER_PROOF_PICTURES + 1)]
    *_, last = pictures
    second = slice(frame_num=len(pictures), poc_lsb=len(pictures), first_mb=100)
    reader = AnnexBReader(Codec.H264, ParameterSets())
    stream = annexb(*SETS, IDR, *(nal for picture in pictures for nal in (AUD, picture)), AUD, second)
    *_, torn, whole = reader.feed(stream) + reader.eof()
    assert [torn.data, whole.data] == [annexb(AUD, last), annexb(AUD, last, second)]
    assert [torn.corrects, whole.corrects] == [False, True]


def test_parameter_sets_before_a_picture_that_is_no_keyframe_stay_only_if_they_are_new() -> None:
    assert pictures(*SETS, IDR, *SETS, P1, AUD, *SETS, SEI, P2, *SETS, IDR) == [
        [*SETS, IDR],
        [P1],
        [AUD, SEI, P2],
        [*SETS, IDR],
    ]
    changed = sps(level_idc=40)
    reader = AnnexBReader(Codec.H264, ParameterSets())
    units = reader.feed(annexb(*SETS, IDR, changed, SETS[1], P1, changed, P2)) + reader.eof()
    assert [unit.data for unit in units] == [annexb(*SETS, IDR), annexb(changed, P1), annexb(P2)]
    assert [fault.reason for fault in reader.faults] == ["changed_sets"]


def test_bottom_field_first_and_several_slices_a_field() -> None:
    frame = [field(2, 1), field(2, 1, first_mb=20), field(1, 1), field(1, 1, first_mb=20)]
    assert pictures(*FIELD_SETS, *frame, field(2, 2), field(1, 2)) == [
        [*FIELD_SETS, *frame],
        [field(2, 2), field(1, 2)],
    ]


def test_a_field_of_the_same_picture_order_is_a_picture_still() -> None:
    top, bottom = (slice(field=parity, frame_num=1, first_mb=7) for parity in (1, 2))
    frame = slice(field=0, frame_num=1, first_mb=7)
    assert pictures(*FIELD_SETS, top, bottom, frame) == [[*FIELD_SETS, top, bottom], [frame]]
    assert pictures(*FIELD_SETS, frame, bottom) == [[*FIELD_SETS, frame], [bottom]]
    assert pictures(*FIELD_SETS, frame, top) == [[*FIELD_SETS, frame], [top]]
    next_bottom = slice(field=2, frame_num=1, poc_lsb=3)
    assert pictures(*FIELD_SETS, top, bottom, next_bottom) == [[*FIELD_SETS, top, bottom], [next_bottom]]


def test_fields_nothing_refers_to_share_a_frame_num_with_the_next_frame() -> None:
    top, bottom, bottom2, top2 = (
        slice(field=parity, ref_idc=0, frame_num=1, poc_lsb=poc)
        for parity, poc in ((1, 0), (2, 1), (2, 2), (1, 3))
    )
    assert pictures(*FIELD_SETS, top, bottom, bottom2, top2) == [[*FIELD_SETS, top, bottom], [bottom2, top2]]
    next_top = slice(field=1, ref_idc=0, frame_num=1, poc_lsb=4)
    assert pictures(*FIELD_SETS, top, next_top, bottom2) == [[*FIELD_SETS, top], [next_top, bottom2]]


def test_after_memory_management_5_the_second_field_counts_from_0() -> None:
    assert len(pictures(*FIELD_SETS, field(1, 7), field(2, 0), field(1, 1), field(2, 1))) == 2


def test_a_field_alone_is_an_access_unit_alone() -> None:
    assert pictures(*FIELD_SETS, field(1, 1), field(1, 2), field(2, 2), slice(field=0, frame_num=3)) == [
        [*FIELD_SETS, field(1, 1)],
        [field(1, 2), field(2, 2)],
        [slice(field=0, frame_num=3)],
    ]


# --- pictures out of order: 8.2.1 ---


def reordered(*nals: bytes) -> list[bool]:
    units = read_in_every_chunking(lambda: AnnexBReader(Codec.H264, ParameterSets()), annexb(*nals))
    return [unit.reordered for unit in units]


def test_b_slices_that_follow_the_order_of_output_are_not_reordered() -> None:
    low_delay = [slice(frame_num=n, poc_lsb=2 * n, slice_type=6) for n in range(1, 8)]
    assert not any(reordered(*SETS, IDR, *low_delay))


def test_an_order_taken_back_without_b_slices_is_memory_management_5() -> None:
    assert not any(reordered(*SETS, IDR, slice(frame_num=1, poc_lsb=6), slice(frame_num=2, poc_lsb=2)))


def test_pic_order_cnt_type_2_never_reorders_and_type_1_is_judged_by_its_b_slices() -> None:
    for pic_order_cnt_type, late in ((1, True), (2, False)):
        sets = (sps(pic_order_cnt_type=pic_order_cnt_type), pps())
        deltas = (0,) if pic_order_cnt_type == 1 else ()
        first = slice(idr=True, poc_lsb=None, deltas=deltas)
        b = slice(frame_num=1, ref_idc=0, poc_lsb=None, deltas=deltas, slice_type=6)
        assert reordered(*sets, first, b) == [False, late]


def test_the_second_field_of_a_frame_is_not_behind_its_first() -> None:
    frames = [
        slice(field=parity, frame_num=n, poc_lsb=2 * n + (parity == 2), slice_type=6)
        for n in range(1, 5)
        for parity in (2, 1)
    ]
    assert not any(reordered(*FIELD_SETS, slice(idr=True, field=0), *frames))


def test_an_idr_picture_begins_the_order_again() -> None:
    b = slice(frame_num=1, poc_lsb=2, slice_type=6)
    assert reordered(*SETS, IDR, slice(frame_num=1, poc_lsb=6), slice(idr=True, idr_pic_id=1), b) == [
        False, False, False, False,
    ]  # fmt: skip


def test_pictures_nothing_refers_to_do_not_move_the_order() -> None:
    p, b = slice(frame_num=1, poc_lsb=7), slice(frame_num=1, ref_idc=0, poc_lsb=7)
    late = slice(frame_num=2, poc_lsb=14, slice_type=6)
    assert reordered(*SETS, IDR, p, late) == [False, False, False]
    assert reordered(*SETS, IDR, b, late) == [False, False, True]


# --- where the stream can be begun ---


def keyframes(*nals: bytes) -> list[bool]:
    units = read_in_every_chunking(lambda: AnnexBReader(Codec.H264, ParameterSets()), annexb(*nals))
    return [unit.keyframe for unit in units]


def test_without_an_idr_picture_a_recovery_point_is_a_keyframe_with_its_sets() -> None:
    assert keyframes(*SETS, P0, RECOVERY_POINT, P1, P2) == [False, True, False]
    assert pictures(*SETS, P0, RECOVERY_POINT, P1)[1] == [*SETS, RECOVERY_POINT, P1]
    behind_another_message = SEI[:-1] + RECOVERY_POINT[1:]
    assert keyframes(*SETS, P0, AUD, behind_another_message, P1) == [False, True]


def test_with_idr_pictures_a_recovery_point_is_none() -> None:
    assert keyframes(*SETS, IDR, P1, RECOVERY_POINT, P2) == [True, False, False]


def test_the_second_field_of_a_recovery_point_belongs_to_it() -> None:
    assert keyframes(*FIELD_SETS, field(1, 1), field(2, 1), RECOVERY_POINT, field(1, 2), field(2, 2)) == [
        False, True,
    ]  # fmt: skip


def test_two_fields_are_one_picture_since_the_last_idr_picture() -> None:
    frames = [field(parity, n % 8) for n in range(1, MAX_PICTURES_BETWEEN) for parity in (1, 2)]
    reader = AnnexBReader(Codec.H264, ParameterSets())
    stream = annexb(*FIELD_SETS, slice(idr=True, field=0), *frames, RECOVERY_POINT, field(1, 9), field(2, 9))
    units = reader.feed(stream) + reader.eof()
    assert [i for i, unit in enumerate(units) if unit.keyframe] == [0]


def test_a_malformed_recovery_point_is_a_fault_and_no_keyframe() -> None:
    broken = b"\x06" + b"\x06\x01\x00" + b"\x80"
    reader = AnnexBReader(Codec.H264, ParameterSets())
    [unit] = reader.feed(annexb(*SETS, broken, P1)) + reader.eof()
    assert not unit.keyframe
    assert [fault.reason for fault in reader.faults] == ["malformed_sei"]


# --- layers ---


def test_a_subset_sps_says_that_there_are_layers_or_views() -> None:
    for subset, layers in ((b"", 1), (START + b"\x6f" + sps()[1:], 2)):
        stream = annexb(*SETS) + subset + annexb(IDR, P1)
        units = read_in_every_chunking(lambda: AnnexBReader(Codec.H264, ParameterSets()), stream)
        assert [unit.info.layers for unit in units if unit.info] == [layers] * 2
