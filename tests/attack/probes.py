"""What is watched of a daemon while it is attacked: its answers, memory, descriptors, log and books."""

import contextlib
import http.client
import itertools
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from tests.support.balance import assert_balanced
from tests.support.daemon import Daemon, Metrics

HEALTH_EVERY_S, SCRAPE_EVERY_S, LOOK_EVERY_S = 0.05, 0.25, 0.05
HTTP_TIMEOUT_S = 1.0


class Repeated:
    """Calls ``look`` again and again from a thread, while it is entered; one that goes on asks `stopping`."""

    def __init__(self, look: Callable[[], None], every_s: float) -> None:
        self._look = look
        self._every_s = every_s
        self.stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="probe", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self.stopping.wait(self._every_s):
            with contextlib.suppress(OSError, http.client.HTTPException):
                self._look()


class Answers:
    """When the HTTP server answered a request for ``path``, and what."""

    def __init__(self, daemon: Daemon, path: str, *, keep: bool = False) -> None:
        self._port = daemon.http_port
        self._path = path
        self._keep = keep
        self.at: list[float] = []
        self.texts: list[tuple[float, str]] = []

    def ask(self) -> None:
        """Ask once."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=HTTP_TIMEOUT_S)
        try:
            connection.request("GET", self._path)
            answer = connection.getresponse()
            text = answer.read().decode()
            if answer.status == 200:
                self.at.append(time.monotonic())
                if self._keep:
                    self.texts.append((self.at[-1], text))
        finally:
            connection.close()

    def longest_gap_s(self, begin: float, end: float) -> float:
        """The longest time without an answer."""
        times = [begin, *[at for at in self.at if begin < at < end], end]
        return max(after - before for before, after in itertools.pairwise(times))


class Vitals:
    """Memory and open descriptors of the process, and the lines of its log, over time."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._process = Path(f"/proc/{daemon.pid}")
        self.seen: list[tuple[float, int, int, int]] = []  # at, bytes, descriptors, lines

    def look(self) -> None:
        """Look once."""
        pages = int((self._process / "statm").read_text().split()[1])
        descriptors = len(list((self._process / "fd").iterdir()))
        self.seen.append((time.monotonic(), pages * 4096, descriptors, self._daemon.log.count("\n")))

    def at(self, moment: float) -> tuple[float, int, int, int]:
        """The last look before ``moment``."""
        return [seen for seen in self.seen if seen[0] <= moment][-1]

    def most_bytes(self, begin: float, end: float) -> int:
        """The most memory in between."""
        return max((seen[1] for seen in self.seen if begin <= seen[0] <= end), default=0)

    def most_descriptors(self, begin: float, end: float) -> int:
        """The most descriptors in between."""
        return max((seen[2] for seen in self.seen if begin <= seen[0] <= end), default=0)

    def lines_per_s(self, begin: float, end: float) -> float:
        """How much was logged."""
        return (self.at(end)[3] - self.at(begin)[3]) / (end - begin)


def unbalanced(scrapes: list[tuple[float, str]]) -> list[str]:
    """Each stream at each scrape whose books do not balance, in words."""
    found = []
    for _, text in scrapes:
        metrics = Metrics(text)
        for stream in metrics.streams():
            try:
                assert_balanced(
                    metrics.total("ingestd_frames_received_total", stream=stream),
                    metrics.total("ingestd_frames_submitted_total", stream=stream),
                    metrics.by("ingestd_frames_dropped_total", "reason", stream=stream),
                    metrics.total("ingestd_frames_held", stream=stream),
                    stream,
                )
            except AssertionError as error:
                found.append(str(error))
    return found
