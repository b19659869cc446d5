"""Picture rate, bit rate and keyframe distance of what arrives."""

from collections import deque

# Long enough that one GOP's keyframe does not dominate the bit rate, short enough to follow a change.
WINDOW_S = 2.0
# What is assumed until enough has arrived to tell a rate from a burst.
DEFAULT_FRAME_INTERVAL_S = 1 / 30
MIN_SPAN_S = 0.25
# Slower than one picture in so many seconds is a still, and paced like one.
MAX_FRAME_INTERVAL_S = 1.0
# Seconds after which a keyframe that should have come is not expected any more.
LATE_KEYFRAME_RATIO = 0.1
# Seconds by which it may come before its time.
EARLY_KEYFRAME_RATIO = 0.05


class Rates:
    """Averages over the last seconds; ``now`` is seconds on any rising clock."""

    def __init__(self) -> None:
        self._read_log: deque[tuple[float, int]] = deque()
        self._bytes = 0
        self._last_keyframe: float | None = None
        self.keyframe_interval: float | None = None

    def new_encoder(self) -> None:
        """The pause before another encoder's first keyframe is no interval of its keyframes."""
        self._last_keyframe = self.keyframe_interval = None

    def receive(self, size: int, keyframe: bool, now: float) -> None:
        """A picture of ``size`` bytes arrived."""
        self._read_log.append((now, size))
        self._bytes += size
        self._forget(now)
        if keyframe:
            if self._last_keyframe is not None:
                self.keyframe_interval = now - self._last_keyframe
            self._last_keyframe = now

    def frame_rate(self, now: float) -> float:
        """Pictures per second."""
        self._forget(now)
        return len(self._read_log) / WINDOW_S

    def bitrate(self, now: float) -> float:
        """Bits per second."""
        self._forget(now)
        return self._bytes * 8 / WINDOW_S

    def next_keyframe(self, now: float) -> float | None:
        """Return in how many seconds the next keyframe should come; None where there is no telling."""
        if self._last_keyframe is None or self.keyframe_interval is None:
            return None
        left = self._last_keyframe + self.keyframe_interval - now
        return max(left, 0.0) if left > -LATE_KEYFRAME_RATIO else None

    def keyframe_due(self, now: float) -> bool:
        """Whether a keyframe that comes ``now`` is one that the encoder sends of its own accord."""
        left = self.next_keyframe(now)
        return left is not None and left <= EARLY_KEYFRAME_RATIO

    @property
    def frame_interval(self) -> float:
        """Mean seconds between the pictures that arrived last."""
        span = self._read_log[-1][0] - self._read_log[0][0] if self._read_log else 0.0
        if span < MIN_SPAN_S:
            return DEFAULT_FRAME_INTERVAL_S
        return min(span / (len(self._read_log) - 1), MAX_FRAME_INTERVAL_S)

    def _forget(self, now: float) -> None:
        while self._read_log and self._read_log[0][0] < now - WINDOW_S:
            self._bytes -= self._read_log.popleft()[1]
