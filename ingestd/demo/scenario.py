"""The demo's course: starts server, ingestd, viewer and encoder, shows figures, stops all, sums up."""

import asyncio
import atexit
import contextlib
import json
import logging
import math
import os
import sys
import tempfile
import time
from pathlib import Path

from ingestd.demo import h265_decoder
from ingestd.demo.child_process import ChildProcess
from ingestd.demo.encoder import BITRATE_BPS, ENCODERS, GOP_PICTURES
from ingestd.demo.frame_stats import FrameStats
from ingestd.demo.numbered_picture import FPS, HEIGHT, WIDTH
from ingestd.demo.screen import Screen
from ingestd.demo.signals import SignalHandling
from ingestd.demo.viewer import Viewer
from ingestd.devserver.livekit_binary import find_or_build_server
from ingestd.devserver.livekit_server import LiveKitServer
from ingestd.errors import ConfigError, IngestdError
from ingestd.tasks import Tasks

DEMO_ROOM = "demo"
READY_TIMEOUT_S = 30.0  # ingestd takes one; a busy machine may need a while
FIRST_PICTURE_TIMEOUT_S = 45.0  # one or two, unless the machine is very busy
NEXT_PICTURE_TIMEOUT_S = 10.0  # five keyframes: nothing that mends itself takes as long
REFRESH_INTERVAL_S = 0.5

# The viewer shows each picture as soon as it is decoded: WebRTC's wait against jitter is not measured.
SHOW_AT_ONCE = {"room": {"playout_delay": {"enabled": True, "min": 0, "max": 1}}}

CONFIG = """\
livekit:
  url: {url}
  api_key: "{key}"
  api_secret: "{secret}"
http:
  listen: 127.0.0.1:0               # status page and metrics; 0: any free port
  preview: true                     # and the picture, in a browser
log:
  format: json
streams:
  - name: test-picture
    room: {room}
    source:
      listen: tcp://127.0.0.1:0     # the encoder connects here
"""


def run_scenario(codec: str, seconds: float, interrupt: SignalHandling) -> int:
    """Run the demo; return its exit code."""
    if not (math.isfinite(seconds) and seconds >= 0):
        raise ConfigError(f"--seconds {seconds:g}: expected a number of seconds, or 0 for until Ctrl-C")
    if codec == "h265":
        h265_decoder.install()  # before the viewer's SDK looks for its decoders
    try:
        code = Scenario(codec, seconds, Screen(), interrupt).run()
    except BrokenPipeError:  # the reader of our output has left
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - or Python fails to flush it at exit
        code = 1
    # The SDK's threads call into Python as long as they live; one that does so while the interpreter goes
    # away is unwound through Rust, which aborts the process.
    atexit.register(_leave_at_once, code)
    return code


