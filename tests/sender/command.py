"""`ingestd-gst`, run as users run it."""

import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Self

from tests.support.wait import PATIENCE_S, wait_until

PROGRAM = Path(sys.executable).with_name("ingestd-gst")
# Small enough for a busy machine, and with something that moves.
PICTURE = "videotestsrc is-live=true horizontal-speed=2 ! video/x-raw,width=320,height=180,framerate=30/1"


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run it to its end."""
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=PATIENCE_S)


def error_of(*arguments: str, code: int = 2) -> str:
    """Its error, in one line."""
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (code, ""), done
    return done.stderr.splitlines()[-1]


def printed(pipeline: str, *arguments: str) -> list[str]:
    done = run("--print", "--pipeline", pipeline, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


class Running:
    """Runs beside the test; leaving it stops it, and expects exit code 0."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen([PROGRAM, *arguments], stderr=subprocess.PIPE, text=True)
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._reader.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._process.terminate()
        code = self._process.wait(PATIENCE_S)
        self._reader.join()
        if kind is None:
            assert (code, "Traceback" in self.log) == (0, False), self.log
        else:
            sys.stderr.write(self.log)

    @property
    def log(self) -> str:
        """What it has said."""
        return "".join(self._lines)

    def wait_for_log(self, pattern: str) -> str:
        """Wait until it has said that; return what."""
        wait_until(lambda: re.search(pattern, self.log), f"say {pattern!r}")
        found = re.search(pattern, self.log)
        assert found is not None
        return found[0]

    def wait(self) -> int:
        """Wait until it ends by itself; return its exit code."""
        code = self._process.wait(PATIENCE_S)
        self._reader.join()
        return code

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._lines.append(line)
