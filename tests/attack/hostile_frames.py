"""Byte streams of VP8, VP9 and AV1, in IVF and as OBUs, made to cost time, memory or good will."""

import random
import struct

from tests.attack.hostile_h26x import begun, file
from tests.attack.pushes import Payload
from tests.media.vectors_h26x import annexb, length_prefixed
from tests.media.vectors_ivf import (
    AV1_DELIMITER,
    AV1_DELTA,
    AV1_KEY,
    AV1_SEQUENCE_HEADER,
    bits,
    file_header,
    frame,
    obu,
    u,
    vp8_delta,
    vp8_key,
    vp9_delta,
    vp9_key,
)
from tests.media.vectors_obu import GSTREAMER_LENGTH_DELIMITED, temporal_unit

FRAME_BYTES = 16 << 20  # the most that is taken for one picture
NOISE_BYTES = 8 << 20
AV1_UNIT = AV1_DELIMITER + AV1_SEQUENCE_HEADER + AV1_KEY
FOURCC = {"vp8": b"VP80", "vp9": b"VP90", "av1": b"AV01"}
FIRST = {"vp8": vp8_key(), "vp9": vp9_key(), "av1": AV1_UNIT}


def ivf_begun(codec: str) -> bytes:
    """The file header and a first keyframe."""
    return file_header(FOURCC[codec]) + frame(FIRST[codec], 0)


def obu_begun() -> bytes:
    """Two temporal units, by which the format is detected."""
    return AV1_UNIT + AV1_DELIMITER + AV1_DELTA


