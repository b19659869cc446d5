"""Headers that do not say a size: refused before a byte of them reaches a viewer; nothing else is."""

import random
import struct
from collections.abc import Callable

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ingestd.diagnose.explain import explain
from ingestd.diagnose.foreign_format_diagnoses import FOREIGN_FORMATS
from ingestd.errors import BitstreamError
from ingestd.media.access_unit import Codec
from ingestd.media.demuxer import Demuxer
from ingestd.media.detection.unknown_headers import MAX_PICTURES, refuse_unknown_headers
from tests.media.encoders import encode, long_start_codes
from tests.media.vectors_h26x import SHORT_START, START, annexb, pps, slice, sps

PLAIN = {"preset": "ultrafast", "tune": "zerolatency"}
H265 = {**PLAIN, "x265-params": "repeat-headers=1:bframes=0:log-level=none"}
# As many pictures as ever tell, looked at when there are a third more bytes than the last time.
SOME_PICTURES = MAX_PICTURES * 4 // 3 + 2
LONG = {
    name: [long_start_codes(coded.data) for coded in encode(encoder, options, SOME_PICTURES + 4, gop=30)]
    for name, encoder, options in [
        ("h264", "libx264", {**PLAIN, "x264-params": "repeat-headers=1:slices=1"}),
        ("h264, two slices", "libx264", {**PLAIN, "x264-params": "repeat-headers=1:slices=2:aud=1"}),
        ("h264, CABAC", "libx264", {**PLAIN, "x264-params": "repeat-headers=1:slices=1:cabac=1"}),
        ("h265", "libx265", H265),
    ]
}
AV1 = encode("libaom-av1", {"usage": "realtime", "cpu-used": "8", "lag-in-frames": "0"}, 16)
UNITS = {name: units[:16] for name, units in LONG.items()} | {"av1": [coded.data for coded in AV1]}

Header = Callable[[int], bytes]
# What stands before each picture, by its number.
HEADERS: dict[str, Header] = {
    "a byte": lambda _: b"\xc8",
    "a byte that counts": lambda n: bytes([n + 1]),
    "a counter": lambda n: struct.pack(">I", n + 9),
    "a counter, little-endian": lambda n: struct.pack("<I", n + 1),
    "a timestamp in us": lambda n: struct.pack(">Q", 40_000_000 + n * 33_333),
    "a timestamp in ms": lambda n: struct.pack("<d", 1.7e9 + n * 0.033),
    "a clock of 90 kHz, little-endian": lambda n: struct.pack("<I", 0xFFFFF000 + n * 3_000 & 0xFFFFFFFF),
    "a clock of 1 MHz in 5 bytes": lambda n: struct.pack(">Q", 40_000_000 + n * 33_333)[3:],
    "a counter of 7 bytes": lambda n: (n + 2).to_bytes(7, "big"),
    "magic and a counter": lambda n: b"\xde\xad\xbe\xef" + struct.pack(">H", n),
    "text": lambda n: b"frame %06d\n" % n,
    "text, in hexadecimal": lambda n: b"%x;\r\n" % (0x3000 + n),
}


def outcome(data: bytes, chunk_bytes: int = 1448) -> tuple[list[bytes], BitstreamError | None]:
    demuxer, units = Demuxer(), []
    try:
        for position in range(0, len(data), chunk_bytes):
            units += demuxer.feed(data[position : position + chunk_bytes], position * 1e-3)
        units += demuxer.eof()
    except BitstreamError as error:
        return [unit.data for unit in units], error
    return [unit.data for unit in units], None


def assert_untouched_or_refused(name: str, header: Header, chunk_bytes: int = 1448) -> None:
    units = UNITS[name]
    came, error = outcome(b"".join(header(n) + unit for n, unit in enumerate(units)), chunk_bytes)
    if error is None:
        assert came == units
    else:
        assert came == [], "not a picture of a stream that is refused"
        assert error.reason in (
            "unknown_header",
            "not_video",
            "obu_without_size",
            "unknown_codec",
            *FOREIGN_FORMATS,
        )
        assert explain(error) != str(error), "with what to change"


@pytest.mark.parametrize("name", UNITS)
@pytest.mark.parametrize("header", HEADERS)
def test_a_header_without_a_size_is_refused_in_words(name: str, header: str) -> None:
    assert_untouched_or_refused(name, HEADERS[header])


