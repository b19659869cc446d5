"""ITU-T H.264: slice headers, and which slices make a picture (7.3.3, 7.4.1.2)."""

from dataclasses import dataclass

from ingestd.media.access_unit import Codec, FrameMetadata
from ingestd.media.bits.bit_reader import BitReader, unescape
from ingestd.media.codecs.h26x import Role, Slice
from ingestd.media.codecs.h264_parameter_sets import (
    MAX_MBS_PER_SIDE,
    PictureParameterSet,
    SequenceParameterSet,
    parse_pps,
    parse_sps,
)
from ingestd.media.codecs.lkts_trailer import frame_metadata
from ingestd.media.codecs.parameter_sets import Kind, ParameterSet, ParameterSets
from ingestd.media.codecs.picture_order import PictureOrder
from ingestd.media.codecs.random_access import RandomAccess
from ingestd.media.codecs.sei import RECOVERY_POINT, recovery_frame_cnt, sei_messages

# nal_unit_type, Table 7-1
IDR_SLICE, SPS, SUBSET_SPS = 5, 7, 15
B_SLICE = 1  # slice_type modulo 5, Table 7-6


@dataclass(slots=True)  # a named tuple takes twice as long to make
class SliceHeader:
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
    # All of it behind first_mb_in_slice, as it was written: (the bits as a number, how many they are)
    behind_first_mb: tuple[int, int] | None = None


def _read_first_mb(head: bytes) -> tuple[BitReader, int]:
    """Return first_mb_in_slice, and a reader of what is behind it."""
    r = BitReader(unescape(head[1:]), "slice_header")
    return r, r.ue("first_mb_in_slice", MAX_MBS_PER_SIDE**2)


def parse_slice_header(head: bytes, sets: ParameterSets) -> SliceHeader:
    """Read the head of a slice NAL unit (types 1, 2 and 5) as far as the known parameter sets allow."""
    nal_ref_idc, nal_unit_type = head[0] >> 5 & 3, head[0] & 31
    r, first_mb_in_slice = _read_first_mb(head)
    bits, left = r.bits, r.left
    slice_type = r.ue("slice_type", 9)
    idr = nal_unit_type == IDR_SLICE
    pic_parameter_set_id = r.ue("pic_parameter_set_id", 255)
    pps = sets.get(Kind.PPS, pic_parameter_set_id)
    sps = sets.get(Kind.SPS, pps.seq_parameter_set_id) if isinstance(pps, PictureParameterSet) else None
    if not isinstance(pps, PictureParameterSet) or not isinstance(sps, SequenceParameterSet):
        return SliceHeader(nal_ref_idc, idr, first_mb_in_slice, slice_type, pic_parameter_set_id)
    colour_plane_id = r.u(2) if sps.separate_colour_plane_flag else 0
    frame_num = r.u(sps.log2_max_frame_num)
    field_pic_flag = sps.may_hold_fields and r.flag()
    bottom_field_flag = field_pic_flag and r.flag()
    idr_pic_id = r.ue("idr_pic_id", 65535) if idr else 0
    in_frame = pps.bottom_field_pic_order_in_frame_present_flag and not field_pic_flag
    pic_order_cnt = (0, 0)
    if sps.pic_order_cnt_type == 0:
        pic_order_cnt = (r.u(sps.log2_max_pic_order_cnt_lsb), r.se() if in_frame else 0)
    elif sps.pic_order_cnt_type == 1 and not sps.delta_pic_order_always_zero_flag:
        pic_order_cnt = (r.se(), r.se() if in_frame else 0)
    redundant_pic_cnt = r.ue("redundant_pic_cnt", 127) if pps.redundant_pic_cnt_present_flag else 0
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
        redundant_pic_cnt,
        (bits >> r.left, left - r.left),
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
        # What the other slices of the picture mostly repeat, the NAL unit header and `behind_first_mb`.
        self._repeated: tuple[int, tuple[int, int]] | None = None
        self._begun_with: SliceHeader | None = None  # first slice of the first field of the frame
        self._origin_seen = False  # macroblock 0 has been covered
        self.awaits_second_field = False
        self._order = PictureOrder()
        self._goes_back = False  # the picture does
        self._picture_order: int | None = None  # of the picture
        self._random_access = RandomAccess()
        self._starts = False  # a decoder can at the picture
        self._irap = False  # it is an IDR picture
        self._layers = 1

    def role(self, head: bytes) -> Role:
        """Say where the NAL unit stands in the order of 7.4.1.2.3."""
        nal_unit_type = head[0] & 31
        if nal_unit_type == SUBSET_SPS:  # of what refers to the base: layers (Annex F) or views (Annex G)
            self._layers = 2
            self._repeated = None
        return _ROLES[nal_unit_type]

    def parameter_set(self, nal: bytes) -> ParameterSet:
        """Read an SPS or a PPS."""
        self._repeated = None
        return parse_sps(nal) if nal[0] & 31 == SPS else parse_pps(nal)

    def sei(self, nal: bytes) -> FrameMetadata | None:
        """Look for a recovery point and for an LKTS trailer."""
        messages = sei_messages(nal, header_bytes=1)
        for message in messages:
            if message.payload_type == RECOVERY_POINT:
                recovery_frame_cnt(message.payload)  # or it is damaged, and none
                self._random_access.recovery_point()
        return frame_metadata(messages)

    def slice(self, head: bytes) -> Slice | None:
        """Place a slice: in the picture that is being received, or at the start of the next.

        None: it stands behind the slice before, and its header says nothing else.
        """
        if self._repeats(head):
            return None
        header = parse_slice_header(head, self._sets)
        at_origin = header.first_mb_in_slice == 0 and header.colour_plane_id == 0
        # Encoders that make nothing but IDR pictures often leave idr_pic_id as it was, against 7.4.3:
        # macroblock 0 a second time is a separate picture all the same.
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
                has_count = header.sps is not None and header.sps.pic_order_cnt_type == 0
                self._picture_order = self._order.count if has_count else None
                self._irap = header.idr_pic_flag
                self._starts = self._random_access.begin_picture(irap=self._irap)
            self._origin_seen = False
        if header.redundant_pic_cnt == 0:
            self._last = header
            self._origin_seen |= at_origin
            self._repeated = (head[0], header.behind_first_mb) if header.behind_first_mb else None
        begins_access_unit = begins and not second_field
        needs = (header.sps, header.pps) if header.sps and header.pps else None
        # A memory_management_control_operation equal to 5, too deep in the header to be read here, takes
        # the order back to 0 as well (8.2.1), but not at a picture of B slices.
        reordered = self._goes_back and header.slice_type % 5 == B_SLICE
        return Slice(
            begins_access_unit,
            self._starts,
            at_origin,
            needs,
            header.sps,
            self._layers,
            reordered,
            self._picture_order,
            # Where layers lie above, pictures of those in the same access unit may be referred to.
            discardable=header.nal_ref_idc == 0 and self._layers == 1,
            recovery_point=self._starts and not self._irap,
        )

    def _repeats(self, head: bytes) -> bool:
        """Whether the slice header is that of the slice before, but for first_mb_in_slice, which is not 0."""
        if self._repeated is None or head[1:2] >= b"\x80":  # "1" is the code of 0
            return False
        nal_header, behind_first_mb = self._repeated
        return head[0] == nal_header and _read_first_mb(head)[0].begins_with(*behind_first_mb)

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
        self._last = self._repeated = None
        self._origin_seen = False
        self.awaits_second_field = False
