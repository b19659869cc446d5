"""Exponential backoff with jitter: how long to wait before the next try."""

import random


class Backoff:
    """Delays that double from ``first_s`` to ``longest_s`` seconds, each shortened by up to half.

    The jitter keeps a thousand daemons from coming back in the same instant after a server's restart.
    """

    def __init__(self, first_s: float, longest_s: float) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._delay_s = first_s

    def next_s(self) -> float:
        """Return the delay before the next try, in seconds."""
        delay_s, self._delay_s = self._delay_s, min(self._delay_s * 2, self._longest_s)
        return delay_s * random.uniform(0.5, 1.0)  # noqa: S311 - no secret depends on it

    def reset(self) -> None:
        """A try has succeeded."""
        self._delay_s = self._first_s