FROM_ZERO: dict[str, Header] = {
    "a byte that counts": lambda n: bytes([n]),
    "a counter": lambda n: struct.pack(">I", n),
    "a counter, little-endian": lambda n: struct.pack("<I", n),
    "a clock in ms": lambda n: struct.pack(">I", n * 33),
    "a timestamp in us": lambda n: struct.pack(">Q", n * 33_333),
    "a timestamp in us, little-endian": lambda n: struct.pack("<Q", n * 33_333),
}


@pytest.mark.parametrize("name", LONG)
@pytest.mark.parametrize("header", FROM_ZERO)
def test_a_header_that_begins_at_zero_is_no_long_start_code(name: str, header: str) -> None:
    data = b"".join(FROM_ZERO[header](n) + unit for n, unit in enumerate(LONG[name]))
    came, error = outcome(data)
    assert error is not None
    assert (error.reason, came) == ("unknown_header", [])


@pytest.mark.parametrize("name", LONG)
@pytest.mark.parametrize("least_first", [True, False])
def test_sizes_of_seven_bits_a_byte_are_refused_in_words(name: str, least_first: bool) -> None:
    def size(unit: bytes) -> bytes:
        digits = [len(unit) >> shift & 0x7F for shift in range(0, len(unit).bit_length(), 7)]
        if not least_first:
            digits.reverse()
        return bytes([*(digit | 0x80 for digit in digits[:-1]), digits[-1]])

    came, error = outcome(b"".join(size(unit) + unit for unit in LONG[name]))
    assert error is not None
    assert (error.reason, came) == ("unknown_header", [])


# What stands before each picture, by its number and a source of noise.
VARYING: dict[str, Callable[[int, random.Random], bytes]] = {
    "noise of a constant length": lambda _, noise: noise.randbytes(9),
    "a checksum": lambda _, noise: noise.randbytes(4),
    "noise that ends as a NAL unit": lambda _, noise: noise.randbytes(15) + b"\x80",
    "noise of varying length": lambda _, noise: noise.randbytes(noise.randint(1, 64)),
    "sizes in decimal digits": lambda _, noise: b"%d" % noise.randint(100, 99_999),
    "sizes in lines": lambda _, noise: b"%d\n" % noise.randint(100, 99_999),
    "netstrings": lambda _, noise: b",%d:" % noise.randint(1_000, 99_999),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("header", VARYING)
@pytest.mark.parametrize("name", ["h264", "h264, two slices", "h265"])
def test_a_header_that_varies_is_refused_before_a_picture_comes_out(
    name: str, header: str, seed: int
) -> None:
    noise = random.Random(seed)

    def before(n: int) -> bytes:
        while START[1:] in (data := VARYING[header](n, noise)) or not any(data):
            pass
        return data

    came, error = outcome(b"".join(before(n) + unit for n, unit in enumerate(LONG[name])))
    assert error is not None
    assert (error.reason, came) == ("unknown_header", [])


@pytest.mark.parametrize("name", LONG)
def test_what_came_once_is_never_taken_for_a_header_that_varies(name: str) -> None:
    units, noise = LONG[name], random.Random(5)
    for n in range(1, 16):
        for rest in (units[n - 1][-noise.randint(1, 64) :], noise.randbytes(noise.randint(1, 64)) + b"\x10"):
            came, error = outcome(rest.replace(b"\0", b"\1") + b"".join(units[n:]))
            assert error is None
            assert came[-1] == units[-1]


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(list(UNITS)),
    st.binary(min_size=1, max_size=64),
    st.sampled_from(["constant", "all bytes count", "the first counts", "the last counts", "goes on"]),
    st.integers(1, 4000),
)
def test_whatever_stands_before_each_picture_they_come_untouched_or_are_refused_in_words(
    name: str, junk: bytes, kind: str, chunk_bytes: int
) -> None:
    assume(name != "av1" or any(junk))
    assume(name != "av1" or junk[0] != 0x81)  # that is av1C

    def header(n: int) -> bytes:
        match kind:
            case "all bytes count":
                return bytes((byte + n) % 256 for byte in junk)
            case "the first counts":
                return bytes([(junk[0] + n) % 256, *junk[1:]])
            case "the last counts":
                return bytes([*junk[:-1], (junk[-1] + n) % 256])
            case "goes on":
                return bytes((junk[0] + n * len(junk) + i) % 256 for i in range(len(junk)))
        return junk

    assume(not any(SHORT_START in header(n) for n in range(16)))  # that could be a NAL unit
    assert_untouched_or_refused(name, header, chunk_bytes)


@pytest.mark.parametrize("name", LONG)
def test_what_came_once_is_left_out_and_the_stream_goes_on(name: str) -> None:
    noise = random.Random(1)
    for size in (*range(1, 9), *range(9, 65, 11)):
        rest = noise.randbytes(size - 1) + b"\x80"  # as a NAL unit ends
        came, error = outcome(rest + b"".join(UNITS[name]))
        assert (came, error) == (UNITS[name], None), size


