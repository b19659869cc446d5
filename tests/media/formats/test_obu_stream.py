"""AV1 as OBUs with sizes: temporal units, each with its last byte where the format tells which that is."""

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.diagnose.explain import explain
from ingestd.errors import BitstreamError
from ingestd.media.access_unit import MAX_ACCESS_UNIT_BYTES, AccessUnit, Codec, Format
from ingestd.media.formats.obu_stream import MAX_OBUS_EXAMINED, ObuStreamReader, looks_like_obu_stream
from ingestd.media.picture_end.detector import SILENCE_S
from tests.media.vectors_ivf import (
    AV1_DELIMITER,
    AV1_DELTA,
    AV1_HIDDEN_KEY,
    AV1_KEY,
    AV1_SEQUENCE_HEADER,
    AV1_SHOW_EXISTING,
    bits,
    obu,
    u,
)
from tests.media.vectors_obu import FFMPEG_TILE_GROUPS, GSTREAMER_LOW_OVERHEAD
from tests.support.chunking import chunkings, read_all, read_in_every_chunking

KEY = AV1_DELIMITER + AV1_SEQUENCE_HEADER + AV1_KEY
DELTA = AV1_DELIMITER + AV1_DELTA
HIDDEN = obu(6, bits("0 01 0 0000") + b"hidden")
FRAME_HEADER = obu(3, bits("0 01 1 0000"))
TILES = obu(4, b"tiles")
METADATA, PADDING = obu(5, b"metadata"), obu(15, b"\0")


def read(data: bytes) -> list[AccessUnit]:
    return read_in_every_chunking(ObuStreamReader, data)


def data(units: Iterable[AccessUnit]) -> list[bytes]:
    return [unit.data for unit in units]


def faults(stream: bytes) -> list[str]:
    """Return the reasons of all faults, having checked that they do not depend on the chunks."""
    reasons = []
    for _, chunks in chunkings(stream):
        reader = ObuStreamReader()
        read_all(reader, chunks)
        reasons.append([fault.reason for fault in reader.faults])
    assert all(of_this == reasons[0] for of_this in reasons)
    return reasons[0]


def test_temporal_units_come_out_as_ivf_carries_them() -> None:
    units = read(KEY + DELTA + DELTA + KEY)
    assert data(units) == [KEY, DELTA, DELTA, KEY]
    assert [unit.keyframe for unit in units] == [True, False, False, True]
    assert units[0].info is not None
    assert (units[0].info.codec, units[0].info.format) == (Codec.AV1, Format.OBU)
    assert faults(KEY + DELTA) == []


def test_a_key_frame_without_its_sequence_header_gets_it() -> None:
    assert data(read(KEY + AV1_DELIMITER + AV1_KEY)) == [KEY, KEY]


def test_what_gstreamer_writes() -> None:
    units = read(GSTREAMER_LOW_OVERHEAD)
    assert b"".join(data(units)) == GSTREAMER_LOW_OVERHEAD
    assert [unit.keyframe for unit in units] == [True, False, False]
    assert units[0].info is not None
    assert (units[0].info.width, units[0].info.height) == (64, 64)


# --- the last byte is enough ---


@pytest.mark.parametrize(
    "frames",
    [
        AV1_DELTA,
        HIDDEN + AV1_DELTA,
        HIDDEN + AV1_SHOW_EXISTING,
        AV1_SHOW_EXISTING,
        METADATA + AV1_DELTA,
    ],
)
def test_a_temporal_unit_leaves_with_the_last_byte_of_its_shown_frame(frames: bytes) -> None:
    reader = ObuStreamReader()
    reader.feed(KEY)
    assert reader.feed(AV1_DELIMITER + frames[:-1]) == []
    [unit] = reader.feed(frames[-1:], 7.0)
    assert (unit.data, unit.arrived_at) == (AV1_DELIMITER + frames, 7.0)
    assert (reader.quiet_at, reader.feed(DELTA) != []) == (None, True)


def test_a_hidden_frame_ends_nothing_and_neither_does_a_silence_behind_it() -> None:
    reader = ObuStreamReader()
    assert reader.feed(AV1_DELIMITER + AV1_SEQUENCE_HEADER + AV1_HIDDEN_KEY) == []
    assert reader.quiet_at is None
    assert reader.feed(obu(3, bits("0 01 0 0000")) + TILES) == []
    assert reader.quiet_at is None


