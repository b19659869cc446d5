import random

from ingestd.media.picture_end.sliding_extreme import SlidingExtreme


def test_the_extreme_is_that_of_the_values_still_held() -> None:
    rng = random.Random(1)
    least, greatest, values = SlidingExtreme(5, min), SlidingExtreme(5, max), list[float]()
    for _ in range(500):
        values = [*values, rng.randint(0, 9)][-5:]
        least.append(values[-1])
        greatest.append(values[-1])
        if rng.random() < 0.5:
            assert (least.extreme, greatest.extreme, len(least)) == (min(values), max(values), len(values))


def test_the_value_added_last_can_be_taken_back() -> None:
    window = SlidingExtreme(5, min)
    for value in (3, 2, 1):
        window.append(value)
    assert window.extreme == 1
    window.pop()
    assert (window.extreme, len(window)) == (2, 2)
