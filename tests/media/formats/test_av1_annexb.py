"""AV1 with lengths around temporal units, frame units and OBUs; out come OBUs with sizes, as IVF has them."""

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.errors import BitstreamError
from ingestd.media.access_unit import AccessUnit, Codec, Format
from ingestd.media.formats.av1_annexb import Av1AnnexBReader, looks_like_av1_annexb
from tests.media.vectors_ivf import (
    AV1_DELIMITER,
    AV1_DELTA,
    AV1_HIDDEN_KEY,
    AV1_KEY,
    AV1_SEQUENCE_HEADER,
    AV1_SHOW_EXISTING,
    obu,
)
from tests.media.vectors_obu import (
    GSTREAMER_LENGTH_DELIMITED,
    GSTREAMER_LOW_OVERHEAD,
    frame_unit,
    leb128,
    temporal_unit,
    without_size,
)
from tests.support.chunking import chunkings, read_in_every_chunking

DELIMITER, SEQUENCE_HEADER, KEY, DELTA = (
    without_size(obu) for obu in (AV1_DELIMITER, AV1_SEQUENCE_HEADER, AV1_KEY, AV1_DELTA)
)
KEY_UNIT = temporal_unit(frame_unit(DELIMITER, SEQUENCE_HEADER, KEY))
DELTA_UNIT = temporal_unit(frame_unit(DELIMITER, DELTA))


def read(data: bytes) -> list[AccessUnit]:
    return read_in_every_chunking(Av1AnnexBReader, data)


def test_sizes_go_from_around_the_obus_into_them() -> None:
    units = read(KEY_UNIT + DELTA_UNIT)
    assert [unit.data for unit in units] == [
        AV1_DELIMITER + AV1_SEQUENCE_HEADER + AV1_KEY,
        AV1_DELIMITER + AV1_DELTA,
    ]
    assert [unit.keyframe for unit in units] == [True, False]
    assert units[0].info is not None
    assert (units[0].info.codec, units[0].info.format) == (Codec.AV1, Format.OBU)


def test_several_frame_units_and_obus_that_have_sizes_already() -> None:
    [unit] = read(
        temporal_unit(
            frame_unit(AV1_DELIMITER, AV1_SEQUENCE_HEADER, AV1_HIDDEN_KEY), frame_unit(AV1_SHOW_EXISTING)
        )
    )
    assert unit.data == AV1_DELIMITER + AV1_SEQUENCE_HEADER + AV1_HIDDEN_KEY + AV1_SHOW_EXISTING


def test_an_extension_header_stays_and_long_obus_get_long_sizes() -> None:
    extended = b"\x34\x48" + b"\x30" + b"f" * 299
    [unit] = read(temporal_unit(frame_unit(DELIMITER, extended)))
    assert unit.data == AV1_DELIMITER + b"\x36\x48" + leb128(300) + b"\x30" + b"f" * 299


def test_what_gstreamer_writes_is_what_it_writes_with_sizes() -> None:
    units = read(GSTREAMER_LENGTH_DELIMITED)
    assert b"".join(unit.data for unit in units) == GSTREAMER_LOW_OVERHEAD
    assert [unit.keyframe for unit in units] == [True, False, False]


def test_a_temporal_unit_leaves_with_its_last_byte() -> None:
    reader = Av1AnnexBReader()
    reader.feed(KEY_UNIT)
    assert reader.feed(DELTA_UNIT[:-1]) == []
    assert (len(reader.feed(DELTA_UNIT[-1:])), reader.quiet_at, reader.flush()) == (1, None, [])


def test_an_empty_temporal_unit_is_nothing() -> None:
    assert len(read(KEY_UNIT + b"\0" + DELTA_UNIT)) == 2


