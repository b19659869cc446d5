"""ITU-T H.265: slice segment headers, and which slice segments make a picture (7.3.6.1, 7.4.2.4)."""

from dataclasses import dataclass, replace

from ingestd.errors import BitstreamError
from ingestd.media.access_unit import Codec, FrameMetadata
from ingestd.media.bits.bit_reader import BitReader, unescape
from ingestd.media.codecs.h26x import Role, Slice
from ingestd.media.codecs.h265_parameter_sets import (
    PictureParameterSet,
    SequenceParameterSet,
    VideoParameterSet,
    parse_pps,
    parse_sps,
    parse_vps,
)
from ingestd.media.codecs.lkts_trailer import frame_metadata
from ingestd.media.codecs.parameter_sets import Kind, ParameterSet, ParameterSets
from ingestd.media.codecs.picture_order import PictureOrder
from ingestd.media.codecs.random_access import RandomAccess
from ingestd.media.codecs.sei import RECOVERY_POINT, sei_messages

# nal_unit_type, Table 7-1
LAST_SUB_LAYER_SLICE = 9  # TRAIL_N to RASL_R
# Leading pictures, and those to which no other of their sub-layer refers (TRAIL_N to RSV_VCL_N14), 8.3.1
_NEVER_PREV_TID_0_PIC = frozenset({0, 2, 4, 6, 7, 8, 9, 10, 12, 14})
LAST_SUB_LAYER_NON_REFERENCE = 14  # RSV_VCL_N14; the even ones below, too
FIRST_IRAP, LAST_IRAP = 16, 21  # BLA_W_LP to CRA_NUT
BLA_W_LP, IDR_W_RADL, IDR_N_LP = 16, 19, 20
RASL_N, RASL_R = 8, 9
VPS, SPS, PPS, AUD, PREFIX_SEI = 32, 33, 34, 35, 39


@dataclass(slots=True)
class SliceSegmentHeader:
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


def _is_discardable(nal_unit_type: int, temporal_id: int, sps: SequenceParameterSet | None) -> bool:
    """Whether nothing refers to such a picture: none of its sub-layer does (7.4.2.2), and none is above."""
    is_sub_layer_non_reference = nal_unit_type <= LAST_SUB_LAYER_NON_REFERENCE and nal_unit_type % 2 == 0
    return is_sub_layer_non_reference and sps is not None and temporal_id == sps.temporal_layers - 1


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
    awaits_second_field = False  # with field_seq_flag each field is a separate picture

    def __init__(self, sets: ParameterSets) -> None:
        self._sets = sets
        self._in_picture = False
        # What the other segments of the picture mostly repeat: the NAL unit header and the PPS.
        self._repeated: tuple[bytes, PictureParameterSet | None] | None = None
        self._order = PictureOrder()
        self._goes_back = False  # the picture does
        self._picture_order: int | None = None  # of the picture
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
                "an H.265 NAL unit has nuh_temporal_id_plus1 0, which is forbidden",
            )
        role = _ROLES[nal_unit_type]
        return Role.STAYS if nuh_layer_id and role is not Role.UNSPECIFIED else role

    def parameter_set(self, nal: bytes) -> ParameterSet:
        """Read a VPS, an SPS or a PPS."""
        self._repeated = None
        nal_unit_type = nal[0] >> 1 & 63
        return (parse_vps if nal_unit_type == VPS else parse_sps if nal_unit_type == SPS else parse_pps)(nal)

    def sei(self, nal: bytes) -> FrameMetadata | None:
        """Look for a recovery point and for an LKTS trailer."""
        messages = sei_messages(nal, header_bytes=2)
        if any(message.payload_type == RECOVERY_POINT for message in messages):
            self._random_access.recovery_point()
        return frame_metadata(messages)

    def slice(self, head: bytes) -> Slice | None:
        """Place a slice segment: in the picture that is being received, or at the start of the next.

        None: it stands behind the segment before, and its header says nothing else.
        """
        header = parse_slice_segment_header(head, self._sets)
        begins = header.first_slice_segment_in_pic_flag or not self._in_picture
        if not begins and self._repeated == (head[:2], header.pps):
            return None
        self._in_picture = True
        self._repeated = (head[:2], header.pps)
        nal_unit_type, _, nuh_temporal_id_plus1 = nal_header(head)
        irap = FIRST_IRAP <= nal_unit_type <= LAST_IRAP
        if begins:
            self._goes_back, self._picture_order = False, None
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
            self._picture_order = self._order.count
        sps, pps = header.sps, header.pps
        vps = self._vps_of(sps)
        at_origin = header.first_slice_segment_in_pic_flag
        needs = (vps, sps, pps) if vps and sps and pps else None
        info_from = self._with_frame_rate(sps, vps) if sps and vps else sps
        layers = vps.layers if vps else 1
        skipped = self._rasl_skipped and nal_unit_type in (RASL_N, RASL_R)
        return Slice(
            begins,
            self._starts,
            at_origin,
            needs,
            info_from,
            layers,
            self._goes_back,
            self._picture_order,
            discardable=_is_discardable(nal_unit_type, nuh_temporal_id_plus1 - 1, sps) and layers == 1,
            skipped=skipped,
            recovery_point=self._starts and not irap,
        )

    def _vps_of(self, sps: SequenceParameterSet | None) -> VideoParameterSet | None:
        vps = self._sets.get(Kind.VPS, sps.vps_id) if sps is not None else None
        return vps if isinstance(vps, VideoParameterSet) else None

    def _with_frame_rate(self, sps: SequenceParameterSet, vps: VideoParameterSet) -> SequenceParameterSet:
        """Let the VPS say the frame rate where the SPS does not; the same sets give the same object."""
        if sps.frame_rate_fps is not None or vps.frame_rate_fps is None:
            return sps
        if self._timed is None or self._timed[0] is not sps or self._timed[1] is not vps:
            self._timed = (sps, vps, replace(sps, frame_rate_fps=vps.frame_rate_fps))
        return self._timed[2]

    def end_of_picture(self) -> None:
        """Forget the picture: whatever slice comes next begins an access unit."""
        self._in_picture = False
