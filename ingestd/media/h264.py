"""ITU-T H.264: what of its headers is needed to find pictures and describe the stream."""

from dataclasses import dataclass
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
from ingestd.media.sei import RECOVERY_POINT, recovery_frame_cnt, sei_messages

# nal_unit_type, Table 7-1
IDR_SLICE, SPS = 5, 7
B_SLICE = 1  # slice_type modulo 5, Table 7-6

# The profiles whose SPS says chroma_format_idc and what follows (7.3.2.1.1).
_PROFILES_WITH_CHROMA = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
PROFILES = _PROFILES_WITH_CHROMA | {66, 77, 88}
# Every level_idc of Table A-1, and 9 for level 1b.
LEVELS = frozenset({9, 10, 11, 12, 13, 20, 21, 22, 30, 31, 32, 40, 41, 42, 50, 51, 52, 60, 61, 62})
CHROMA_FORMATS = ("4:0:0", "4:2:0", "4:2:2", "4:4:4")
# Level 6.2 allows 16,880 luma samples a side (A.3.1: Sqrt(MaxFS * 8) macroblocks).
_MAX_MBS_PER_SIDE = 1055


@dataclass(frozen=True, slots=True)
class SequenceParameterSet(ParameterSet):
    """seq_parameter_set_data(), 7.3.2.1.1."""

    width: int
    height: int
    profile: str
    level: str
    chroma_format_idc: int
    separate_colour_plane_flag: bool
    bit_depth_luma: int
    log2_max_frame_num: int
    pic_order_cnt_type: int
    log2_max_pic_order_cnt_lsb: int
    delta_pic_order_always_zero_flag: bool
    frame_mbs_only_flag: bool
    frame_rate: float | None

    def stream_info(self, format: Format) -> StreamInfo:
        """Say what a viewer would notice."""
        return StreamInfo(
            codec=Codec.H264,
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
    """pic_parameter_set_rbsp(), 7.3.2.2, as far as slice headers depend on it."""

    seq_parameter_set_id: int
    bottom_field_pic_order_in_frame_present_flag: bool
    redundant_pic_cnt_present_flag: bool


class SliceHeader(NamedTuple):
    """slice_header(), 7.3.3, up to redundant_pic_cnt; without its sets, up to pic_parameter_set_id."""

    nal_ref_idc: int
    idr_pic_flag: bool
    first_mb_in_slice: int
    slice_type: int
    pic_parameter_set_id: int
    sps: SequenceParameterSet | None = None
    pps: PictureParameterSet | None = None
    colour_plane_id: int = 0
    frame_num: int = 0
    field_pic_flag: bool = False
    bottom_field_flag: bool = False
    idr_pic_id: int = 0
    pic_order_cnt: tuple[int, int] = (0, 0)  # (pic_order_cnt_lsb, …_bottom) or delta_pic_order_cnt[0..1]
    redundant_pic_cnt: int = 0


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
    r = BitReader(unescape(nal[1:]), "sps")
    if len(nal) > MAX_PARAMETER_SET_BYTES:
        raise r.malformed(f"it has {len(nal)} bytes, more than the {MAX_PARAMETER_SET_BYTES} of any real one")
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
    pic_width_in_mbs = 1 + r.ue("pic_width_in_mbs_minus1", _MAX_MBS_PER_SIDE)
    pic_height_in_map_units = 1 + r.ue("pic_height_in_map_units_minus1", _MAX_MBS_PER_SIDE)
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
        frame_mbs_only_flag=frame_mbs_only_flag,
        frame_rate=_frame_rate(r),
    )


def _skip_scaling_list(r: BitReader, size: int) -> None:
    """scaling_list(), 7.3.2.1.1.1."""
    next_scale = 8
    for _ in range(size):
        next_scale = (next_scale + r.se()) % 256  # delta_scale
        if next_scale == 0:  # the rest of the list repeats the last scale
            return


def _frame_rate(r: BitReader) -> float | None:
    """vui_parameters() up to the timing (E.1.1): time_scale / num_units_in_tick counts fields."""
    try:
        if not r.flag():  # vui_parameters_present_flag
            return None
        if r.flag() and r.u(8) == 255:  # aspect_ratio_info_present_flag, aspect_ratio_idc == Extended_SAR
            r.skip(32)  # sar_width, sar_height
        if r.flag():  # overscan_info_present_flag
            r.skip(1)
        if r.flag():  # video_signal_type_present_flag
            r.skip(4)  # video_format, video_full_range_flag
            if r.flag():  # colour_description_present_flag
                r.skip(24)
        if r.flag():  # chroma_loc_info_present_flag
            r.ue()
            r.ue()
        if not r.flag():  # timing_info_present_flag
            return None
        num_units_in_tick, time_scale = r.u(32), r.u(32)
    except BitstreamError:
        # Cut VUIs are common in cameras and harm no decoder: only the frame rate stays unknown.
        return None
    return time_scale / num_units_in_tick / 2 if num_units_in_tick and time_scale else None


