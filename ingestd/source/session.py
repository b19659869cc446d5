"""One connection of an encoder: bytes in, without a copy, and the few lines we say back."""

import asyncio
import fcntl
import termios
import time
from typing import Protocol, cast

# Most pictures in one call, and no more than can be taken in before the other streams want their turn.
RECEIVE_BUFFER_BYTES = 64 * 1024
# Whoever keeps the loop longer than this with one read waits as long again, so that bytes made to be slow to
# read (thousands of tiny units) take at most half of its time.
LONGEST_TURN = 0.01
# An encoder that does not read must cost nothing: beyond this, messages to it are dropped.
MAX_UNREAD_BYTES = 16 * 1024


class Handler(Protocol):
    """Who gets what encoders send."""

    def encoder_connected(self, session: "Session") -> None:
        """An encoder is on the line."""
        ...

    def encoder_data(self, session: "Session", data: memoryview) -> None:
        """The encoder sent ``data``, which is valid during the call only."""
        ...

    def encoder_gone(self, session: "Session", reason: str, error: str | None) -> None:
        """The connection ended: ``reason`` in words; ``error`` is its metric label if it was a fault."""
        ...


class Session(asyncio.BufferedProtocol):
    """A connection, from the accepted socket to exactly one call of ``encoder_gone``."""

    def __init__(self, handler: Handler, idle_timeout: float | None) -> None:
        self._handler = handler
        self._idle_timeout = idle_timeout
        self._buffer = bytearray(RECEIVE_BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self._transport: asyncio.Transport | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._last_data = 0.0
        self._reason: tuple[str, str | None] | None = None
        self._closed = asyncio.get_running_loop().create_future()
        self.heard = False  # at least one byte has come
        self.host = ""
        self.peer = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        # uvloop's transports do not inherit from asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self.host, self.peer = peer_of(transport)
        self._last_data = self._loop.time()
        self._watch_idle()
        self._handler.encoder_connected(self)

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002 - the buffer has one size
        """Where the next bytes go."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """``nbytes`` have arrived."""
        self.heard = True
        self._last_data = self._loop.time()
        began = time.monotonic()
        self._handler.encoder_data(self, self._view[:nbytes])
        took = time.monotonic() - began
        if took > LONGEST_TURN:
            self._give_way(took)

    def eof_received(self) -> bool:
        """The encoder has said all it had to say."""
        self._reason = self._reason or ("the encoder closed the connection", None)
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """The socket is closed."""
        if self._idle is not None:
            self._idle.cancel()
        fault = (f"the connection broke: {error}", "connection_lost") if error else ("closed", None)
        self._handler.encoder_gone(self, *(self._reason or fault))
        self._closed.set_result(None)

    def close(self, reason: str, error: str | None = None) -> None:
        """End the connection now; what has not been read is lost."""
        self._reason = self._reason or (reason, error)
        if self._transport is not None:
            self._transport.abort()

    def unread(self) -> bool:
        """Whether bytes have arrived that have not been passed on yet."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        socket = transport.get_extra_info("socket")
        pending = fcntl.ioctl(socket.fileno(), termios.FIONREAD, b"\0\0\0\0")
        return any(pending)

    async def wait_closed(self) -> None:
        """Return when ``encoder_gone`` has been called."""
        await asyncio.shield(self._closed)

    def send(self, line: bytes) -> bool:
        """Say ``line`` to the encoder; False if it does not read what we say."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        if transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
            return False
        transport.write(line)
        return True

    @property
    def _loop(self) -> asyncio.AbstractEventLoop:
        return self._closed.get_loop()

    def _give_way(self, seconds: float) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.pause_reading()
        self._loop.call_later(seconds, self._go_on)

    def _go_on(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def _watch_idle(self) -> None:
        if self._idle_timeout is None:
            return
        left = self._last_data + self._idle_timeout - self._loop.time()
        if left > 0:
            self._idle = self._loop.call_later(left, self._watch_idle)
        else:
            self.close(
                f"the encoder sent nothing for {self._idle_timeout:g} s (idle_timeout)", "idle_timeout"
            )


def peer_of(transport: asyncio.BaseTransport) -> tuple[str, str]:
    """The other end's host, and its address as users write it; "unix" for a local socket, which has none."""
    address = transport.get_extra_info("peername")
    if not isinstance(address, tuple):
        return "", "unix"
    host, port = address[:2]
    return host, f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
