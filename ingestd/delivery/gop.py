"""The group of pictures (GOP): those submitted since the last keyframe, held for a replay."""

from dataclasses import replace

from ingestd.delivery.picture import Picture
from ingestd.media.access_unit import AccessUnit

# A 10 s GOP at 25 Mbit/s. Beyond it a viewer has to wait for the next keyframe.
MAX_GOP_BYTES = 32 * 1024 * 1024
# 20 s at 60 pictures per second: longer than any GOP meant for live viewing.
MAX_GOP_PICTURES = 1200


class Gop:
    """A keyframe and every picture submitted since, in order; empty when that became too much to hold."""

    def __init__(self) -> None:
        self._pictures: list[Picture] = []
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, index: int) -> Picture:
        return self._pictures[index]

    @property
    def bytes(self) -> int:
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
        if self._bytes > MAX_GOP_BYTES or len(self._pictures) > MAX_GOP_PICTURES:
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
