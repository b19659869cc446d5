"""Figures as /api/streams gives them, and a server that gives them."""

import fcntl
import json
import os
import select
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, Self

from tests.support.wait import PATIENCE_S


def stream(name: str = "front-door", **changes: Any) -> dict[str, Any]:
    """A stream that is well, but for ``changes``."""
    well = {
        "name": name,
        "state": "live",
        "state_reason": "every picture is on its way to viewers",
        "room": "lobby",
        "encoder": "10.0.0.7:40112",
        "codec": "h264",
        "size": "1280x720",
        "frame_rate": 29.97,
        "bitrate_bps": 1_520_000.0,
        "target_bitrate_bps": 2_400_000.0,
        "frame_delay": {"count": 90, "p50": 0.0022, "p99": 0.0301},
        "send_delay_s": 0.0009,
        "frames_lost": 4,
        "frames_dropped": {"backlog": 8, "congested": 0},
        "frozen": 1.5,
        "keyframe_interval": 2.0,
        "viewers": 3,
        "problems": [],
    }
    return {**well, **changes}


class Answers:
    """What a daemon would answer; tests change it."""

    def __init__(self) -> None:
        self.status, self.body = 200, json.dumps([stream()]).encode()
        self.asked: list[tuple[str, str | None]] = []  # path and credentials
        self.url = ""
        self._may_answer = Event()
        self._may_answer.set()

    def hang(self) -> None:
        """Take requests and answer none, until `go_on`."""
        self._may_answer.clear()

    def go_on(self) -> None:
        """Answer again."""
        self._may_answer.set()

    def wait(self) -> None:
        """Return when requests are answered."""
        self._may_answer.wait(PATIENCE_S)


@contextmanager
def serving(answers: Answers, port: int = 0) -> Iterator[Answers]:
    """Answer HTTP on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers.asked.append((self.path, self.headers["Authorization"]))
            answers.wait()
            self.send_response(answers.status)
            self.end_headers()
            self.wfile.write(answers.body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        answers.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield answers
        finally:
            server.shutdown()
            thread.join()


class Terminal:
    """`ingestd` in a terminal of its own, as a person has it; what it writes is kept."""

    def __init__(
        self, *arguments: str, columns: int = 80, lines: int = 24, no_input: bool = False, **environ: str
    ) -> None:
        self._master, slave = os.openpty()
        termios.tcsetwinsize(slave, (lines, columns))
        self.mode = termios.tcgetattr(slave)
        self._slave = slave
        self.written = ""
        environment = {
            key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "COLUMNS", "LINES")
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ingestd", *arguments],
            stdin=subprocess.DEVNULL if no_input else slave,
            stdout=slave,
            stderr=slave,
            env={**environment, "TERM": "xterm-256color", **environ},
            start_new_session=True,
            # It is the terminal of the session: Ctrl-C typed here becomes SIGINT there.
            preexec_fn=lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)
        os.close(self._slave)

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._master, keys.encode())

    def resize(self, columns: int, lines: int) -> None:
        """Give the window another size; the system tells the process."""
        termios.tcsetwinsize(self._slave, (lines, columns))

    def shows(self, text: str) -> str:
        """Wait until ``text`` is written, and return all that was, up to it; it is shown no second time."""
        deadline = time.monotonic() + PATIENCE_S
        while text not in self.written:
            left = deadline - time.monotonic()
            ready = select.select([self._master], [], [], max(left, 0))[0]
            assert ready, f"{text!r} never came: {self.written!r}"
            self.written += os.read(self._master, 65536).decode(errors="replace")
        before, _, self.written = self.written.partition(text)
        return before + text

    def ends(self) -> int:
        """Wait for the end; return the exit code. What was written is in ``written``."""
        code = self.process.wait(PATIENCE_S)
        while select.select([self._master], [], [], 0)[0]:
            self.written += os.read(self._master, 65536).decode(errors="replace")
        return code

    @property
    def is_as_before(self) -> bool:
        """Whether the terminal has the mode that it had."""
        return termios.tcgetattr(self._slave) == self.mode
