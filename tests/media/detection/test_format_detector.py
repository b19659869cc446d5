"""Detection of the format by the first bytes: what is found, when, and what has to wait for more."""

import pytest

from ingestd.errors import BitstreamError
from ingestd.media.access_unit import Codec, Format
from ingestd.media.detection.format_detector import (
    DETECTION_LIMIT_BYTES,
    MAX_NAL_UNITS_EXAMINED,
    Detected,
    begins_with_start_code,
    detect,
)
from tests.media.vectors_h26x import (
    SHORT_START,
    START,
    annexb,
    h265_pps,
    h265_slice,
    h265_sps,
    h265_vps,
    length_prefixed,
    pps,
    slice,
    sps,
)
from tests.media.vectors_obu import GSTREAMER_LENGTH_DELIMITED, GSTREAMER_LOW_OVERHEAD
from tests.support.encoded import encode

IDR = slice(idr=True, payload=b"x" * 80)
DELTAS = [slice(frame_num=n, poc_lsb=2 * n, payload=b"x" * 80) for n in range(1, 6)]
H264_ANNEXB = Detected(Format.ANNEXB, Codec.H264)
H265_ANNEXB = Detected(Format.ANNEXB, Codec.H265)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (annexb(sps(), pps(), IDR), H264_ANNEXB),
        (annexb(h265_vps(), h265_sps(), h265_pps(), h265_slice(19)), H265_ANNEXB),
        (length_prefixed(sps(), pps(), IDR), Detected(Format.LENGTH_PREFIXED, Codec.H264)),
        (length_prefixed(h265_vps(), h265_sps(), h265_pps()), Detected(Format.LENGTH_PREFIXED, Codec.H265)),
        (GSTREAMER_LOW_OVERHEAD, Detected(Format.OBU, Codec.AV1)),
        (GSTREAMER_LENGTH_DELIMITED, Detected(Format.OBU, Codec.AV1, length_delimited=True)),
        (b"DKIF", Detected(Format.IVF, None)),
    ],
    ids=["H.264", "H.265", "H.264 with lengths", "H.265 with lengths", "OBUs", "AV1 Annex B", "IVF"],
)
def test_a_stream_is_known_by_its_first_headers(data: bytes, found: Detected) -> None:
    assert detect(data) == found


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
@pytest.mark.parametrize("length_bytes", [2, 3])
def test_short_lengths_are_known_whatever_four_bytes_say(codec: Codec, length_bytes: int) -> None:
    nals = encode(codec, frames=2, gop=2).access_units[0].split(SHORT_START)[1:]
    data = b"".join(len(nal := part.rstrip(b"\0")).to_bytes(length_bytes, "big") + nal for part in nals)
    assert detect(data[:1024]) == Detected(Format.LENGTH_PREFIXED, codec, length_bytes=length_bytes)


@pytest.mark.parametrize("codec", [Codec.VP8, Codec.AV1])
def test_ivf_without_its_file_header_is_known_by_its_keyframe(codec: Codec) -> None:
    stream = encode(codec, frames=3, gop=3, size=(64, 64))
    data = b"".join(stream.pieces)
    assert detect(data, final=True) == Detected(Format.IVF, codec)


def test_a_few_bytes_tell_nothing_yet() -> None:
    whole = annexb(sps(), pps(), IDR)
    for length in (0, 1, 4, 8):
        assert detect(whole[:length]) is None


def test_a_keyframe_alone_must_wait_and_is_believed_when_nothing_more_comes() -> None:
    data = annexb(IDR)
    assert detect(data) is None
    assert detect(data, final=True) == H264_ANNEXB


def test_a_row_of_slices_is_a_stream_without_any_parameter_set() -> None:
    assert detect(annexb(*DELTAS[:2])) is None
    assert detect(annexb(*DELTAS)) == H264_ANNEXB


def test_after_a_nal_unit_that_is_none_more_plausible_ones_are_needed() -> None:
    odd = b"\x80 damaged" + bytes(range(1, 99))
    assert detect(annexb(odd, *DELTAS[:4])) is None
    assert detect(annexb(odd, *DELTAS, *DELTAS)) == H264_ANNEXB


def test_a_start_code_that_could_be_a_length_is_decided_by_what_follows() -> None:
    # 00 00 01 and the first byte of the NAL unit, 0x41, are a length of 321, too.
    data = b"".join(SHORT_START + nal for nal in DELTAS)
    assert int.from_bytes(data[:4], "big") == 0x141
    assert detect(data) == H264_ANNEXB


def test_noise_between_start_codes_is_given_up_after_so_many() -> None:
    noise = (START + b"\x80" + b"\x55" * 100) * MAX_NAL_UNITS_EXAMINED
    assert detect(noise[: len(noise) // 2]) is None
    with pytest.raises(BitstreamError, match="so many start codes") as caught:
        detect(noise + START)
    assert caught.value.reason == "not_video"


def test_what_shows_nothing_by_the_limit_is_unknown_all_the_same() -> None:
    assert detect(b"\x55" * DETECTION_LIMIT_BYTES) is None


@pytest.mark.parametrize(
    ("data", "begins"),
    [(START, True), (SHORT_START, True), (bytes(9) + START, True), (b"\0\1", False), (b"x" + START, False)],
)
def test_which_bytes_may_be_a_start_code(data: bytes, begins: bool) -> None:
    assert begins_with_start_code(data) is begins
