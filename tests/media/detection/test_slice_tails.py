"""How far tails of slices speak for a header before each access unit: by chance never, by themselves soon."""

import random
from collections.abc import Sequence

import pytest

from ingestd.media.detection.slice_tails import (
    CLEAR_BITS,
    LIKELY_BITS,
    PLAIN_BITS,
    header_bits,
)
from ingestd.media.formats.packets import MAX_HEADER_BYTES

PICTURES = 64
# How often the last byte of a slice ends with 0 to 7 zero bits.
ALL_ALIKE = [1.0] * 8
X264_WITH_CABAC = [0.59, 0.05, 0.06, 0.06, 0.07, 0.06, 0.06, 0.05]


def slices(rng: random.Random, ends: Sequence[float]) -> list[bytes]:
    """The ends of so many slices: noise, then a bit of 1 and zeros."""
    zeros = rng.choices(range(8), ends, k=PICTURES)
    last = [(rng.getrandbits(8) << n + 1 | 1 << n) & 0xFF for n in zeros]
    return [rng.randbytes(2 * MAX_HEADER_BYTES) + bytes([byte]) for byte in last]


def bits(header: bytes, data: Sequence[bytes]) -> float:
    return header_bits(header, [one[-1 - MAX_HEADER_BYTES :] for one in data])


@pytest.mark.parametrize("ends", [ALL_ALIKE, X264_WITH_CABAC], ids=["all alike", "x264 with CABAC"])
def test_by_chance_it_is_never_clear_that_there_is_a_header(ends: Sequence[float]) -> None:
    rng = random.Random(1)
    likely = plain = 0
    for _ in range(1_000):
        data, header = slices(rng, ends), rng.randbytes(rng.randint(1, MAX_HEADER_BYTES))
        by_pictures = [bits(header, data[:n]) for n in (4, 8, 16, 32, PICTURES)]
        assert max(by_pictures) < CLEAR_BITS
        likely += max(by_pictures) >= LIKELY_BITS
        plain += by_pictures[-1] <= -PLAIN_BITS
    assert likely <= 10
    assert plain > 700


@pytest.mark.parametrize("ends", [ALL_ALIKE, X264_WITH_CABAC], ids=["all alike", "x264 with CABAC"])
def test_noise_of_a_constant_length_is_clear(ends: Sequence[float]) -> None:
    rng = random.Random(2)
    for size in range(1, MAX_HEADER_BYTES + 1):
        data = [one + rng.randbytes(size) for one in slices(rng, ends)]
        assert bits(rng.randbytes(size), data) > CLEAR_BITS


@pytest.mark.parametrize("kinds", [[b"\1"], [b"\3", b"\1"], [b"\1\1", b"\1\3", b"\1\5"]], ids=len)
def test_the_same_few_headers_are_clear_whatever_they_end_with(kinds: list[bytes]) -> None:
    odd = [one[:-1] + bytes([one[-1] | 1]) for one in slices(random.Random(4), ALL_ALIKE)]
    data = [one + kinds[n % len(kinds)] for n, one in enumerate(odd)]
    assert bits(kinds[0], data) > CLEAR_BITS


def test_whatever_a_header_of_a_constant_length_ends_with_it_is_likely() -> None:
    rng = random.Random(3)
    for size in range(1, MAX_HEADER_BYTES + 1):
        data = [one + rng.randbytes(size - 1) + b"\x80" for one in slices(rng, ALL_ALIKE)]
        assert bits(bytes(size - 1) + b"\x80", data) > LIKELY_BITS


def test_text_is_clear_after_a_few_pictures() -> None:
    rng = random.Random(4)
    data = [one + b"%d\n" % rng.randint(100, 99_999) for one in slices(rng, ALL_ALIKE)]
    assert bits(b"8123\n", data[:6]) > CLEAR_BITS
    assert bits(b"\x00\x81", data[:6]) < LIKELY_BITS, "a header of text begins with text"
