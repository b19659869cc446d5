from typing import NamedTuple

import pytest

from ingestd.media.bits.receive_buffer import ReceiveBuffer
from tests.support.memory import most_memory


class Piece(NamedTuple):
    start: int
    end: int


def test_a_pattern_cut_in_two_is_found_once() -> None:
    buffer = ReceiveBuffer(b"\0\0\1")
    found = []
    for byte in b"abc\0\0\1d":
        buffer.append(bytes([byte]))
        found.append(buffer.find_all())
    assert found == [[], [], [], [], [], [3], []]


def test_every_pattern_is_found_in_order() -> None:
    buffer = ReceiveBuffer(b"\0\0\1")
    buffer.append(b"\0\0\1\0\0\1ab\0\0\0\1\0")
    assert buffer.find_all() == [0, 3, 9]
    buffer.append(b"\0\1")
    assert buffer.find_all() == [12]


def test_positions_count_from_the_start_of_the_stream() -> None:
    buffer = ReceiveBuffer(b"\0\0\1")
    buffer.append(b"abcdef")
    buffer.release(4)
    buffer.append(b"gh\0\0\1")
    assert (buffer.start, buffer.end, buffer.find_all()) == (4, 11, [8])
    assert (buffer.read(5, 8), buffer.read(8, 99)) == (b"fgh", b"\0\0\1")


def test_zeros_at_the_end_are_trimmed_however_many() -> None:
    for zeros in (0, 1, 7, 8, 9, 1000):
        buffer = ReceiveBuffer()
        buffer.append(b"__a\0b" + bytes(zeros))
        buffer.release(2)
        assert buffer.trimmed(2, buffer.end) == 5
        assert buffer.trimmed(5, buffer.end) == 5


@pytest.mark.parametrize("zeros", [4095, 4096, 4097, 9000, 100_000])
def test_any_number_of_zeros_is_trimmed(zeros: int) -> None:
    buffer = ReceiveBuffer()
    buffer.append(b"__a\0b" + bytes(zeros))
    buffer.release(1)
    assert buffer.trimmed(2, buffer.end) == 5
    assert buffer.trimmed(5, buffer.end) == 5
    assert buffer.trimmed(3, buffer.end - 1) == 5


def test_a_search_with_a_limit_goes_on_behind_what_it_found() -> None:
    buffer = ReceiveBuffer(b"\0\0\1")
    buffer.append(b"x\0\0\1" * 5)
    assert (buffer.find_all(2), buffer.unsearched) == ([1, 5], True)
    buffer.append(b"x\0\0")
    buffer.release(8)
    assert (buffer.find_all(2), buffer.unsearched) == ([9, 13], True)
    buffer.search_again(12)
    assert (buffer.find_all(3), buffer.unsearched) == ([13, 17], False)
    buffer.append(b"\1")
    assert (buffer.find_all(3), buffer.unsearched) == ([21], False)


def test_pieces_are_joined_where_they_lie() -> None:
    buffer = ReceiveBuffer()
    buffer.append(b"__abc_def")
    buffer.release(2)
    assert buffer.join(b"|", [Piece(2, 5), b"new", Piece(6, 9)]) == b"|abc|new|def"
    buffer.append(b"what was joined does not hold the buffer")


def test_bytes_are_searched_once() -> None:
    buffer = ReceiveBuffer(b"\0\0\1")
    for _ in range(10):
        buffer.append(b"x" * 100)
        assert buffer.find_all() == []
        assert buffer.searched == buffer.end - 2  # the pattern may have begun there


def test_what_was_released_is_let_go() -> None:
    buffer = ReceiveBuffer(b"\0\0\1")
    with most_memory(10_000):
        for _ in range(1000):
            buffer.append(b"x" * 1000 + b"\0\0\1")
            buffer.release(buffer.find_all()[-1] + 3)
