"""ITU-T H.264: sequence and picture parameter sets (7.3.2.1, 7.3.2.2, E.1)."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from ingestd.errors import BitstreamError
from ingestd.media.access_unit import Codec
from ingestd.media.bits.bit_reader import BitReader
from ingestd.media.codecs.parameter_sets import Kind, ParameterSet, SequenceSet, parameter_set_reader
from ingestd.media.codecs.vui import Appearance, read_appearance

# The profiles whose SPS says chroma_format_idc and what follows (7.3.2.1.1).
_PROFILES_WITH_CHROMA = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
PROFILES = _PROFILES_WITH_CHROMA | {66, 77, 88}
# Every level_idc of Table A-1, and 9 for level 1b.
LEVELS = frozenset({9, 10, 11, 12, 13, 20, 21, 22, 30, 31, 32, 40, 41, 42, 50, 51, 52, 60, 61, 62})
# Level 6.2 allows 16,880 luma samples a side (A.3.1: Sqrt(MaxFS * 8) macroblocks).
MAX_MBS_PER_SIDE = 1055


@dataclass(frozen=True, slots=True)
class SequenceParameterSet(SequenceSet):
    """seq_parameter_set_data(), 7.3.2.1.1."""

    codec: ClassVar[Codec] = Codec.H264
    log2_max_frame_num: int
    pic_order_cnt_type: int
    delta_pic_order_always_zero_flag: bool


@dataclass(frozen=True, slots=True)
class PictureParameterSet(ParameterSet):
    """pic_parameter_set_rbsp(), 7.3.2.2, as far as slice headers depend on it."""

    seq_parameter_set_id: int
    bottom_field_pic_order_in_frame_present_flag: bool
    redundant_pic_cnt_present_flag: bool


def profile_name(profile_idc: int, constraint_set: list[bool]) -> str:
    """Name the profile of A.2 that profile_idc and the constraint_setN_flags stand for; "" if unknown."""
    match profile_idc:
        case 66:
            return "Constrained Baseline" if constraint_set[1] else "Baseline"
        case 77:
            return "Constrained Baseline" if constraint_set[0] else "Main"
        case 88:
            return "Extended"
        case 100 if constraint_set[4]:
            return "Constrained High" if constraint_set[5] else "Progressive High"
        case 100:
            return "High"
        case 110 if constraint_set[4] and not constraint_set[3]:
            return "Progressive High 10"
        case 110 | 122:
            name = "High 10" if profile_idc == 110 else "High 4:2:2"
            return f"{name} Intra" if constraint_set[3] else name
        case 244:
            return "High 4:4:4 Intra" if constraint_set[3] else "High 4:4:4 Predictive"
    return {
        44: "CAVLC 4:4:4 Intra",
        83: "Scalable Baseline",
        86: "Scalable High",
        118: "Multiview High",
        128: "Stereo High",
        134: "MFC High",
        135: "MFC Depth High",
        138: "Multiview Depth High",
        139: "Enhanced Multiview Depth High",
    }.get(profile_idc, "")


def level_name(level_idc: int, profile_idc: int, constraint_set3_flag: bool) -> str:
    """Name the level of A.3; level 1b is written in two ways (A.3.1, A.3.2)."""
    if level_idc == 9 or (level_idc == 11 and constraint_set3_flag and profile_idc in (66, 77, 88)):
        return "1b"
    return f"{level_idc // 10}.{level_idc % 10}" if level_idc % 10 else str(level_idc // 10)


def parse_sps(nal: bytes) -> SequenceParameterSet:
    """Read a sequence parameter set NAL unit."""
    r = parameter_set_reader(nal, 1, "sps")
    profile_idc = r.u(8)
    constraint_set = [r.flag() for _ in range(6)]
    r.skip(2)  # reserved_zero_2bits
    level_idc = r.u(8)
    seq_parameter_set_id = r.ue("seq_parameter_set_id", 31)
    chroma_format_idc, separate_colour_plane_flag, bit_depth_luma = 1, False, 8
    if profile_idc in _PROFILES_WITH_CHROMA:
        chroma_format_idc = r.ue("chroma_format_idc", 3)
        if chroma_format_idc == 3:
            separate_colour_plane_flag = r.flag()
        bit_depth_luma = 8 + r.ue("bit_depth_luma_minus8", 6)
        r.ue("bit_depth_chroma_minus8", 6)
        r.skip(1)  # qpprime_y_zero_transform_bypass_flag
        if r.flag():  # seq_scaling_matrix_present_flag
            for i in range(8 if chroma_format_idc != 3 else 12):
                if r.flag():  # seq_scaling_list_present_flag[i]
                    _skip_scaling_list(r, 16 if i < 6 else 64)
    log2_max_frame_num = 4 + r.ue("log2_max_frame_num_minus4", 12)
    pic_order_cnt_type = r.ue("pic_order_cnt_type", 2)
    log2_max_pic_order_cnt_lsb, delta_pic_order_always_zero_flag = 0, False
    if pic_order_cnt_type == 0:
        log2_max_pic_order_cnt_lsb = 4 + r.ue("log2_max_pic_order_cnt_lsb_minus4", 12)
    elif pic_order_cnt_type == 1:
        delta_pic_order_always_zero_flag = r.flag()
        r.se()  # offset_for_non_ref_pic
        r.se()  # offset_for_top_to_bottom_field
        for _ in range(r.ue("num_ref_frames_in_pic_order_cnt_cycle", 255)):
            r.se()  # offset_for_ref_frame[i]
    r.ue("max_num_ref_frames", 16)
    r.skip(1)  # gaps_in_frame_num_value_allowed_flag
    pic_width_in_mbs = 1 + r.ue("pic_width_in_mbs_minus1", MAX_MBS_PER_SIDE)
    pic_height_in_map_units = 1 + r.ue("pic_height_in_map_units_minus1", MAX_MBS_PER_SIDE)
    frame_mbs_only_flag = r.flag()
    if not frame_mbs_only_flag:
        r.skip(1)  # mb_adaptive_frame_field_flag
    r.skip(1)  # direct_8x8_inference_flag
    width = pic_width_in_mbs * 16
    height = pic_height_in_map_units * 16 * (1 if frame_mbs_only_flag else 2)
    if r.flag():  # frame_cropping_flag
        left, right, top, bottom = r.ue(), r.ue(), r.ue(), r.ue()
        # CropUnitX and CropUnitY, equations 7-19 to 7-22
        in_colour = chroma_format_idc != 0 and not separate_colour_plane_flag
        unit_x = 2 if in_colour and chroma_format_idc in (1, 2) else 1
        unit_y = (2 if in_colour and chroma_format_idc == 1 else 1) * (1 if frame_mbs_only_flag else 2)
        width -= unit_x * (left + right)
        height -= unit_y * (top + bottom)
        if width <= 0 or height <= 0:
            raise r.malformed("its cropping leaves no picture")
    vui = _vui(r)
    return SequenceParameterSet(
        kind=Kind.SPS,
        id=seq_parameter_set_id,
        nal=nal,
        width=width,
        height=height,
        profile=profile_name(profile_idc, constraint_set),
        level=level_name(level_idc, profile_idc, constraint_set[3]),
        chroma_format_idc=chroma_format_idc,
        separate_colour_plane_flag=separate_colour_plane_flag,
        bit_depth_luma=bit_depth_luma,
        log2_max_frame_num=log2_max_frame_num,
        pic_order_cnt_type=pic_order_cnt_type,
        log2_max_pic_order_cnt_lsb=log2_max_pic_order_cnt_lsb,
        delta_pic_order_always_zero_flag=delta_pic_order_always_zero_flag,
        may_hold_fields=not frame_mbs_only_flag,
        frame_rate_fps=vui.frame_rate_fps,
        # 0: output in the order of decoding, 8.2.1.3
        reorder_depth=0 if pic_order_cnt_type == 2 else vui.max_num_reorder_frames,
        temporal_layers=1,
        appearance=vui.appearance,
    )


def _skip_scaling_list(r: BitReader, size: int) -> None:
    """scaling_list(), 7.3.2.1.1.1."""
    next_scale = 8
    for _ in range(size):
        next_scale = (next_scale + r.se()) % 256  # delta_scale
        if next_scale == 0:  # the rest of the list repeats the last scale
            return


class _Vui(NamedTuple):
    appearance: Appearance = Appearance()
    frame_rate_fps: float | None = None
    max_num_reorder_frames: int | None = None


def _vui(r: BitReader) -> _Vui:
    """Read vui_parameters(), E.1.1, if there are any."""
    vui = _Vui()
    try:
        if r.flag():  # vui_parameters_present_flag
            vui = vui._replace(appearance=read_appearance(r))
            vui = vui._replace(frame_rate_fps=_frame_rate_fps(r))
            vui = vui._replace(max_num_reorder_frames=_max_num_reorder_frames(r))
    except BitstreamError:
        pass  # cut VUIs are common in cameras and harm no decoder: only what is missing stays unknown
    return vui


def _frame_rate_fps(r: BitReader) -> float | None:
    """Read the timing of vui_parameters() (E.1.1): time_scale / num_units_in_tick counts fields."""
    if not r.flag():  # timing_info_present_flag
        return None
    num_units_in_tick, time_scale = r.u(32), r.u(32)
    r.skip(1)  # fixed_frame_rate_flag
    return time_scale / num_units_in_tick / 2 if num_units_in_tick and time_scale else None


def _max_num_reorder_frames(r: BitReader) -> int | None:
    """vui_parameters() behind the timing (E.1.1)."""
    hrd_present = False
    for _ in range(2):  # nal_hrd_parameters_present_flag, vcl_hrd_parameters_present_flag
        if r.flag():
            hrd_present = True
            _skip_hrd_parameters(r)
    r.skip(hrd_present + 1)  # low_delay_hrd_flag, pic_struct_present_flag
    if not r.flag():  # bitstream_restriction_flag
        return None
    r.skip(1)  # motion_vectors_over_pic_boundaries_flag
    for _ in range(4):
        r.ue()  # max_bytes_per_pic_denom, max_bits_per_mb_denom, log2_max_mv_length_horizontal, …_vertical
    return r.ue("max_num_reorder_frames", 16)


def _skip_hrd_parameters(r: BitReader) -> None:
    """hrd_parameters(), E.1.2."""
    cpb_cnt = 1 + r.ue("cpb_cnt_minus1", 31)
    r.skip(4 + 4)  # bit_rate_scale, cpb_size_scale
    for _ in range(cpb_cnt):
        r.ue()  # bit_rate_value_minus1
        r.ue()  # cpb_size_value_minus1
        r.skip(1)  # cbr_flag
    r.skip(4 * 5)  # lengths of delays and of time_offset


def parse_pps(nal: bytes) -> PictureParameterSet:
    """Read a picture parameter set NAL unit, as far as slice headers depend on it."""
    r = parameter_set_reader(nal, 1, "pps")
    pic_parameter_set_id = r.ue("pic_parameter_set_id", 255)
    seq_parameter_set_id = r.ue("seq_parameter_set_id", 31)
    r.skip(1)  # entropy_coding_mode_flag
    bottom_field_pic_order_in_frame_present_flag = r.flag()
    num_slice_groups_minus1 = r.ue("num_slice_groups_minus1", 7)
    if num_slice_groups_minus1:
        _skip_slice_groups(r, num_slice_groups_minus1)
    r.ue("num_ref_idx_l0_default_active_minus1", 31)
    r.ue("num_ref_idx_l1_default_active_minus1", 31)
    r.skip(3)  # weighted_pred_flag, weighted_bipred_idc
    for _ in range(3):
        r.se()  # pic_init_qp_minus26, pic_init_qs_minus26, chroma_qp_index_offset
    r.skip(2)  # deblocking_filter_control_present_flag, constrained_intra_pred_flag
    return PictureParameterSet(
        kind=Kind.PPS,
        id=pic_parameter_set_id,
        nal=nal,
        seq_parameter_set_id=seq_parameter_set_id,
        bottom_field_pic_order_in_frame_present_flag=bottom_field_pic_order_in_frame_present_flag,
        redundant_pic_cnt_present_flag=r.flag(),
    )


def _skip_slice_groups(r: BitReader, num_slice_groups_minus1: int) -> None:
    """The slice group map of pic_parameter_set_rbsp(), 7.3.2.2."""
    slice_group_map_type = r.ue("slice_group_map_type", 6)
    if slice_group_map_type == 0:
        for _ in range(num_slice_groups_minus1 + 1):
            r.ue()  # run_length_minus1
    elif slice_group_map_type == 2:
        for _ in range(2 * num_slice_groups_minus1):
            r.ue()  # top_left, bottom_right
    elif slice_group_map_type in (3, 4, 5):
        r.skip(1)  # slice_group_change_direction_flag
        r.ue()  # slice_group_change_rate_minus1
    elif slice_group_map_type == 6:
        pic_size_in_map_units = 1 + r.ue()
        r.skip(pic_size_in_map_units * num_slice_groups_minus1.bit_length())  # slice_group_id[i]
