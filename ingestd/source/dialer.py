"""Dials the encoder, and keeps dialling."""

import asyncio
import contextlib

import structlog

from ingestd.backoff import Backoff
from ingestd.config import Address
from ingestd.source.guard import Guard
from ingestd.source.session import Session
from ingestd.tasks import Tasks

logger = structlog.get_logger("ingestd.source")

# An encoder that restarts is back within seconds; one that is off is asked six times a minute.
FIRST_DELAY = 0.2
LONGEST_DELAY = 10.0
# A host that swallows packets is given up sooner than by the system's two minutes.
DIAL_TIMEOUT = 5.0


class Dialer:
    """Holds one connection to the encoder of one stream, for ever."""

    def __init__(self, address: Address, guard: Guard, stream: str, tasks: Tasks) -> None:
        self.address = address
        self._guard = guard
        self._stream = stream
        self._log = logger.bind(stream=stream, address=str(address))
        self._tasks = tasks
        self._task: asyncio.Task[None] | None = None
        # A dialled source is open as soon as it dials: whether the encoder answers is its business.
        self.problem: str | None = f"{address} is not dialled"

    async def start(self) -> None:
        """Begin to dial."""
        self.problem = None
        self._log.info("dialling the encoder")
        self._task = self._tasks.start(f"dial {self._stream}", self._dial())

    async def stop(self, reason: str) -> None:
        """Hang up for ``reason``."""
        self.problem = f"{self.address} is not dialled"
        if self._task is not None:
            self._task.cancel()
        # Before the task ends: a connection it has just made would be closed by asyncio, without a reason.
        self._guard.close(reason)
        if self._task is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _dial(self) -> None:
        backoff = Backoff(FIRST_DELAY, LONGEST_DELAY)
        failed_before = False
        while True:
            try:
                session = await self._connect()
            except (OSError, UnicodeError) as error:  # UnicodeError: of a name no host can have
                self._guard.connections["failed"] += 1
                if not failed_before:
                    why = getattr(error, "strerror", None) or str(error) or "no answer"
                    self._log.warning("the encoder cannot be reached; dialling on", error=why)
                failed_before = True
            else:
                failed_before = False
                await session.wait_closed()
                # One that hangs up at once is no better than one that does not answer.
                if session.heard:
                    backoff.reset()
            await asyncio.sleep(backoff.next())

    async def _connect(self) -> Session:
        loop, session = asyncio.get_running_loop(), self._guard.new_session()
        try:
            async with asyncio.timeout(DIAL_TIMEOUT):
                if self.address.scheme == "unix":
                    await loop.create_unix_connection(lambda: session, self.address.path)
                else:
                    await loop.create_connection(lambda: session, self.address.host, self.address.port)
        except BaseException:
            session.give_up()
            raise
        return session
