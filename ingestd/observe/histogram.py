"""A histogram with fixed bounds, which the metrics endpoint reads at each scrape."""

from bisect import bisect_left
from collections.abc import Sequence


class Histogram:
    """Counts of observations at or below each of ``bounds`` (seconds, rising), their number and sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """Count one observation."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds

    @property
    def count(self) -> int:
        """How many observations there were."""
        return sum(self.counts)

    def quantile(self, part: float) -> float | None:
        """An estimate, in seconds, of what ``part`` (0 to 1) of the observations stayed at or below.

        Straight within a bucket, as Prometheus does it; beyond the last bound it is the last bound.
        None without observations.
        """
        rank = part * self.count
        if self.count == 0:
            return None
        below, lower = 0, 0.0
        for bound, number in zip(self.bounds, self.counts, strict=False):
            if number and below + number >= rank:
                return lower + (bound - lower) * (rank - below) / number
            below, lower = below + number, bound
        return lower
