"""Rate limits of log lines: so many per kind and interval, with the number of those left out.

`LineLimiter` stands before the log and bounds every kind of line.
`LogLimiter` is for a caller whose lines cost more to word than to leave out, and which has a sharper idea of
what is the same.
"""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

Line = TypeVar("Line")

# Of one kind and stream: the third tells that it goes on. An encoder that is hung up on makes four kinds, and
# there may be many.
MAX_LINES_OF_A_KIND = 3
LIMIT_INTERVAL_S = 10.0


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


@dataclass(slots=True)
class LeftOut(Generic[Line]):
    """What was left out of one kind in one interval."""

    number: int = 0
    last: Line | None = None  # the last of them


@dataclass(slots=True)
class _Interval(Generic[Line]):
    began: float
    passed: int
    left_out: LeftOut[Line]


class LineLimiter(Generic[Line]):
    """Lets ``lines`` of each kind through in ``interval_s`` seconds, and keeps the last of the others.

    A kind of which some were left out has no lines in the next interval: what it has is left out, too, until
    an interval passes without. What is kept is bounded by the number of kinds in one interval, which begins
    with the first line.
    """

    def __init__(
        self,
        lines: int = MAX_LINES_OF_A_KIND,
        interval_s: float = LIMIT_INTERVAL_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.interval_s = interval_s
        self._lines = lines
        self._clock = clock
        self._intervals: dict[Hashable, _Interval[Line]] = {}  # the oldest first, as all are of one length

    def admit(self, kind: Hashable, line: Line) -> bool:
        """Whether ``line`` may pass. Take what has `ended` before."""
        interval = self._intervals.get(kind)
        if interval is None:
            interval = self._intervals[kind] = _Interval(self._clock(), 0, LeftOut())
        if interval.passed < self._lines:
            interval.passed += 1
            return True
        interval.left_out.number += 1
        interval.left_out.last = line
        return False

    def ended(self, *, now: bool = False) -> list[LeftOut[Line]]:
        """Return, once, what was left out in the intervals that have ended, or that end ``now``."""
        time_now = self._clock()
        end = time_now - self.interval_s
        found: list[LeftOut[Line]] = []
        for kind, interval in list(self._intervals.items()):
            if interval.began > end and not now:
                break
            del self._intervals[kind]
            if interval.left_out.number:
                self._intervals[kind] = _Interval(time_now, self._lines, LeftOut())
                found.append(interval.left_out)
        return found
