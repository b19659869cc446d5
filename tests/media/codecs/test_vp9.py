import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.errors import BitstreamError
from ingestd.media.access_unit import Codec, Format, StreamInfo
from ingestd.media.codecs.vp9 import (
    UncompressedHeader,
    Vp9Frames,
    parse_uncompressed_header,
    starts_key_frame,
    superframe_sizes_bytes,
)
from tests.media.vectors_ivf import (
    VP9_INTRA_ONLY,
    VP9_SHOW_EXISTING,
    bits,
    superframe,
    u,
    vp9_delta,
    vp9_key,
)

SYNC = u(24, 0x498342)
SIZE = u(16, 160 - 1) + u(16, 120 - 1)


@pytest.mark.parametrize(
    ("frame", "profile", "bit_depth", "chroma_format"),
    [
        # The first bytes of key frames of 160x120 from libvpx-vp9 in ffmpeg 5.1 and GStreamer 1.22.
        ("82 49 83 42 20 09 f0 07 76", 0, 8, "4:2:0"),  # vp9enc, I420
        ("a2 49 83 42 00 01 3e 00 ee c3", 1, 8, "4:4:4"),  # -pix_fmt yuv444p
        ("a2 49 83 42 e0 09 f0 07 76", 1, 8, "4:4:4"),  # -pix_fmt gbrp, which is RGB
        ("92 49 83 42 00 04 f8 03 bb", 2, 10, "4:2:0"),  # -pix_fmt yuv420p10le
        ("b1 24 c1 a1 48 00 4f 80 3b b0", 3, 12, "4:4:4"),  # vp9enc, Y444_12LE
    ],
)
def test_key_frames_real_encoders_wrote(frame: str, profile: int, bit_depth: int, chroma_format: str) -> None:
    header = parse_uncompressed_header(bytes.fromhex(frame))
    assert header == UncompressedHeader(
        profile=profile,
        show_existing_frame=False,
        key_frame=True,
        show_frame=True,
        width=160,
        height=120,
        bit_depth=bit_depth,
        chroma_format=chroma_format,
    )


@pytest.mark.parametrize(
    ("start", "color_config", "bit_depth", "chroma_format"),
    [
        ("10 0 0  0 0 1 0", "010 0", 8, "4:2:0"),
        ("10 1 0  0 0 1 0", "010 0 1 0 0", 8, "4:2:2"),
        ("10 1 0  0 0 1 0", "010 0 0 1 0", 8, "4:4:0"),
        ("10 1 0  0 0 1 0", "111 0", 8, "4:4:4"),  # CS_RGB
        ("10 0 1  0 0 1 0", "1 010 0", 12, "4:2:0"),
        ("10 1 1 0  0 0 1 0", "0 010 0 1 0 0", 10, "4:2:2"),
        ("10 1 1 0  0 0 1 0", "1 111 0", 12, "4:4:4"),
    ],
)
def test_color_config(start: str, color_config: str, bit_depth: int, chroma_format: str) -> None:
    header = parse_uncompressed_header(bits(start + SYNC + color_config + SIZE))
    assert (header.bit_depth, header.chroma_format) == (bit_depth, chroma_format)
    assert (header.width, header.height) == (160, 120)


@pytest.mark.parametrize(
    ("frame", "key_frame", "shown"),
    [
        (vp9_key(), True, True),
        (vp9_key(show_frame=0), True, False),
        (vp9_delta(), False, True),
        (vp9_delta(show_frame=0), False, False),
        (VP9_INTRA_ONLY, False, True),
        (VP9_SHOW_EXISTING, False, True),
    ],
)
def test_which_frames_are_key_frames(frame: bytes, key_frame: bool, shown: bool) -> None:
    header = parse_uncompressed_header(frame)
    assert (header.key_frame, header.show_frame) == (key_frame, shown)
    assert starts_key_frame(frame) == key_frame


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (b"", "ends in the middle"),
        (b"\x42", "frame_marker"),
        (bits("10 1 1 1"), "reserved_zero"),
        (vp9_key()[:7], "ends in the middle"),
        (vp9_key().replace(b"\x49\x83", b"\x49\x84"), "sync code 498442"),
        (bits("10 0 0 0 0 1 0" + SYNC + "111 0" + SIZE), "RGB in profile 0"),
    ],
)
def test_what_is_no_frame(frame: bytes, why: str) -> None:
    with pytest.raises(BitstreamError, match=why) as raised:
        parse_uncompressed_header(frame)
    assert raised.value.reason == "malformed_vp9"
    assert not starts_key_frame(frame)


