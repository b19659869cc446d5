from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.errors import BitstreamError
from ingestd.media.access_unit import AccessUnit, Codec, Format, StreamInfo
from ingestd.media.codecs.av1 import (
    Av1TemporalUnits,
    SequenceHeader,
    is_shown_key_frame,
    level_name,
    parse_sequence_header,
    starts_temporal_unit,
)
from tests.media.vectors_ivf import (
    AV1_DELIMITER,
    AV1_DELTA,
    AV1_HIDDEN_KEY,
    AV1_INTRA_ONLY,
    AV1_KEY,
    AV1_SEQUENCE_HEADER,
    AV1_SHOW_EXISTING,
    bits,
    obu,
    u,
)

# Pieces of sequence_header_obu() (AV1 5.5.1), in order.
PLAIN = "000 0 0"  # seq_profile, still_picture, reduced_still_picture_header
NO_TIMING = "0"
ONE_OPERATING_POINT = "0" + u(5, 0) + u(12, 0)  # initial_display_delay_present_flag, count, idc
LEVEL_3_1 = u(5, 5)
SIZE = u(4, 7) + u(4, 6) + u(8, 160 - 1) + u(7, 120 - 1)
TOOLS = "0 000 0000  0  1 1  000"  # no frame ids, no order hints, tools and integer mv chosen by the frame
COLOR_420 = "0 0 0 0 00 0"  # 8 bits, not mono, no description, range, chroma_sample_position, separate_uv


def sequence(
    start: str = PLAIN,
    timing: str = NO_TIMING,
    points: str = ONE_OPERATING_POINT + LEVEL_3_1,
    tools: str = TOOLS,
    color: str = COLOR_420,
) -> bytes:
    return bits(start + timing + points + SIZE + tools + color + "0 1")  # film_grain_params_present, trailing


def read(*temporal_units: bytes) -> list[AccessUnit]:
    reader = Av1TemporalUnits(Format.IVF)
    return [reader.access_unit(temporal_unit, 7) for temporal_unit in temporal_units]


# --- the sequence header -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sequence_header", "profile", "chroma_format"),
    [
        ("00 00 00 03 b4 ff 73 ef e4 01", 0, "4:2:0"),  # libsvtav1
        ("20 00 00 03 b4 ff 73 6b e4 80 86 80 10", 1, "4:4:4"),  # libaom-av1 in ffmpeg 5.1, gbrp
    ],
)
def test_sequence_headers_real_encoders_wrote(sequence_header: str, profile: int, chroma_format: str) -> None:
    header = parse_sequence_header(bytes.fromhex(sequence_header))
    assert header == SequenceHeader(
        seq_profile=profile,
        seq_level_idx=0,
        reduced_still_picture_header=False,
        width=160,
        height=120,
        bit_depth=8,
        chroma_format=chroma_format,
        frame_rate_fps=None,
        spatial_layers=0,
        temporal_layers=0,
        full_range=False,
    )


def test_a_sequence_header_larger_than_any_is_not_kept_and_put_before_every_key_frame() -> None:
    with pytest.raises(BitstreamError, match="more than any real one"):
        parse_sequence_header(sequence() + bytes(1024))


TIMING = u(32, 1001) + u(32, 60000)  # num_units_in_display_tick, time_scale
MODEL = "1" + u(5, 9) + u(32, 1) + u(5, 0) + u(5, 0)  # decoder_model_info(): delays of 10 bits


@pytest.mark.parametrize(
    ("timing", "points", "frame_rate"),
    [
        (NO_TIMING, ONE_OPERATING_POINT + LEVEL_3_1, None),
        ("1" + TIMING + "0" + "0", ONE_OPERATING_POINT + LEVEL_3_1, None),  # the interval varies
        ("1" + TIMING + "1 1" + "0", ONE_OPERATING_POINT + LEVEL_3_1, 60000 / 1001),
        ("1" + TIMING + "1 010" + "0", ONE_OPERATING_POINT + LEVEL_3_1, 30000 / 1001),  # two ticks a picture
        ("1" + u(32, 0) + u(32, 30) + "1 1" + "0", ONE_OPERATING_POINT + LEVEL_3_1, None),
        (
            "1" + TIMING + "1 1" + MODEL,
            ONE_OPERATING_POINT + LEVEL_3_1 + "1" + u(10, 1) + u(10, 2) + "0",  # operating_parameters_info()
            60000 / 1001,
        ),
        ("1" + TIMING + "1 1" + MODEL, ONE_OPERATING_POINT + LEVEL_3_1 + "0", 60000 / 1001),
        # Two operating points with initial display delays, the second of a level that has a tier.
        (NO_TIMING, "1" + u(5, 1) + u(12, 1) + LEVEL_3_1 + "1 0011" + u(12, 2) + u(5, 8) + "1" + "0", None),
    ],
)
def test_timing_and_operating_points(timing: str, points: str, frame_rate: float | None) -> None:
    header = parse_sequence_header(sequence(timing=timing, points=points))
    assert header.frame_rate_fps == frame_rate
    assert (header.seq_level_idx, header.width, header.height) == (5, 160, 120)


