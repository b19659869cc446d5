"""The daemon that is attacked: what it may open, where its log goes, and how long its loop is kept."""

import array
import fcntl
import os
import select
import termios
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from tests.attack import loop_watch
from tests.attack.catalogue import Attack
from tests.attack.probes import LOOK_EVERY_S
from tests.attack.storms import LOG_DISK
from tests.support.daemon import Daemon
from tests.support.viewer import Server

PIPE_BYTES = 4096  # the least that Linux gives


class AttackedDaemon(Daemon):
    """A daemon that may open no more than an attack says, and whose log goes where it says."""

    def __init__(self, server: Server, directory: Path, attack: Attack, *streams: dict[str, Any]) -> None:
        super().__init__(server, directory, *streams)
        self._max_descriptors = attack.max_descriptors
        self._log_file = directory / LOG_DISK / "ingestd.log" if attack.log == "full" else None
        self._loop_file = directory / "loop"
        self._reading = threading.Event()
        self._reading.set()

    @property
    def program(self) -> tuple[str, ...]:
        """Sets the limit and the log, has the loop watched, then runs ingestd."""
        text = "import os, resource, runpy, tests.attack.loop_watch; "
        text += f"tests.attack.loop_watch.watch({str(self._loop_file)!r}); "
        if self._max_descriptors is not None:
            limits = (self._max_descriptors, self._max_descriptors)
            text += f"resource.setrlimit(resource.RLIMIT_NOFILE, {limits}); "
        if self._log_file is not None:
            self._log_file.touch()
            text += f"log = os.open({str(self._log_file)!r}, os.O_WRONLY | os.O_APPEND); "
            text += "os.dup2(log, 1); os.dup2(log, 2); "
        return ("-c", text + "runpy.run_module('ingestd', run_name='__main__', alter_sys=True)")

    @property
    def logs_to_disk(self) -> bool:
        """Whether its log goes to a disk that the attack fills."""
        return self._log_file is not None

    def longest_turn_s(self, begin: float, end: float) -> float:
        """The longest time for which the loop was kept."""
        return loop_watch.longest_s(self._loop_file, begin, end)

    def stop_reading(self) -> None:
        """Read its log no more, of which the pipe holds a page."""
        assert self._process.stdout is not None
        fcntl.fcntl(self._process.stdout, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._reading.clear()

    @property
    def log_waits(self) -> bool:
        """Whether something of its log is in the pipe, unread."""
        assert self._process.stdout is not None
        unread = array.array("i", [0])
        fcntl.ioctl(self._process.stdout, termios.FIONREAD, unread)
        return unread[0] > 0

    def go_on_reading(self) -> None:
        """Read its log again."""
        self._reading.set()

    def _read(self, output: IO[str]) -> None:
        if self._log_file is None:
            super()._read(cast("IO[str]", self._lines_from(output.fileno())))
        else:
            super()._read(cast("IO[str]", self._lines_of(self._log_file)))

    def _lines_from(self, pipe: int) -> Iterator[str]:
        begun = b""
        while self._reading.wait():
            if select.select([pipe], [], [], LOOK_EVERY_S)[0]:
                data = os.read(pipe, PIPE_BYTES)
                if not data:
                    return
                *lines, begun = (begun + data).split(b"\n")
                yield from (line.decode(errors="replace") + "\n" for line in lines)

    def _lines_of(self, path: Path) -> Iterator[str]:
        with path.open() as file:
            begun = ""
            while True:
                over = self._process.poll() is not None
                begun += file.readline()
                if begun.endswith("\n"):
                    yield begun
                    begun = ""
                elif over:
                    return
                else:
                    time.sleep(LOOK_EVERY_S)