def test_a_frame_in_tile_groups_waits_for_the_next_delimiter() -> None:
    reader = ObuStreamReader()
    assert reader.feed(AV1_DELIMITER + FRAME_HEADER + TILES, 1.0) == []
    assert reader.feed(TILES, 2.0) == []
    [unit] = reader.feed(AV1_DELIMITER, 3.0)
    assert (unit.data, unit.arrived_at) == (AV1_DELIMITER + FRAME_HEADER + TILES + TILES, 2.0)


def test_or_for_a_silence() -> None:
    reader = ObuStreamReader()
    reader.feed(AV1_DELIMITER + FRAME_HEADER, 1.0)
    assert reader.quiet_at is None
    reader.feed(TILES, 1.0)
    assert reader.quiet_at == 1.0 + SILENCE_S
    reader.feed(TILES[:3], 1.0)
    assert reader.quiet_at is None
    reader.feed(TILES[3:], 1.0)
    assert data(reader.flush()) == [AV1_DELIMITER + FRAME_HEADER + TILES + TILES]
    assert reader.flush() == []
    units = reader.feed(TILES + AV1_DELIMITER, 2.0)  # they were not all
    assert [(unit.data, unit.corrects) for unit in units] == [
        (AV1_DELIMITER + FRAME_HEADER + TILES + TILES + TILES, True)
    ]
    assert [fault.reason for fault in reader.faults] == ["torn_picture"]


def test_what_ffmpeg_writes_in_tile_groups() -> None:
    units = read(FFMPEG_TILE_GROUPS)
    assert b"".join(data(units)) == FFMPEG_TILE_GROUPS
    assert len(units) == 3
    assert faults(FFMPEG_TILE_GROUPS) == []


def test_a_frame_that_goes_on_behind_its_obu_comes_out_again_whole_and_the_next_are_waited_for() -> None:
    stream = KEY + TILES + DELTA + TILES + DELTA
    units = read(stream)
    assert [(unit.data, unit.corrects) for unit in units] == [
        (KEY, False), (KEY + TILES, True), (DELTA + TILES, False), (DELTA, False),
    ]  # fmt: skip
    assert faults(stream) == ["torn_picture"]


def test_padding_and_metadata_behind_a_shown_frame_are_left_out() -> None:
    assert data(read(KEY + PADDING + METADATA + DELTA)) == [KEY, DELTA]
    assert faults(KEY + PADDING + METADATA + DELTA) == []


def test_spatial_layers_are_waited_for() -> None:
    # seq_profile, still_picture, reduced_still_picture_header, timing_info and initial_display_delay present,
    # operating_points_cnt_minus_1; operating_point_idc: spatial layers 0 and 1, temporal layer 0; level, size
    start = "000 0 0 0 0" + u(5, 0) + u(12, 0x301) + u(5, 5) + u(4, 7) + u(4, 6) + u(8, 159) + u(7, 119)
    sequence = obu(1, bits(start + "0 000 0000 0 1 1 000" + "0 0 0 0 00 0" + "0 1"))
    both = AV1_DELIMITER + sequence + AV1_KEY + AV1_DELTA
    assert data(read(both + DELTA + AV1_DELTA)) == [both, DELTA + AV1_DELTA]
    assert faults(both + DELTA) == []


def test_a_reduced_still_picture_has_no_flags_to_be_shown_by() -> None:
    # size, tools, color_config(): 8 bits, one chroma_sample_position
    payload = "000 1 1" + u(5, 5) + u(4, 7) + u(4, 6) + u(8, 159) + u(7, 119) + "000 000" + "0 0 0 0 00 0 0 1"
    still = AV1_DELIMITER + obu(1, bits(payload)) + obu(6, b"\x0f still")
    reader = ObuStreamReader()
    assert data(reader.feed(still)) == [still]


# --- faults ---


def feed_into(units: list[AccessUnit], chunks: Iterable[bytes]) -> None:
    reader = ObuStreamReader()
    for chunk in chunks:
        units += reader.feed(chunk)
    units += reader.eof()


