import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.errors import BitstreamError
from ingestd.media.bits.bit_reader import BitReader, unescape
from tests.media.vectors_h26x import BitWriter, escape


def reader(bits: str) -> BitReader:
    bits = bits.replace(" ", "")
    bits += "0" * (-len(bits) % 8)
    return BitReader(bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)), "sps")


def test_the_first_codes_of_table_9_2() -> None:
    r = reader("1 010 011 00100 00101 00110 00111 0001000")
    assert [r.ue() for _ in range(8)] == [0, 1, 2, 3, 4, 5, 6, 7]


def test_the_signed_codes_of_table_9_3() -> None:
    r = reader("1 010 011 00100 00101")
    assert [r.se() for _ in range(5)] == [0, 1, -1, 2, -2]


def test_fixed_lengths_cross_bytes() -> None:
    r = reader("101 0000000000000001 1 0000")
    assert (r.u(3), r.u(16), r.flag(), r.u(0), r.flag()) == (5, 1, True, 0, False)


def test_what_comes_next_is_compared_bit_by_bit() -> None:
    r = reader("101 0011")
    r.skip(3)
    assert [r.begins_with(*bits) for bits in ((0, 0), (0b0011, 4), (0b0010, 4), (0b00110, 5))] == [
        True, True, False, True,
    ]  # fmt: skip
    assert not r.begins_with(0b001100, 6)  # there are no more


def test_the_end_is_an_error_that_names_the_structure() -> None:
    for read in (lambda r: r.u(9), lambda r: r.skip(9), lambda r: r.ue(), lambda r: (r.skip(8), r.flag())):
        with pytest.raises(BitstreamError, match="SPS cannot be parsed") as caught:
            read(reader("00000000"))
        assert caught.value.reason == "malformed_sps"


def test_a_value_above_the_maximum_is_named() -> None:
    with pytest.raises(BitstreamError, match="chroma_format_idc is 4, more than the 3 allowed"):
        reader("00101").ue("chroma_format_idc", 3)


def test_emulation_prevention_is_taken_out() -> None:
    assert unescape(bytes.fromhex("000003 01 000003 000003 03 41")) == bytes.fromhex(
        "0000 01 0000 0000 03 41"
    )


@given(st.binary(max_size=64).map(lambda data: data.replace(b"A", b"\0")))
def test_escaping_is_undone(rbsp: bytes) -> None:
    assert unescape(escape(rbsp)) == rbsp


@given(st.lists(st.integers(0, 2**32 - 2)), st.integers(0, 7))
def test_every_code_is_read_back_from_every_bit_offset(values: list[int], offset: int) -> None:
    r = reader("1" * offset + BitWriter().ue(*values).bits)
    r.skip(offset)
    assert [r.ue() for _ in values] == values
