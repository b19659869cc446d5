"""Byte streams of H.264 and H.265 made to cost time, memory or the good will of WebRTC."""

import functools
import random
import struct
from collections.abc import Callable, Iterable

from tests.attack.pushes import Payload
from tests.media.vectors_h26x import (
    AUD,
    FILLER,
    SHORT_START,
    BitWriter,
    annexb,
    h265_header,
    h265_pps,
    h265_slice,
    h265_sps,
    h265_vps,
    length_prefixed,
    pps,
    slice,
    sps,
)
from tests.support import lkts
from tests.support.encoded import EncodedStream, encode

Frame = Callable[..., bytes]  # NAL units as the format lays them out

SEI_BYTES = 8 << 20
BIG_PICTURE_BYTES = 10 << 20
PICTURES = 64  # of a body that is repeated: enough that what refers to the last one wraps
H264_SETS = (sps(), pps())
H265_SETS = (h265_vps(), h265_sps(), h265_pps())


def file(codec: str) -> EncodedStream:
    """What a camera of some 60 kbit/s would have sent in ten seconds."""
    return encode(codec, frames=300, size=(160, 120), gop=30, bit_rate=None)


def idr(number: int, payload: bytes = b"slice data") -> bytes:
    """An IDR picture of one slice; two in succession differ, and so are two pictures (7.4.1.2.4)."""
    return slice(idr=True, idr_pic_id=number & 1, payload=payload)


def begun(frame: Frame) -> bytes:
    """The parameter sets and a first picture, by which the format is detected."""
    return frame(*H264_SETS, idr(0), idr(1))


def h265_begun() -> bytes:
    """The same of H.265."""
    return annexb(*H265_SETS, h265_slice(19), h265_slice(1, poc_lsb=1))


def repeated(head: bytes, nals: Iterable[bytes], frame: Frame = annexb) -> Payload:
    """These NAL units again and again."""
    return Payload(head, frame(*nals))


def packets(*nals: bytes) -> bytes:
    """Each NAL unit in a packet, as of home-made protocols: a size, then the start code."""
    return b"".join(struct.pack(">I", 4 + len(nal)) + b"\0\0\0\1" + nal for nal in nals)


def short_start(*nals: bytes) -> bytes:
    """Start codes of three bytes, so that more of them fit into a read."""
    return b"".join(SHORT_START + nal for nal in nals)


def file_at_full_speed(codec: str) -> Payload:
    """A file pushed without `-re`: no ill will."""
    return Payload(b"", file(codec).container)


def one_byte_at_a_time() -> Payload:
    """A good stream in the smallest segments that there are."""
    return Payload(b"", file("h264").container[: 1 << 16], write_bytes=1)


def tiny_idr_slices(frame: Frame) -> Payload:
    """Pictures of 7 bytes each: a start code and the slice header."""
    return repeated(begun(frame), [idr(number, b"")[:4] for number in range(PICTURES)], frame)


def tiny_idr_slices_once() -> Payload:
    """The same, 64 kB of it and no more; what is left of them when the next encoder comes?"""
    body = short_start(*[idr(number, b"")[:4] for number in range(1 << 13)])
    return Payload(begun(annexb), body, once=True)


def tiny_p_slices() -> Payload:
    """Pictures of 8 bytes that no decoder can use."""
    nals = [slice(frame_num=number % 16, payload=b"")[:5] for number in range(1, PICTURES)]
    return repeated(begun(annexb), nals, short_start)


def tiny_nal_units(frame: Frame) -> Payload:
    """NAL units of one byte: an access unit delimiter without its content."""
    return repeated(begun(frame), [AUD[:1]] * 4096, short_start if frame is annexb else frame)


def tiny_filler_units() -> Payload:
    """Filler data of one byte inside one picture without end."""
    return repeated(begun(annexb), [FILLER[:1]] * 4096, short_start)


def many_slices() -> Payload:
    """A picture of 16,000 slices, each of which begins at another macroblock, then the next."""
    body = b"".join(
        short_start(
            *[slice(idr=True, idr_pic_id=n, first_mb=mb % 300, payload=b"")[:6] for mb in range(16000)]
        )
        for n in (0, 1)
    )
    return Payload(begun(annexb), body)


def sei_of_ff(frame: Frame) -> Payload:
    """An SEI message whose payload type never ends."""
    nals = [b"\x06" + b"\xff" * SEI_BYTES, idr(0), b"\x06" + b"\xff" * SEI_BYTES, idr(1)]
    return repeated(begun(frame), nals, frame)


def empty_sei_messages(frame: Frame) -> Payload:
    """Millions of SEI messages of no bytes."""
    nals = [b"\x06" + b"\x05\x00" * (1 << 20) + b"\x80", idr(0), b"\x06\x80", idr(1)]
    return repeated(begun(frame), nals, frame)


def sei_units() -> Payload:
    """64 messages, as many as are allowed, in each of thousands of SEI NAL units."""
    unit = b"\x06" + b"\x05\x00" * 64 + b"\x80"
    return repeated(begun(annexb), [*[unit] * 4000, idr(0), *[unit] * 4000, idr(1)])


def emulation_prevention() -> Payload:
    """00 00 03 all over: each costs an escape."""
    return repeated(begun(annexb), [idr(n) + b"\0\0\3" * (1 << 16) + b"\x80" for n in range(2)])


def zero_bytes(head: bytes) -> Payload:
    """Trailing zeros without end."""
    return Payload(head, b"\0")


def start_codes() -> Payload:
    """Start codes and nothing behind them."""
    return Payload(begun(annexb), SHORT_START)


