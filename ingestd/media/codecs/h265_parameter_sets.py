"""ITU-T H.265: video, sequence and picture parameter sets (7.3.2.1 to 7.3.2.3, 7.3.3, E.2)."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from ingestd.errors import BitstreamError
from ingestd.media.access_unit import Codec
from ingestd.media.bits.bit_reader import BitReader
from ingestd.media.codecs.parameter_sets import Kind, ParameterSet, SequenceSet, parameter_set_reader
from ingestd.media.codecs.vui import Appearance, read_appearance

_MAX_SAMPLES_PER_SIDE = 16888  # level 6.2, A.4.1: Sqrt(MaxLumaPs * 8)
_MAX_DELTA_POCS = 16  # NumDeltaPocs is at most sps_max_dec_pic_buffering_minus1 (7.4.8), that 15

_PROFILE_NAMES = {
    1: "Main",
    2: "Main 10",
    3: "Main Still Picture",
    5: "High Throughput",
    6: "Multiview Main",
    7: "Scalable Main",
    8: "3D Main",
    9: "Screen-Extended",
    10: "Scalable Format Range Extensions",
    11: "High Throughput Screen-Extended",
}


@dataclass(frozen=True, slots=True)
class VideoParameterSet(ParameterSet):
    """video_parameter_set_rbsp(), 7.3.2.1."""

    layers: int  # vps_max_layers_minus1 + 1
    frame_rate_fps: float | None


@dataclass(frozen=True, slots=True)
class SequenceParameterSet(SequenceSet):
    """seq_parameter_set_rbsp(), 7.3.2.2."""

    codec: ClassVar[Codec] = Codec.H265
    vps_id: int


@dataclass(frozen=True, slots=True)
class PictureParameterSet(ParameterSet):
    """pic_parameter_set_rbsp(), 7.3.2.3, as far as slice segment headers depend on it."""

    sps_id: int
    output_flag_present_flag: bool
    num_extra_slice_header_bits: int


class _ProfileTierLevel(NamedTuple):
    """What profile_tier_level() says of the whole stream, 7.3.3."""

    profile: str
    level: str
    interlaced_source: bool


def _profile_tier_level(r: BitReader, max_sub_layers_minus1: int) -> _ProfileTierLevel:
    """profile_tier_level( 1, … ), 7.3.3."""
    r.skip(3)  # general_profile_space, general_tier_flag
    general_profile_idc = r.u(5)
    compatibility = [r.flag() for _ in range(32)]
    general_progressive_source_flag, general_interlaced_source_flag = r.flag(), r.flag()
    r.skip(2)  # general_non_packed_constraint_flag, general_frame_only_constraint_flag
    constraints = [r.flag() for _ in range(9)]
    r.skip(34 + 1)
    general_level_idc = r.u(8)
    present = [(r.flag(), r.flag()) for _ in range(max_sub_layers_minus1)]
    if max_sub_layers_minus1:
        r.skip(2 * (8 - max_sub_layers_minus1))  # reserved_zero_2bits
    for profile_present, level_present in present:
        r.skip(88 * profile_present + 8 * level_present)
    if general_profile_idc == 0:  # A.3.1: a stream may say no more than what it is compatible with
        general_profile_idc = next((i for i in range(1, 12) if compatibility[i]), 0)
    if general_profile_idc == 4 or (general_profile_idc == 0 and compatibility[4]):
        profile = _format_range_profile(constraints)
    else:
        profile = _PROFILE_NAMES.get(general_profile_idc, "")
    major, minor = divmod(general_level_idc, 30)
    level = f"{major}.{minor // 3}" if minor else str(major)
    # Both flags: each picture says in its pic_struct which it is, and most are frames.
    interlaced_source = general_interlaced_source_flag and not general_progressive_source_flag
    return _ProfileTierLevel(profile, level, interlaced_source)


def _format_range_profile(constraints: list[bool]) -> str:
    """Name the format range extensions profile by its constraint flags, Table A.2."""
    max_12, max_10, max_8, max_422, max_420, monochrome, intra, one_picture, _lower_bit_rate = constraints
    bits = 8 if max_8 else 10 if max_10 else 12 if max_12 else 16
    words = ["Monochrome" if monochrome else "Main"]
    if not max_420:
        words.append("4:2:2" if max_422 else "4:4:4")
    if bits > 8:
        words.append(str(bits))
    if one_picture:
        words.append("Still Picture")
    elif intra:
        words.append("Intra")
    return " ".join(words)


def parse_vps(nal: bytes) -> VideoParameterSet:
    """Read a video parameter set NAL unit."""
    r = parameter_set_reader(nal, 2, "vps")
    vps_id = r.u(4)
    r.skip(2)  # vps_base_layer_internal_flag, vps_base_layer_available_flag
    max_layers_minus1 = r.u(6)
    max_sub_layers_minus1 = r.u(3)
    r.skip(1)  # vps_temporal_id_nesting_flag
    if r.u(16) != 0xFFFF:  # vps_reserved_0xffff_16bits
        raise r.malformed("its reserved bits are not 0xffff")
    _profile_tier_level(r, max_sub_layers_minus1)
    return VideoParameterSet(
        kind=Kind.VPS,
        id=vps_id,
        nal=nal,
        layers=max_layers_minus1 + 1,
        frame_rate_fps=_vps_frame_rate_fps(r, max_sub_layers_minus1),
    )


def _max_num_reorder_pics(r: BitReader, max_sub_layers_minus1: int) -> int:
    """Read the ordering info of each sub-layer; return max_num_reorder_pics of the highest."""
    max_num_reorder_pics = 0
    for _ in range(max_sub_layers_minus1 + 1 if r.flag() else 1):
        r.ue()  # max_dec_pic_buffering_minus1
        max_num_reorder_pics = r.ue("max_num_reorder_pics", 15)
        r.ue()  # max_latency_increase_plus1
    return max_num_reorder_pics


def _vps_frame_rate_fps(r: BitReader, max_sub_layers_minus1: int) -> float | None:
    try:
        _max_num_reorder_pics(r, max_sub_layers_minus1)
        vps_max_layer_id = r.u(6)
        r.skip(r.ue("vps_num_layer_sets_minus1", 1023) * (vps_max_layer_id + 1))  # layer_id_included_flag
        return _timing(r)
    except BitstreamError:
        return None  # as in the SPS: only the frame rate stays unknown


def _timing(r: BitReader) -> float | None:
    """Read …_timing_info_present_flag and what follows; H.265 ticks count pictures, unlike those of H.264."""
    if not r.flag():
        return None
    num_units_in_tick, time_scale = r.u(32), r.u(32)
    return time_scale / num_units_in_tick if num_units_in_tick and time_scale else None


def parse_sps(nal: bytes) -> SequenceParameterSet:
    """Read a sequence parameter set NAL unit."""
    r = parameter_set_reader(nal, 2, "sps")
    vps_id = r.u(4)
    max_sub_layers_minus1 = r.u(3)
    if max_sub_layers_minus1 > 6:
        raise r.malformed("sps_max_sub_layers_minus1 is 7, more than the 6 allowed")
    r.skip(1)  # sps_temporal_id_nesting_flag
    profile, level, interlaced_source = _profile_tier_level(r, max_sub_layers_minus1)
    sps_id = r.ue("sps_seq_parameter_set_id", 15)
    chroma_format_idc = r.ue("chroma_format_idc", 3)
    separate_colour_plane_flag = chroma_format_idc == 3 and r.flag()
    width = r.ue("pic_width_in_luma_samples", _MAX_SAMPLES_PER_SIDE)
    height = r.ue("pic_height_in_luma_samples", _MAX_SAMPLES_PER_SIDE)
    if r.flag():  # conformance_window_flag
        left, right, top, bottom = r.ue(), r.ue(), r.ue(), r.ue()
        # SubWidthC and SubHeightC, Table 6-1
        in_colour = not separate_colour_plane_flag
        width -= (2 if in_colour and chroma_format_idc in (1, 2) else 1) * (left + right)
        height -= (2 if in_colour and chroma_format_idc == 1 else 1) * (top + bottom)
    if width <= 0 or height <= 0:
        raise r.malformed("its conformance window leaves no picture")
    bit_depth_luma = 8 + r.ue("bit_depth_luma_minus8", 8)
    r.ue("bit_depth_chroma_minus8", 8)
    log2_max_pic_order_cnt_lsb = 4 + r.ue("log2_max_pic_order_cnt_lsb_minus4", 12)
    max_num_reorder_pics, vui = _rest(r, max_sub_layers_minus1, log2_max_pic_order_cnt_lsb)
    return SequenceParameterSet(
        kind=Kind.SPS,
        id=sps_id,
        nal=nal,
        vps_id=vps_id,
        width=width,
        height=height,
        profile=profile,
        level=level,
        chroma_format_idc=chroma_format_idc,
        bit_depth_luma=bit_depth_luma,
        separate_colour_plane_flag=separate_colour_plane_flag,
        log2_max_pic_order_cnt_lsb=log2_max_pic_order_cnt_lsb,
        may_hold_fields=vui.field_seq_flag or interlaced_source,
        frame_rate_fps=vui.frame_rate_fps,
        reorder_depth=max_num_reorder_pics,
        temporal_layers=max_sub_layers_minus1 + 1,
        appearance=vui.appearance,
    )


class _Vui(NamedTuple):
    appearance: Appearance = Appearance()
    field_seq_flag: bool = False  # each picture is a field
    frame_rate_fps: float | None = None


def _rest(
    r: BitReader, max_sub_layers_minus1: int, log2_max_pic_order_cnt_lsb: int
) -> tuple[int | None, _Vui]:
    """Everything behind log2_max_pic_order_cnt_lsb_minus4: max_num_reorder_pics, and what the VUI says."""
    max_num_reorder_pics = None
    try:
        max_num_reorder_pics = _max_num_reorder_pics(r, max_sub_layers_minus1)
        _skip_coding_tools(r, log2_max_pic_order_cnt_lsb)
        return max_num_reorder_pics, _vui(r) if r.flag() else _Vui()
    except BitstreamError:
        # Not needed to tell pictures apart, and often damaged in the VUI.
        return max_num_reorder_pics, _Vui()


def _skip_coding_tools(r: BitReader, log2_max_pic_order_cnt_lsb: int) -> None:
    """Everything between sps_max_latency_increase_plus1 and vui_parameters_present_flag, 7.3.2.2.1."""
    for _ in range(6):
        r.ue()  # sizes of coding and transform blocks, depths of the transform hierarchy
    if r.flag() and r.flag():  # scaling_list_enabled_flag, sps_scaling_list_data_present_flag
        _skip_scaling_list_data(r)
    r.skip(2)  # amp_enabled_flag, sample_adaptive_offset_enabled_flag
    if r.flag():  # pcm_enabled_flag
        r.skip(8)  # pcm_sample_bit_depth_luma_minus1, pcm_sample_bit_depth_chroma_minus1
        r.ue()
        r.ue()
        r.skip(1)  # pcm_loop_filter_disabled_flag
    _skip_short_term_ref_pic_sets(r)
    if r.flag():  # long_term_ref_pics_present_flag
        r.skip(r.ue("num_long_term_ref_pics_sps", 32) * (log2_max_pic_order_cnt_lsb + 1))
    r.skip(2)  # sps_temporal_mvp_enabled_flag, strong_intra_smoothing_enabled_flag


def _skip_scaling_list_data(r: BitReader) -> None:
    """scaling_list_data(), 7.3.4."""
    for size_id in range(4):
        for _ in range(0, 6, 3 if size_id == 3 else 1):
            if not r.flag():  # scaling_list_pred_mode_flag
                r.ue()  # scaling_list_pred_matrix_id_delta
                continue
            if size_id > 1:
                r.se()  # scaling_list_dc_coef_minus8
            for _ in range(min(64, 1 << (4 + (size_id << 1)))):
                r.se()  # scaling_list_delta_coef


def _skip_short_term_ref_pic_sets(r: BitReader) -> None:
    """st_ref_pic_set( stRpsIdx ), 7.3.7, for every stRpsIdx of the SPS."""
    num_delta_pocs = 0
    for index in range(r.ue("num_short_term_ref_pic_sets", 64)):
        if index and r.flag():  # inter_ref_pic_set_prediction_flag
            r.skip(1)  # delta_rps_sign
            r.ue()  # abs_delta_rps_minus1
            # used_by_curr_pic_flag, and use_delta_flag where it is 0: inferred to be 1 otherwise
            num_delta_pocs = sum(r.flag() or r.flag() for _ in range(num_delta_pocs + 1))
        else:
            num_delta_pocs = r.ue("num_negative_pics", 16) + r.ue("num_positive_pics", 16)
            for _ in range(num_delta_pocs):
                r.ue()  # delta_poc_minus1
                r.skip(1)  # used_by_curr_pic_flag
        if num_delta_pocs > _MAX_DELTA_POCS:
            raise r.malformed(f"a reference picture set has {num_delta_pocs} pictures")


def _vui(r: BitReader) -> _Vui:
    """vui_parameters() up to the timing, E.2.1."""
    appearance = read_appearance(r)
    r.skip(1)  # neutral_chroma_indication_flag
    field_seq_flag = r.flag()
    r.skip(1)  # frame_field_info_present_flag
    if r.flag():  # default_display_window_flag
        for _ in range(4):
            r.ue()
    return _Vui(appearance, field_seq_flag, _timing(r))


def parse_pps(nal: bytes) -> PictureParameterSet:
    """Read a picture parameter set NAL unit, as far as slice segment headers depend on it."""
    r = parameter_set_reader(nal, 2, "pps")
    pps_id = r.ue("pps_pic_parameter_set_id", 63)
    sps_id = r.ue("pps_seq_parameter_set_id", 15)
    r.skip(1)  # dependent_slice_segments_enabled_flag
    return PictureParameterSet(
        kind=Kind.PPS,
        id=pps_id,
        nal=nal,
        sps_id=sps_id,
        output_flag_present_flag=r.flag(),
        num_extra_slice_header_bits=r.u(3),
    )
