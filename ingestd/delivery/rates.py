"""Picture rate, bit rate and keyframe interval of the pictures that arrive."""

from collections import deque

# Long enough that one GOP's keyframe does not dominate the bit rate, short enough to follow a change.
WINDOW_S = 2.0
# What is assumed until enough has arrived to tell a rate from a burst.
DEFAULT_FRAME_INTERVAL_S = 1 / 30
MIN_SPAN_S = 0.25
# A picture that comes later than this, after the one before, comes after a pause.
FLOWING_PAUSE_S = 0.75
# A stream with longer intervals than this is one of stills, and paced as if it had this one.
MAX_FRAME_INTERVAL_S = 1.0
# A keyframe that is later than this is not expected any more.
LATE_KEYFRAME_S = 0.1
# A keyframe that is earlier than this was asked for.
EARLY_KEYFRAME_S = 0.05


class Rates:
    """Averages over the last seconds; ``now`` is seconds on any rising clock."""

    def __init__(self) -> None:
        self._arrivals: deque[tuple[float, int, bool]] = deque()  # in seconds, bytes, whether a keyframe
        self._bytes = 0
        self._last_keyframe_at: float | None = None
        self.keyframe_interval_s: float | None = None  # seconds between the last two

    def new_encoder(self) -> None:
        """Another encoder is connected: the pause before its first keyframe is no keyframe interval."""
        self._last_keyframe_at = self.keyframe_interval_s = None

    def receive(self, size_bytes: int, keyframe: bool, now: float) -> None:
        """A picture of ``size_bytes`` arrived."""
        self._arrivals.append((now, size_bytes, keyframe))
        self._bytes += size_bytes
        self._forget(now)
        if keyframe:
            if self._last_keyframe_at is not None:
                self.keyframe_interval_s = now - self._last_keyframe_at
            self._last_keyframe_at = now

    def frame_rate_fps(self, now: float) -> float:
        """Pictures per second."""
        self._forget(now)
        return len(self._arrivals) / WINDOW_S

    def flows(self, now: float) -> bool:
        """Whether pictures come without pauses that anyone would notice."""
        return bool(self._arrivals) and now - self._arrivals[-1][0] < FLOWING_PAUSE_S

    def bitrate_bps(self, now: float) -> float:
        """Bits per second."""
        self._forget(now)
        return self._bytes * 8 / WINDOW_S

    def largest_bytes(self, now: float) -> tuple[int, int]:
        """Bytes of the largest keyframe and of the largest other picture of the window; 0 without one."""
        self._forget(now)
        keyframe = max((size for _, size, key in self._arrivals if key), default=0)
        return keyframe, max((size for _, size, key in self._arrivals if not key), default=0)

    def needed_bitrate_bps(self, now: float) -> float:
        """Bits per second since the window's first picture: for a new stream."""
        self._forget(now)
        if not self._arrivals:
            return 0.0
        return self._bytes * 8 / max(now - self._arrivals[0][0], MIN_SPAN_S)

    def next_keyframe_s(self, now: float) -> float | None:
        """Return in how many seconds the encoder should send the next keyframe; None: there is no telling."""
        if self._last_keyframe_at is None or self.keyframe_interval_s is None:
            return None
        left_s = self._last_keyframe_at + self.keyframe_interval_s - now
        return max(left_s, 0.0) if left_s > -LATE_KEYFRAME_S else None

    def keyframe_due(self, now: float) -> bool:
        """Whether the encoder sends a keyframe ``now`` without being asked."""
        left_s = self.next_keyframe_s(now)
        return left_s is not None and left_s <= EARLY_KEYFRAME_S

    @property
    def frame_interval_s(self) -> float:
        """Mean seconds between the pictures of the window."""
        span_s = self._arrivals[-1][0] - self._arrivals[0][0] if self._arrivals else 0.0
        if span_s < MIN_SPAN_S:
            return DEFAULT_FRAME_INTERVAL_S
        return min(span_s / (len(self._arrivals) - 1), MAX_FRAME_INTERVAL_S)

    def _forget(self, now: float) -> None:
        while self._arrivals and self._arrivals[0][0] < now - WINDOW_S:
            self._bytes -= self._arrivals.popleft()[1]
