"""ITU-T H.265: what of its headers is needed to find pictures and describe the stream."""

from dataclasses import dataclass, replace
from typing import NamedTuple

from ingestd.errors import BitstreamError
from ingestd.media.access_unit import Codec, Format, StreamInfo
from ingestd.media.bits import BitReader, unescape
from ingestd.media.frame_metadata import FrameMetadata, frame_metadata
from ingestd.media.parameter_sets import (
    MAX_PARAMETER_SET_BYTES,
    Kind,
    ParameterSet,
    ParameterSets,
    Role,
    Slice,
)
from ingestd.media.picture_order import PictureOrder
from ingestd.media.random_access import RandomAccess
from ingestd.media.sei import RECOVERY_POINT, sei_messages

# nal_unit_type, Table 7-1
LAST_SUB_LAYER_SLICE = 9  # TRAIL_N to RASL_R
# Leading pictures, and those to which no other of their sub-layer refers (TRAIL_N to RSV_VCL_N14), 8.3.1
_NEVER_PREV_TID_0_PIC = frozenset({0, 2, 4, 6, 7, 8, 9, 10, 12, 14})
FIRST_IRAP, LAST_IRAP = 16, 21  # BLA_W_LP to CRA_NUT
BLA_W_LP, IDR_W_RADL, IDR_N_LP = 16, 19, 20
RASL_N, RASL_R = 8, 9
VPS, SPS, PPS, AUD, PREFIX_SEI = 32, 33, 34, 35, 39

CHROMA_FORMATS = ("4:0:0", "4:2:0", "4:2:2", "4:4:4")
_MAX_SAMPLES_PER_SIDE = 16888  # level 6.2, A.4.1: Sqrt(MaxLumaPs * 8)
_EXTENDED_SAR = 255  # Table E.1

_PROFILES = {
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

    frame_rate: float | None


@dataclass(frozen=True, slots=True)
class SequenceParameterSet(ParameterSet):
    """seq_parameter_set_rbsp(), 7.3.2.2."""

    vps_id: int
    width: int
    height: int
    profile: str
    level: str
    chroma_format_idc: int
    bit_depth_luma: int
    separate_colour_plane_flag: bool
    log2_max_pic_order_cnt_lsb: int
    frame_rate: float | None

    def stream_info(self, format: Format) -> StreamInfo:
        """Say what a viewer would notice."""
        return StreamInfo(
            codec=Codec.H265,
            format=format,
            width=self.width,
            height=self.height,
            profile=self.profile,
            level=self.level,
            chroma_format=CHROMA_FORMATS[self.chroma_format_idc],
            bit_depth=self.bit_depth_luma,
            frame_rate=self.frame_rate,
        )


@dataclass(frozen=True, slots=True)
class PictureParameterSet(ParameterSet):
    """pic_parameter_set_rbsp(), 7.3.2.3, as far as slice segment headers depend on it."""

    sps_id: int
    output_flag_present_flag: bool
    num_extra_slice_header_bits: int


class SliceSegmentHeader(NamedTuple):
    """slice_segment_header(), 7.3.6.1, up to slice_pic_order_cnt_lsb; without its sets, up to pps_id."""

    first_slice_segment_in_pic_flag: bool
    pps_id: int
    sps: SequenceParameterSet | None = None
    pps: PictureParameterSet | None = None
    slice_pic_order_cnt_lsb: int | None = None  # None behind the first segment of a picture, and without sets


def nal_header(head: bytes) -> tuple[int, int, int]:
    """nal_unit_header(), 7.3.1.2: (nal_unit_type, nuh_layer_id, nuh_temporal_id_plus1)."""
    second = head[1] if len(head) > 1 else 0
    return head[0] >> 1 & 63, (head[0] & 1) << 5 | second >> 3, second & 7


def _profile_tier_level(r: BitReader, max_sub_layers_minus1: int) -> tuple[str, str]:
    """profile_tier_level( 1, … ), 7.3.3: the general profile's and level's names."""
    r.skip(3)  # general_profile_space, general_tier_flag
    general_profile_idc = r.u(5)
    compatibility = [r.flag() for _ in range(32)]
    r.skip(4)  # general_progressive_source_flag … general_frame_only_constraint_flag
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
        profile = _PROFILES.get(general_profile_idc, "")
    major, minor = divmod(general_level_idc, 30)
    return profile, f"{major}.{minor // 3}" if minor else str(major)


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


def _reader(nal: bytes, structure: str) -> BitReader:
    r = BitReader(unescape(nal[2:]), structure)
    if len(nal) > MAX_PARAMETER_SET_BYTES:
        raise r.malformed(f"it has {len(nal)} bytes, more than the {MAX_PARAMETER_SET_BYTES} of any real one")
    return r


def parse_vps(nal: bytes) -> VideoParameterSet:
    """Read a video parameter set NAL unit."""
    r = _reader(nal, "vps")
    vps_id = r.u(4)
    r.skip(2 + 6)  # vps_base_layer_internal_flag, vps_base_layer_available_flag, vps_max_layers_minus1
    max_sub_layers_minus1 = r.u(3)
    r.skip(1)  # vps_temporal_id_nesting_flag
    if r.u(16) != 0xFFFF:  # vps_reserved_0xffff_16bits
        raise r.malformed("its reserved bits are not 0xffff")
    _profile_tier_level(r, max_sub_layers_minus1)
    return VideoParameterSet(
        kind=Kind.VPS, id=vps_id, nal=nal, frame_rate=_vps_frame_rate(r, max_sub_layers_minus1)
    )


def _skip_sub_layer_ordering_info(r: BitReader, max_sub_layers_minus1: int) -> None:
    for _ in range(max_sub_layers_minus1 + 1 if r.flag() else 1):
        r.ue()  # max_dec_pic_buffering_minus1
        r.ue()  # max_num_reorder_pics
        r.ue()  # max_latency_increase_plus1


def _vps_frame_rate(r: BitReader, max_sub_layers_minus1: int) -> float | None:
    try:
        _skip_sub_layer_ordering_info(r, max_sub_layers_minus1)
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
    r = _reader(nal, "sps")
    vps_id = r.u(4)
    max_sub_layers_minus1 = r.u(3)
    if max_sub_layers_minus1 > 6:
        raise r.malformed("sps_max_sub_layers_minus1 is 7, more than the 6 allowed")
    r.skip(1)  # sps_temporal_id_nesting_flag
    profile, level = _profile_tier_level(r, max_sub_layers_minus1)
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
        frame_rate=_sps_frame_rate(r, max_sub_layers_minus1, log2_max_pic_order_cnt_lsb),
    )


