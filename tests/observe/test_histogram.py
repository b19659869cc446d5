"""Counts in buckets, and quantiles estimated from them."""

import pytest

from ingestd.observe.histogram import Histogram


def test_an_observation_counts_in_the_first_bucket_that_holds_it() -> None:
    histogram = Histogram([1, 2])
    for seconds in (0.5, 1, 1.5, 9):
        histogram.observe(seconds)

    assert (histogram.counts, histogram.count, histogram.total_s) == ([2, 1, 1], 4, 12.0)


def test_nothing_observed_has_no_quantile() -> None:
    assert Histogram([1]).quantile_s(0.5) is None


def test_quantiles_are_straight_within_a_bucket_and_end_at_the_last_bound() -> None:
    histogram = Histogram([1, 3])
    for seconds in (2, 2, 2, 2, 99):
        histogram.observe(seconds)

    assert histogram.quantile_s(0.4) == pytest.approx(2.0)
    assert histogram.quantile_s(0.8) == pytest.approx(3.0)
    assert histogram.quantile_s(1.0) == 3
