"""What the encoders of one stream have pushed, in order, and when: what viewers are held against."""

import threading
from collections import deque
from dataclasses import dataclass

# An encoder repeats its pictures every lap; whatever is seen was pushed in this lap or the one before.
LAPS = 3
RECENT = 4096  # pictures; minutes
# A connection that ends in the middle of a picture may leave one on the screen that was never pushed, until
# the next connection's pictures have come through.
BEFORE_THE_END_S = 1.0
AFTER_THE_NEXT_S = 5.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One picture that was pushed."""

    number: int  # counts the stream's pictures over all connections
    hash: str
    keyframe: bool
    at: float  # time.monotonic() before its last byte was written


class Ledger:
    """Written by the encoder's thread, read by the one that looks at the viewers."""

    def __init__(self) -> None:
        self.count = 0
        self._lock = threading.Lock()
        self._by_hash: dict[str, deque[Entry]] = {}
        self._recent: deque[Entry] = deque(maxlen=RECENT)
        self._spoilt_from: float | None = None
        self._spoilt: deque[tuple[float, float]] = deque(maxlen=64)

    def push(self, name: str, keyframe: bool, at: float) -> None:
        """A picture is about to be written."""
        with self._lock:
            entry = Entry(self.count, name, keyframe, at)
            self.count += 1
            self._recent.append(entry)
            self._by_hash.setdefault(name, deque(maxlen=LAPS)).append(entry)
            if self._spoilt_from is not None:
                self._spoilt.append((self._spoilt_from, at + AFTER_THE_NEXT_S))
                self._spoilt_from = None

    def spoil(self, at: float) -> None:
        """The connection has ended, or will, in the middle of a picture or worse."""
        with self._lock:
            if self._spoilt_from is None:
                self._spoilt_from = at - BEFORE_THE_END_S

    def find(self, name: str, at: float) -> Entry | None:
        """The last picture of that hash that had been pushed by then."""
        with self._lock:
            entries = self._by_hash.get(name, ())
            return next((entry for entry in reversed(entries) if entry.at <= at), None)

    def pushed_at(self, number: int) -> float | None:
        """When that picture was pushed; None where that is forgotten, or yet to be."""
        with self._lock:
            place = number - self._recent[0].number if self._recent else -1
            return self._recent[place].at if 0 <= place < len(self._recent) else None

    def spoilt(self, at: float) -> bool:
        """Whether a picture that was never pushed may be seen at that time."""
        with self._lock:
            if self._spoilt_from is not None and at >= self._spoilt_from:
                return True
            return any(since <= at <= until for since, until in self._spoilt)

    def since(self, number: int) -> list[Entry]:
        """The pictures from that number on."""
        with self._lock:
            return [entry for entry in self._recent if entry.number >= number]
