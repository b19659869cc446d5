"""The group of pictures (GOP): those submitted since the last keyframe, held for a replay."""

from dataclasses import dataclass, replace

from ingestd.delivery.picture import Picture
from ingestd.media.access_unit import AccessUnit


@dataclass(frozen=True)
class HeldLimits:
    """How much the GOP may hold; the backlog may hold as much again."""

    # A 10 s GOP at 25 Mbit/s. Beyond it a viewer has to wait for the next keyframe.
    max_bytes: int = 32 * 1024 * 1024
    # 20 s at 60 pictures per second: longer than any GOP meant for live viewing.
    max_pictures: int = 1200

    def used_ratio(self, size_bytes: int, pictures: int) -> float:
        """How much of what may be held these take; above 1 it is too much."""
        return max(size_bytes / self.max_bytes, pictures / self.max_pictures)


HELD_LIMITS = HeldLimits()


class Gop:
    """A keyframe and every picture submitted since, in order; empty when that became too much to hold."""

    def __init__(self, limits: HeldLimits = HELD_LIMITS) -> None:
        self._limits = limits
        self._pictures: list[Picture] = []
        self._bytes = 0
        self.sharers = 1  # streams that share the bytes that may be held

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, index: int) -> Picture:
        return self._pictures[index]

    @property
    def size_bytes(self) -> int:
        """The size of all pictures held."""
        return self._bytes

    def append(self, picture: Picture) -> None:
        """Hold ``picture``: a keyframe begins a new GOP, any other is held only behind a keyframe."""
        if picture.access_unit.keyframe:
            self.clear()
        elif not self._pictures:
            return
        self._pictures.append(picture)
        self._bytes += len(picture.access_unit.data)
        if self._limits.used_ratio(self._bytes * self.sharers, len(self._pictures)) > 1:
            self.clear()

    def replace_last(self, access_unit: AccessUnit) -> None:
        """Replace the access unit of the last picture."""
        last = self._pictures.pop()
        self._bytes -= len(last.access_unit.data)
        self.append(replace(last, access_unit=access_unit))

    def clear(self) -> None:
        """Hold nothing until the next keyframe."""
        self._pictures.clear()
        self._bytes = 0
