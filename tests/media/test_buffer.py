from ingestd.media.buffer import ReceiveBuffer


def test_a_pattern_cut_in_two_is_found() -> None:
    buffer = ReceiveBuffer(b"\0\0\1")
    buffer.append(b"abc\0")
    assert buffer.find() == -1
    buffer.append(b"\0")
    assert buffer.find() == -1
    buffer.append(b"\1d")
    assert buffer.find() == 3
    assert buffer.find() == 3
    assert buffer.before(3) == b"abc"
    buffer.skip(6)
    assert (buffer.find(), len(buffer), buffer.peek(9)) == (-1, 1, b"d")


def test_zeros_before_the_pattern_are_stripped_however_many() -> None:
    for zeros in (0, 1, 7, 8, 9, 1000):
        buffer = ReceiveBuffer(b"\0\0\1")
        buffer.append(b"a\0b" + bytes(zeros))
        assert buffer.before(len(buffer)) == b"a\0b"


def test_bytes_are_searched_once() -> None:
    buffer = ReceiveBuffer(b"\0\0\1")
    for _ in range(10):
        buffer.append(b"x" * 100)
        assert buffer.find() == -1
        assert buffer._searched == len(buffer) - 2  # the pattern may have begun there


def test_what_was_consumed_is_let_go() -> None:
    buffer = ReceiveBuffer(b"\0\0\1")
    for _ in range(1000):
        buffer.append(b"x" * 1000 + b"\0\0\1")
        buffer.skip(buffer.find() + 3)
        assert len(buffer._data) <= 2100
