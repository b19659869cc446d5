import pytest

from ingestd.media.access_unit import AccessUnit, Codec
from ingestd.media.codecs.parameter_sets import ParameterSets
from ingestd.media.formats.annexb import AnnexBReader
from tests.media.vectors_h26x import (
    H265_AUD,
    H265_RECOVERY_POINT,
    H265_SEI,
    H265_SUFFIX_SEI,
    START,
    annexb,
    h265_header,
    h265_pps,
    h265_slice,
    h265_sps,
    h265_vps,
)
from tests.support.chunking import read_in_every_chunking

SETS = (h265_vps(), h265_sps(), h265_pps())
IDR, CRA, TRAIL = h265_slice(19), h265_slice(21), h265_slice(1)
IDR_W_RADL, BLA_W_LP, CRA_NUT, RASL_R, RADL_R = 19, 16, 21, 9, 7


def read(*nals: bytes) -> list[AccessUnit]:
    return read_in_every_chunking(lambda: AnnexBReader(Codec.H265, ParameterSets()), annexb(*nals))


def pictures(*nals: bytes) -> list[list[bytes]]:
    return [unit.data.split(START)[1:] for unit in read(*nals)]


def test_the_frame_rate_of_the_vps_counts_where_the_sps_has_none() -> None:
    [unit] = read(h265_vps(timing=(1, 50)), h265_sps(), h265_pps(), IDR)
    assert unit.info is not None
    assert unit.info.frame_rate_fps == 50.0
    [unit] = read(h265_vps(timing=(1, 50)), h265_sps(timing=(1, 25)), h265_pps(), IDR)
    assert unit.info is not None
    assert unit.info.frame_rate_fps == 25.0


def test_the_first_slice_segment_begins_a_picture() -> None:
    more = h265_slice(1, first=False)
    assert pictures(*SETS, IDR, TRAIL, more, more, TRAIL) == [[*SETS, IDR], [TRAIL, more, more], [TRAIL]]


def test_each_of_these_begins_an_access_unit_after_the_last_slice() -> None:
    new_sets = (h265_vps(id=1), h265_sps(id=1), h265_pps(id=1))
    for nal in (H265_AUD, H265_SEI, *new_sets, h265_header(41) + b"x", h265_header(44) + b"x"):
        assert pictures(*SETS, IDR, TRAIL, nal, TRAIL) == [[*SETS, IDR], [TRAIL], [nal, TRAIL]]


def test_each_of_these_stays_with_the_picture_before_it() -> None:
    for nal in (H265_SUFFIX_SEI, h265_header(36), h265_header(37), h265_header(38) + b"\xff\x80"):
        assert pictures(*SETS, IDR, TRAIL, nal, TRAIL) == [[*SETS, IDR], [TRAIL, nal], [TRAIL]]


def test_other_layers_are_kept_and_decide_nothing() -> None:
    layer = h265_slice(1, layer=1)
    layer_idr = h265_slice(19, layer=1)
    assert pictures(*SETS, IDR, layer_idr, TRAIL, layer, TRAIL) == [
        [*SETS, IDR, layer_idr],
        [TRAIL, layer],
        [TRAIL],
    ]
    assert [unit.keyframe for unit in read(*SETS, IDR, TRAIL, layer_idr)] == [True, False]


def test_every_irap_picture_is_a_keyframe_with_its_sets() -> None:
    kinds = (IDR_W_RADL, RADL_R, CRA_NUT, RASL_R, BLA_W_LP, 17, 18, 20)
    units = read(*SETS, *(h265_slice(kind) for kind in kinds))
    assert [unit.keyframe for unit in units] == [True, False, True, False, True, True, True, True]
    assert units[2].data == annexb(*SETS, CRA)


def test_without_an_irap_picture_a_recovery_point_is_a_keyframe() -> None:
    assert [unit.keyframe for unit in read(*SETS, TRAIL, H265_RECOVERY_POINT, TRAIL)] == [False, True]
    assert [unit.keyframe for unit in read(*SETS, TRAIL, H265_SEI, TRAIL)] == [False, False]
    assert [unit.keyframe for unit in read(*SETS, IDR, H265_RECOVERY_POINT, TRAIL)] == [True, False]


