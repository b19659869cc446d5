"""Files that are read again when they change, as stat(2) tells it."""

from collections.abc import Iterable
from pathlib import Path

# Device, inode, size, and time of the last change of content, owner or mode; None: not there. Not that of the
# content alone (mtime): a copy may bear that of its original, and a file that we may read at last keeps it.
_State = tuple[int, int, int, int] | None


class WatchedFiles:
    """Remembers what ``paths`` looked like when `changed` was asked last."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = list(paths)
        self.seen: tuple[_State, ...] | None = None

    def changed(self) -> bool:
        """Whether one of them has changed, come or gone since this was asked last; the first time: yes."""
        before, self.seen = self.seen, tuple(_state(path) for path in self._paths)
        return before != self.seen


def _state(path: Path) -> _State:
    try:
        now = path.stat()
    except OSError:
        return None
    return now.st_dev, now.st_ino, now.st_size, now.st_ctime_ns
