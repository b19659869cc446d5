"""Rate limits of log lines: so many per kind and interval, with the number of those left out.

`LineLimiter` stands before the log and bounds every kind of line.
`LogLimiter` is for a caller whose lines cost more to word than to leave out, and which has a sharper idea of
what is the same.
"""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Line = TypeVar("Line")

# Of one kind: the first of each stream tells that it happens, two more that it goes on, of whichever streams.
# An encoder that is hung up on makes four kinds, and there may be many.
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
    """What was left out of one kind in one interval: by subject the number of lines, and the last of them."""

    by_subject: dict[Hashable, tuple[int, Line]] = field(default_factory=dict)  # the last is that of `last`

    @property
    def number(self) -> int:
        """How many lines, of all subjects."""
        return sum(number for number, _ in self.by_subject.values())

    @property
    def last(self) -> Line:
        """The last of all."""
        return next(reversed(self.by_subject.values()))[1]

    def add(self, subject: Hashable, line: Line) -> None:
        """Leave out one more."""
        number, _ = self.by_subject.pop(subject, (0, line))
        self.by_subject[subject] = (number + 1, line)


@dataclass(slots=True)
class _Interval(Generic[Line]):
    began: float
    known: set[Hashable]  # subjects of which a line has passed
    repeated: int = 0  # lines that have passed of these
    left_out: LeftOut[Line] = field(default_factory=LeftOut)


class LineLimiter(Generic[Line]):
    """Lets some lines of each kind through in ``interval_s`` seconds, and keeps the last of the others.

    The first about each subject, such as a stream, passes, and ``lines`` - 1 more about any of these. A kind
    of which some were left out has no more in the next interval: what repeats itself is left out, too, until
    an interval passes without. What is kept is bounded by the number of kinds and subjects in one interval,
    which begins with the first line.
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

    def admit(self, kind: Hashable, line: Line, subject: Hashable = None) -> bool:
        """Whether ``line``, about ``subject``, may pass. Take what has `ended` before."""
        interval = self._intervals.get(kind)
        if interval is None:
            interval = self._intervals[kind] = _Interval(self._clock(), set())
        if subject not in interval.known:
            interval.known.add(subject)
            return True
        if interval.repeated < self._lines - 1:
            interval.repeated += 1
            return True
        interval.left_out.add(subject, line)
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
            if interval.left_out.by_subject:
                known = set(interval.left_out.by_subject)
                self._intervals[kind] = _Interval(time_now, known, self._lines)
                found.append(interval.left_out)
        return found
