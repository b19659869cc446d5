"""`ingestd demo` as people run it: in a separate process, broken off with Ctrl-C."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

ROOT = Path(__file__).parents[2]
DONE_SECONDS = 90.0
SUMMARY = re.compile(
    r"demo: (\d+) frames decoded in [\d.]+ s, first picture after [\d.]+ ms, "
    r"delay p50 \S+( ms)? p99 \S+( ms)?, \d+ lost"
)


class Demo:
    """A running demo, whose descendants are known by a word in their environment."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self._mark = uuid.uuid4().hex
        self.directory = directory
        self._process = subprocess.Popen(
            [sys.executable, "-u", "-m", "ingestd", "demo", *arguments],
            cwd=ROOT,
            env={**os.environ, "DEMO_UNDER_TEST": self._mark, "TMPDIR": str(directory)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout is not None
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._reader.start()

    def wait_for(self, words: str) -> None:
        with self._changed:
            said = self._changed.wait_for(lambda: words in self.output, timeout=DONE_SECONDS)
        assert said, f"the demo did not say {words!r}:\n{self.output}"

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> None:
        self._process.send_signal(number)

    def wait(self) -> int:
        status = self._process.wait(DONE_SECONDS)
        self._reader.join()
        return status

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def assert_nothing_is_left(self) -> None:
        assert list(self.directory.iterdir()) == []
        self.assert_no_process_is_left()

    def assert_no_process_is_left(self) -> None:
        deadline = time.monotonic() + 5  # a process that was reaped may be in /proc for a moment more
        while left := self._processes():
            assert time.monotonic() < deadline, f"still running: {left}"
            time.sleep(0.05)

    def _processes(self) -> list[str]:
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if self._mark.encode() in (process / "environ").read_bytes():
                    found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:  # it left meanwhile
                continue
        return found

    def _read(self, output: IO[str]) -> None:
        for line in output:
            with self._changed:
                self.lines.append(line)
                self._changed.notify_all()


@pytest.fixture
def demo(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Demo]:
    running = Demo(tmp_path, *request.param)
    yield running
    running.kill()


@pytest.mark.parametrize("demo", [("--codec", "vp8", "--seconds", "3")], indirect=True)
def test_the_whole_path_is_shown_and_cleared_away(demo: Demo) -> None:
    status = demo.wait()
    assert status == 0, demo.output
    summary = SUMMARY.fullmatch(demo.lines[-1].strip())
    assert summary is not None, demo.output
    assert int(summary[1]) > 30
    assert re.search(r"status page +http://127\.0\.0\.1:\d+/", demo.output)
    assert re.search(r"metrics +http://127\.0\.0\.1:\d+/metrics", demo.output)
    assert 'api_secret: "********"' in demo.output
    demo.assert_nothing_is_left()


@pytest.mark.parametrize("demo", [("--codec", "vp8", "--seconds", "0")], indirect=True)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_when_asked_to(demo: Demo, number: signal.Signals) -> None:
    demo.wait_for("pictures/s   ")
    demo.interrupt(number)
    demo.interrupt(number)  # people are impatient
    status = demo.wait()
    assert status == 0, demo.output
    assert SUMMARY.fullmatch(demo.lines[-1].strip()), demo.output
    assert "Traceback" not in demo.output
    demo.assert_nothing_is_left()


@pytest.mark.parametrize("demo", [("--codec", "vp8", "--seconds", "0")], indirect=True)
@pytest.mark.parametrize(
    "step",
    [
        *(pytest.param(step, marks=pytest.mark.long) for step in ("LiveKit server: ", "its configuration")),
        *("ingestd: ready", "encoder: "),
    ],
)
def test_it_ends_cleanly_while_it_sets_up(demo: Demo, step: str) -> None:
    demo.wait_for(step)
    demo.interrupt()
    status = demo.wait()
    assert status == 1, demo.output
    assert demo.lines[-1] == "demo: stopped before a picture arrived, 0 frames decoded\n"
    assert "Traceback" not in demo.output
    demo.assert_nothing_is_left()


@pytest.mark.parametrize("demo", [("--seconds", "-1")], indirect=True)
def test_a_time_that_makes_no_sense_is_a_wrong_argument(demo: Demo) -> None:
    assert demo.wait() == 2
    assert "--seconds -1: expected" in demo.output


@pytest.mark.parametrize("demo", [("--codec", "vp8", "--seconds", "0")], indirect=True)
def test_no_process_outlives_it_even_when_it_is_killed(demo: Demo) -> None:
    demo.wait_for("first picture")
    demo.kill()
    demo.assert_no_process_is_left()
