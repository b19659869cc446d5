"""The least, the most and the mean of numbers that come one by one."""

from dataclasses import dataclass


@dataclass(slots=True)
class MinMaxMean:
    """What is remembered of them; 0 before the first."""

    least: int = 0
    most: int = 0
    total: int = 0
    count: int = 0

    def add(self, number: int) -> None:
        """Take the next one."""
        self.least = min(self.least, number) if self.count else number
        self.most = max(self.most, number)
        self.total += number
        self.count += 1

    @property
    def mean(self) -> float:
        """Their mean."""
        return self.total / self.count if self.count else 0.0
