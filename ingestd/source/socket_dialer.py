"""Dials the encoder of one stream, again whenever the connection fails or ends."""

import asyncio
import contextlib
import socket
from asyncio.staggered import staggered_race
from functools import partial
from itertools import zip_longest
from typing import Any

import structlog

from ingestd.backoff import Backoff
from ingestd.config import Address
from ingestd.name_lookup import addresses
from ingestd.source.admission import Admission
from ingestd.source.connection import EncoderConnection
from ingestd.tasks import Tasks

logger = structlog.get_logger("ingestd.source")

# An encoder that restarts is back within seconds; one that is off is dialled six times a minute.
FIRST_RETRY_DELAY_S = 0.2
MAX_RETRY_DELAY_S = 10.0
# A host that swallows packets is given up sooner than by the system's two minutes.
DIAL_TIMEOUT_S = 5.0
# The next address of a name is tried while the one before has not answered yet.
NEXT_ADDRESS_DELAY_S = 0.25


class Dialer:
    """Keeps one connection to the encoder at ``address``.

    ``timeout_s``: a dial that takes longer has failed. ``first_retry_delay_s``: before the second try; it
    doubles with every failure, up to MAX_RETRY_DELAY_S.
    """

    def __init__(
        self,
        address: Address,
        admission: Admission,
        stream: str,
        tasks: Tasks,
        *,
        timeout_s: float = DIAL_TIMEOUT_S,
        first_retry_delay_s: float = FIRST_RETRY_DELAY_S,
    ) -> None:
        self.address = address
        self.timeout_s = timeout_s
        self._first_retry_delay_s = first_retry_delay_s
        self._admission = admission
        self._stream = stream
        self._log = logger.bind(stream=stream, address=str(address))
        self._tasks = tasks
        self._task: asyncio.Task[None] | None = None
        # A dialled source is open as soon as it dials, whether or not the encoder answers.
        self.problem: str | None = f"{address} is not dialled"

    async def start(self) -> None:
        """Start dialling. Raises AddressError where a file of `source.tls` cannot be used."""
        await self._admission.open()
        self.problem = None
        self._log.info("dialling the encoder")
        self._task = self._tasks.start(f"dial {self._stream}", self._dial())

    async def stop(self, reason: str) -> None:
        """Stop dialling, and end the connection for ``reason``."""
        self.problem = f"{self.address} is not dialled"
        if self._task is not None:
            self._task.cancel()
        # Before the task ends: a connection it has just made would be closed by asyncio, without a reason.
        self._admission.close(reason)
        if self._task is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _dial(self) -> None:
        backoff = Backoff(self._first_retry_delay_s, MAX_RETRY_DELAY_S)
        failed_before = False
        while True:
            try:
                connection = await self._connect()
            except (OSError, UnicodeError) as error:  # UnicodeError: a name that no host can have
                self._admission.connections["failed"] += 1
                if not failed_before:
                    why = getattr(error, "strerror", None) or str(error) or "no answer"
                    self._log.warning("cannot connect to the encoder; retrying", error=why)
                failed_before = True
            else:
                failed_before = False
                await connection.wait_closed()
                # One that hangs up at once is no better than one that does not answer.
                if connection.heard:
                    backoff.reset()
            await asyncio.sleep(backoff.next_s())

    async def _connect(self) -> EncoderConnection:
        loop, connection = asyncio.get_running_loop(), self._admission.new_connection()
        try:
            async with asyncio.timeout(self.timeout_s):
                if self.address.scheme == "unix":
                    await loop.create_unix_connection(lambda: connection, self.address.path)
                else:
                    line = await _connected(self.address.host, self.address.port)
                    await loop.create_connection(lambda: connection, sock=line)
        except BaseException:
            connection.give_up()
            raise
        return connection


async def _connected(host: str, port: int) -> socket.socket:
    """Connect to the first address of ``host`` that answers (RFC 8305, Happy Eyeballs).

    Raises OSError where none does: of the address that was tried first.
    """
    loop = asyncio.get_running_loop()
    found = await addresses(host, port)
    families = {family: [entry for entry in found if entry[0] is family] for family, _ in found}
    # One of each family in turn: what is broken is mostly the whole of one.
    entries = [entry for turn in zip_longest(*families.values()) for entry in turn if entry is not None]

    async def connect(family: int, to: Any) -> socket.socket:
        line = socket.socket(family, socket.SOCK_STREAM)
        try:
            line.setblocking(False)
            await loop.sock_connect(line, to)
        except BaseException:
            line.close()
            raise
        return line

    attempts = [partial(connect, family, to) for family, to in entries]
    line: socket.socket | None
    line, _, errors = await staggered_race(attempts, NEXT_ADDRESS_DELAY_S)
    if line is None:
        raise next((error for error in errors if error is not None), OSError(f"{host} has no address"))
    return line