def parse_pps(nal: bytes) -> PictureParameterSet:
    """Read a picture parameter set NAL unit, as far as slice headers depend on it."""
    r = BitReader(unescape(nal[1:]), "pps")
    if len(nal) > MAX_PARAMETER_SET_BYTES:
        raise r.malformed(f"it has {len(nal)} bytes, more than the {MAX_PARAMETER_SET_BYTES} of any real one")
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


def parse_slice_header(head: bytes, sets: ParameterSets) -> SliceHeader:
    """Read the head of a slice NAL unit (types 1, 2 and 5) as far as the known parameter sets allow."""
    r = BitReader(unescape(head[1:]), "slice_header")
    nal_ref_idc, nal_unit_type = head[0] >> 5 & 3, head[0] & 31
    first_mb_in_slice = r.ue("first_mb_in_slice", _MAX_MBS_PER_SIDE**2)
    slice_type = r.ue("slice_type", 9)
    idr = nal_unit_type == IDR_SLICE
    pic_parameter_set_id = r.ue("pic_parameter_set_id", 255)
    pps = sets.get(Kind.PPS, pic_parameter_set_id)
    sps = sets.get(Kind.SPS, pps.seq_parameter_set_id) if isinstance(pps, PictureParameterSet) else None
    if not isinstance(pps, PictureParameterSet) or not isinstance(sps, SequenceParameterSet):
        return SliceHeader(nal_ref_idc, idr, first_mb_in_slice, slice_type, pic_parameter_set_id)
    colour_plane_id = r.u(2) if sps.separate_colour_plane_flag else 0
    frame_num = r.u(sps.log2_max_frame_num)
    field_pic_flag = not sps.frame_mbs_only_flag and r.flag()
    bottom_field_flag = field_pic_flag and r.flag()
    idr_pic_id = r.ue("idr_pic_id", 65535) if idr else 0
    in_frame = pps.bottom_field_pic_order_in_frame_present_flag and not field_pic_flag
    pic_order_cnt = (0, 0)
    if sps.pic_order_cnt_type == 0:
        pic_order_cnt = (r.u(sps.log2_max_pic_order_cnt_lsb), r.se() if in_frame else 0)
    elif sps.pic_order_cnt_type == 1 and not sps.delta_pic_order_always_zero_flag:
        pic_order_cnt = (r.se(), r.se() if in_frame else 0)
    return SliceHeader(
        nal_ref_idc,
        idr,
        first_mb_in_slice,
        slice_type,
        pic_parameter_set_id,
        sps,
        pps,
        colour_plane_id,
        frame_num,
        field_pic_flag,
        bottom_field_flag,
        idr_pic_id,
        pic_order_cnt,
        r.ue("redundant_pic_cnt", 127) if pps.redundant_pic_cnt_present_flag else 0,
    )


def is_new_picture(last: SliceHeader, slice: SliceHeader) -> bool:
    """Tell whether `slice` is the first of a new primary coded picture, 7.4.1.2.4."""
    if slice.redundant_pic_cnt > 0:
        return False
    if (
        slice.pic_parameter_set_id != last.pic_parameter_set_id
        or slice.idr_pic_flag != last.idr_pic_flag
        or (slice.nal_ref_idc == 0) != (last.nal_ref_idc == 0)
    ):
        return True
    if slice.sps is None or last.sps is None:
        return slice.first_mb_in_slice == 0
    return (
        slice.frame_num != last.frame_num
        or slice.field_pic_flag != last.field_pic_flag
        or slice.bottom_field_flag != last.bottom_field_flag
        or slice.idr_pic_id != last.idr_pic_id
        or slice.pic_order_cnt != last.pic_order_cnt
    )


def is_second_field(first: SliceHeader, slice: SliceHeader) -> bool:
    """Tell whether `slice`, which begins a picture, is the other field of the frame `first` began.

    The second field has the frame_num of the first, or 0 after a memory_management_control_operation
    equal to 5 in the first (7.4.3). Whether there was one is taken on trust: an unpaired field that
    wraps frame_num to 0 next to one of the other parity is all that could be mistaken for it.
    """
    return (
        slice.field_pic_flag
        and first.field_pic_flag
        and slice.bottom_field_flag != first.bottom_field_flag
        and slice.redundant_pic_cnt == 0
        and (slice.frame_num == first.frame_num or (slice.frame_num == 0 and first.nal_ref_idc != 0))
        # An IDR picture is followed by a second field that is none (7.4.1.2.4); some encoders write two.
        and (not slice.idr_pic_flag or (first.idr_pic_flag and slice.idr_pic_id == first.idr_pic_id))
    )


