"""SIGKILL at random moments beside encoders that dial again: when are their pictures back at the viewers?

A service manager starts the daemon again; here that is at once. `make attack ARGS=sigkill` writes the table.
"""

import contextlib
import os
import random
import tempfile
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.attack.probes import Repeated
from tests.attack.rig import GOOD, good_streams
from tests.support.daemon import Daemon, is_ready, stream
from tests.support.encoded import EncodedStream
from tests.support.push import Encoder, over_and_over
from tests.support.viewer import Server, Viewer
from tests.support.wait import PATIENCE_S, wait_until

REDIAL_AFTER_S = 0.1
# From the start of the process: it is ready after about a second, and seen a second later.
EARLIEST_S, LATEST_S = 0.1, 5.0
# Of the environment, by which what is left of a killed daemon is found.
MARK = "SIGKILL_RUN"


@dataclass(slots=True)
class Kill:
    """One SIGKILL and the start that followed; times in seconds."""

    lived_s: float  # from the start of the process that was killed
    was_ready: bool
    was_seen: bool  # pictures of all streams had come
    ready_again_s: float  # from the SIGKILL until the next process has every source open
    seen_again_s: float  # … until viewers of all streams have a picture of it


class MarkedDaemon(Daemon):
    """A daemon whose processes can be told from all others."""

    mark = uuid.uuid4().hex

    @property
    def environment(self) -> dict[str, str]:
        """Holds the mark."""
        return {MARK: self.mark}

    def live(self, seconds: float) -> None:
        """Start it, and end it with SIGKILL after so long."""
        end = threading.Timer(seconds, lambda: self._process.kill())
        end.start()
        with contextlib.suppress(AssertionError):  # where it ends before it is ready
            self.__enter__()
        end.join()
        self._process.wait()
        self._reader.join()


class Redialling(Repeated):
    """An encoder that dials again, for ever, when its connection ends."""

    def __init__(self, port: int, video: EncodedStream) -> None:
        super().__init__(self._push, REDIAL_AFTER_S)
        self._port = port
        self._video = video

    def _push(self) -> None:
        with Encoder(self._port, self._video, writing=over_and_over) as encoder:
            while not self.stopping.is_set() and not encoder.broken:
                time.sleep(0.02)


def moments(count: int, seed: int = 5) -> list[float]:
    """When to kill, in seconds from the start of the process; the same for the same seed."""
    dice = random.Random(seed)
    return [dice.uniform(EARLIEST_S, LATEST_S) for _ in range(count)]


def kills(server: Server, after_s: Sequence[float]) -> Iterator[Kill]:
    """Kill a daemon so long after its start, start it again, and so on; what is left of them fails."""
    rooms = [f"killed-{name}" for name in GOOD]  # others may watch the good ones
    entries = [stream(name, room) for name, room in zip(GOOD, rooms, strict=True)]
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ingestd-sigkill-")))
        viewers = [stack.enter_context(Viewer(server, room)) for room in rooms]
        ports = MarkedDaemon(server, directory, *entries)
        for name, video in zip(GOOD, good_streams(), strict=True):
            stack.enter_context(Redialling(ports.port(name), video))
        for lives_s in after_s:
            doomed = MarkedDaemon(server, directory, *entries)
            began = time.monotonic()
            doomed.live(lives_s)
            killed = time.monotonic()
            was_seen = _seen(viewers, began) is not None
            with MarkedDaemon(server, directory, *entries) as daemon:
                ready = time.monotonic()
                wait_until(partial(_seen, viewers, ready), "be seen again")
                seen = _seen(viewers, ready) or 0.0
                daemon.stop()
            was_ready = any(is_ready(record) for record in doomed.records)
            yield Kill(killed - began, was_ready, was_seen, ready - killed, seen - killed)
        wait_until(lambda: not left_over(), "leave no process behind", PATIENCE_S)


def left_over() -> list[str]:
    """The command lines of the daemons that still run, their children included."""
    found = []
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if process.name.isdigit() and f"{MARK}={MarkedDaemon.mark}" in _text(process / "environ"):
                found.append(_text(process / "cmdline"))
    return found


def _text(path: Path) -> str:
    return os.fsdecode(path.read_bytes())


def _seen(viewers: Iterable[Viewer], since: float) -> float | None:
    """When the last of them saw its first picture after ``since``; None: one has seen none."""
    first = [
        next((picture.at for picture in viewer.pictures() if picture.at > since), None) for viewer in viewers
    ]
    return max(at for at in first if at is not None) if None not in first else None
