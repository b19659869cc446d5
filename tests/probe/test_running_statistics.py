import pytest

from ingestd.probe.running_statistics import MAX_COLUMNS, Column, MinMaxMean, SizeSeries


def curve_of(count: int, gop: int) -> SizeSeries:
    curve = SizeSeries()
    for number in range(count):
        curve.add(1000 + number, keyframe=number % gop == 0)
    return curve


def test_few_pictures_have_a_column_each() -> None:
    curve = curve_of(3, gop=2)
    assert curve.columns == (Column(1000, True), Column(1001, False), Column(1002, True))
    assert curve.pictures_per_column == 1


@pytest.mark.parametrize("count", [MAX_COLUMNS, MAX_COLUMNS + 1, 7 * MAX_COLUMNS + 5, 10_000])
def test_any_number_of_pictures_fits(count: int) -> None:
    curve = curve_of(count, gop=250)
    size = curve.pictures_per_column
    assert len(curve.columns) <= MAX_COLUMNS
    assert (len(curve.columns) - 1) * size < count <= len(curve.columns) * size
    assert curve.columns == tuple(
        Column(1000 + max(numbers), any(number % 250 == 0 for number in numbers))
        for numbers in (range(first, min(first + size, count)) for first in range(0, count, size))
    )


def test_nothing_yet() -> None:
    assert (MinMaxMean().least, MinMaxMean().most, MinMaxMean().mean) == (0, 0, 0.0)


def test_the_least_the_most_and_the_mean() -> None:
    spread = MinMaxMean()
    for number in (30, 10, 50):
        spread.add(number)
    assert (spread.least, spread.most, spread.mean, spread.count) == (10, 50, 30.0, 3)