def ivf_of_delimiters() -> Payload:
    """One temporal unit of 16 MB, eight million temporal delimiters; a picture of 1.5 Mbit/s takes 6 kB."""
    inside = AV1_DELIMITER * (FRAME_BYTES // 2)
    return Payload(ivf_begun("av1"), frame(inside, 1), once=True)


def ivf_of_obus() -> Payload:
    """The same with padding of no bytes behind a keyframe, again and again."""
    inside = AV1_UNIT + obu(15, b"") * (FRAME_BYTES // 4)
    return Payload(ivf_begun("av1"), frame(inside, 1))


def ivf_of_sequence_headers() -> Payload:
    """A temporal unit of sequence headers, each of which is read."""
    inside = AV1_DELIMITER + AV1_SEQUENCE_HEADER * (1 << 17) + AV1_KEY
    return Payload(ivf_begun("av1"), frame(inside, 1))


def delimiters() -> Payload:
    """Temporal delimiters without end."""
    return Payload(obu_begun(), AV1_DELIMITER)


def empty_obus() -> Payload:
    """Frames of no bytes."""
    return Payload(obu_begun(), b"\x32\x00")


def padding_obus() -> Payload:
    """Padding of no bytes inside one temporal unit without end."""
    return Payload(obu_begun(), obu(15, b""))


def nested_delimiters() -> Payload:
    """Temporal delimiters with a payload: of temporal delimiters."""
    return Payload(obu_begun(), obu(2, AV1_DELIMITER * 50))


def longest_leb128() -> Payload:
    """Sizes of eight bytes that never end."""
    return Payload(obu_begun(), b"\x32" + b"\xff" * 8)


def padded_leb128() -> Payload:
    """A size of 1 in eight bytes."""
    return Payload(obu_begun(), AV1_DELIMITER + b"\x7a\x81" + b"\x80" * 6 + b"\x00\x00")


def tiny_temporal_units() -> Payload:
    """Keyframes of a few bytes."""
    return Payload(obu_begun(), AV1_UNIT)


def obu_sequence_headers() -> Payload:
    """Sequence headers without end: another one in each temporal unit."""
    return Payload(obu_begun(), AV1_SEQUENCE_HEADER * 64 + AV1_KEY + AV1_DELIMITER)


def obu_metadata() -> Payload:
    """Metadata OBUs, one byte each."""
    return Payload(obu_begun(), obu(5, b"\x01"))


def obu_file_at_full_speed() -> Payload:
    """A file of OBUs pushed without `-re`."""
    return Payload(b"", b"".join(file("av1").access_units))


def frames_of_no_bytes(codec: str) -> Payload:
    """An IVF frame header, and nothing in the frame."""
    return Payload(ivf_begun(codec), frame(b"", 1))


def frames_of_4_gb(codec: str) -> Payload:
    """An IVF frame header of four gigabytes."""
    return Payload(ivf_begun(codec), struct.pack("<IQ", 0xFFFFFFFF, 1) + b"\xa5" * 52)


def tiny_frames(codec: str) -> Payload:
    """Keyframes as small as their headers."""
    return Payload(ivf_begun(codec), b"".join(frame(FIRST[codec], pts) for pts in range(64)))


def insane_timebases(codec: str) -> Payload:
    """A file header before each frame; rates and scales from 0 to 2^32 - 1, timestamps that jump."""
    dice = random.Random(1)
    extremes = (0, 1, 2, 30, 90_000, 1_000_000_000, 0x7FFFFFFF, 0xFFFFFFFF)
    body = b"".join(
        file_header(FOURCC[codec], dice.choice(extremes), dice.choice(extremes))
        + frame(FIRST[codec], dice.choice((-(1 << 63), -1, 0, 1, (1 << 63) - 1)))
        for _ in range(256)
    )
    return Payload(ivf_begun(codec), body)


def vp9_superframe_nonsense() -> Payload:
    """Superframe indices that lie: too great, nested, of frames of no bytes."""
    dice = random.Random(1)
    frames = []
    for number in range(256):
        size_bytes, count = dice.randrange(4), dice.randrange(8)
        marker = bytes([0b110_00_000 | size_bytes << 3 | count])
        sizes = dice.choice((b"\xff", b"\x00", b"\x01")) * ((size_bytes + 1) * (count + 1))
        frames.append(frame(vp9_key() + marker + sizes + marker, number))
    return Payload(ivf_begun("vp9"), b"".join(frames))


def vp9_superframes_of_hidden_frames() -> Payload:
    """Valid superframes of eight frames, none of which is shown."""
    hidden = vp9_delta(show_frame=0)
    marker = bytes([0b110_00_000 | 7])
    chunk = hidden * 8 + marker + bytes([len(hidden)]) * 8 + marker
    return Payload(ivf_begun("vp9"), frame(chunk, 1))


def big_frames(codec: str) -> Payload:
    """Keyframes of 10 MB at full speed."""
    return Payload(ivf_begun(codec), frame(FIRST[codec] + b"\xa5" * (10 << 20), 1))


def changing_sizes() -> Payload:
    """VP8 keyframes, each of another size."""
    frames = [frame(vp8_key(160 + 16 * n, 120), n) + frame(vp8_delta(), n) for n in range(64)]
    return Payload(ivf_begun("vp8"), b"".join(frames))


def codec_in_each_frame() -> Payload:
    """VP8, VP9 and AV1 keyframes in one file."""
    return Payload(ivf_begun("vp8"), b"".join(frame(data, n) for n, data in enumerate(FIRST.values())))


def vp9_colours() -> Payload:
    """VP9 keyframes of profile 3 and RGB, whose headers are the longest: larger than any level allows."""
    header = "10 1 1 0 0 0 1 0" + u(24, 0x498342) + "1 111 0" + u(16, 19_999) + u(16, 19_999)
    return Payload(ivf_begun("vp9"), frame(bits(header) + b"key", 1))


def vp9_largest() -> Payload:
    """VP9 keyframes that state the largest picture of any level."""
    keyframe = vp9_key(8192, 4352)
    return Payload(file_header(FOURCC["vp9"]) + frame(keyframe, 0), frame(keyframe, 1))


def slow_timestamps() -> Payload:
    """A file whose timestamps say one picture a second."""
    frames = [frame(data, 30 * n) for n, data in enumerate(file("vp8").access_units)]
    return Payload(file_header(FOURCC["vp8"]), b"".join(frames))


def empty_temporal_units() -> Payload:
    """AV1 with lengths: temporal units of no bytes."""
    return Payload(GSTREAMER_LENGTH_DELIMITED, b"\0")


def empty_frame_units() -> Payload:
    """AV1 with lengths: temporal units of frame units of no bytes."""
    return Payload(GSTREAMER_LENGTH_DELIMITED, temporal_unit(*[b"\0"] * 16000))


def noise(head: str) -> Payload:
    """Random bytes at full speed, behind the beginning of a good stream or from the first byte on."""
    heads = {
        "": b"",
        "h264": begun(annexb),
        "length-prefixed": begun(length_prefixed),
        "vp9": ivf_begun("vp9"),
        "obu": obu_begun(),
    }
    return Payload(heads[head], random.Random(1).randbytes(NOISE_BYTES))
