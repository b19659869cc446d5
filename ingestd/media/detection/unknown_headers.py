"""Unknown headers before each access unit of a byte stream, which do not say its size: found to be refused.

In a byte stream such a header becomes the tail of the NAL unit before it, and reaches the decoders of viewers
as that. It shows by what stands before the first start code of a connection: where that is a header,
something like it, the same or counted on, stands before each of the next pictures, too. Where the stream was
joined in the middle of a NAL unit, or something else was sent once, nothing does.
"""

from collections import Counter

from ingestd.errors import BitstreamError
from ingestd.media.access_unit import Codec
from ingestd.media.codecs.h26x import START_CODE_PREFIX
from ingestd.media.codecs.nal_evidence import first_nal_unit

MAX_HEADER_BYTES = 64
# Chance makes two tails of a byte alike once in a hundred times, and this often in a row never.
ALIKE_IN_A_ROW = 3
MIN_SLICE_BYTES = 6  # what is shorter between two start codes is a part of a header


def refuse_unknown_headers(data: bytes, codec: Codec, *, last: bool) -> bool | None:
    """Return False where no header stands before each access unit, None if more must come to tell.

    Raises BitstreamError ``unknown_header`` where one does, or where nothing can tell and nothing more will
    come, which is what `last` says.
    """
    begin = first_nal_unit(data, codec)
    size = begin - (begin > 0 and data[begin - 1] == 0)
    if not 0 < size <= MAX_HEADER_BYTES:
        return False
    header, pictures = data[:size], 0
    likest, likeness = b"", 0  # of what stands between the picture before and this one
    while begin >= 0:
        for end in {begin, begin - (data[begin - 1] == 0)} if pictures else ():
            before = data[end - size : end]
            if any(before) and _likeness(header, before) > likeness:
                likest, likeness = before, _likeness(header, before)
        nal = data[begin + len(START_CODE_PREFIX) :][:MIN_SLICE_BYTES]
        begin = data.find(START_CODE_PREFIX, begin + len(START_CODE_PREFIX))
        if _begins_picture(codec, nal):
            if pictures and not likeness:
                return False
            header, likest, likeness = likest or header, b"", 0
            pictures += 1
            if pictures > ALIKE_IN_A_ROW:
                raise _refusal(header)
    if not last:
        return None
    if not any(header):
        return False
    raise _refusal(header)


def _begins_picture(codec: Codec, nal: bytes) -> bool:
    if len(nal) < MIN_SLICE_BYTES:
        return False
    if codec is Codec.H264:
        return nal[0] & 0x9F in (1, 5) and nal[1] >= 0x80  # first_mb_in_slice 0
    nal_unit_type = nal[0] >> 1
    slice = nal_unit_type <= 9 or 16 <= nal_unit_type <= 21
    return (
        slice and nal[0] & 1 == 0 and nal[1] >> 3 == 0 and nal[2] >= 0x80
    )  # first_slice_segment_in_pic_flag


def _likeness(one: bytes, other: bytes) -> int:
    """Return how many bytes of ``other`` are those of ``one``, or these counted on; 0 if too few are."""
    steps = [(b - a) & 0xFF for a, b in zip(one, other, strict=True)]
    if len(steps) == 1:
        return int(steps[0] in (0, 1))
    alike = Counter(steps).most_common(1)[0][1]
    if alike >= max(2, len(steps) / 2) or (len(steps) == 2 and 0 in steps):
        return alike
    return 0


def _refusal(header: bytes) -> BitstreamError:
    size = "1 byte" if len(header) == 1 else f"{len(header)} bytes"
    seen = header[:16].hex(" ") + " …" * (len(header) > 16)
    return BitstreamError(
        "unknown_header",
        f"before each access unit stands a header of {size} that does not say its size: {seen}; it would "
        "reach viewers as the end of the picture before",
    )
