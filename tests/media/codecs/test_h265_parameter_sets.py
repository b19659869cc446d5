import pytest

from ingestd.errors import BitstreamError
from ingestd.media.codecs.h265_parameter_sets import parse_pps, parse_sps, parse_vps
from tests.media.vectors_h26x import BitWriter, h265_header, h265_pps, h265_sps, h265_vps, profile_tier_level


def test_size_is_what_the_conformance_window_leaves() -> None:
    set_ = parse_sps(h265_sps(size=(1920, 1088), window=(0, 0, 0, 4)))
    assert (set_.width, set_.height) == (1920, 1080)
    for chroma_format_idc, size in ((0, (314, 226)), (1, (308, 212)), (2, (308, 226)), (3, (314, 226))):
        set_ = parse_sps(h265_sps(chroma_format_idc=chroma_format_idc, window=(1, 5, 10, 4)))
        assert (set_.width, set_.height) == size


def test_chroma_depth_and_level() -> None:
    set_ = parse_sps(h265_sps(profile_idc=2, bit_depth=10, chroma_format_idc=1, level_idc=123))
    assert (set_.profile, set_.bit_depth_luma, set_.chroma_format_idc, set_.level) == (
        "Main 10",
        10,
        1,
        "4.1",
    )
    assert parse_sps(h265_sps(level_idc=120)).level == "4"


@pytest.mark.parametrize(
    ("constraints", "name"),
    [
        ("100110001", "Main 12"),
        ("110100001", "Main 4:2:2 10"),
        ("100100001", "Main 4:2:2 12"),
        ("111000001", "Main 4:4:4"),
        ("110000001", "Main 4:4:4 10"),
        ("100000001", "Main 4:4:4 12"),
        ("111111001", "Monochrome"),
        ("100111001", "Monochrome 12"),
        ("111110100", "Main Intra"),
        ("110100100", "Main 4:2:2 10 Intra"),
        ("000000100", "Main 4:4:4 16 Intra"),
        ("111000110", "Main 4:4:4 Still Picture"),
    ],
)
def test_format_range_extensions_by_their_names_in_table_a_2(constraints: str, name: str) -> None:
    assert parse_sps(h265_sps(profile_idc=4, constraints=int(constraints, 2))).profile == name


def test_a_set_cut_before_its_bit_depth_is_an_error_and_later_costs_the_frame_rate() -> None:
    whole = h265_sps(timing=(1, 25))
    for length in range(2, 22):
        with pytest.raises(BitstreamError, match="SPS cannot be parsed"):
            parse_sps(whole[:length])
    for length in range(30, len(whole) - 2):
        assert parse_sps(whole[:length]).frame_rate_fps is None
    assert parse_sps(whole).frame_rate_fps == 25.0


def test_identifiers() -> None:
    assert parse_vps(h265_vps(id=3)).id == 3
    set_ = parse_sps(h265_sps(id=2, vps_id=3))
    assert (set_.id, set_.vps_id) == (2, 3)
    picture_set = parse_pps(h265_pps(id=9, sps_id=2))
    assert (picture_set.id, picture_set.sps_id) == (9, 2)


def test_the_frame_rate_counts_pictures_where_h264_counts_fields() -> None:
    assert parse_sps(h265_sps(timing=(1001, 60000))).frame_rate_fps == pytest.approx(59.94, abs=0.001)
    assert parse_vps(h265_vps(timing=(1, 50))).frame_rate_fps == 50.0
    assert parse_vps(h265_vps(timing=(0, 50))).frame_rate_fps is None
    assert parse_vps(h265_vps()).frame_rate_fps is None


def test_a_stream_of_fields_says_so_in_the_vui() -> None:
    assert parse_sps(h265_sps(timing=(1, 50), field_seq=True)).may_hold_fields
    assert not parse_sps(h265_sps(timing=(1, 50))).may_hold_fields


@pytest.mark.parametrize(
    ("nal", "why"),
    [
        (h265_sps(id=16), "sps_seq_parameter_set_id is 16"),
        (h265_sps(chroma_format_idc=4), "chroma_format_idc is 4"),
        (h265_sps(window=(80, 80, 0, 0)), "conformance window leaves no picture"),
    ],
)
def test_a_set_that_cannot_be(nal: bytes, why: str) -> None:
    with pytest.raises(BitstreamError, match=why):
        parse_sps(nal)


def test_what_slice_headers_depend_on_stands_in_the_picture_parameter_set() -> None:
    plain, other = parse_pps(h265_pps()), parse_pps(h265_pps(output_flag=True, extra_bits=2))
    assert (plain.output_flag_present_flag, plain.num_extra_slice_header_bits) == (False, 0)
    assert (other.output_flag_present_flag, other.num_extra_slice_header_bits) == (True, 2)


def test_reference_picture_sets_that_grow_with_each_end_what_is_read_of_an_sps() -> None:
    w = BitWriter().u(4, 0).u(3, 0).u(1, 1)
    profile_tier_level(w, 1, 0, 93)
    w.ue(0, 1, 320, 240).u(1, 0).ue(0, 0, 4).u(1, 1).ue(4, 0, 0).ue(0, 3, 0, 3, 0, 0).u(1, 0).u(2, 0).u(1, 0)
    w.ue(2).ue(16, 1)  # 17 pictures in the first of two sets
    for _ in range(17):
        w.ue(0).u(1, 1)
    w.u(1, 1).u(1, 0).ue(0).u(2 * 18, 0)
    w.u(1, 0).u(2, 0).u(1, 1)  # vui_parameters_present_flag
    w.u(2, 0).u(1, 0).u(1, 0).u(1, 0).u(1, 0).u(1, 1).u(2, 0).u(1, 1).u(32, 1).u(32, 30)
    sps = parse_sps(w.nal(h265_header(33)))
    assert (sps.width, sps.reorder_depth, sps.frame_rate_fps) == (320, 0, None)