@pytest.mark.parametrize(
    "tools",
    [
        TOOLS,
        "1 0101 010" + TOOLS[1:],  # frame ids
        "0 000 0000  1 11  1 1  110  000",  # order hints of 7 bits
        "0 000 0000  0  0 0  000",  # no screen content tools ever
        "0 000 0000  0  0 1 0 1  000",  # always, and integer motion vectors always
    ],
)
@pytest.mark.parametrize(
    ("start", "color", "bit_depth", "chroma_format"),
    [
        ("000 0 0", "0 0 0 0", 8, "4:2:0"),
        ("000 0 0", "1 0 0 0", 10, "4:2:0"),
        ("000 0 0", "0 1 0 0", 8, "4:0:0"),
        ("000 0 0", "0 0 1" + u(8, 9) + u(8, 16) + u(8, 9) + "0", 8, "4:2:0"),
        ("001 0 0", "1 0 0", 10, "4:4:4"),  # profile 1 has no mono_chrome
        ("001 0 0", "0 1" + u(8, 1) + u(8, 13) + u(8, 0), 8, "4:4:4"),  # sRGB
        ("010 0 0", "0 0 0 0", 8, "4:2:2"),
        ("010 0 0", "0 0 1" + u(8, 1) + u(8, 13) + u(8, 0), 8, "4:4:4"),  # sRGB
        ("010 0 0", "0 0 1" + u(8, 1) + u(8, 13) + u(8, 1) + "0", 8, "4:2:2"),  # not quite
        ("010 0 0", "1 0 0 0 0", 10, "4:2:2"),
        ("010 0 0", "1 1 0 0 0  0", 12, "4:4:4"),
        ("010 0 0", "1 1 0 0 0  1 0", 12, "4:2:2"),
        ("010 0 0", "1 1 0 0 0  1 1", 12, "4:2:0"),
    ],
)
def test_color_config_after_any_tools(
    tools: str, start: str, color: str, bit_depth: int, chroma_format: str
) -> None:
    header = parse_sequence_header(sequence(start, tools=tools, color=color))
    assert (header.bit_depth, header.chroma_format) == (bit_depth, chroma_format)


def test_a_reduced_still_picture_header() -> None:
    payload = bits("000 1 1" + u(5, 5) + SIZE + "000 000" + "1 0 0 0")
    header = parse_sequence_header(payload)
    assert (header.seq_level_idx, header.width, header.height, header.bit_depth) == (5, 160, 120, 10)
    (unit,) = read(AV1_DELIMITER + obu(1, payload) + obu(6, b"\xff"))  # its frames need no flags to be keys
    assert unit.keyframe


@pytest.mark.parametrize(
    ("payload", "why"),
    [(b"", "ends in the middle"), (b"\x60", "seq_profile is 3"), (sequence()[:8], "ends in the middle")],
)
def test_what_is_no_sequence_header(payload: bytes, why: str) -> None:
    with pytest.raises(BitstreamError, match=why) as raised:
        parse_sequence_header(payload)
    assert raised.value.reason == "malformed_av1"


@pytest.mark.parametrize(
    ("idx", "name"), [(0, "2.0"), (5, "3.1"), (8, "4.0"), (19, "6.3"), (24, ""), (31, "")]
)
def test_level_names(idx: int, name: str) -> None:
    assert level_name(idx) == name


# --- temporal units ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("0 00 1", True),
        ("0 00 0", False),  # hidden
        ("0 01 1", False),  # INTER_FRAME
        ("0 10 1", False),  # INTRA_ONLY_FRAME
        ("0 11 1", False),  # SWITCH_FRAME
        ("1 000", False),  # show_existing_frame
    ],
)
def test_which_frames_are_shown_key_frames(header: str, key: bool) -> None:
    assert is_shown_key_frame(bits(header)) == key


@pytest.mark.parametrize(
    ("frames", "keyframe"),
    [
        (AV1_KEY, True),
        (AV1_KEY + AV1_DELTA, True),
        (obu(3, bits("0 00 1")) + obu(4, b"tiles"), True),  # OBU_FRAME_HEADER and its tile group
        (obu(5, b"metadata") + AV1_KEY, True),
        (AV1_DELTA + AV1_KEY, False),  # the first frame decides
        (AV1_HIDDEN_KEY + AV1_DELTA, False),
        (AV1_INTRA_ONLY, False),
        (AV1_SHOW_EXISTING, False),
        (b"", False),
    ],
)
def test_which_temporal_units_are_keyframes(frames: bytes, keyframe: bool) -> None:
    temporal_unit = AV1_DELIMITER + AV1_SEQUENCE_HEADER + frames
    (unit,) = read(temporal_unit)
    assert unit.keyframe == keyframe
    assert (unit.data, unit.timestamp_us, unit.lacks_parameter_sets) == (temporal_unit, 7, False)


