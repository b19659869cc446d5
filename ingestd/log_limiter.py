"""How often to say what happens again and again."""

import time
from collections.abc import Callable


class LogLimiter:
    """Lets one of a repeating kind of line through per ``interval`` seconds and counts the others.

    Overload is said once a second, not once a picture:

        overload = LogLimiter()
        if (suppressed := overload.due("queue full")) is not None:
            log.warning("dropping pictures", suppressed=suppressed)
    """

    # Keys may come from outside, such as the addresses of peers: what is kept of them must end somewhere.
    _MOST_KEYS = 1000

    def __init__(self, interval: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = interval
        self._clock = clock
        self._last: dict[str, tuple[float, int]] = {}

    def due(self, key: str) -> int | None:
        """How many lines of this kind were held back since the last one; None if this one is, too."""
        now = self._clock()
        last, suppressed = self._last.get(key, (-self._interval, 0))
        if key in self._last and now - last < self._interval:
            self._last[key] = (last, suppressed + 1)
            return None
        if len(self._last) >= self._MOST_KEYS:
            self._last.clear()
        self._last[key] = (now, 0)
        return suppressed
