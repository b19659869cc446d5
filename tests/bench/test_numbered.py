"""Numbers in pictures come back, and what is no number is none."""

import pytest

from bench.numbered import BLOCK_HEIGHT, NUMBERS, draw, read

WIDTH, HEIGHT = 640, 360


def picture(level: int = 128) -> bytearray:
    return bytearray([level]) * (WIDTH * HEIGHT)


def test_each_number_comes_back() -> None:
    luma = picture()
    for number in range(NUMBERS):
        draw(number, luma, WIDTH)
        assert read(luma, WIDTH) == number
    assert luma[WIDTH * BLOCK_HEIGHT :] == picture()[WIDTH * BLOCK_HEIGHT :]


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_picture_without_a_number_has_none(level: int) -> None:
    assert read(picture(level), WIDTH) is None


def test_a_block_that_is_broken_makes_no_other_number() -> None:
    for number in (0, 1234, NUMBERS - 1):
        luma = picture()
        draw(number, luma, WIDTH)
        for start in range(0, WIDTH, WIDTH // 16):
            broken = luma.copy()
            for row in range(0, WIDTH * BLOCK_HEIGHT, WIDTH):
                block = slice(row + start, row + start + WIDTH // 16)
                broken[block] = bytes(255 - level for level in luma[block])
            assert read(broken, WIDTH) is None