def test_a_missing_sequence_header_is_put_after_the_delimiter() -> None:
    whole, unit = read(AV1_DELIMITER + AV1_SEQUENCE_HEADER + AV1_KEY, AV1_DELIMITER + AV1_KEY)
    assert (unit.keyframe, unit.lacks_parameter_sets) == (True, False)
    assert (whole.repaired, unit.repaired) == (False, True)
    assert unit.data == AV1_DELIMITER + AV1_SEQUENCE_HEADER + AV1_KEY


def test_a_missing_sequence_header_is_put_first_without_a_delimiter() -> None:
    _, unit = read(AV1_SEQUENCE_HEADER + AV1_KEY, AV1_KEY)
    assert unit.data == AV1_SEQUENCE_HEADER + AV1_KEY


def test_a_sequence_header_is_never_doubled_nor_put_before_a_delta() -> None:
    units = [AV1_DELIMITER + AV1_SEQUENCE_HEADER + AV1_KEY, AV1_DELIMITER + AV1_DELTA] * 2
    assert [unit.data for unit in read(*units)] == units


def test_the_sequence_header_put_in_is_the_last_one_seen() -> None:
    newer = obu(1, sequence())
    *_, unit = read(AV1_SEQUENCE_HEADER + AV1_KEY, newer + AV1_DELTA, AV1_KEY)
    assert unit.data == newer + AV1_KEY


def test_a_keyframe_whose_sequence_header_was_never_seen_lacks_it() -> None:
    (unit,) = read(AV1_DELIMITER + AV1_KEY)
    assert (unit.data, unit.keyframe, unit.lacks_parameter_sets) == (AV1_DELIMITER + AV1_KEY, True, True)
    assert unit.info is None


def test_the_info_is_that_of_the_last_sequence_header_until_another_says_otherwise() -> None:
    start = AV1_DELIMITER + AV1_SEQUENCE_HEADER + AV1_KEY
    before, key, delta, again, changed = read(
        AV1_DELTA, start, AV1_DELTA, start, obu(1, sequence("001 0 0", color="1 0 0")) + AV1_KEY
    )
    assert before.info is None
    assert key.info == StreamInfo(
        codec=Codec.AV1,
        format=Format.IVF,
        width=160,
        height=120,
        profile="Main",
        level="2.0",
        chroma_format="4:2:0",
        bit_depth=8,
        frame_rate_fps=None,
    )
    assert key.info == delta.info == again.info
    assert changed.info is not None
    assert (changed.info.profile, changed.info.level) == ("High", "3.1")
    assert (changed.info.chroma_format, changed.info.bit_depth) == ("4:4:4", 10)


@pytest.mark.parametrize(("operating_point_idc", "layers"), [(0, (1, 1)), (0x303, (2, 2)), (0x107, (1, 3))])
def test_the_layers_are_those_of_the_first_operating_point(
    operating_point_idc: int, layers: tuple[int, int]
) -> None:
    points = "0" + u(5, 1) + u(12, operating_point_idc) + LEVEL_3_1 + u(12, 0x101) + LEVEL_3_1
    (unit,) = read(AV1_DELIMITER + obu(1, sequence(points=points)) + AV1_KEY)
    assert unit.info is not None
    assert (unit.info.layers, unit.info.temporal_layers) == layers


def test_timing_info_goes_before_the_rate_of_the_container() -> None:
    reader = Av1TemporalUnits(Format.IVF)
    reader.frame_rate_fps = 25.0
    by_container = reader.access_unit(AV1_SEQUENCE_HEADER + AV1_KEY, None)
    timed = obu(1, sequence(timing="1" + u(32, 1) + u(32, 50) + "1 1" + "0"))
    by_timing_info = reader.access_unit(timed + AV1_KEY, None)
    assert by_container.info is not None
    assert by_timing_info.info is not None
    assert (by_container.info.frame_rate_fps, by_timing_info.info.frame_rate_fps) == (25.0, 50.0)


@pytest.mark.parametrize(
    ("data", "starts"),
    [
        (AV1_DELIMITER + AV1_SEQUENCE_HEADER, True),
        (AV1_DELIMITER + AV1_DELTA, True),
        (AV1_SEQUENCE_HEADER + AV1_KEY, True),
        (b"", False),
        (AV1_DELIMITER, False),  # nothing after it yet
        (AV1_DELIMITER + b"\x92", False),
        (b"\x12\x01", False),  # a delimiter is empty
        (AV1_KEY, False),
        (obu(1, b"\x60"), False),
        (b"\x0a", False),
    ],
)
def test_the_beginning_of_a_temporal_unit(data: bytes, starts: bool) -> None:
    assert starts_temporal_unit(data) == starts


OBUS = st.builds(obu, st.integers(0, 15), st.binary(max_size=20))


@given(st.one_of(st.binary(max_size=40), st.lists(OBUS, max_size=5).map(b"".join)))
def test_any_bytes_give_an_access_unit_or_a_bitstream_error(data: bytes) -> None:
    starts_temporal_unit(data)
    for units in ((data,), (AV1_SEQUENCE_HEADER + AV1_KEY, data)):
        with suppress(BitstreamError):
            read(*units)