def feed_into(units: list[AccessUnit], chunks: Iterable[bytes]) -> None:
    reader = Av1AnnexBReader()
    for chunk in chunks:
        units += reader.feed(chunk)
    units += reader.eof()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (b"\xff\xff\xff\x7f", "temporal_unit_size is 268435455"),
        (b"\x05\x06\x01\x10\x01\x30", "frame_unit is longer"),
        (b"\x05\x04\x01\x10\x02\x30", "obu_length is 2"),
        (b"\x05\x04\x01\x10\x00\x30", "obu_length is 0"),
        (temporal_unit(frame_unit(DELIMITER, b"\x32\x09frame")), "after its obu_length"),
        (temporal_unit(frame_unit(DELIMITER, b"\xb0frame")), "obu_forbidden_bit"),
        (b"\xff" * 9, "leb128"),
    ],
)
def test_lengths_that_contradict_each_other_end_the_stream(damage: bytes, words: str) -> None:
    for _, chunks in chunkings(KEY_UNIT + damage):
        units: list[AccessUnit] = []
        with pytest.raises(BitstreamError, match=words):
            feed_into(units, chunks)
        assert len(units) == 1


def test_a_connection_cut_in_a_temporal_unit_is_said() -> None:
    for cut in (DELTA_UNIT[:-1], b"\x80"):
        reader = Av1AnnexBReader()
        assert len(reader.feed(KEY_UNIT + cut) + reader.eof()) == 1
        assert [fault.reason for fault in reader.faults] == ["cut_temporal_unit"]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from([KEY_UNIT, DELTA_UNIT, b"\0"]) | st.binary(max_size=12), max_size=12).map(
        b"".join
    ),
    st.integers(1, 40),
)
def test_whatever_comes_the_result_is_the_same_in_every_chunking(stream: bytes, size: int) -> None:
    def outcome(step: int) -> tuple[list[AccessUnit], list[str], str | None]:
        reader, units = Av1AnnexBReader(), list[AccessUnit]()
        try:
            for i in range(0, len(stream), step):
                units += reader.feed(stream[i : i + step])
            units += reader.eof()
        except BitstreamError as error:
            return units, [str(fault) for fault in reader.faults], str(error)
        return units, [str(fault) for fault in reader.faults], None

    assert outcome(max(len(stream), 1)) == outcome(size) == outcome(1)


@pytest.mark.parametrize(
    ("beginning", "verdict"),
    [
        (b"", None),
        (KEY_UNIT[:1], None),
        (KEY_UNIT[:3], None),
        (KEY_UNIT[:-1], True),  # its sequence header can be read
        (KEY_UNIT, True),
        (DELTA_UNIT[:-1], None),
        (DELTA_UNIT, True),
        (temporal_unit(frame_unit(AV1_DELIMITER, AV1_DELTA)), True),
        (temporal_unit(frame_unit(DELIMITER)), False),
        (temporal_unit(frame_unit(DELTA)), False),
        (temporal_unit(frame_unit(DELIMITER, without_size(obu(1, b"\x60")))), False),
        (temporal_unit(frame_unit(DELIMITER, without_size(obu(1, b"\x60")), DELTA))[:-1], None),
        (b"\x05\x06\x01\x10", False),
        (b"\x05\x04\x01\x10\x02\x30", False),
        (b"\xff\xff\xff\x7f\x04\x01\x10", False),
        (b"\xff" * 20, False),
    ],
)
def test_the_beginning_of_a_stream(beginning: bytes, verdict: bool | None) -> None:
    assert looks_like_av1_annexb(beginning, last=False) is verdict


def test_the_beginning_of_a_stream_that_is_all_there_is() -> None:
    for beginning in (b"", KEY_UNIT[:3], DELTA_UNIT[:-1]):
        assert looks_like_av1_annexb(beginning, last=True) is False


@pytest.mark.parametrize(
    "unit",
    [
        temporal_unit(frame_unit(*[b"\x10"] * 2000)),
        temporal_unit(*[b"\x00"] * 2000),
        b"\x00" * 2000,
    ],
    ids=["OBUs", "frame units", "temporal units"],
)
def test_more_of_anything_than_a_stream_has_is_refused(unit: bytes) -> None:
    units: list[AccessUnit] = []
    with pytest.raises(BitstreamError, match="more than 1024 OBUs") as caught:
        feed_into(units, [KEY_UNIT, unit, unit])
    assert caught.value.reason == "too_large"
    assert len(units) == 1
