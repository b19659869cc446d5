"""What the SDK is given in place of a hardware decoder, called as its C side calls it."""

import ctypes

import numpy as np

from ingestd.demo.h265_decoder import Decoders, Picture
from tests.support.encoded import encode, hash_of_i420

WIDTH, HEIGHT = 160, 120
HEVC, PARSER = 8, 1
VIDEO = encode("h265", frames=12, gop=6, size=(WIDTH, HEIGHT))


def decoded(decoders: Decoders, unit: bytes, parser: int = PARSER) -> str | None:
    """The name of the picture that comes of an access unit; None without one."""
    picture = Picture()
    if not decoders.hook(parser, HEVC, unit, len(unit), ctypes.byref(picture)):
        return None
    assert (picture.width, picture.height) == (WIDTH, HEIGHT)
    data = ctypes.string_at(picture.data, WIDTH * HEIGHT * 3 // 2)
    luma, chroma = np.split(np.frombuffer(data, np.uint8), [WIDTH * HEIGHT])
    return hash_of_i420(luma.tobytes() + chroma[0::2].tobytes() + chroma[1::2].tobytes())


def test_each_access_unit_is_its_picture_at_once_bit_for_bit() -> None:
    decoders = Decoders()
    assert [decoded(decoders, unit) for unit in VIDEO.access_units] == list(VIDEO.reference_hashes)


def test_what_cannot_be_decoded_shows_the_picture_before_if_there_is_one() -> None:
    decoders = Decoders()
    assert decoded(decoders, b"\0\0\0\1" + b"noise") is None
    first = decoded(decoders, VIDEO.access_units[0])
    assert first == VIDEO.reference_hashes[0]
    assert decoded(decoders, b"\0\0\0\1" + b"noise") == first


def test_parsers_know_nothing_of_each_other() -> None:
    decoders = Decoders()
    assert decoded(decoders, VIDEO.access_units[0], parser=1) == VIDEO.reference_hashes[0]
    assert decoded(decoders, VIDEO.access_units[1], parser=2) is None
