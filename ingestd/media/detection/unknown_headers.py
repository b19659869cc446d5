"""Unknown headers before each access unit of a byte stream, which do not say its size: found to be refused.

In a byte stream such a header becomes the tail of the NAL unit before it, and reaches the decoders of viewers
as that. It shows by what stands before the first start code of a connection: where that is a header,
something like it stands before each of the next pictures, too: the same or counted on, which a few pictures
show, or as different as noise or text, which up to `MAX_PICTURES` show (`slice_tails`). Where the stream was
joined in the middle of a NAL unit, or something else was sent once, nothing does. A counter or a clock may
begin at 0: then nothing but zeros stands there, which byte streams may have, too, before every NAL unit.
"""

import re
from collections import Counter
from typing import Literal

from ingestd.errors import BitstreamError
from ingestd.media.access_unit import Codec
from ingestd.media.codecs.h26x import START_CODE_PREFIX
from ingestd.media.codecs.h265 import FIRST_IRAP, LAST_IRAP, LAST_SUB_LAYER_SLICE, nal_header
from ingestd.media.detection.slice_tails import CLEAR_BITS, LIKELY_BITS, PLAIN_BITS, header_bits
from ingestd.media.formats.packets import MAX_HEADER_BYTES

# Chance makes two tails of a byte alike once in a hundred times, and this often in a row never.
ALIKE_IN_A_ROW = 3
# Headers that vary show by less in each picture, but by these as far as they ever will.
MAX_PICTURES = 64
MAX_NAL_UNITS = 512  # of the pictures that tell
MIN_SLICE_BYTES = 6  # what is shorter between two start codes is none
# Pictures of a still scene have a few bytes and may all end alike; the end of a slice this long is as chance
# has it.
MIN_TELLING_SLICE_BYTES = 128
# Numbers of two bytes and more lead so often to a start code, and a number before it, if they are sizes.
SIZES_IN_A_ROW = 3
_SEVENS = re.compile(rb"[\x80-\xff]{1,4}[\0-\x7f]")
_START_CODE = re.compile(rb"\0\0\0?\x01")


def refuse_unknown_headers(data: bytes, codec: Codec, *, last: bool) -> bool | None:
    """Return False where no header stands before each access unit, None if more must come to tell.

    `last` says that nothing more will come. Raises BitstreamError ``unknown_header`` where one does. In doubt
    there is none.
    """
    begin = data.find(START_CODE_PREFIX)
    size = begin - (begin > 0 and data[begin - 1] == 0)
    if not 0 < size <= MAX_HEADER_BYTES:
        return False
    first = header = data[:size]
    if _are_sizes(data):
        raise _refusal(first)
    pictures, telling, alike = 0, False, True
    slice_at = -1  # of the NAL unit before, if it is a slice; a header comes behind the last of a picture
    behind_slice = tail = b""
    tails: list[bytes] = []
    for _ in range(MAX_NAL_UNITS):
        if begin < 0:
            break
        end = begin - (data[begin - 1] == 0)  # start codes have four bytes mostly
        if slice_at >= 0:
            long_enough = end - size > slice_at + MIN_SLICE_BYTES
            behind_slice = data[end - size : end] if long_enough else b""
            tells = end - size > slice_at + MIN_TELLING_SLICE_BYTES
            tail = data[end - MAX_HEADER_BYTES - 1 : end] if tells else b""
            telling |= tells
        nal = data[begin + len(START_CODE_PREFIX) : begin + len(START_CODE_PREFIX) + MIN_SLICE_BYTES]
        slice_at = begin if _is_slice(codec, nal) else -1
        if _begins_picture(codec, nal):
            if pictures:
                if not behind_slice:
                    return False
                if not any(header) and not any(behind_slice):  # trailing_zero_8bits, ITU-T H.264 B.1.2
                    return False
                alike = alike and _alike(header, behind_slice)
                header = behind_slice
                tails += [tail] if tail else []
            pictures += 1
            if pictures > (ALIKE_IN_A_ROW if alike else MAX_PICTURES):
                break
        begin = data.find(START_CODE_PREFIX, begin + len(START_CODE_PREFIX))
    else:
        last = True
    last |= pictures > (ALIKE_IN_A_ROW if alike else MAX_PICTURES)
    if alike:
        if last and pictures > 1 and telling:
            raise _refusal(header)
        return False if last else None
    bits = header_bits(first, tails) if tails else 0.0
    if bits >= (LIKELY_BITS if last else CLEAR_BITS):
        raise _refusal(header)
    return False if last or bits <= -PLAIN_BITS else None