def nal_unit_without_end(head: bytes) -> Payload:
    """A slice that goes on for ever."""
    return Payload(head, b"\xa5")


def changing_parameter_sets() -> Payload:
    """Another size with every picture."""
    nals: list[bytes] = []
    for number in range(PICTURES):
        nals += [sps(width_mbs=20 + number, height_map_units=15), pps(), idr(number)]
    return repeated(begun(annexb), nals)


def many_parameter_sets() -> Payload:
    """All ids that there are, each set of the greatest length that is kept."""
    nals: list[bytes] = []
    for number in range(256):
        nals += [sps(id=number % 32) + b"\x55" * 15000, pps(id=number, sps_id=number % 32) + b"\x55" * 15000]
        nals += [idr(number)]
    return repeated(begun(annexb), nals)


def exp_golomb_without_end() -> Payload:
    """Parameter sets and slices whose codes are as long as they can be."""
    long = BitWriter().u(32, 0).u(32, 0).nal(b"")
    return repeated(
        begun(annexb), [b"\x67\x42\x00\x1f" + long, b"\x68" + long, b"\x65" + long, idr(0), idr(1)]
    )


def codec_at_each_picture() -> Payload:
    """H.264, H.265, H.264 and so on, each with its parameter sets."""
    pair = annexb(*H264_SETS, idr(0)) + annexb(*H265_SETS, h265_slice(19))
    return Payload(begun(annexb), pair)


def codec_at_each_picture_paced() -> Payload:
    """The same, as slowly as a viewer could follow."""
    pair = annexb(*H264_SETS, idr(0), idr(1)) + annexb(*H265_SETS, h265_slice(19), h265_slice(20))
    return Payload(begun(annexb), pair, writes_per_s=15)


def changing_parameter_sets_paced() -> Payload:
    """Another size thirty times a second, as a camera whose driver has gone mad."""
    sizes = [annexb(sps(width_mbs=20 + n), pps(), idr(0)) for n in range(2)]
    return Payload(begun(annexb), b"".join(sizes), writes_per_s=15)


def random_metadata() -> Payload:
    """Trailers of frame metadata with numbers that are none."""
    dice = random.Random(1)
    nals: list[bytes] = []
    for number in range(PICTURES):
        times = lkts.user_timestamp(dice.choice((0, 1, (1 << 63) - 1, (1 << 64) - 1)))
        data = lkts.trailer(times, lkts.frame_id(dice.getrandbits(32)), lkts.user_data(dice.randbytes(200)))
        nals += [lkts.sei(data), lkts.sei(dice.randbytes(8) + data[-6:]), idr(number)]
    return repeated(begun(annexb), nals)


@functools.cache
def _keyframe() -> bytes:
    video = file("h264")
    return video.access_units[0]


def keyframes_500_a_second() -> Payload:
    """A real keyframe, five hundred times a second."""
    return Payload(b"", _keyframe(), writes_per_s=500)


def big_pictures(frame: Frame) -> Payload:
    """Pictures of 10 MB at full speed."""
    return repeated(begun(frame), [idr(n, b"\xa5" * BIG_PICTURE_BYTES) for n in range(2)], frame)


def pictures_of_7_mb(frame: Frame) -> Payload:
    """Pictures that are as large as they may be with the greatest `max_picture`, nearly, at full speed."""
    return repeated(begun(frame), [idr(n, b"\xa5" * (7 << 20)) for n in range(2)], frame)


def pictures_of_2_mb(frame: Frame) -> Payload:
    """Pictures that are as large as a viewer can take, nearly, at full speed."""
    return repeated(begun(frame), [idr(n, b"\xa5" * 2_300_000) for n in range(2)], frame)


def live() -> Payload:
    """What a camera sends: 1.5 Mbit/s, 30 pictures a second."""
    return Payload(begun(annexb), annexb(idr(0, b"\xa5" * 6_250)), writes_per_s=30)


def live_of_2_mb() -> Payload:
    """As `pictures_of_2_mb`, one each 1.5 s: by eight 12 MB/s, which is what those are slowed to."""
    return Payload(begun(annexb), annexb(idr(0, b"\xa5" * 2_300_000)), writes_per_s=0.68)


def zero_lengths() -> Payload:
    """NAL units of no bytes."""
    return Payload(begun(length_prefixed), bytes(4))


def greatest_length() -> Payload:
    """A NAL unit of 4 GB."""
    return Payload(begun(length_prefixed), b"\xff\xff\xff\xff" + b"\x65" * 1020)


def h265_tiny_slices() -> Payload:
    """IDR pictures of a few bytes."""
    return Payload(
        h265_begun(), short_start(*[h265_slice(19 + n % 2, payload=b"")[:5] for n in range(PICTURES)])
    )


def h265_tiny_nal_units() -> Payload:
    """NAL units of two bytes, the least there can be."""
    return Payload(h265_begun(), short_start(*[h265_header(35)] * 4096))


def h265_sei_of_ff() -> Payload:
    """An SEI message whose payload type never ends."""
    sei = h265_header(39) + b"\xff" * SEI_BYTES
    return Payload(h265_begun(), annexb(sei, h265_slice(19), sei, h265_slice(20)))


def h265_changing_parameter_sets() -> Payload:
    """Another size with every picture."""
    nals: list[bytes] = []
    for number in range(PICTURES):
        nals += [h265_vps(), h265_sps(size=(320 + 8 * number, 240)), h265_pps(), h265_slice(19)]
    return Payload(h265_begun(), annexb(*nals))
