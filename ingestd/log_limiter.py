"""Rate limit of repeating log lines: one per kind and interval, with the number of those left out."""

import time
from collections.abc import Callable


class LogLimiter:
    """Lets one line of a kind through per ``interval_s`` seconds and counts the others.

    Overload is logged once a second, not once a picture:

        overload = LogLimiter()
        if (suppressed := overload.due("queue full")) is not None:
            log.warning("dropping pictures", suppressed=suppressed)
    """

    # Keys may come from outside, such as the addresses of peers: what is kept of them must be bounded.
    _MAX_KEYS = 1000

    def __init__(self, interval_s: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval_s = interval_s
        self._clock = clock
        self._last: dict[str, tuple[float, int]] = {}

    def due(self, key: str) -> int | None:
        """Return how many lines of kind ``key`` were left out before this one; None: leave it out, too."""
        now = self._clock()
        last, suppressed = self._last.get(key, (-self._interval_s, 0))
        if key in self._last and now - last < self._interval_s:
            self._last[key] = (last, suppressed + 1)
            return None
        if len(self._last) >= self._MAX_KEYS:
            self._last.clear()
        self._last[key] = (now, 0)
        return suppressed