@pytest.mark.parametrize("rasl", [8, RASL_R])
def test_rasl_pictures_behind_the_cra_picture_a_stream_begins_with_are_left_out(rasl: int) -> None:
    late, radl, trail = h265_slice(rasl, poc_lsb=6), h265_slice(RADL_R, poc_lsb=7), h265_slice(1, poc_lsb=9)
    first, second = h265_slice(CRA_NUT, poc_lsb=8), h265_slice(CRA_NUT, poc_lsb=20)
    assert [nals[-1] for nals in pictures(*SETS, first, late, radl, late, trail, second, late)] == [
        first, radl, trail, second, late,
    ]  # fmt: skip
    # What came before the first CRA picture no decoder has shown either.
    assert [nals[-1] for nals in pictures(*SETS, TRAIL, first, late, trail)] == [TRAIL, first, trail]
    assert [nals[-1] for nals in pictures(*SETS, IDR, first, late)] == [IDR, first, late]


def test_rasl_pictures_behind_a_bla_picture_are_left_out_always() -> None:
    bla, late = h265_slice(BLA_W_LP, poc_lsb=8), h265_slice(RASL_R, poc_lsb=6)
    assert [nals[-1] for nals in pictures(*SETS, IDR, TRAIL, bla, late, TRAIL)] == [IDR, TRAIL, bla, TRAIL]
    reader = AnnexBReader(Codec.H265, ParameterSets())
    reader.feed(annexb(*SETS, bla, late, late, TRAIL))
    reader.eof()
    assert [fault.reason for fault in reader.faults] == ["skipped_picture"] * 2


@pytest.mark.parametrize("more", [b"y" * 5, annexb(h265_slice(RASL_R, first=False))])
def test_they_are_left_out_behind_a_silence_and_when_their_rest_comes_late_too(more: bytes) -> None:
    reader = AnnexBReader(Codec.H265, ParameterSets())
    late, trail = h265_slice(RASL_R, poc_lsb=6, payload=b"x" * 80), h265_slice(1, poc_lsb=9)
    assert len(reader.feed(annexb(*SETS, h265_slice(CRA_NUT, poc_lsb=8), late))) == 1
    assert reader.flush() == []
    assert [unit.data for unit in reader.feed(more + annexb(trail)) + reader.eof()] == [annexb(trail)]


def test_a_keyframe_joined_in_its_middle_is_none() -> None:
    [cut, whole] = read(*SETS, h265_slice(19, first=False), IDR)
    assert (cut.keyframe, whole.keyframe) == (False, True)


def test_without_a_vps_a_keyframe_cannot_be_decoded() -> None:
    [unit] = read(h265_sps(), h265_pps(), IDR)
    assert unit.lacks_parameter_sets
    [unit] = read(IDR)
    assert unit == AccessUnit(annexb(IDR), True, None, lacks_parameter_sets=True)


def test_a_set_between_two_segments_counts_for_the_second_though_it_repeats_the_first() -> None:
    more = h265_slice(19, first=False)
    [unit] = read(*SETS, IDR, more, h265_vps(layers=3), more)
    assert unit.info is not None
    assert unit.info.layers == 3


def test_a_header_of_temporal_id_0_is_forbidden() -> None:
    reader = AnnexBReader(Codec.H265, ParameterSets())
    reader.feed(annexb(*SETS, IDR, b"\x02\x00data", TRAIL))
    assert [fault.reason for fault in reader.faults] == ["malformed_nal_header"]


# --- pictures out of order: 8.3.1 ---


def reordered(*nals: bytes) -> list[bool]:
    return [unit.reordered for unit in read(*nals)]


def test_b_slices_that_follow_the_order_of_output_are_not_reordered() -> None:
    low_delay = [h265_slice(1, slice_type=0, poc_lsb=n % 256) for n in range(1, 300)]
    assert not any(reordered(*SETS, IDR, *low_delay))


