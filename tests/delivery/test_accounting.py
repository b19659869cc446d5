"""The books of a stream: what is counted where, and the time for which viewers see a frozen picture."""

from ingestd.delivery.accounting import Accounting, Drop


def test_received_pictures_are_counted_by_type_and_dropped_ones_by_reason() -> None:
    books = Accounting()
    for keyframe in (True, False, False):
        books.receive(keyframe)
    books.drop(Drop.BACKLOG, 2)
    books.drop(Drop.STOPPED)
    assert books.received == {"key": 1, "delta": 2}
    assert {reason: count for reason, count in books.dropped.items() if count} == {"backlog": 2, "stopped": 1}


def test_every_type_and_reason_is_there_from_the_start_so_that_metrics_show_it_at_0() -> None:
    books = Accounting()
    assert books.received == {"key": 0, "delta": 0}
    assert books.dropped.keys() == {reason.value for reason in Drop}
    assert not any(books.dropped.values())


def test_nothing_is_frozen_before_viewers_have_seen_a_picture() -> None:
    books = Accounting()
    books.freeze(1.5)
    assert books.frozen_s == 0.0
    books.shown = True
    books.freeze(0.25)
    books.freeze(0.5)
    assert books.frozen_s == 0.75