@pytest.mark.parametrize(
    ("damage", "reason", "words"),
    [
        (b"\x30" + AV1_DELTA[2:] + bytes(20), "obu_without_size", "type 6 has no obu_size"),
        (b"\xb2" + bytes(20), "malformed_av1", "obu_forbidden_bit"),
        (b"\x32" + b"\xff" * 20, "malformed_av1", "leb128"),
        (b"\x32\xff\xff\xff\x7f" + bytes(20), "too_large", "8 MiB"),
    ],
)
def test_what_is_no_obu_ends_the_stream_behind_what_came_before(
    damage: bytes, reason: str, words: str
) -> None:
    for _, chunks in chunkings(KEY + DELTA + AV1_DELIMITER + damage):
        units: list[AccessUnit] = []
        with pytest.raises(BitstreamError, match=words) as caught:
            feed_into(units, chunks)
        assert caught.value.reason == reason
        assert data(units) == [KEY, DELTA]


def test_a_picture_in_tile_groups_comes_out_before_what_is_no_obu() -> None:
    tiled = AV1_DELIMITER + FRAME_HEADER + TILES
    for label, chunks in chunkings(KEY + tiled + b"\xb2" + bytes(20)):
        units: list[AccessUnit] = []
        with pytest.raises(BitstreamError, match="obu_forbidden_bit"):
            feed_into(units, chunks)
        assert data(units) == [KEY, tiled], label


