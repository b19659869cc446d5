"""The history of a stream: the newest samples, in memory that does not grow."""

from array import array

from ingestd.observe.history import COLUMNS, KEPT_SAMPLES, History


def columns(history: History) -> list[list[float]]:
    values = array("f", history.packed()).tolist()
    length = len(history)
    return [values[place * length : (place + 1) * length] for place in range(len(COLUMNS))]


def test_an_empty_history_is_packed_as_nothing() -> None:
    assert History().packed() == b""


def test_samples_come_out_column_by_column_the_oldest_first() -> None:
    history = History()
    history.add(range(9))
    history.add(range(10, 19))
    assert columns(history) == [[float(place), float(place + 10)] for place in range(9)]


def test_the_oldest_gives_way_and_memory_does_not_grow() -> None:
    history = History()
    for second in range(KEPT_SAMPLES + 50):
        history.add([second] * len(COLUMNS))
    assert len(history) == KEPT_SAMPLES
    assert columns(history)[3] == list(map(float, range(50, KEPT_SAMPLES + 50)))
    assert len(history.packed()) == KEPT_SAMPLES * len(COLUMNS) * 4