def test_the_frames_of_a_superframe() -> None:
    first, second = vp9_delta(show_frame=0), vp9_delta()
    assert superframe_sizes_bytes(superframe(first, second)) == [len(first), len(second)]
    assert superframe_sizes_bytes(first) == []
    assert superframe_sizes_bytes(b"") == []


@pytest.mark.parametrize("size_bytes", [1, 2, 3, 4])
def test_superframe_sizes_of_every_width(size_bytes: int) -> None:
    marker = bytes([0b110_00_000 | size_bytes - 1 << 3 | 1])
    index = marker + (5).to_bytes(size_bytes, "little") + (3).to_bytes(size_bytes, "little") + marker
    assert superframe_sizes_bytes(b"12345" + b"123" + index) == [5, 3]


def test_a_last_byte_that_only_looks_like_a_superframe_marker() -> None:
    assert superframe_sizes_bytes(b"\x86" + bytes(20) + b"\xc0") == []
    assert superframe_sizes_bytes(b"\xc7") == []


def test_a_superframe_index_that_promises_too_much() -> None:
    with pytest.raises(BitstreamError, match="promises frames of 9") as raised:
        superframe_sizes_bytes(b"\x86234" + bytes.fromhex("c0 09 c0"))
    assert raised.value.reason == "malformed_vp9"


@pytest.mark.parametrize(
    ("chunk", "keyframe"),
    [
        (superframe(vp9_key(), vp9_delta()), True),
        (superframe(vp9_key(show_frame=0), vp9_delta()), True),  # decoding starts at a hidden one as well
        (superframe(vp9_delta(show_frame=0), vp9_key()), False),
        (superframe(vp9_delta(show_frame=0), VP9_SHOW_EXISTING), False),
        (VP9_SHOW_EXISTING, False),
        (VP9_INTRA_ONLY, False),
    ],
)
def test_the_first_frame_decides_whether_a_decoder_can_start(chunk: bytes, keyframe: bool) -> None:
    unit = Vp9Frames(Format.IVF).access_unit(chunk, 7)
    assert (unit.data, unit.keyframe, unit.timestamp_us) == (chunk, keyframe, 7)


def test_a_chunk_with_a_broken_index_is_malformed_though_its_first_frame_is_not() -> None:
    with pytest.raises(BitstreamError, match="superframe"):
        Vp9Frames(Format.IVF).access_unit(vp9_key() + b"\xc0\xff\xc0", None)


def test_the_info_is_that_of_the_last_key_frame_until_another_says_otherwise() -> None:
    frames = Vp9Frames(Format.IVF)
    before = frames.access_unit(vp9_delta(), None)
    key, delta, again = (frames.access_unit(frame, None) for frame in (vp9_key(), VP9_INTRA_ONLY, vp9_key()))
    larger = frames.access_unit(vp9_key(320, 240), None)
    assert before.info is None
    assert key.info == StreamInfo(
        codec=Codec.VP9,
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
    assert (larger.info.width, larger.info.height) == (320, 240)


@given(st.one_of(st.binary(max_size=30), st.binary(max_size=20).map(lambda rest: vp9_key()[:4] + rest)))
def test_any_bytes_give_an_access_unit_or_a_bitstream_error(data: bytes) -> None:
    try:
        unit = Vp9Frames(Format.IVF).access_unit(data, None)
    except BitstreamError:
        pass
    else:
        assert unit.keyframe == starts_key_frame(data) == (unit.info is not None)


@pytest.mark.parametrize(
    ("frames", "layers"),
    [
        ([vp9_key()], 1),
        ([vp9_key(), vp9_delta()], 2),  # each frame is shown: two sizes of one picture
        ([vp9_key(), b"\x84" + vp9_delta()[1:]], 1),  # a reference that is not shown
    ],
)
def test_frames_shown_at_one_time_are_spatial_layers(frames: list[bytes], layers: int) -> None:
    chunk = superframe(*frames) if len(frames) > 1 else frames[0]
    unit = Vp9Frames(Format.IVF).access_unit(chunk, None)
    assert unit.info is not None
    assert unit.info.layers == layers
