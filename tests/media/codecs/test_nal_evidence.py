"""What one NAL unit says of being H.264 or H.265, when nothing else is known of the stream."""

import pytest

from ingestd.media.access_unit import Codec
from ingestd.media.codecs.nal_evidence import EXAMINE, FIRST_BYTES_OF_PROOF, Evidence, examine_whole
from tests.media.vectors_h26x import (
    AUD,
    FILLER,
    H265_AUD,
    H265_SEI,
    SEI,
    h265_header,
    h265_pps,
    h265_slice,
    h265_sps,
    h265_vps,
    pps,
    slice,
    sps,
)

H264, H265 = Codec.H264, Codec.H265
NO, NEUTRAL, POSSIBLE, SLICE, PROOF = Evidence


@pytest.mark.parametrize(
    ("nal", "as_h264", "as_h265"),
    [
        (sps(), PROOF, NO),
        (pps(), POSSIBLE, NO),
        (AUD, POSSIBLE, NO),
        (SEI, POSSIBLE, SLICE),
        (FILLER, POSSIBLE, NO),
        (slice(idr=True), SLICE, NO),
        (h265_vps(), NO, PROOF),
        (h265_pps(), NO, POSSIBLE),
        (H265_AUD, POSSIBLE, POSSIBLE),
        (H265_SEI, NEUTRAL, POSSIBLE),
        (h265_slice(19), POSSIBLE, SLICE),
        (h265_slice(1), NO, SLICE),
        (b"", NO, NO),
    ],
    ids=[
        "SPS", "PPS", "AUD", "SEI", "filler", "IDR slice",
        "VPS", "H.265 PPS", "H.265 AUD", "H.265 SEI", "H.265 IDR slice", "H.265 slice",
        "nothing",
    ],
)  # fmt: skip
def test_what_each_nal_unit_says_of_each_codec(nal: bytes, as_h264: Evidence, as_h265: Evidence) -> None:
    assert (examine_whole(H264, nal), examine_whole(H265, nal)) == (as_h264, as_h265)


def test_only_a_whole_parameter_set_is_proof() -> None:
    for codec, nal in ((H264, sps()), (H265, h265_sps()), (H265, h265_vps())):
        assert examine_whole(codec, nal) is PROOF
        assert EXAMINE[codec](nal[:-4], whole=False) is POSSIBLE
        assert examine_whole(codec, nal[:5]) is NO, "it is cut, or no parameter set"


@pytest.mark.parametrize("profile_idc", [0, 67, 255])
def test_an_sps_of_a_profile_that_does_not_exist_is_none(profile_idc: int) -> None:
    assert examine_whole(H264, b"\x67" + bytes([profile_idc]) + sps()[2:]) is NO


def test_a_level_that_does_not_exist_makes_an_sps_none() -> None:
    assert examine_whole(H264, sps(level_idc=33)) is NO


def test_a_forbidden_header_is_of_neither_codec() -> None:
    for nal in (b"\x80" + slice()[1:], b"\xe7" + sps()[1:]):
        assert (examine_whole(H264, nal), examine_whole(H265, nal)) == (NO, NO)
    assert examine_whole(H264, slice(idr=True, ref_idc=0)) is NO, "an IDR picture is always referred to"
    assert examine_whole(H265, h265_header(1)[:1] + b"\0" + b"data") is NO, "nuh_temporal_id_plus1 is 0"


def test_an_idr_picture_of_h264_has_intra_slices_only() -> None:
    assert examine_whole(H264, slice(idr=True, slice_type=7)) is SLICE
    assert examine_whole(H264, slice(idr=True, slice_type=5)) is NO


def test_an_irap_picture_of_h265_is_in_the_lowest_temporal_layer() -> None:
    assert examine_whole(H265, h265_slice(19, temporal_id=1)) is NO
    assert examine_whole(H265, h265_slice(1, temporal_id=1)) is SLICE


def test_parameter_sets_of_the_other_codec_begin_with_these_bytes() -> None:
    assert sps()[0] in FIRST_BYTES_OF_PROOF[H264]
    assert {h265_sps()[0], h265_vps()[0]} == FIRST_BYTES_OF_PROOF[H265]
