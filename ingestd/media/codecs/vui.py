"""Video usability information: how to show the samples of H.264 and H.265.

vui_parameters() begins alike in both, E.1.1 of H.264 and E.2.1 of H.265.
"""

from fractions import Fraction
from typing import NamedTuple

from ingestd.media.bits.bit_reader import BitReader

# By aspect_ratio_idc, Table E-1; 0 is unspecified.
_SAMPLE_ASPECT_RATIOS = (
    (1, 1), (1, 1), (12, 11), (10, 11), (16, 11), (40, 33), (24, 11), (20, 11), (32, 11),
    (80, 33), (18, 11), (15, 11), (64, 33), (160, 99), (4, 3), (3, 2), (2, 1),
)  # fmt: skip
_EXTENDED_SAR = 255
# By transfer_characteristics, Table E-4.
_HDR_TRANSFERS = frozenset({16, 18})  # SMPTE ST 2084 (PQ), ARIB STD-B67 (HLG)


class Appearance(NamedTuple):
    """What the VUI says of the looks of a picture; where it says nothing, what decoders assume."""

    sample_aspect_ratio: Fraction = Fraction(1)  # width to height
    full_range: bool = False
    hdr: bool = False


def read_appearance(r: BitReader) -> Appearance:
    """Read vui_parameters() from its beginning up to the position of chroma samples."""
    sample_aspect_ratio, full_range, hdr = Fraction(1), False, False
    if r.flag():  # aspect_ratio_info_present_flag
        aspect_ratio_idc = r.u(8)
        if aspect_ratio_idc == _EXTENDED_SAR:
            sar_width, sar_height = r.u(16), r.u(16)
            if sar_width and sar_height:  # else it is unspecified
                sample_aspect_ratio = Fraction(sar_width, sar_height)
        elif aspect_ratio_idc < len(_SAMPLE_ASPECT_RATIOS):
            sample_aspect_ratio = Fraction(*_SAMPLE_ASPECT_RATIOS[aspect_ratio_idc])
    if r.flag():  # overscan_info_present_flag
        r.skip(1)
    if r.flag():  # video_signal_type_present_flag
        r.skip(3)  # video_format
        full_range = r.flag()
        if r.flag():  # colour_description_present_flag
            r.skip(8)  # colour_primaries
            hdr = r.u(8) in _HDR_TRANSFERS
            r.skip(8)  # matrix_coefficients
    if r.flag():  # chroma_loc_info_present_flag
        r.ue()
        r.ue()
    return Appearance(sample_aspect_ratio, full_range, hdr)
