from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.errors import BitstreamError
from ingestd.media.access_unit import Codec, Format, StreamInfo
from ingestd.media.codecs.vp8 import FrameHeader, Vp8Frames, parse_frame_header, starts_key_frame
from tests.media.vectors_ivf import vp8_delta, vp8_key


def test_the_header_of_a_key_frame_gstreamer_wrote() -> None:
    # vp8enc, 160x120: 0x3110 is tag bit 0 for a key frame, version 0, shown, first_part_size 0x188.
    frame = bytes.fromhex("10 31 00 9d 01 2a a0 00 78 00") + bytes(0x188)
    assert parse_frame_header(frame) == FrameHeader(
        key_frame=True, version=0, show_frame=True, first_part_size=0x188, width=160, height=120
    )


def test_the_header_of_an_interframe_has_no_size() -> None:
    header = parse_frame_header(vp8_delta(b"12345"))
    assert (header.key_frame, header.first_part_size, header.width, header.height) == (False, 5, 0, 0)


def test_a_hidden_frame() -> None:
    assert not parse_frame_header(b"\x01\x00\x00").show_frame


def test_the_upscaling_bits_are_not_part_of_the_size() -> None:
    header = parse_frame_header(vp8_key(160 | 1 << 14, 120 | 3 << 14))
    assert (header.width, header.height) == (160, 120)
    assert header.sample_aspect_ratio == Fraction(5, 4) / 2


@pytest.mark.parametrize("version", [0, 1, 2, 3])
def test_every_version_there_is(version: int) -> None:
    assert parse_frame_header(vp8_key(version=version)).version == version


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (b"\x11\x00", "2 bytes"),
        (b"\x18\x00\x00", "version 4"),
        (vp8_key()[:9], "9d 01 2a"),
        (vp8_key().replace(b"\x9d", b"\x9e"), "9d 01 2a"),
        (vp8_key(width=0), "a size"),
        (vp8_key(height=0), "a size"),
        (vp8_key(data=b"KEY")[:-1], "first partition of 3 bytes"),
        (vp8_delta()[:-1], "first partition of 5 bytes"),
    ],
)
def test_what_is_no_frame(frame: bytes, why: str) -> None:
    with pytest.raises(BitstreamError, match=why) as raised:
        parse_frame_header(frame)
    assert raised.value.reason == "malformed_vp8"


def test_the_beginning_of_a_key_frame() -> None:
    assert starts_key_frame(vp8_key()[:10])
    assert not starts_key_frame(vp8_key()[:9])
    assert not starts_key_frame(vp8_delta(b"\x9d\x01\x2a\xa0\x00\x78\x00"))


def test_the_info_is_that_of_the_last_key_frame_until_another_says_otherwise() -> None:
    frames = Vp8Frames(Format.IVF)
    before = frames.access_unit(vp8_delta(), None)
    key, delta, again = (frames.access_unit(frame, 7) for frame in (vp8_key(), vp8_delta(), vp8_key()))
    larger = frames.access_unit(vp8_key(320, 240, version=2), 8)
    assert before.info is None
    assert key.info == StreamInfo(
        codec=Codec.VP8,
        format=Format.IVF,
        width=160,
        height=120,
        profile="Profile 0",
        level="",
        chroma_format="4:2:0",
        bit_depth=8,
        frame_rate_fps=None,
    )
    assert key.info == delta.info == again.info
    assert larger.info is not None
    assert (larger.info.width, larger.info.height, larger.info.profile) == (320, 240, "Profile 2")
    assert [key.keyframe, delta.keyframe, again.keyframe] == [True, False, True]
    assert (key.data, key.timestamp_us) == (vp8_key(), 7)


@given(st.binary(max_size=20))
def test_any_bytes_give_a_header_or_a_bitstream_error(data: bytes) -> None:
    try:
        header = parse_frame_header(data)
    except BitstreamError:
        pass
    else:
        assert header.key_frame == starts_key_frame(data)
