import pytest

from ingestd.errors import BitstreamError
from ingestd.media.codecs.h264_parameter_sets import level_name, parse_pps, parse_sps, profile_name
from tests.media.vectors_h26x import BitWriter, sps

# --- sequence parameter sets ---


def test_size_is_what_is_left_after_cropping() -> None:
    assert (parse_sps(sps()).width, parse_sps(sps()).height) == (320, 240)
    full_hd = parse_sps(sps(width_mbs=120, height_map_units=68, crop=(0, 0, 0, 4)))
    assert (full_hd.width, full_hd.height) == (1920, 1080)
    all_sides = parse_sps(sps(crop=(1, 2, 3, 4)))
    assert (all_sides.width, all_sides.height) == (320 - 6, 240 - 14)


def test_fields_double_the_height_and_the_cropping() -> None:
    interlaced = parse_sps(sps(width_mbs=120, height_map_units=34, frame_mbs_only=False, crop=(0, 0, 0, 2)))
    assert (interlaced.width, interlaced.height) == (1920, 1080)


@pytest.mark.parametrize(
    ("chroma_format_idc", "size"), [(0, (319, 239)), (1, (318, 238)), (2, (318, 239)), (3, (319, 239))]
)
def test_cropping_counts_in_chroma_samples(chroma_format_idc: int, size: tuple[int, int]) -> None:
    set_ = parse_sps(sps(profile_idc=244, chroma_format_idc=chroma_format_idc, crop=(0, 1, 0, 1)))
    assert (set_.width, set_.height) == size


def test_chroma_and_depth_behind_scaling_lists() -> None:
    set_ = parse_sps(
        sps(profile_idc=244, chroma_format_idc=3, bit_depth=10, scaling_lists=True, pic_order_cnt_type=1)
    )
    assert (set_.chroma_format_idc, set_.bit_depth_luma, set_.width) == (3, 10, 320)


def test_the_frame_rate_counts_two_fields_and_survives_emulation_prevention() -> None:
    nal = sps(timing=(1, 60))
    assert b"\x00\x00\x03" in nal
    assert parse_sps(nal).frame_rate_fps == 30.0
    assert parse_sps(sps(timing=(1001, 60000))).frame_rate_fps == pytest.approx(29.97, abs=0.001)
    assert parse_sps(sps(timing=(0, 60))).frame_rate_fps is None
    assert parse_sps(sps()).frame_rate_fps is None


@pytest.mark.parametrize("hrd", [False, True])
def test_the_reorder_depth_stands_at_the_end_of_the_vui(hrd: bool) -> None:
    assert parse_sps(sps(timing=(1, 60), hrd=hrd, reorder_depth=3)).reorder_depth == 3
    assert parse_sps(sps(timing=(1, 60), hrd=hrd)).reorder_depth is None
    assert parse_sps(sps(pic_order_cnt_type=2)).reorder_depth == 0, "output is in the order of decoding"


def test_a_vui_cut_behind_the_timing_costs_only_the_reorder_depth() -> None:
    cut = parse_sps(sps(timing=(1, 60), hrd=True, reorder_depth=3)[:-4])
    assert (cut.frame_rate_fps, cut.reorder_depth) == (30.0, None)


def test_a_cut_vui_costs_only_the_frame_rate() -> None:
    whole = sps(timing=(1, 60))
    cut = parse_sps(whole[:-6])
    assert (cut.frame_rate_fps, cut.width) == (None, 320)


def test_every_other_cut_is_an_error() -> None:
    whole = sps()
    for length in range(1, len(whole) - 1):
        with pytest.raises(BitstreamError, match="SPS cannot be parsed"):
            parse_sps(whole[:length])


@pytest.mark.parametrize(
    ("nal", "why"),
    [
        (sps(id=32), "seq_parameter_set_id is 32"),
        (sps(width_mbs=5000), "pic_width_in_mbs_minus1 is 4999"),
        (sps(crop=(80, 80, 0, 0)), "cropping leaves no picture"),
        (sps() + b"\xff" * 20_000, "more than the 4096"),
    ],
)
def test_a_set_that_cannot_be(nal: bytes, why: str) -> None:
    with pytest.raises(BitstreamError, match=why):
        parse_sps(nal)


@pytest.mark.parametrize(
    ("profile_idc", "constraints", "name"),
    [
        (66, "000000", "Baseline"),
        (66, "010000", "Constrained Baseline"),
        (66, "110000", "Constrained Baseline"),
        (77, "000000", "Main"),
        (77, "100000", "Constrained Baseline"),
        (88, "000000", "Extended"),
        (100, "000000", "High"),
        (100, "000010", "Progressive High"),
        (100, "000011", "Constrained High"),
        (110, "000000", "High 10"),
        (110, "000100", "High 10 Intra"),
        (110, "000010", "Progressive High 10"),
        (122, "000000", "High 4:2:2"),
        (122, "000100", "High 4:2:2 Intra"),
        (244, "000000", "High 4:4:4 Predictive"),
        (244, "000100", "High 4:4:4 Intra"),
        (44, "000100", "CAVLC 4:4:4 Intra"),
        (118, "000000", "Multiview High"),
        (99, "000000", ""),
    ],
)
def test_profiles_by_their_names_in_annex_a(profile_idc: int, constraints: str, name: str) -> None:
    assert profile_name(profile_idc, [flag == "1" for flag in constraints]) == name


def test_levels_by_their_names_in_annex_a() -> None:
    assert [level_name(idc, 100, False) for idc in (9, 10, 11, 31, 40, 52)] == [
        "1b", "1", "1.1", "3.1", "4", "5.2",
    ]  # fmt: skip
    assert level_name(11, 66, True) == "1b"
    assert level_name(11, 100, True) == "1.1"


# --- picture parameter sets ---


@pytest.mark.parametrize("map_type", range(7))
def test_slice_group_maps_are_passed_over(map_type: int) -> None:
    w = BitWriter().ue(5, 3).u(2, 0b01).ue(1, map_type)
    match map_type:
        case 0:
            w.ue(4, 4)
        case 2:
            w.ue(1, 9)
        case 3 | 4 | 5:
            w.u(1, 0).ue(3)
        case 6:
            w.ue(9).u(10, 0b1010101010)
    set_ = parse_pps(w.ue(0, 0).u(3, 0).se(-1, 2, -3).u(2, 0).u(1, 1).nal(b"\x68"))
    assert (set_.id, set_.seq_parameter_set_id) == (5, 3)
    assert set_.bottom_field_pic_order_in_frame_present_flag
    assert set_.redundant_pic_cnt_present_flag
