from ingestd.probe.min_max_mean import MinMaxMean


def test_nothing_yet() -> None:
    assert (MinMaxMean().least, MinMaxMean().most, MinMaxMean().mean) == (0, 0, 0.0)


def test_the_least_the_most_and_the_mean() -> None:
    spread = MinMaxMean()
    for number in (30, 10, 50):
        spread.add(number)
    assert (spread.least, spread.most, spread.mean, spread.count) == (10, 50, 30.0, 3)