def _sps_frame_rate(
    r: BitReader, max_sub_layers_minus1: int, log2_max_pic_order_cnt_lsb: int
) -> float | None:
    """Everything between log2_max_pic_order_cnt_lsb_minus4 and vui_timing_info_present_flag."""
    try:
        _skip_sub_layer_ordering_info(r, max_sub_layers_minus1)
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
        return _vui_frame_rate(r) if r.flag() else None
    except BitstreamError:
        # What follows is of no use but for the frame rate, and often damaged in the VUI.
        return None


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


def _vui_frame_rate(r: BitReader) -> float | None:
    """vui_parameters() up to the timing, E.2.1."""
    if r.flag() and r.u(8) == _EXTENDED_SAR:  # aspect_ratio_info_present_flag, aspect_ratio_idc
        r.skip(32)
    if r.flag():  # overscan_info_present_flag
        r.skip(1)
    if r.flag():  # video_signal_type_present_flag
        r.skip(4)
        if r.flag():  # colour_description_present_flag
            r.skip(24)
    if r.flag():  # chroma_loc_info_present_flag
        r.ue()
        r.ue()
    r.skip(3)  # neutral_chroma_indication_flag, field_seq_flag, frame_field_info_present_flag
    if r.flag():  # default_display_window_flag
        for _ in range(4):
            r.ue()
    return _timing(r)


def parse_pps(nal: bytes) -> PictureParameterSet:
    """Read a picture parameter set NAL unit, as far as slice segment headers depend on it."""
    r = _reader(nal, "pps")
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


def parse_slice_segment_header(head: bytes, sets: ParameterSets) -> SliceSegmentHeader:
    """Read the head of a slice segment NAL unit as far as the known parameter sets allow."""
    r = BitReader(unescape(head[2:]), "slice_header")
    nal_unit_type = head[0] >> 1 & 63
    first_slice_segment_in_pic_flag = r.flag()
    if FIRST_IRAP <= nal_unit_type <= 23:
        r.skip(1)  # no_output_of_prior_pics_flag
    pps_id = r.ue("slice_pic_parameter_set_id", 63)
    pps = sets.get(Kind.PPS, pps_id)
    sps = sets.get(Kind.SPS, pps.sps_id) if isinstance(pps, PictureParameterSet) else None
    if not isinstance(pps, PictureParameterSet) or not isinstance(sps, SequenceParameterSet):
        return SliceSegmentHeader(first_slice_segment_in_pic_flag, pps_id)
    slice_pic_order_cnt_lsb = None
    if first_slice_segment_in_pic_flag:
        r.skip(pps.num_extra_slice_header_bits)  # slice_reserved_flag[i]
        r.ue("slice_type", 2)
        # pic_output_flag, colour_plane_id
        r.skip(pps.output_flag_present_flag + 2 * sps.separate_colour_plane_flag)
        is_idr = nal_unit_type in (IDR_W_RADL, IDR_N_LP)
        slice_pic_order_cnt_lsb = 0 if is_idr else r.u(sps.log2_max_pic_order_cnt_lsb)
    return SliceSegmentHeader(first_slice_segment_in_pic_flag, pps_id, sps, pps, slice_pic_order_cnt_lsb)


