from ingestd.probe.spread import Spread


def test_nothing_yet() -> None:
    assert (Spread().least, Spread().most, Spread().mean) == (0, 0, 0.0)


def test_the_least_the_most_and_the_mean() -> None:
    spread = Spread()
    for number in (30, 10, 50):
        spread.add(number)
    assert (spread.least, spread.most, spread.mean, spread.count) == (10, 50, 30.0, 3)
