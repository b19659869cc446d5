"""What the last bytes of slices say of headers that vary from picture to picture, as noise or text does.

A slice ends with a bit of 1 and the zeros up to the next byte: from none to seven, each about as often. What
stands inside a slice, or in noise, ends with one zero more half as often. So two bytes tell: the last of a
picture, and the one that would be the last without a header of the length of the first. Sizes and times that
are written as text tell by being text, flags and types of pictures by being always the same few.

Each test multiplies what chance would do: to be wrong by `CLEAR_BITS` happens once in a million connections.
"""

from collections.abc import Sequence
from math import comb, inf, log2

CLEAR_BITS = 20.0
PLAIN_BITS = 10.0  # and against one
# Where no more comes, this much must do; in doubt there is no header.
LIKELY_BITS = 10.0
# How often a byte ends with so many zero bits, inside slices and as the last one, as x264, x265 and OpenH264
# write them. With CABAC x264 makes more than half of the last ones odd, others an eighth: they say nothing.
_INSIDE = (0.45, 0.23, 0.13, 0.08, 0.05, 0.03, 0.02, 0.01)
_LAST = (0.45, *[0.55 / 7] * 7)
_INSIDE_BITS = tuple(log2(inside / last) for inside, last in zip(_INSIDE, _LAST, strict=True))
# No NAL unit ends with a zero byte; inside there is one now and then.
_ZERO_INSIDE_BITS = 3.0
_TEXT = frozenset(b"\t\n\r" + bytes(range(0x20, 0x7F)))
_TEXT_BITS = log2(256 / len(_TEXT))  # of one byte that is text
# Kinds of pictures that a header tells apart.
_MAX_KINDS = 4
# No byte ends more than one in so many slices: 0x80, the most common, ended 16 of 100 by x264.
_LEAST_ENDS = 6


def header_bits(header: bytes, tails: Sequence[bytes]) -> float:
    """Return how many bits speak for a header before each access unit, below 0: against.

    ``header`` is what stood before the first, ``tails`` the `MAX_HEADER_BYTES` + 1 bytes before the others.
    """
    last = sum(_inside_bits(tail[-1]) for tail in tails)
    before = -sum(_inside_bits(tail[-1 - len(header)]) for tail in tails)
    text_bytes = min(map(_text_bytes, (header, *tails)))
    text = len(tails) * _TEXT_BITS * text_bytes - LIKELY_BITS if text_bytes else -inf
    few = _few_bits({header, *(tail[-len(header) :] for tail in tails)}, len(tails))
    return max(last, before, last + before, text, few)


def _inside_bits(byte: int) -> float:
    """How far a byte speaks for being no last one of a slice."""
    return _INSIDE_BITS[(byte & -byte).bit_length() - 1] if byte else _ZERO_INSIDE_BITS


def _text_bytes(tail: bytes) -> int:
    """How many bytes at the end are text."""
    return next((n for n, byte in enumerate(reversed(tail)) if byte not in _TEXT), len(tail))


def _few_bits(headers: set[bytes], count: int) -> float:
    """How far it speaks for headers that there are so few different ones in ``count`` pictures."""
    kinds = len(headers)
    if kinds > _MAX_KINDS:
        return -inf
    return count * log2(_LEAST_ENDS / kinds) - log2(comb(256, kinds))