def _leave_at_once(code: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


class Scenario:
    """One run of the demo."""

    def __init__(self, codec: str, seconds: float, screen: Screen, interrupt: SignalHandling) -> None:
        self._codec = codec
        self._seconds = seconds
        self._screen = screen
        self._interrupt = interrupt
        self._stats = FrameStats()
        self._error: BaseException | None = None
        self._daemon_log = ""
        self._run: asyncio.Task[None] | None = None
        self._leaving = False

    def run(self) -> int:
        """Start everything, watch, stop everything, sum up; return the exit code."""
        title = ENCODERS[self._codec].title
        self._screen.say(f"A live {title} encoder → ingestd → LiveKit → a viewer, all on this machine.")
        # A signal ends the `with` blocks below, and each of them cleans up.
        with contextlib.suppress(KeyboardInterrupt):
            try:
                self._set_up()
            except IngestdError as error:
                self._error = error
        return self._conclude()

    def _set_up(self) -> None:
        with self._interrupt.breaks():
            binary = find_or_build_server(self._screen.step)
        self._screen.step(f"LiveKit server: {binary}")
        with (
            tempfile.TemporaryDirectory(prefix="ingestd-demo-") as directory,
            contextlib.closing(LiveKitServer(binary, config_overrides=SHOW_AT_ONCE)) as server,
        ):
            with self._interrupt.breaks():
                server.start()
            self._screen.step(f"LiveKit server: running at {server.url}")
            asyncio.run(self._run_in_loop(server, Path(directory)))

    async def _run_in_loop(self, server: LiveKitServer, directory: Path) -> None:
        self._run = asyncio.current_task()
        tasks = Tasks(self._failed)
        with contextlib.suppress(asyncio.CancelledError):
            async with contextlib.AsyncExitStack() as stack:
                stack.push_async_callback(tasks.close)
                with self._interrupt.calls(self._leave):
                    try:
                        await self._start_all_and_watch(server, directory, tasks, stack)
                    finally:
                        self._leaving = True
                        self._screen.step("leaving the room and stopping everything")

    def _leave(self) -> None:
        """End the run early, once; the clean-up that follows is not interrupted."""
        if not self._leaving and self._run is not None:
            self._leaving = True
            self._run.cancel()

    def _failed(self, _task: str, error: BaseException) -> None:
        if not self._leaving:
            self._error = error
            self._leave()

    async def _start_all_and_watch(
        self, server: LiveKitServer, directory: Path, tasks: Tasks, stack: contextlib.AsyncExitStack
    ) -> None:
        tasks.start("server", _raise_when_gone(server))
        address = await self._start_daemon(server, directory, tasks, stack)
        first_picture = asyncio.Event()

        def seen(number: int, at: float) -> None:
            self._stats.seen(number, at)
            first_picture.set()

        _log_sdk_to(directory / "viewer.log")
        viewer = Viewer(tasks, seen)
        stack.push_async_callback(viewer.leave)
        await viewer.join(server.url, server.api_key, server.api_secret, DEMO_ROOM)
        tasks.start("viewer", _raise(viewer))
        self._screen.step(f'viewer: in the room "{DEMO_ROOM}", waiting for a picture')

        encoder = ChildProcess("the encoder", directory / "encoder.log", tasks, self._encoder_said)
        stack.push_async_callback(encoder.stop)
        port = address.rpartition(":")[2]
        command = [sys.executable, "-m", "ingestd.demo.encoder", self._codec, port]
        await encoder.start(command, _clean_environment())
        tasks.start("encoder", _raise(encoder))
        self._screen.step(
            f"encoder: {WIDTH}x{HEIGHT}, {FPS} pictures/s, {BITRATE_BPS / 1e6:g} Mbit/s, "
            f"a keyframe every {GOP_PICTURES / FPS:g} s, pushing to {address}"
        )
        try:
            async with asyncio.timeout(FIRST_PICTURE_TIMEOUT_S):
                await first_picture.wait()
        except TimeoutError:
            connected = "not connected" if self._stats.connected_at is None else "connected"
            raise IngestdError(
                f"no picture within {FIRST_PICTURE_TIMEOUT_S:g} s; the encoder has {connected} "
                f"and written {self._stats.pushed} pictures"
            ) from None
        await self._watch()

    async def _start_daemon(
        self, server: LiveKitServer, directory: Path, tasks: Tasks, stack: contextlib.AsyncExitStack
    ) -> str:
        """Start ingestd, show how it is configured and where to look; return the encoder's address."""
        key, secret = server.api_key, server.api_secret
        values = {"url": server.url, "key": key, "secret": secret, "room": DEMO_ROOM}
        config = directory / "ingestd.yaml"
        config.touch(mode=0o600)
        config.write_text(CONFIG.format(**values))
        self._screen.step(f"ingestd: its configuration, {config}")
        self._screen.detail(CONFIG.format(**values | {"secret": "********"}))

        ready = asyncio.Event()
        said: dict[str, dict[str, str]] = {}

        def hear(line: str) -> None:
            record = _parse(line)
            said[str(record.get("event"))] = record
            if record.get("event") == "ready":
                ready.set()

        daemon = ChildProcess("ingestd", directory / "ingestd.log", tasks, hear)

        async def stop() -> None:
            await daemon.stop()
            self._daemon_log = daemon.tail

        stack.push_async_callback(stop)
        command = [sys.executable, "-m", "ingestd", "run", "--config", str(config)]
        await daemon.start(command, _clean_environment())
        tasks.start("ingestd", _raise(daemon))
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                await ready.wait()
        except TimeoutError:
            raise IngestdError(f"ingestd is not ready after {READY_TIMEOUT_S:g} s") from None
        self._screen.step(f"ingestd: ready; its log: {daemon.log}")
        page = said["status page"]
        self._screen.detail(
            f"status page  {page['url']}\nmetrics      {page['metrics']}\n"
            f"preview      {page['url']}preview/test-picture"
        )
        return said["waiting for the encoder"]["address"]

    def _encoder_said(self, line: str) -> None:
        match line.split():
            case ["connected", at]:
                self._stats.connected_at = float(at)
            case [number, at, size] if number.isdecimal():
                self._stats.written(int(number), float(at), int(size))

    async def _watch(self) -> None:
        """Show the figures until the time is over."""
        first = self._stats.first_seen_at
        assert first is not None
        self._screen.step(f"first picture after {_ms(self._stats.time_to_first_picture_s)}")
        until = first + self._seconds if self._seconds else math.inf
        while (now := time.monotonic()) < until:
            await asyncio.sleep(min(REFRESH_INTERVAL_S, until - now))
            now = time.monotonic()
            if now - self._stats.last_seen_at > NEXT_PICTURE_TIMEOUT_S:
                raise IngestdError(f"no picture for {NEXT_PICTURE_TIMEOUT_S:g} s")
            live = self._stats.live(now)
            self._screen.live(
                f"{live.fps:4.1f} pictures/s   {live.bitrate_bps / 1e6:4.2f} Mbit/s   "
                f"delay {_ms(live.delay_s)}   {self._stats.lost} lost   "
                f"{_progress(now - first, self._seconds)}"
            )

    def _conclude(self) -> int:
        stats, error = self._stats, self._error
        if error is not None:
            self._screen.say(f"failed: {error or type(error).__name__}")
            if self._daemon_log:
                self._screen.say("the end of ingestd's log:")
                self._screen.detail("\n".join(_readable(line) for line in self._daemon_log.splitlines()))
        if stats.first_seen_at is None:
            why = "stopped before a picture arrived" if error is None else "no picture arrived"
            self._screen.say(f"demo: {why}, 0 frames decoded")
            return 1
        self._screen.say(
            f"demo: {stats.decoded} frames decoded in {stats.seconds:.1f} s, "
            f"first picture after {_ms(stats.time_to_first_picture_s)}, "
            f"delay p50 {_ms(stats.delay_s(50))} p99 {_ms(stats.delay_s(99))}, {stats.lost} lost"
        )
        return 0 if error is None else 1


async def _raise(of: ChildProcess | Viewer) -> None:
    raise await of.failure()


async def _raise_when_gone(server: LiveKitServer) -> None:
    loop, gone = asyncio.get_running_loop(), asyncio.Event()
    process = os.pidfd_open(server.pid)  # readable when it has ended
    loop.add_reader(process, gone.set)
    try:
        await gone.wait()
    finally:
        loop.remove_reader(process)
        os.close(process)
    raise IngestdError(f"the LiveKit server has left; its log: {_last_line(server.log_path)}")


def _clean_environment() -> dict[str, str]:
    """Return our environment without what configures ingestd or the SDK."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("INGESTD_", "LIVEKIT_"))}


def _log_sdk_to(path: Path) -> None:
    logger = logging.getLogger("livekit")
    logger.addHandler(logging.FileHandler(path))
    logger.propagate = False


def _parse(line: str) -> dict[str, str]:
    """Return a line of ingestd's log, field by field; empty if it is none."""
    try:
        record = json.loads(line)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def _readable(line: str) -> str:
    record = _parse(line)
    if "event" not in record:
        return line
    fields = {k: v for k, v in record.items() if k not in ("event", "level", "logger", "timestamp")}
    return " ".join(
        [f"{record.get('level', ''):8}", record["event"], *(f"{k}={v}" for k, v in fields.items())]
    )


def _last_line(log: Path) -> str:
    return (log.read_text(errors="replace").splitlines() or ["empty"])[-1]


def _ms(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    ms = seconds * 1000
    return f"{ms:.1f} ms" if ms < 100 else f"{ms:.0f} ms"


def _progress(elapsed_s: float, total_s: float) -> str:
    def clock(seconds: float) -> str:
        return f"{int(seconds) // 60:02}:{int(seconds) % 60:02}"

    return f"{clock(elapsed_s)} of {clock(total_s)}" if total_s else f"{clock(elapsed_s)}, Ctrl-C ends it"
