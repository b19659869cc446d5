"""How long a daemon's event loop is kept at a time, seen from inside of it and from outside of its code.

A timer comes back each millisecond. From one of its calls to the next the loop looks once at all that is due
and at all sockets that have something, and nobody else is served. What that takes is measured in CPU time of
the loop's thread: a wait for a core is none of the daemon's doing.
"""

import asyncio
import os
import time
from pathlib import Path

import uvloop

BEAT_S = 0.001
# Shorter rounds are of no interest, and to write them down would make them longer.
MIN_KEPT_S = 0.003


class LoopWatch:
    """Writes the rounds of ``loop`` that took long to ``file``: when they ended, and seconds of CPU time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, file: int) -> None:
        self._loop = loop
        self._file = file
        self._used_s = time.thread_time()

    def beat(self) -> None:
        """Look how long the round was, and come back in the next."""
        used_s = time.thread_time()
        if (took_s := used_s - self._used_s) > MIN_KEPT_S:
            os.write(self._file, f"{time.monotonic()} {took_s}\n".encode())
            used_s = time.thread_time()
        self._used_s = used_s
        self._loop.call_later(BEAT_S, self.beat)


def watch(path: str) -> None:
    """Have the loop that this process makes watched from its first round on; ``path`` gets what is found."""
    make = uvloop.new_event_loop

    def make_watched() -> uvloop.Loop:
        loop = make()
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        loop.call_soon(lambda: LoopWatch(loop, file).beat())
        return loop

    uvloop.new_event_loop = make_watched


def longest_s(path: Path, begin: float, end: float) -> float:
    """The longest round that ended in between; 0 where all were shorter than `MIN_KEPT_S`."""
    rounds = [line.split() for line in path.read_text().splitlines()]
    return max((float(took_s) for at, took_s in rounds if begin <= float(at) < end), default=0.0)