# By nal_unit_type, 7.4.2.4.4
_ROLES = (
    *[Role.SLICE] * 10,
    *[Role.STAYS] * 6,
    *[Role.SLICE] * 6,
    *[Role.STAYS] * 10,
    *[Role.PARAMETER_SET] * 3,
    Role.DELIMITER,
    *[Role.STAYS] * 3,
    Role.SEI,
    Role.STAYS,
    *[Role.OPENS] * 4,
    *[Role.STAYS] * 3,
    *[Role.UNSPECIFIED] * 16,
)


class H265Syntax:
    """The rules of 7.4.2.4 that sort NAL units into pictures."""

    codec = Codec.H265
    awaits_second_field = False  # with field_seq_flag each field is a picture of its own

    def __init__(self, sets: ParameterSets) -> None:
        self._sets = sets
        self._in_picture = False
        self._order = PictureOrder()
        self._goes_back = False  # the picture does
        self._random_access = RandomAccess()
        self._starts = False  # a decoder can at the picture
        self._irap_seen = self._rasl_skipped = False
        self._timed: tuple[SequenceParameterSet, VideoParameterSet, SequenceParameterSet] | None = None

    def role(self, head: bytes) -> Role:
        """Say where the NAL unit stands in the order of 7.4.2.4.4."""
        nal_unit_type, nuh_layer_id, nuh_temporal_id_plus1 = nal_header(head)
        if nuh_temporal_id_plus1 == 0:
            raise BitstreamError(
                "malformed_nal_header",
                "an H.265 NAL unit has nuh_temporal_id_plus1 0, which is forbidden; bytes were lost",
            )
        role = _ROLES[nal_unit_type]
        return Role.STAYS if nuh_layer_id and role is not Role.UNSPECIFIED else role

    def parameter_set(self, nal: bytes) -> ParameterSet:
        """Read a VPS, an SPS or a PPS."""
        nal_unit_type = nal[0] >> 1 & 63
        return (parse_vps if nal_unit_type == VPS else parse_sps if nal_unit_type == SPS else parse_pps)(nal)

    def sei(self, nal: bytes) -> FrameMetadata | None:
        """Look for a recovery point and for an LKTS trailer."""
        messages = sei_messages(nal, header_bytes=2)
        if any(message.payload_type == RECOVERY_POINT for message in messages):
            self._random_access.recovery_point()
        return frame_metadata(messages)

    def slice(self, head: bytes) -> Slice:
        """Place a slice segment: in the picture that is being received, or at the start of the next."""
        header = parse_slice_segment_header(head, self._sets)
        nal_unit_type, _, nuh_temporal_id_plus1 = nal_header(head)
        irap = FIRST_IRAP <= nal_unit_type <= LAST_IRAP
        begins = header.first_slice_segment_in_pic_flag or not self._in_picture
        self._in_picture = True
        if begins:
            self._goes_back = False
            self._starts = self._random_access.begin_picture(irap=irap)
        if irap and header.first_slice_segment_in_pic_flag:
            # NoRaslOutputFlag, 8.1.3, but for a CRA picture behind an end of sequence
            self._rasl_skipped = nal_unit_type == BLA_W_LP or not self._irap_seen
            self._irap_seen = True
        if header.sps is not None and header.slice_pic_order_cnt_lsb is not None:
            self._goes_back = self._order.goes_back(
                header.slice_pic_order_cnt_lsb,
                header.sps.log2_max_pic_order_cnt_lsb,
                begins_order=irap,
                is_reference=nuh_temporal_id_plus1 == 1 and nal_unit_type not in _NEVER_PREV_TID_0_PIC,
            )
        needs, sps = self._needed(header)
        return Slice(
            begins_access_unit=begins,
            random_access=self._starts,
            at_origin=header.first_slice_segment_in_pic_flag,
            needs=needs,
            info_from=sps,
            reordered=self._goes_back,
            skipped=self._rasl_skipped and nal_unit_type in (RASL_N, RASL_R),
        )

    def _needed(
        self, header: SliceSegmentHeader
    ) -> tuple[tuple[ParameterSet, ...] | None, SequenceParameterSet | None]:
        pps, sps = header.pps, header.sps
        if pps is None or sps is None:
            return None, None
        vps = self._sets.get(Kind.VPS, sps.vps_id)
        if not isinstance(vps, VideoParameterSet):
            return None, sps
        return (vps, sps, pps), self._with_frame_rate(sps, vps)

    def _with_frame_rate(self, sps: SequenceParameterSet, vps: VideoParameterSet) -> SequenceParameterSet:
        """Let the VPS say the frame rate where the SPS does not; the same sets give the same object."""
        if sps.frame_rate is not None or vps.frame_rate is None:
            return sps
        if self._timed is None or self._timed[0] is not sps or self._timed[1] is not vps:
            self._timed = (sps, vps, replace(sps, frame_rate=vps.frame_rate))
        return self._timed[2]

    def end_of_picture(self) -> None:
        """Forget the picture: whatever slice comes next begins an access unit."""
        self._in_picture = False