@pytest.mark.parametrize("first", [1, 0x4F, 0xFD])
def test_a_byte_that_counts_over_its_end_is_refused_too(first: int) -> None:
    assert_untouched_or_refused("h264, two slices", lambda n: bytes([(first + n) % 256]))


def test_zeros_between_pictures_are_allowed() -> None:
    for zeros in (1, 7, 60):
        came, error = outcome(b"".join(bytes(zeros) + unit for unit in UNITS["h264"]))
        assert (came, error) == (UNITS["h264"], None)


def test_it_waits_for_as_many_pictures_as_tell() -> None:
    def header(n: int) -> bytes:
        return struct.pack(">I", 0xABCD0000 + n)

    data = [header(n) + unit for n, unit in enumerate(UNITS["h264"])]
    assert refuse_unknown_headers(b"".join(data[:2]), Codec.H264, last=False) is None
    with pytest.raises(BitstreamError, match="a header of 4 bytes"):
        refuse_unknown_headers(b"".join(data[:2]), Codec.H264, last=True)
    with pytest.raises(BitstreamError, match="a header of 4 bytes"):
        refuse_unknown_headers(b"".join(data[:4]), Codec.H264, last=False)
    once = b"".join([data[0], *LONG["h264"][1:]])
    assert refuse_unknown_headers(once[: len(once) // 20], Codec.H264, last=False) is None
    assert refuse_unknown_headers(once, Codec.H264, last=False) is False


# --- plain streams ---

ODD = {
    "an access unit delimiter without its byte": b"\0\0\0\1\x09",
    "a doubled start code": START,
    "a doubled short start code": SHORT_START,
    "an SEI of one byte": START + b"\x06",
    "type 0": START + b"\x60\x80",
    "type 16": START + b"\x10\x80",
    "type 24": START + b"\x78\x80",
    "type 41": START + b"\x52\x01\x80",
}


def first_picture_after(units: list[bytes]) -> int | None:
    """Return how many access units, each sent whole at 30/s, came in until a picture came out."""
    demuxer = Demuxer()
    for n, unit in enumerate(units):
        if demuxer.feed(unit, n / 30) or demuxer.flush():
            return n + 1
    return None


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", ["h264", "h264, two slices", "h265"])
def test_what_begins_with_a_start_code_is_plain_and_waits_for_nothing(name: str, odd: str) -> None:
    units = [ODD[odd] + unit for unit in UNITS[name]]
    came, error = outcome(b"".join(units))
    assert error is None
    assert len(came) == len(units)
    assert (first_picture_after(units) or 99) <= 2
    only_first = [units[0], *UNITS[name][1:]]
    assert (first_picture_after(only_first) or 99) <= 2


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("left_bytes", [1, 3, 6, 20, 63, 200])
@pytest.mark.parametrize("name", LONG)
def test_a_stream_joined_in_the_middle_of_a_nal_unit_shows_after_some_pictures(
    name: str, left_bytes: int, seed: int
) -> None:
    rest = random.Random(seed).randbytes(left_bytes - 1) + b"\x80"
    rest = rest.replace(b"\0", b"\1")
    units = LONG[name]
    assert (first_picture_after([rest + units[0], *units[1:]]) or 99) <= SOME_PICTURES
    odd = [rest + START + b"\x09" + units[0], *(START + b"\x09" + unit for unit in units[1:])]
    assert (first_picture_after(odd) or 99) <= SOME_PICTURES


def test_a_stream_joined_where_every_picture_is_alike_is_plain() -> None:
    """In a delimiter; in filler; in a still scene."""
    delimited = b"\xf0" + b"".join(START + b"\x09\xf0" + unit for unit in UNITS["h264"])
    filler = START + b"\x0c" + b"\xff" * 40 + b"\x80"
    filled = b"\xff\xff\x80" + b"".join(unit + filler for unit in UNITS["h264"])
    still = [slice(frame_num=n % 16, poc_lsb=2 * n % 16, payload=b"\x55" * 12) for n in range(8)]
    skipped = still[0][-5:] + annexb(*still, sps(), pps(), slice(idr=True), *still)
    for data in (delimited, filled, skipped):
        assert outcome(data)[1] is None


def test_in_doubt_the_stream_is_plain() -> None:
    assert refuse_unknown_headers(b"\xab\xcd" + UNITS["h264"][0], Codec.H264, last=True) is False
