from fractions import Fraction

import pytest

from ingestd.errors import BitstreamError
from ingestd.media.access_unit import Codec, StreamInfo
from ingestd.media.bits.bit_reader import BitReader
from ingestd.media.codecs.parameter_sets import ParameterSets
from ingestd.media.codecs.vui import Appearance, read_appearance
from ingestd.media.formats.annexb import AnnexBReader
from tests.media.encoders import encode
from tests.media.vectors_h26x import BitWriter


def appearance(w: BitWriter) -> Appearance:
    return read_appearance(BitReader(w.nal(b""), "sps"))


def test_a_vui_that_says_nothing() -> None:
    assert appearance(BitWriter().u(4, 0)) == Appearance(Fraction(1), full_range=False, hdr=False)


@pytest.mark.parametrize(
    ("aspect_ratio_idc", "ratio"),
    [
        (0, Fraction(1)),
        (1, Fraction(1)),
        (2, Fraction(12, 11)),
        (14, Fraction(4, 3)),
        (16, Fraction(2)),
        (17, Fraction(1)),  # reserved
        (254, Fraction(1)),
    ],
)
def test_the_shapes_of_samples_that_have_a_number(aspect_ratio_idc: int, ratio: Fraction) -> None:
    assert appearance(BitWriter().u(1, 1).u(8, aspect_ratio_idc).u(3, 0)).sample_aspect_ratio == ratio


@pytest.mark.parametrize(
    ("width", "height", "ratio"), [(64, 48, Fraction(4, 3)), (0, 1, Fraction(1)), (1, 0, Fraction(1))]
)
def test_a_shape_written_out(width: int, height: int, ratio: Fraction) -> None:
    w = BitWriter().u(1, 1).u(8, 255).u(16, width).u(16, height).u(3, 0)
    assert appearance(w).sample_aspect_ratio == ratio


@pytest.mark.parametrize(("transfer", "hdr"), [(1, False), (2, False), (16, True), (18, True)])
def test_range_and_hdr(transfer: int, hdr: bool) -> None:
    w = BitWriter().u(2, 0b01).u(1, 0).u(1, 1).u(3, 5).u(1, 1).u(1, 1).u(8, 9).u(8, transfer).u(8, 9).u(1, 0)
    assert appearance(w) == Appearance(full_range=True, hdr=hdr)


def test_a_vui_that_is_cut_off() -> None:
    with pytest.raises(BitstreamError):
        read_appearance(BitReader(b"\xff", "sps"))


def described(encoder: str, params: str) -> StreamInfo:
    name = {"libx264": "x264-params", "libx265": "x265-params"}[encoder]
    codec = {"libx264": Codec.H264, "libx265": Codec.H265}[encoder]
    reader = AnnexBReader(codec, ParameterSets())
    packets = encode(encoder, {"preset": "ultrafast", name: params}, count=2)
    units = reader.feed(b"".join(packet.data for packet in packets)) + reader.eof()
    assert units[0].info is not None
    return units[0].info


@pytest.mark.parametrize(
    ("encoder", "params"),
    [
        ("libx264", "sar=16/11:fullrange=on:transfer=smpte2084"),
        ("libx265", "log-level=none:sar=4:range=full:transfer=smpte2084"),
    ],
)
def test_what_encoders_write(encoder: str, params: str) -> None:
    info = described(encoder, params)
    assert (info.sample_aspect_ratio, info.full_range, info.hdr) == (Fraction(16, 11), True, True)
    assert info.frame_rate_fps == 25, "what is behind it is read, too"


@pytest.mark.parametrize(
    ("encoder", "params"), [("libx264", "bframes=0"), ("libx265", "log-level=none:bframes=0")]
)
def test_ordinary_streams_have_nothing_of_it(encoder: str, params: str) -> None:
    info = described(encoder, params)
    assert (info.sample_aspect_ratio, info.full_range, info.hdr) == (Fraction(1), False, False)
