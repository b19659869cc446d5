"""Which read brought which byte, and what the last of them ended with."""

import pytest

from ingestd.media.picture_end.read_log import (
    ETHERNET_SEGMENT_BYTES,
    MAX_READS,
    ROUND_BYTES,
    ReadLog,
)

SEGMENT_BYTES = 1348  # in a tunnel


def test_the_last_byte_of_a_picture_came_with_its_read_however_many_came_before() -> None:
    log = ReadLog()
    reads = 3 * MAX_READS
    for n in range(reads):
        log.add(10, now=n * 0.001)
    log.add(10, now=1.0)  # of the next picture
    assert log.arrived_at(10 * reads) == pytest.approx((reads - 1) * 0.001)
    assert log.arrived_at(10 * reads + 1) == 1.0


def test_what_is_fed_with_the_same_time_came_with_one_read() -> None:
    log = ReadLog()
    for _ in range(3):
        log.add(700, now=1.0)
    log.add(100, now=2.0)
    assert (log.pieces, log.arrived_at(1), log.arrived_at(2100)) == (1, 1.0, 1.0)


def test_a_picture_is_described_by_the_pieces_before_its_last_and_their_pauses() -> None:
    log = ReadLog()
    for size, now in ((300, 1.0), (300, 1.01), (300, 1.05), (500, 2.0)):
        log.add(size, now)
    span = log.take(end=900, next_start=900)
    assert span.pieces == 2
    assert span.pause_s == pytest.approx(0.04)
    assert (log.pieces, log.pause_s) == (0, 0.0)


@pytest.mark.parametrize("size", [ROUND_BYTES, 16 * ROUND_BYTES, 3 * ETHERNET_SEGMENT_BYTES])
def test_full_buffers_and_segments_are_cuts_and_no_pieces(size: int) -> None:
    log = ReadLog()
    log.add(size, now=1.0)
    assert log.cut
    log.add(333, now=1.5)
    assert not log.cut
    assert log.pieces == 0


def test_segments_of_the_connection_are_cuts_where_their_size_is_known() -> None:
    log = ReadLog()
    log.add(3 * SEGMENT_BYTES, now=1.0)
    assert not log.cut
    log.segment_bytes = SEGMENT_BYTES
    assert log.cut


def test_segments_are_counted_from_the_last_that_was_not_full() -> None:
    log = ReadLog()
    log.segment_bytes = SEGMENT_BYTES
    log.add(SEGMENT_BYTES + 500, now=1.0)
    log.add(2 * SEGMENT_BYTES, now=1.1)
    assert log.cut
