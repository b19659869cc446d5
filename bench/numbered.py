"""A number drawn into a picture, for tools that carry nothing beside the picture; standard library only."""

BITS = 16  # blocks side by side over the width of the picture, the highest bit first, white is 1
CHECK_BITS = 4  # the lowest of these: a picture that is broken there shows no number, not a wrong one
BLOCK_HEIGHT = 32  # rows; two of H.264's macroblocks survive any bitrate
NUMBERS = 1 << (BITS - CHECK_BITS)
BLACK, WHITE = 16, 235  # ITU-R BT.601, luma


def draw(number: int, luma: bytearray, width: int) -> None:
    """Draw ``number`` over the topmost rows of a plane of ``width`` bytes a row."""
    value = number << CHECK_BITS | _check(number)
    block = width // BITS
    blocks = (WHITE if value >> BITS - 1 - place & 1 else BLACK for place in range(BITS))
    row = b"".join(bytes([level]) * block for level in blocks)
    for start in range(0, width * BLOCK_HEIGHT, width):
        luma[start : start + len(row)] = row


def read(luma: bytes | bytearray | memoryview, width: int) -> int | None:
    """Return the number that was drawn; None where none is found."""
    block = width // BITS
    middle = width * (BLOCK_HEIGHT // 2) + block // 2
    value = 0
    for place in range(BITS):
        value = value << 1 | (luma[middle + place * block] > (BLACK + WHITE) // 2)
    number, check = value >> CHECK_BITS, value % (1 << CHECK_BITS)
    return number if check == _check(number) else None


def _check(number: int) -> int:
    """The sum of the digits, and 1: no number is all black."""
    return (number + (number >> 4) + (number >> 8) + 1) % (1 << CHECK_BITS)