def pictures_begun(data: bytes, codec: Codec, most: int) -> int:
    """Return how many pictures begin in a byte stream, up to ``most``: that, too, for many NAL units."""
    pictures, begin = 0, data.find(START_CODE_PREFIX)
    for _ in range(MAX_NAL_UNITS):
        if begin < 0 or pictures == most:
            return pictures
        behind = begin + len(START_CODE_PREFIX)
        pictures += _begins_picture(codec, data[behind : behind + MIN_SLICE_BYTES])
        begin = data.find(START_CODE_PREFIX, behind)
    return most


def _is_slice(codec: Codec, nal: bytes) -> bool:
    if len(nal) < MIN_SLICE_BYTES:
        return False
    if codec is Codec.H264:
        return nal[0] & 0x9F in (1, 5)
    nal_unit_type, nuh_layer_id, nuh_temporal_id_plus1 = nal_header(nal)
    in_base_layer = nal[0] < 0x80 and nuh_layer_id == 0 and nuh_temporal_id_plus1 > 0
    coded = nal_unit_type <= LAST_SUB_LAYER_SLICE or FIRST_IRAP <= nal_unit_type <= LAST_IRAP
    return in_base_layer and coded


def _begins_picture(codec: Codec, nal: bytes) -> bool:
    # first_mb_in_slice 0, first_slice_segment_in_pic_flag
    return _is_slice(codec, nal) and nal[1 if codec is Codec.H264 else 2] >= 0x80


def _alike(one: bytes, other: bytes) -> bool:
    """Whether enough bytes of ``other`` are those of ``one``, or these counted on."""
    size = len(one)
    steps = [(b - a) & 0xFF for a, b in zip(one, other, strict=True)]
    if size == 1:
        return steps[0] <= 1
    (_, alike), *_ = Counter(steps).most_common(1)
    enough = alike >= max(2, size / 2) or (size == 2 and 0 in steps)
    return enough or _counts_on(one, other, "big") or _counts_on(one, other, "little")


def _counts_on(one: bytes, other: bytes, byteorder: Literal["big", "little"]) -> bool:
    """Whether ``other`` is a number not far above ``one``, as of a clock."""
    bits = 8 * len(one)
    difference = int.from_bytes(other, byteorder) - int.from_bytes(one, byteorder)
    return difference % (1 << bits) < 1 << bits - (12 if len(one) > 3 else 8)


def _are_sizes(data: bytes) -> bool:
    """Whether sizes in groups of seven bits, either end first, lead from each access unit to the next.

    Those of one byte do not tell: in a still scene chance leads to a start code soon.
    """
    return any(_leads(data, least_first) for least_first in (True, False))


def _leads(data: bytes, least_first: bool) -> bool:
    position = 0
    for _ in range(SIZES_IN_A_ROW):
        digits = _SEVENS.match(data, position)
        if digits is None or not _START_CODE.match(data, digits.end()):
            return False
        size = 0
        for digit in reversed(digits[0]) if least_first else digits[0]:
            size = size << 7 | digit & 0x7F
        position = digits.end() + size
    return position <= len(data)


def _refusal(header: bytes) -> BitstreamError:
    size = "1 byte" if len(header) == 1 else f"{len(header)} bytes"
    seen = header[:16].hex(" ") + " …" * (len(header) > 16)
    return BitstreamError(
        "unknown_header",
        f"before each access unit stands a header of {size} that does not say its size: {seen}; it would "
        "reach viewers as the end of the picture before",
    )
