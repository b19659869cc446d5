import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.errors import BitstreamError
from ingestd.media.codecs.obu import (
    Obu,
    ObuType,
    arrived_obu,
    open_bitstream_units,
    read_leb128,
    read_obu,
    with_size,
    write_leb128,
    write_obu,
)


@pytest.mark.parametrize(
    ("encoded", "value"),
    [
        (b"\x00", 0),
        (b"\x7f", 127),
        (b"\x80\x01", 128),
        (b"\xe5\x8e\x26", 624485),
        (b"\x81\x80\x80\x00", 1),  # longer than needed, which is allowed
        (b"\xff\xff\xff\xff\x0f", (1 << 32) - 1),
    ],
)
def test_leb128(encoded: bytes, value: int) -> None:
    assert read_leb128(b"?" + encoded + b"?", 1) == (value, 1 + len(encoded))


@pytest.mark.parametrize(
    "encoded",
    [b"", b"\x80", b"\x80" * 8 + b"\x00", b"\xff\xff\xff\xff\x1f"],
    ids=["nothing", "no end", "nine bytes", "33 bits"],
)
def test_leb128_that_is_none(encoded: bytes) -> None:
    with pytest.raises(BitstreamError, match="leb128"):
        read_leb128(encoded, 0)


@given(st.integers(0, (1 << 32) - 1))
def test_leb128_reads_what_it_wrote(value: int) -> None:
    encoded = write_leb128(value)
    assert read_leb128(encoded, 0) == (value, len(encoded))


def test_the_obus_of_a_temporal_unit() -> None:
    temporal_unit = b"\x12\x00" + b"\x0a\x03SEQ" + b"\x36\x48\x05FRAME"  # the last with an extension
    assert list(open_bitstream_units(temporal_unit)) == [
        Obu(ObuType.TEMPORAL_DELIMITER, start=0, payload=2, end=2),
        Obu(ObuType.SEQUENCE_HEADER, start=2, payload=4, end=7),
        Obu(ObuType.FRAME, start=7, payload=10, end=15),
    ]


def test_an_obu_without_a_size_reaches_to_the_end() -> None:
    obus = list(open_bitstream_units(b"\x12\x00" + b"\x30FRAME"))
    assert [(obu.end, obu.has_size_field) for obu in obus] == [(2, True), (8, False)]


@pytest.mark.parametrize(
    ("temporal_unit", "why"),
    [
        (b"\x92\x00", "obu_forbidden_bit"),
        (b"\x32\x05FRAM", "1 bytes after"),
        (b"\x32", "leb128"),
        (b"\x36", "leb128"),
        (b"\x34", "1 bytes after"),  # an extension that never came
    ],
)
def test_what_is_no_temporal_unit(temporal_unit: bytes, why: str) -> None:
    with pytest.raises(BitstreamError, match=why) as raised:
        list(open_bitstream_units(temporal_unit))
    assert raised.value.reason == "malformed_av1"


def test_an_obu_that_does_not_begin() -> None:
    with pytest.raises(BitstreamError, match="nothing"):
        read_obu(b"\x12\x00", 2)


def test_sizes_are_put_into_obus_that_lack_them() -> None:
    assert b"".join(with_size(b"\x30FRAME")) == b"\x32\x05FRAME"
    assert b"".join(with_size(b"\x34\x48FRAME")) == b"\x36\x48\x05FRAME"
    assert with_size(b"\x32\x05FRAME") == with_size(b"\x32\x05FRAME and more") == (b"\x32\x05FRAME",)
    with pytest.raises(BitstreamError, match="1 bytes after its obu_length"):
        with_size(b"\x32\x06FRAME")
    with pytest.raises(BitstreamError, match="1 bytes after its obu_length"):
        with_size(b"\x34")  # an extension that never came


def test_an_obu_whose_header_is_on_its_way() -> None:
    for arrived in (b"", b"\x36", b"\x36\x48", b"\x36\x48\x80"):
        assert arrived_obu(arrived, 0) is None
    assert arrived_obu(b"\x36\x48\x80\x01", 0) == Obu(ObuType.FRAME, start=0, payload=4, end=132)
    with pytest.raises(BitstreamError, match="obu_forbidden_bit"):
        arrived_obu(b"\xb6".ljust(10), 0)


@given(st.sampled_from(ObuType), st.binary(max_size=300))
def test_an_obu_written_is_read_back(obu_type: ObuType, payload: bytes) -> None:
    written = write_obu(obu_type, payload)
    (obu,) = open_bitstream_units(written)
    assert (obu.obu_type, written[obu.payload : obu.end]) == (obu_type, payload)


@given(st.binary(max_size=60))
def test_any_bytes_give_obus_side_by_side_or_a_bitstream_error(data: bytes) -> None:
    position = 0
    try:
        for obu in open_bitstream_units(data):
            assert obu.start == position < obu.payload <= obu.end
            position = obu.end
    except BitstreamError:
        pass
    else:
        assert position >= len(data)
