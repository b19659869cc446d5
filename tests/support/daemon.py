"""The real daemon, run as users run it (`python -m ingestd run`), seen by its log and its metrics."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, Self

import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.support.balance import assert_balanced
from tests.support.ports import free_port
from tests.support.viewer import Server, Viewer
from tests.support.wait import PATIENCE_S, wait_until

READY_SECONDS = 40.0  # under a second on an idle machine
STOP_SECONDS = 5.0  # promised in the contract
HTTP_SECONDS = 10.0
ROOT = Path(__file__).parents[2]

# What no log may hold: a token (two base64url parts that begin with a brace).
JWT = re.compile(r"eyJ[\w-]{4,}\.")
# What no log of a healthy daemon holds.
CRASHES = (
    "Traceback (most recent call last)",
    "panicked",
    "FFI Panic",
    "was never awaited",
    "was destroyed but",
)

# What a machine that is busy for a moment costs by itself; the metric of it is `ingestd_frames_lost_total`.
LOST = "pictures lost in WebRTC: it was too busy, or the link too slow for them"

Record = Mapping[str, Any]


class Metrics:
    """One scrape."""

    def __init__(self, text: str) -> None:
        self.families = set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))
        self.samples: list[tuple[str, dict[str, str], float]] = [
            (sample.name, dict(sample.labels), sample.value)
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        ]

    def total(self, name: str, **labels: str) -> float:
        """The sum over all samples of that name with at least those labels; 0 without any."""
        return sum(
            value for sample, has, value in self.samples if sample == name and labels.items() <= has.items()
        )

    def by(self, name: str, label: str, **labels: str) -> dict[str, float]:
        """The samples of that name by one of their labels."""
        return {
            has[label]: value
            for sample, has, value in self.samples
            if sample == name and labels.items() <= has.items()
        }

    def streams(self) -> set[str]:
        """The streams spoken of."""
        return {labels["stream"] for _, labels, _ in self.samples if "stream" in labels}


def assert_books_balance(metrics: Metrics) -> None:
    """Each access unit received was submitted, dropped with a reason, or is held: no third way."""
    assert metrics.streams(), "no stream in the metrics"
    for stream in metrics.streams():
        received = metrics.total("ingestd_frames_received_total", stream=stream)
        submitted = metrics.total("ingestd_frames_submitted_total", stream=stream)
        dropped = metrics.by("ingestd_frames_dropped_total", "reason", stream=stream)
        held = metrics.total("ingestd_frames_held", stream=stream)
        assert_balanced(received, submitted, dropped, held, stream)


def stream(name: str, room: str, **keys: Any) -> dict[str, Any]:
    """The configuration of one stream that listens on a free TCP port; `keys` are added to it."""
    return {"name": name, "room": room, "source": {"listen": f"tcp://127.0.0.1:{free_port()}"}, **keys}


class Daemon:
    """A running daemon. Leaving it stops it, and checks that it stops as promised and logged no secret."""

    def __init__(
        self, server: Server, directory: Path, *streams: dict[str, Any], level: str = "info", **config: Any
    ) -> None:
        self.http_port = free_port()
        self.config: dict[str, Any] = {
            "livekit": {"url": server.url, "api_key": server.api_key, "api_secret": server.api_secret},
            "http": {"listen": f"127.0.0.1:{self.http_port}"},
            "log": {"level": level, "format": "json"},
            "streams": list(streams),
            **config,
        }
        self.config_path = directory / f"ingestd-{self.http_port}.yaml"
        self._secret = server.api_secret
        self._lines: list[str] = []
        self._changed = threading.Condition()

    def __enter__(self) -> Self:
        """Start it; every source is open when this returns."""
        self._write_config()
        self._process = subprocess.Popen(
            [sys.executable, *self.program, "run", "--config", str(self.config_path)],
            cwd=ROOT,
            env=clean_environment(**self.environment),
            pass_fds=self.descriptors,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        assert self._process.stdout is not None
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._reader.start()
        try:
            self.wait_for_record(is_ready, timeout=READY_SECONDS, what="say that it is ready")
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Stop it; when the test has already failed, add what it logged."""
        if kind is None:
            if self._process.poll() is None:
                self.stop()
            return
        # Whether the daemon dropped a picture or WebRTC lost it is told by nothing else.
        with contextlib.suppress(OSError):
            status, text = self.get("/metrics")
            lines = [line for line in text.splitlines() if line.startswith("ingestd_frames_")]
            sys.stderr.write("\n".join([f"--- the daemon's metrics ({status}) ---", *lines, ""]))
        self._process.kill()
        self._process.wait()
        self._reader.join()
        sys.stderr.write(f"--- the daemon's log ---\n{self.tail()}")

    @property
    def program(self) -> tuple[str, ...]:
        """What Python is to run; benchmarks change it."""
        return ("-m", "ingestd")

    @property
    def environment(self) -> dict[str, str]:
        """What it is to find in its environment; tests of the service manager change it."""
        return {}

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What it inherits beside standard input, output and error."""
        return ()

    def port(self, name: str | None = None) -> int:
        """The port a stream listens on; of the only stream when no name is given."""
        listen = next(s["source"]["listen"] for s in self.config["streams"] if name in (None, s["name"]))
        return int(listen.rpartition(":")[2])

    def reconfigure(self, **config: Any) -> None:
        """Change the configuration file and have it read again."""
        self.config |= config
        self._write_config()
        self._process.send_signal(signal.SIGHUP)
        for entry in self.config["streams"]:
            if entry["source"].get("listen", "").startswith("tcp:"):
                _wait_for_port(self.port(entry["name"]))

    def stop(self, signal_number: int = signal.SIGTERM) -> float:
        """Stop it as service managers do; returns how many seconds it took."""
        started = time.monotonic()
        self._process.send_signal(signal_number)
        try:
            status = self._process.wait(STOP_SECONDS + 10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise AssertionError(f"the daemon does not stop. Its log:\n{self.tail()}") from None
        took = time.monotonic() - started
        self._reader.join()
        assert status == 0, f"the daemon left with {status}. Its log:\n{self.tail()}"
        assert took < STOP_SECONDS, f"the daemon took {took:.1f} s to stop. Its log:\n{self.tail()}"
        self.assert_clean_log()
        return took

    def assert_clean_log(self) -> None:
        """No traceback, no panic, no secret."""
        log = self.log
        for crash in CRASHES:
            assert crash not in log, f"{crash!r} in the daemon's log:\n{self.tail()}"
        assert self._secret not in log, "the API secret is in the daemon's log"
        assert not JWT.search(log), "a token is in the daemon's log"

    @property
    def log(self) -> str:
        """All it has written, standard output and standard error."""
        with self._changed:
            return "".join(self._lines)

    def tail(self, lines: int = 60) -> str:
        """The end of its log."""
        with self._changed:
            return "".join(self._lines[-lines:])

    @property
    def records(self) -> list[Record]:
        """Its log lines; one that is not JSON becomes a record with nothing but `event`."""
        with self._changed:
            return [_parse(line) for line in self._lines]

    def problems(self, stream_name: str | None = None) -> list[Record]:
        """Its warnings and errors; those which name the stream when one is given.

        Not that WebRTC lost a picture, which a machine that is busy for a moment has it do. The daemon mends
        it, and a test that compares the pictures sees whether it did.
        """
        return [
            record
            for record in self.records
            if record.get("level") in ("warning", "error", "critical")
            and record.get("event") != LOST
            and (stream_name is None or record.get("stream") == stream_name)
        ]

    def unseen(self, viewer: Viewer, **labels: str) -> Callable[[], int]:
        """For `assert_pictures_match`: how many pictures a busy machine cost ``viewer``, when it is called.

        Those that WebRTC lost on this side, where a keyframe came before they could be handed over again, and
        those that it received on the other and did not decode. Where a test is about such losses, and has a
        quiet machine, it excuses the latter alone (`Viewer.left_out`).
        """
        return lambda: viewer.left_out() + int(self.metrics().total("ingestd_frames_lost_total", **labels))

    def wait_for_record(self, wanted: Callable[[Record], bool], *, timeout: float, what: str) -> Record:
        """Wait for a log line."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                if found := next((record for record in self.records if wanted(record)), None):
                    return found
                remaining = deadline - time.monotonic()
                left = not self._reader.is_alive()
                assert not left, f"the daemon left with {self._process.wait()}. Its log:\n{self.tail()}"
                assert remaining > 0, f"the daemon did not {what} in {timeout:.0f} s. Its log:\n{self.tail()}"
                self._changed.wait(min(remaining, 0.5))

    def wait_for_problem(self, *words: str, timeout: float = PATIENCE_S) -> Record:
        """Wait for a warning or error that holds all of these words, whatever their case."""

        def wanted(record: Record) -> bool:
            text = json.dumps(record, ensure_ascii=False).lower()
            return record.get("level") in ("warning", "error") and all(word.lower() in text for word in words)

        return self.wait_for_record(wanted, timeout=timeout, what=f"warn with {words}")

    def get(self, path: str) -> tuple[int, str]:
        """Ask its HTTP server: status and body."""
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.http_port}{path}", timeout=HTTP_SECONDS
            ) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metrics(self) -> Metrics:
        """Scrape it; the books balance at every scrape."""
        status, text = self.get("/metrics")
        assert status == 200, text
        metrics = Metrics(text)
        assert_books_balance(metrics)
        return metrics

    def wait_for_metrics(
        self, condition: Callable[[Metrics], bool], *, timeout: float = PATIENCE_S, what: str
    ) -> Metrics:
        """Scrape until the condition holds."""
        deadline = time.monotonic() + timeout
        while not condition(metrics := self.metrics()):
            assert time.monotonic() < deadline, (
                f"metrics did not show {what} in {timeout:.0f} s: "
                f"{[sample for sample in metrics.samples if sample[0].startswith('ingestd_')]}\n{self.tail()}"
            )
            time.sleep(0.05)
        return metrics

    def wait_for_status(self, path: str, status: int, *, timeout: float) -> str:
        """Ask its HTTP server until it answers with that status; returns the body."""
        deadline = time.monotonic() + timeout
        while (answer := self.get(path))[0] != status:
            assert time.monotonic() < deadline, f"{path} still says {answer}\n{self.tail()}"
            time.sleep(0.05)
        return answer[1]

    @property
    def pid(self) -> int:
        """The process, to be signalled or measured."""
        return self._process.pid

    def peak_memory(self) -> int:
        """The most bytes of memory it has held at any time."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        match = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
        assert match is not None
        return int(match[1]) * 1024

    def _write_config(self) -> None:
        self.config_path.write_text(yaml.safe_dump(self.config))

    def _read(self, output: IO[str]) -> None:
        for line in output:
            with self._changed:
                self._lines.append(line)
                self._changed.notify_all()


def _wait_for_port(port: int) -> None:
    """Wait until somebody listens there, without connecting: the daemon would take us for an encoder."""
    listening = f"0100007F:{port:04X} 00000000:0000 0A"  # 127.0.0.1, any peer, LISTEN
    sockets = Path("/proc/net/tcp")
    wait_until(lambda: listening in sockets.read_text(), f"listen on port {port}", READY_SECONDS)


def is_ready(record: Record) -> bool:
    """Whether this is the line by which the daemon says that every source is open."""
    return str(record.get("event", "")).startswith("ready")


def clean_environment(**more: str) -> dict[str, str]:
    """The environment without anything that configures ingestd or the LiveKit SDKs."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("INGESTD_", "LIVEKIT_", "PYTEST_"))
    }
    return {**kept, **more}


def run_command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `ingestd` with these arguments until it ends."""
    return subprocess.run(
        [sys.executable, "-m", "ingestd", *arguments],
        cwd=ROOT,
        env=clean_environment(**environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _parse(line: str) -> Record:
    try:
        record = json.loads(line)
    except ValueError:
        return {"event": line.rstrip()}
    return record if isinstance(record, dict) else {"event": line.rstrip()}
