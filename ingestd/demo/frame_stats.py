"""Delay, rate and losses of numbered pictures. Pure: the times of writes and sights are arguments."""

from collections import deque
from dataclasses import dataclass

_WINDOW_S = 1.0  # of the live figures
_DELAYS_KEPT_PICTURES = 30 * 3600  # the percentiles at the end are of the last hour
_WRITES_KEPT_PICTURES = 30 * 60  # a picture that comes a minute late is lost


@dataclass(frozen=True, slots=True)
class Live:
    """Figures of the last second."""

    fps: float
    bitrate_bps: float
    delay_s: float | None  # median


class FrameStats:
    """Matches the pictures that the encoder wrote with those that the viewer saw, in any order.

    Pictures are numbered from 0. A picture is lost when a later one was seen and it was not.
    """

    def __init__(self) -> None:
        self.connected_at: float | None = None
        self.first_seen_at: float | None = None
        self.pushed = 0
        self.decoded = 0
        self.last_seen_at = 0.0
        self._highest = -1
        self._missing: set[int] = set()
        self._written: dict[int, tuple[float, int]] = {}
        self._seen: dict[int, float] = {}  # seen and not yet known to be written
        self._delays_s: deque[float] = deque(maxlen=_DELAYS_KEPT_PICTURES)
        self._recent: deque[tuple[float, float | None, int]] = deque()  # seen at, delay, bytes

    @property
    def lost(self) -> int:
        """How many pictures are missing between the first and the last that were seen."""
        return len(self._missing)

    @property
    def seconds(self) -> float:
        """Seconds from the first decoded picture to the last."""
        return self.last_seen_at - self.first_seen_at if self.first_seen_at is not None else 0.0

    @property
    def time_to_first_picture_s(self) -> float | None:
        """Seconds from the encoder's connection to the first decoded picture."""
        if self.connected_at is None or self.first_seen_at is None:
            return None
        return self.first_seen_at - self.connected_at

    def written(self, number: int, at: float, size_bytes: int) -> None:
        """Note that the encoder wrote a picture."""
        self.pushed += 1
        self._written[number] = (at, size_bytes)
        self._written.pop(number - _WRITES_KEPT_PICTURES, None)
        if number in self._seen:
            self._match(number, self._seen.pop(number))

    def seen(self, number: int, at: float) -> bool:
        """Note that the viewer decoded a picture; False if it had seen it before or joined after it."""
        if self.first_seen_at is None:
            self.first_seen_at = at
            self._highest = number - 1
        if number > self._highest:
            self._missing.update(range(self._highest + 1, number))
            self._highest = number
        elif number in self._missing:
            self._missing.remove(number)
        else:
            return False
        self.decoded += 1
        self.last_seen_at = at
        if number in self._written:
            self._match(number, at)
        else:
            self._seen[number] = at
        return True

    def live(self, now: float) -> Live:
        """Return the figures of the last second."""
        while self._recent and self._recent[0][0] < now - _WINDOW_S:
            self._recent.popleft()
        window_s = min(_WINDOW_S, now - self.first_seen_at) if self.first_seen_at is not None else 0.0
        if window_s <= 0:
            return Live(0.0, 0.0, None)
        delays_s = [delay_s for _, delay_s, _ in self._recent if delay_s is not None]
        return Live(
            fps=len(self._recent) / window_s,
            bitrate_bps=8 * sum(size_bytes for _, _, size_bytes in self._recent) / window_s,
            delay_s=percentile(delays_s, 50) if delays_s else None,
        )

    def delay_s(self, percent: float) -> float | None:
        """Return a percentile of the time from the encoder's write to the decoded picture."""
        return percentile(self._delays_s, percent) if self._delays_s else None

    def _match(self, number: int, seen_at: float) -> None:
        written_at, size_bytes = self._written[number]
        assert self.first_seen_at is not None
        # What was written before there was a viewer's picture waited for the track, not on the way.
        delay_s = seen_at - written_at if written_at >= self.first_seen_at else None
        if delay_s is not None:
            self._delays_s.append(delay_s)
        self._recent.append((seen_at, delay_s, size_bytes))


def percentile(values: deque[float] | list[float], percent: float) -> float:
    """Return the smallest value that is not below ``percent`` of them."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(len(ranked) * percent / 100))]
