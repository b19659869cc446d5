"""Sliding minimum or maximum: of the last values of something."""

from collections import deque
from collections.abc import Callable


class SlidingExtreme:
    """Holds numbers; their extreme is looked for only when the one that is known has gone."""

    def __init__(self, size: int, extreme: Callable[..., float]) -> None:
        """``size`` is how many values are held at most; ``extreme`` is `min` or `max`."""
        self._values: deque[float] = deque(maxlen=size)
        self._pick = extreme
        self._extreme: float | None = None

    def __len__(self) -> int:
        return len(self._values)

    def append(self, value: float) -> None:
        """Add ``value``; the oldest goes where there is no room."""
        values = self._values
        goes = values[0] if len(values) == values.maxlen else None
        values.append(value)
        if self._extreme is None or value == self._extreme:
            return
        if self._pick(value, self._extreme) == value:
            self._extreme = value
        elif goes == self._extreme:
            self._extreme = None

    def pop(self) -> None:
        """Take back the value added last. Raises IndexError if there is none."""
        self._values.pop()
        self._extreme = None

    @property
    def extreme(self) -> float:
        """The least or the greatest value. Raises ValueError if there is none."""
        if self._extreme is None:
            self._extreme = self._pick(self._values)
        return self._extreme
