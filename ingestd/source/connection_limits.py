"""Limits of connections: how many in all, and how many new ones per second and address."""

import time
from collections.abc import Callable


class ConnectionCount:
    """The connections of all streams together; ``most`` None: no limit."""

    def __init__(self, most: int | None = None) -> None:
        self.most = most
        self.open = 0

    @property
    def full(self) -> bool:
        """Whether there are more than may be."""
        return self.most is not None and self.open > self.most


class ConnectionRate:
    """Lets ``per_s`` connections of each address through in a second, and as many at once."""

    # Of an address that has not come for a second nothing need be known. The owner of a
    # network of IPv6 can make addresses up: what is kept of them must be bounded.
    _MAX_ADDRESSES = 10_000

    def __init__(self, per_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}  # by address: how many it has left, and when

    def take(self, address: str) -> bool:
        """Whether one more may come from ``address`` now."""
        now = self._clock()
        left, at = self._left.pop(address, (self._per_s, now))
        left = min(self._per_s, left + (now - at) * self._per_s)
        if len(self._left) >= self._MAX_ADDRESSES:
            del self._left[next(iter(self._left))]
        self._left[address] = (max(left - 1, 0) if left >= 1 else left, now)
        return left >= 1
