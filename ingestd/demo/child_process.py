"""Child processes of the demo: their lines are read and logged, and they die with the demo."""

import asyncio
import contextlib
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ingestd.devserver.process import dying_with_us
from ingestd.errors import IngestdError
from ingestd.tasks import Tasks

STOP_TIMEOUT_S = 8.0  # ingestd promises to leave within 5
_TAIL_LINES = 15
_MAX_LINE_BYTES = 1024 * 1024  # asyncio's own limit of 64 KiB may be less than a traceback in JSON


class ChildError(IngestdError):
    """A process that should go on has ended."""


class ChildProcess:
    """One process. ``on_line`` hears each line it writes; those of standard error also go to ``log``."""

    def __init__(
        self,
        name: str,
        log: Path,
        tasks: Tasks,
        on_line: Callable[[str], None],
        *,
        stop_timeout_s: float = STOP_TIMEOUT_S,
    ) -> None:
        self.name = name
        self.log = log
        self._tasks = tasks
        self._on_line = on_line
        self._stop_timeout_s = stop_timeout_s
        self._process: Process | None = None
        self._ended = asyncio.Event()
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)

    async def start(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start it in a new session: the terminal's Ctrl-C does not reach it."""
        self._process = await asyncio.create_subprocess_exec(
            *dying_with_us(command),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            env=environment,
            limit=_MAX_LINE_BYTES,
            start_new_session=True,
        )
        self._tasks.start(f"read {self.name}", self._read(self._process))

    async def stop(self) -> None:
        """End it: SIGTERM, after ``stop_timeout_s`` SIGKILL. Returns when all its output has been read."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(self._stop_timeout_s):
                await self._ended.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._ended.wait()

    async def failure(self) -> ChildError:
        """Wait until it ends by itself; return the error that says so."""
        await self._ended.wait()
        assert self._process is not None
        return ChildError(f"{self.name} left with status {self._process.returncode}")

    @property
    def tail(self) -> str:
        """The last lines of its log."""
        return "\n".join(self._tail)

    async def _read(self, process: Process) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        with self.log.open("a") as log:

            def keep(line: str) -> None:
                self._tail.append(line)
                log.write(line + "\n")
                log.flush()
                self._on_line(line)

            await asyncio.gather(_each_line(process.stdout, self._on_line), _each_line(process.stderr, keep))
        await process.wait()
        self._ended.set()


async def _each_line(stream: asyncio.StreamReader, use: Callable[[str], None]) -> None:
    while True:
        try:
            line = await stream.readline()
        except ValueError:  # longer than _MAX_LINE_BYTES
            continue
        if not line:
            return
        use(line.decode(errors="replace").rstrip("\n"))
