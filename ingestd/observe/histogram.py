"""A histogram with fixed bounds, which the metrics endpoint reads at each scrape."""

from bisect import bisect_left
from collections.abc import Sequence


class Histogram:
    """Counts of observations at or below each of ``bounds_s`` (seconds, rising), their number and sum."""

    __slots__ = ("bounds_s", "counts", "total_s")

    def __init__(self, bounds_s: Sequence[float]) -> None:
        self.bounds_s = tuple(bounds_s)
        self.counts = [0] * (len(self.bounds_s) + 1)
        self.total_s = 0.0

    def observe(self, seconds: float) -> None:
        """Count one observation."""
        self.counts[bisect_left(self.bounds_s, seconds)] += 1
        self.total_s += seconds

    @property
    def count(self) -> int:
        """How many observations there were."""
        return sum(self.counts)

    def quantile_s(self, part: float) -> float | None:
        """An estimate, in seconds, of what ``part`` (0 to 1) of the observations stayed at or below.

        Straight within a bucket, as Prometheus does it; beyond the last bound it is the last bound.
        None without observations.
        """
        rank = part * self.count
        if self.count == 0:
            return None
        below, lower = 0, 0.0
        for bound, number in zip(self.bounds_s, self.counts, strict=False):
            if number and below + number >= rank:
                return lower + (bound - lower) * (rank - below) / number
            below, lower = below + number, bound
        return lower
