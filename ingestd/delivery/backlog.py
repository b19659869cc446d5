"""The queue of received pictures that have not been submitted yet."""

from collections import deque
from dataclasses import replace

from ingestd.delivery.gop import HELD_LIMITS, HeldLimits
from ingestd.delivery.picture import Picture
from ingestd.media.access_unit import AccessUnit


class Backlog:
    """A queue that knows how much memory it takes; its user looks at `used_ratio` after every `append`."""

    def __init__(self, limits: HeldLimits = HELD_LIMITS) -> None:
        self._limits = limits
        self._pictures: deque[Picture] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._pictures)

    @property
    def first(self) -> Picture:
        """The picture that has waited longest."""
        return self._pictures[0]

    @property
    def last(self) -> Picture:
        """The picture that came last."""
        return self._pictures[-1]

    @property
    def size_bytes(self) -> int:
        """The size of all pictures that wait."""
        return self._bytes

    def used_ratio(self, sharers: int = 1) -> float:
        """How much of what may be held is in use, where ``sharers`` share the bytes; above 1: too much."""
        return self._limits.used_ratio(self._bytes * sharers, len(self._pictures))

    def append(self, picture: Picture) -> None:
        """Put ``picture`` behind the others."""
        self._pictures.append(picture)
        self._bytes += len(picture.access_unit.data)

    def replace_last(self, access_unit: AccessUnit) -> None:
        """Replace the access unit of the picture that came last."""
        last = self._pictures.pop()
        self._bytes -= len(last.access_unit.data)
        self.append(replace(last, access_unit=access_unit))

    def pop(self) -> Picture:
        """Take out the picture that has waited longest."""
        picture = self._pictures.popleft()
        self._bytes -= len(picture.access_unit.data)
        return picture

    def before_newest_keyframe(self) -> int:
        """Return how many pictures come before the newest keyframe; 0 where none waits."""
        return max((i for i, p in enumerate(self._pictures) if p.access_unit.keyframe), default=0)

    def before_oldest_keyframe(self) -> int:
        """Return how many pictures come before the oldest keyframe; all where none waits."""
        return next((i for i, p in enumerate(self._pictures) if p.access_unit.keyframe), len(self))