def test_a_picture_below_one_decoded_before_is_reordered_whatever_its_slices_are() -> None:
    pictures = [h265_slice(1, poc_lsb=4), h265_slice(0, poc_lsb=2), h265_slice(0, poc_lsb=3)]
    more = h265_slice(0, first=False)
    assert reordered(*SETS, IDR, *pictures, more, h265_slice(1, poc_lsb=8)) == [
        False, False, True, True, False,
    ]  # fmt: skip


def test_only_the_first_segment_of_a_picture_has_its_place_in_the_order() -> None:
    # What follows the id of the PPS would read as a count of 7.
    more = h265_slice(1, first=False, payload=b"\xff" * 9)
    assert reordered(*SETS, IDR, h265_slice(1, poc_lsb=9), more, h265_slice(1, poc_lsb=10)) == [False] * 3
    late = h265_slice(0, poc_lsb=8)
    assert reordered(*SETS, IDR, h265_slice(1, poc_lsb=9), late, H265_AUD, more) == [False, False, True]


def test_a_delimiter_before_every_slice_parts_no_picture() -> None:
    more = h265_slice(1, first=False)
    stream = [nal for part in (TRAIL, more, more) * 4 for nal in (H265_AUD, part)]
    assert pictures(*SETS, IDR, *stream) == [[*SETS, IDR], *[[H265_AUD, TRAIL, more, more]] * 4]


def test_parameter_sets_before_a_picture_that_is_no_keyframe_stay_only_if_they_are_new() -> None:
    assert pictures(*SETS, IDR, *SETS, TRAIL, *SETS, IDR) == [[*SETS, IDR], [TRAIL], [*SETS, IDR]]


def test_leading_pictures_are_behind_their_irap_and_what_came_before_it_is_not() -> None:
    cra, leading = h265_slice(CRA_NUT, poc_lsb=8), h265_slice(RASL_R, poc_lsb=6)
    assert reordered(*SETS, IDR, TRAIL, cra, leading, h265_slice(1, poc_lsb=9)) == [
        False, False, False, True, False,
    ]  # fmt: skip
    assert reordered(*SETS, IDR, h265_slice(1, poc_lsb=9), IDR, h265_slice(1, poc_lsb=1)) == [False] * 4


@pytest.mark.parametrize(
    "other",
    [{"nal_unit_type": kind} for kind in (0, 2, 4, 6, 7, 8, 9)] + [{"nal_unit_type": 1, "temporal_id": 1}],
)
def test_only_some_pictures_are_what_the_next_count_is_relative_to(other: dict[str, int]) -> None:
    # 100 is ahead of 0, 200 is ahead of 100 and behind 0.
    last = h265_slice(1, poc_lsb=200)
    assert reordered(*SETS, IDR, h265_slice(1, poc_lsb=100), last) == [False, False, False]
    assert reordered(*SETS, IDR, h265_slice(**other, poc_lsb=100), last)[-1]  # type: ignore[arg-type]


def test_what_stands_before_the_count_in_a_slice_header() -> None:
    sets = (
        h265_vps(),
        h265_sps(profile_idc=4, chroma_format_idc=3, separate_colour_planes=True),
        h265_pps(output_flag=True, extra_bits=2),
    )
    first, second, third = (
        h265_slice(1, output_flag=True, extra_bits="10", colour_plane=2, poc_lsb=lsb) for lsb in (3, 2, 4)
    )
    assert reordered(*sets, IDR, first, second, third) == [False, False, True, False]


def test_a_stream_of_layers_says_so() -> None:
    for layers in (1, 3):
        stream = annexb(h265_vps(layers=layers), h265_sps(), h265_pps(), h265_slice(19))
        (unit,) = read_in_every_chunking(lambda: AnnexBReader(Codec.H265, ParameterSets()), stream)
        assert unit.info is not None
        assert (unit.info.layers, unit.info.reorder_depth) == (layers, 0)