def test_a_temporal_unit_that_never_ends_is_refused() -> None:
    padding = b"\x7a\xff\xff\x03" + bytes(65535)
    with pytest.raises(BitstreamError, match="8 MiB") as caught:
        feed_into([], [KEY, *[padding] * (MAX_ACCESS_UNIT_BYTES // len(padding) + 1)])
    assert caught.value.reason == "too_large"
    assert "expected a temporal delimiter before that" in explain(caught.value)


def test_a_malformed_sequence_header_is_a_fault_and_the_unit_comes_out_as_it_is() -> None:
    broken = AV1_DELIMITER + obu(1, b"\x60") + AV1_KEY
    assert data(read(KEY + broken + DELTA)) == [KEY, broken, DELTA]
    assert faults(KEY + broken + DELTA) == ["malformed_av1"]


@pytest.mark.parametrize("cut", [DELTA[:-1], AV1_DELIMITER + HIDDEN, AV1_DELIMITER + FRAME_HEADER, b"\x12"])
def test_a_connection_cut_in_a_temporal_unit_is_said(cut: bytes) -> None:
    assert data(read(KEY + cut)) == [KEY]
    assert faults(KEY + cut) == ["cut_temporal_unit"]


def test_an_empty_frame_is_passed_on_with_the_rest() -> None:
    assert data(read(KEY + AV1_DELIMITER + obu(6, b"") + AV1_DELTA)) == [
        KEY,
        AV1_DELIMITER + obu(6, b"") + AV1_DELTA,
    ]


OBUS = st.sampled_from([KEY, DELTA, AV1_DELIMITER, FRAME_HEADER, TILES, PADDING, AV1_SHOW_EXISTING, HIDDEN])


@settings(max_examples=100, deadline=None)
@given(st.lists(OBUS | st.binary(max_size=12), max_size=20).map(b"".join), st.integers(1, 40))
def test_whatever_comes_the_result_is_the_same_in_every_chunking(stream: bytes, size: int) -> None:
    def outcome(step: int) -> tuple[list[AccessUnit], list[str], str | None]:
        reader, units = ObuStreamReader(), list[AccessUnit]()
        try:
            for i in range(0, len(stream), step):
                units += reader.feed(stream[i : i + step])
            units += reader.eof()
        except BitstreamError as error:
            return units, [str(fault) for fault in reader.faults], str(error)
        return units, [str(fault) for fault in reader.faults], None

    assert outcome(max(len(stream), 1)) == outcome(size) == outcome(1)


# --- recognition ---


@pytest.mark.parametrize(
    ("beginning", "verdict"),
    [
        (b"", None),
        (b"\x12", None),
        (AV1_DELIMITER, None),
        (AV1_DELIMITER + AV1_SEQUENCE_HEADER[:-1], None),
        (AV1_DELIMITER + AV1_SEQUENCE_HEADER, True),
        (DELTA, None),
        (DELTA + AV1_DELIMITER, True),  # joined in the middle of a GOP
        (AV1_DELIMITER + AV1_DELIMITER, False),
        (AV1_DELIMITER + PADDING + AV1_DELIMITER, False),
        (DELTA + b"\x12\x01", False),  # a delimiter is empty
        (AV1_DELIMITER + obu(1, b"\x60"), False),
        (AV1_DELIMITER + obu(9, b"reserved"), False),
        (AV1_DELIMITER + b"\x30frame", False),
        (AV1_DELIMITER + b"\x32\xff\xff\xff\x7f", False),
        (AV1_DELIMITER + b"\xb2" + bytes(20), False),
        (AV1_DELIMITER + PADDING * MAX_OBUS_EXAMINED, None),
        (AV1_DELIMITER + PADDING * (MAX_OBUS_EXAMINED + 1), False),
        (AV1_KEY, False),
    ],
)
def test_the_beginning_of_a_stream(beginning: bytes, verdict: bool | None) -> None:
    assert looks_like_obu_stream(beginning, last=False) is verdict


def test_the_beginning_of_a_stream_that_is_all_there_is() -> None:
    assert looks_like_obu_stream(DELTA, last=True) is True
    for beginning in (b"\x12", AV1_DELIMITER, AV1_DELIMITER + AV1_DELTA[:-1]):
        assert looks_like_obu_stream(beginning, last=True) is False


# --- more than any real stream has --------------------------------------------------------------------------


@pytest.mark.parametrize("obu", [AV1_DELIMITER, b"\x7a\x00", AV1_SEQUENCE_HEADER, b"\x32\x01\x30"])
def test_obus_without_end_are_refused(obu: bytes) -> None:
    units: list[AccessUnit] = []
    with pytest.raises(BitstreamError, match="more than 1024 OBUs") as caught:
        feed_into(units, [KEY, AV1_DELIMITER + obu * 2000, obu, obu])
    assert caught.value.reason == "too_large"
    assert data(units)[:1] == [KEY]


def test_each_temporal_unit_may_have_as_many() -> None:
    unit = AV1_DELIMITER + b"\x7a\x00" * 900 + AV1_DELTA
    reader = ObuStreamReader()
    assert len(reader.feed(KEY + unit * 3) + reader.eof()) == 4


# --- without temporal delimiters ---


def test_without_delimiters_a_shown_frame_ends_its_temporal_unit() -> None:
    key = AV1_SEQUENCE_HEADER + AV1_KEY
    assert data(read(key + AV1_DELTA + METADATA + AV1_DELTA + key)) == [
        key,
        AV1_DELTA,
        METADATA + AV1_DELTA,
        key,
    ]
    assert faults(key + AV1_DELTA + AV1_DELTA + key) == []


def test_without_delimiters_hidden_frames_go_with_the_shown_one_and_tile_groups_with_their_header() -> None:
    in_tiles = FRAME_HEADER + TILES + TILES
    stream = [
        AV1_SEQUENCE_HEADER + AV1_KEY,
        HIDDEN + AV1_DELTA,
        in_tiles,
        HIDDEN + AV1_SHOW_EXISTING,
        in_tiles,
    ]
    assert data(read(b"".join(stream))) == stream


def test_without_delimiters_it_is_known_by_its_sequence_header_and_a_frame() -> None:
    stream = AV1_SEQUENCE_HEADER + METADATA + AV1_KEY
    assert looks_like_obu_stream(stream, last=False)
    assert looks_like_obu_stream(AV1_SEQUENCE_HEADER, last=False) is None
    assert looks_like_obu_stream(AV1_SEQUENCE_HEADER + b"\xff" * 20, last=False) is False
    assert looks_like_obu_stream(b"\x0a\x03abc" + AV1_KEY, last=False) is False


def test_a_hidden_frame_in_a_temporal_unit_for_itself_goes_with_the_next() -> None:
    stream = KEY + AV1_DELIMITER + HIDDEN + DELTA + AV1_DELIMITER + HIDDEN + AV1_DELIMITER + HIDDEN + DELTA
    assert data(read(stream)) == [
        KEY,
        AV1_DELIMITER + HIDDEN + AV1_DELTA,
        AV1_DELIMITER + HIDDEN + HIDDEN + AV1_DELTA,
    ]
