"""Test picture: colour bars, the time of day in large digits, the picture's number, a moving bar."""

import time

import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT, FPS = 640, 360, 30

Samples = npt.NDArray[np.uint8]

# White, yellow, cyan, green, magenta, red, blue, black at 75 %: Y, U, V of ITU-R BT.601.
_BARS = (
    (180, 128, 128),
    (162, 44, 142),
    (131, 156, 44),
    (112, 72, 58),
    (84, 184, 198),
    (65, 100, 212),
    (35, 212, 114),
    (16, 128, 128),
)
_BLACK, _WHITE, _GREY = 16, 235, 128
_STRIP_PIXELS = 40  # rows at the bottom, in which the bar moves
_BAR_PIXELS = 16
_TURN_S = 2

_GLYPH_WIDTH, _GLYPH_HEIGHT = 5, 7
_GLYPHS = {  # one number per row, the highest of five bits to the left
    "0": (14, 17, 19, 21, 25, 17, 14),
    "1": (4, 12, 4, 4, 4, 4, 14),
    "2": (14, 17, 1, 2, 4, 8, 31),
    "3": (31, 2, 4, 2, 1, 17, 14),
    "4": (2, 6, 10, 18, 31, 2, 2),
    "5": (31, 16, 30, 1, 1, 17, 14),
    "6": (6, 8, 16, 30, 17, 17, 14),
    "7": (31, 1, 2, 4, 8, 8, 8),
    "8": (14, 17, 17, 14, 17, 17, 14),
    "9": (14, 17, 17, 15, 1, 2, 12),
    ":": (0, 12, 12, 0, 12, 12, 0),
    ".": (0, 0, 0, 0, 0, 12, 12),
}


class TestPicture:
    """Draws the pictures one by one."""

    __test__ = False  # pytest takes the name for a test's

    def __init__(self) -> None:
        self._background = _colour_bars()

    def draw(self, number: int, now: float) -> Samples:
        """Return picture ``number`` as I420, HEIGHT * 3 / 2 rows; ``now``: seconds since 1970."""
        picture = self._background.copy()
        luma = picture[:HEIGHT]
        left = number * WIDTH // (FPS * _TURN_S) % (WIDTH - _BAR_PIXELS)
        luma[HEIGHT - _STRIP_PIXELS :, left : left + _BAR_PIXELS] = _WHITE
        clock = time.strftime("%H:%M:%S", time.localtime(now)) + f".{int(now * 1000) % 1000:03}"
        write(luma, clock, top=120, scale=6)
        write(luma, f"{number:06}", top=188, scale=4)
        return picture


def write(luma: Samples, text: str, top: int, scale: int) -> None:
    """Write ``text`` in white across the middle of ``luma``, from row ``top`` on."""
    pixels = np.repeat(np.repeat(_bitmap(text), scale, axis=0), scale, axis=1)
    height, width = pixels.shape
    left = (luma.shape[1] - width) // 2
    luma[top : top + height, left : left + width] = np.where(pixels, _WHITE, _BLACK)


def _bitmap(text: str) -> npt.NDArray[np.bool_]:
    bitmap = np.zeros((_GLYPH_HEIGHT + 2, len(text) * (_GLYPH_WIDTH + 1) + 1), np.bool_)
    for place, character in enumerate(text):
        left = place * (_GLYPH_WIDTH + 1) + 1
        for row, bits in enumerate(_GLYPHS[character]):
            for column in range(_GLYPH_WIDTH):
                bitmap[row + 1, left + column] = bits >> (_GLYPH_WIDTH - 1 - column) & 1
    return bitmap


def _colour_bars() -> Samples:
    """I420: the luma plane, then both chroma planes, two of their rows to one of the picture."""
    y, u, v = np.array(_BARS, np.uint8).T
    luma = np.tile(np.repeat(y, WIDTH // len(_BARS)), (HEIGHT, 1))
    luma[HEIGHT - _STRIP_PIXELS :] = _BLACK
    chroma = []
    for samples in (u, v):
        plane = np.tile(np.repeat(samples, WIDTH // 2 // len(_BARS)), (HEIGHT // 2, 1))
        plane[60:112, 100:220] = _GREY  # behind the digits
        plane[(HEIGHT - _STRIP_PIXELS) // 2 :] = _GREY
        chroma.append(plane.reshape(-1, WIDTH))
    return np.concatenate([luma, *chroma])
