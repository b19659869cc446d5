"""How long to wait before the next try."""

import random


class Backoff:
    """Delays that double from ``first`` to ``longest`` seconds, each shortened by up to half.

    The jitter keeps a thousand daemons from coming back in the same instant after a server's restart.
    """

    def __init__(self, first: float, longest: float) -> None:
        self._first = first
        self._longest = longest
        self._delay = first

    def next(self) -> float:
        """Return the delay before the next try."""
        delay, self._delay = self._delay, min(self._delay * 2, self._longest)
        return delay * random.uniform(0.5, 1.0)  # noqa: S311 - no secret depends on it

    def reset(self) -> None:
        """A try has succeeded."""
        self._delay = self._first