# By nal_unit_type, 7.4.1.2.3; 14, the prefix NAL unit, also stands between slices of a picture.
_ROLES = (
    Role.UNSPECIFIED,
    *[Role.SLICE] * 2,
    *[Role.STAYS] * 2,
    Role.SLICE,
    Role.SEI,
    *[Role.PARAMETER_SET] * 2,
    Role.DELIMITER,
    *[Role.STAYS] * 4,
    *[Role.OPENS] * 5,
    *[Role.STAYS] * 5,
    *[Role.UNSPECIFIED] * 8,
)


class H264Syntax:
    """The rules of 7.4.1.2 that sort NAL units into pictures; remembers the picture being received."""

    codec = Codec.H264

    def __init__(self, sets: ParameterSets) -> None:
        self._sets = sets
        self._last: SliceHeader | None = None  # of the primary coded picture
        self._begun_with: SliceHeader | None = None  # first slice of the first field of the frame
        self._origin_seen = False  # macroblock 0 has been covered
        self.awaits_second_field = False
        self._order = PictureOrder()
        self._goes_back = False  # the picture does
        self._random_access = RandomAccess()
        self._starts = False  # a decoder can at the picture

    def role(self, head: bytes) -> Role:
        """Say where the NAL unit stands in the order of 7.4.1.2.3."""
        return _ROLES[head[0] & 31]

    def parameter_set(self, nal: bytes) -> ParameterSet:
        """Read an SPS or a PPS."""
        return parse_sps(nal) if nal[0] & 31 == SPS else parse_pps(nal)

    def sei(self, nal: bytes) -> FrameMetadata | None:
        """Look for a recovery point and for an LKTS trailer."""
        messages = sei_messages(nal, header_bytes=1)
        for message in messages:
            if message.payload_type == RECOVERY_POINT:
                recovery_frame_cnt(message.payload)  # or it is damaged, and none
                self._random_access.recovery_point()
        return frame_metadata(messages)

    def slice(self, head: bytes) -> Slice:
        """Place a slice: in the picture that is being received, or at the start of the next."""
        header = parse_slice_header(head, self._sets)
        at_origin = header.first_mb_in_slice == 0 and header.colour_plane_id == 0
        # Encoders that make nothing but IDR pictures often leave idr_pic_id as it was, against 7.4.3:
        # macroblock 0 a second time is a picture of its own all the same.
        again = at_origin and self._origin_seen and header.redundant_pic_cnt == 0
        begins = self._last is None or again or is_new_picture(self._last, header)
        second_field = False
        if begins:
            second_field = (
                self.awaits_second_field
                and self._begun_with is not None
                and is_second_field(self._begun_with, header)
            )
            if not second_field:
                self._begun_with = header
            self.awaits_second_field = header.field_pic_flag and not second_field
            goes_back = self._follow_order(header)
            if not second_field:
                self._goes_back = goes_back
                self._starts = self._random_access.begin_picture(irap=header.idr_pic_flag)
            self._origin_seen = False
        if header.redundant_pic_cnt == 0:
            self._last = header
            self._origin_seen |= at_origin
        return Slice(
            begins_access_unit=begins and not second_field,
            random_access=self._starts,
            at_origin=at_origin,
            needs=(header.sps, header.pps) if header.sps and header.pps else None,
            info_from=header.sps,
            # A memory_management_control_operation equal to 5, too deep in the header to be read here, takes
            # the order back to 0 as well (8.2.1), but not at a picture of B slices.
            reordered=self._goes_back and header.slice_type % 5 == B_SLICE,
        )

    def _follow_order(self, header: SliceHeader) -> bool:
        sps = header.sps
        if sps is None or sps.pic_order_cnt_type == 2:
            return False  # type 2: output in the order of decoding (8.2.1.3)
        if sps.pic_order_cnt_type == 1:
            return True  # no encoder seen counts so: its B slices are taken for what they usually are
        lsb, delta_bottom = header.pic_order_cnt
        return self._order.goes_back(
            lsb,
            sps.log2_max_pic_order_cnt_lsb,
            begins_order=header.idr_pic_flag,
            is_reference=header.nal_ref_idc != 0,
            delta_bottom=delta_bottom,
        )

    def end_of_picture(self) -> None:
        """Forget the picture: whatever slice comes next begins an access unit."""
        self._last = None
        self._origin_seen = False
        self.awaits_second_field = False
