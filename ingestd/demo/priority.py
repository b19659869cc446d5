"""Keeps an encoder from making itself real-time: what is so, and all it starts, can stop a whole machine."""

import contextlib
import os
from collections.abc import Iterator

_NOBODY = 65534


@contextlib.contextmanager
def without_realtime() -> Iterator[None]:
    """Open an encoder in here.

    libsvtav1, opened by root, makes its threads and its caller SCHED_FIFO 99: while it encodes, every other
    process stands still, and what is started from there inherits that.
    """
    user = os.geteuid()
    if user == 0:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)
