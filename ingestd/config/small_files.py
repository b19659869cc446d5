"""Reads the small files that keys name: regular ones, as opening a FIFO or a device may wait for ever."""

import stat
from pathlib import Path

from ingestd.errors import FILE_CURE
from ingestd.units import format_size

_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFDIR: "a directory",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def read(path: Path, max_bytes: int, expected: str) -> bytes:
    """Return what the file at ``path``, or where it links to, holds.

    Raises ValueError, whose text goes on behind the name of the file: where it cannot be read, is no regular
    file, or holds more than ``max_bytes``, as no file does that is what is ``expected``.
    """
    try:
        # Asked before it is opened: that alone waits for the writer of a FIFO, and has effects on devices.
        kind = stat.S_IFMT(path.stat().st_mode)
        if kind != stat.S_IFREG:
            raise ValueError(f"cannot be read: it is {_KINDS.get(kind, 'no regular file')}; {FILE_CURE}")
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}; {FILE_CURE}") from None
    if len(data) > max_bytes:
        raise ValueError(f"is larger than {format_size(max_bytes)}; {expected} is expected")
    return data
