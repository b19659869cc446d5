"""Bytes that wait: their order, how they are cut, and which outlast the next read."""

from ingestd.source.unread_bytes import UnreadBytes


def test_bytes_come_out_in_the_order_in_which_they_went_in() -> None:
    unread = UnreadBytes()
    unread.add(memoryview(b"before, "))
    unread.add(memoryview(b"after"))
    assert (len(unread), bytes(unread)) == (13, b"before, after")
    assert [bytes(unread.take(100)) for _ in range(2)] == [b"before, ", b"after"]
    assert not unread


def test_a_read_is_cut_and_the_rest_of_it_comes_next() -> None:
    unread = UnreadBytes()
    unread.add(memoryview(b"abcdefg"))
    unread.add(memoryview(b"hi"))
    assert bytes(unread.take(3)) == b"abc"
    assert len(unread) == 6
    assert [bytes(unread.take(3)) for _ in range(3)] == [b"def", b"g", b"hi"]
    assert not unread


def test_what_is_taken_at_once_is_not_copied() -> None:
    unread, buffer = UnreadBytes(), bytearray(b"read")
    unread.add(memoryview(buffer))
    assert unread.take(100).obj is buffer


def test_what_is_kept_outlasts_the_next_read() -> None:
    unread, buffer = UnreadBytes(), bytearray(b"first ")
    unread.add(memoryview(buffer))
    unread.keep()
    buffer[:] = b"second"
    unread.add(memoryview(buffer))
    unread.keep()
    buffer[:] = b"third!"
    assert bytes(unread) == b"first second"


def test_what_is_kept_is_copied_once() -> None:
    unread = UnreadBytes()
    unread.add(memoryview(bytearray(b"read")))
    unread.keep()
    kept = unread.take(1).obj
    unread.keep()
    assert unread.take(1).obj is kept


def test_the_rest_of_a_read_that_was_begun_can_be_kept() -> None:
    unread, buffer = UnreadBytes(), bytearray(b"first ")
    unread.add(memoryview(buffer))
    unread.take(2)
    unread.keep()
    buffer[:] = b"second"
    assert bytes(unread) == b"rst "


def test_what_is_forgotten_is_gone() -> None:
    unread = UnreadBytes()
    unread.add(memoryview(b"bytes"))
    unread.clear()
    assert (len(unread), bytes(unread)) == (0, b"")
