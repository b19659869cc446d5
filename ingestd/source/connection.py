"""One connection of an encoder: bytes in, without a copy, and the few lines we say back."""

import asyncio
import fcntl
import math
import select
import socket
import struct
import termios
import time
from typing import Protocol, cast

# Most pictures in one read.
RECEIVE_BUFFER_BYTES = 64 * 1024
# So much is passed on at a time: of bytes made to be slow to read (thousands of tiny units) this takes up to
# 50 ms. Every slice costs about 10 µs.
SLICE_BYTES = 16 * 1024
# Seconds until the system is asked again how long the segments are, which costs as much as a small picture.
SEGMENT_SIZE_POLL_S = 0.5
# Whoever keeps the loop longer than this waits as long again with the rest of what has arrived, so that such
# bytes take at most half of its time.
MAX_TURN_S = 0.01
# The metric label of an end that we made because the encoder was silent.
IDLE_TIMEOUT = "idle_timeout"
# An encoder that does not read must cost nothing: beyond this, messages to it are dropped.
MAX_UNREAD_BYTES = 16 * 1024
# struct tcp_info (linux/tcp.h): tcpi_rcv_mss and tcpi_advmss.
TCP_INFO = struct.Struct("=20xI60xI")
# Networks carry at most 9000 bytes or so at once. A greater MSS is that of the machine itself, which sends
# whole writes as one segment: their ends say nothing of segments.
MAX_SEGMENT_BYTES = 9000


class Handler(Protocol):
    """Who gets what encoders send."""

    def encoder_connected(self, connection: "EncoderConnection") -> None:
        """An encoder is on the line."""
        ...

    def encoder_data(self, connection: "EncoderConnection", data: memoryview) -> None:
        """The encoder sent ``data``, which is valid during the call only."""
        ...

    def encoder_gone(self, connection: "EncoderConnection", reason: str, error: str | None) -> None:
        """The connection ended: ``reason`` in words; ``error`` is its metric label if it was a fault."""
        ...


class EncoderConnection(asyncio.BufferedProtocol):
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
        self._held = False
        self.throttled = False  # nothing is read for now
        self._waiting = self._view[:0]  # in the buffer, and not passed on yet
        # Of the bytes that are being passed on:
        self.arrived = 0.0  # when they had come, by time.monotonic()
        self.segment_bytes = 0  # how many a full segment of TCP has; 0: there is no telling
        self._segments_known_until = 0.0
        self.heard = False  # at least one byte has come
        self.cut = False  # ended by us while the encoder may have been sending
        self.host = ""
        self.peer = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        # uvloop's transports do not inherit from asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self.host, self.peer = peer_of(transport)
        self._last_data = self._loop.time()
        self._handler.encoder_connected(self)
        self._watch_idle()

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002 - the buffer has one size
        """Where the next bytes go."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """``nbytes`` have arrived."""
        self.heard = True
        self._last_data = self._loop.time()
        self.arrived = time.monotonic()
        if self.arrived >= self._segments_known_until and self._transport is not None:
            self.segment_bytes = segment_bytes_of(self._transport)
            self._segments_known_until = self.arrived + SEGMENT_SIZE_POLL_S
        self._waiting = self._view[:nbytes]
        if self._held:
            self._pause_reading()
        else:
            self._pass_on()

    def eof_received(self) -> bool:
        """The encoder has said all it had to say."""
        # At once, not when the transport has sent what it holds: an encoder may never read it.
        self._end("the encoder closed the connection", None)
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """The socket is closed."""
        if self._closed.done():
            return  # given up before
        if self._idle is not None:
            self._idle.cancel()
        self._pass_on(math.inf)
        fault = (f"the connection broke: {error}", "connection_lost") if error else ("closed", None)
        self._handler.encoder_gone(self, *(self._reason or fault))
        self._closed.set_result(None)

    def hold(self) -> None:
        """Pass nothing on until ``release``; what arrives meanwhile waits here and in the kernel."""
        # Reading goes on up to the first bytes: uvloop would not be kept from it in connection_made, and so
        # we hear of one that leaves without having sent any.
        self._held = True

    def release(self) -> None:
        """Go on as if the encoder had connected only now."""
        self._held = False
        self._last_data = self._loop.time()
        self._watch_idle()
        if self._waiting:
            self._go_on()

    def throttle(self, full: bool) -> None:
        """Read nothing while ``full``: the encoder has to wait, as TCP takes no more of it."""
        if full == self.throttled:
            return
        self.throttled = full
        if full:
            self._pause_reading()
        else:
            self._resume_reading()

    def close(self, reason: str, error: str | None = None) -> None:
        """End the connection now; what has not been read is lost."""
        self.cut = True
        self._waiting = self._view[:0]
        self._end(reason, error)

    def give_up(self) -> None:
        """Have done with a dial that has failed, perhaps in the moment in which it succeeded."""
        self.close("given up as it was made")
        # uvloop drops the connection without a word.
        if self._transport is not None:
            self.connection_lost(None)

    def unread(self) -> bool:
        """Whether bytes have arrived that have not been passed on yet."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        if self._waiting:
            return True
        line = transport.get_extra_info("socket")
        pending = fcntl.ioctl(line.fileno(), termios.FIONREAD, b"\0\0\0\0")
        return any(pending)

    def finished(self) -> bool:
        """Whether the encoder will send no more; what it has sent may not have been passed on yet."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return True
        end = select.poll()
        end.register(transport.get_extra_info("socket"), select.POLLRDHUP)
        return bool(end.poll(0))

    async def wait_closed(self) -> None:
        """Return when ``encoder_gone`` has been called."""
        await asyncio.shield(self._closed)

    def send(self, line: bytes) -> bool:
        """Say ``line`` to the encoder; False if it does not listen."""
        transport = self._transport
        # A write that fails closes the transport, and what a finished encoder has sent would never be read.
        if transport is None or self.finished():
            return False
        if transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
            return False
        transport.write(line)
        return True

    @property
    def _loop(self) -> asyncio.AbstractEventLoop:
        return self._closed.get_loop()

    def _pass_on(self, turn: float = MAX_TURN_S) -> bool:
        """Pass on what waits, as far as one ``turn`` (seconds) goes; return whether that is all."""
        began = time.monotonic()
        while self._waiting:
            data, self._waiting = self._waiting[:SLICE_BYTES], self._waiting[SLICE_BYTES:]
            self._handler.encoder_data(self, data)
            took = time.monotonic() - began
            if took > turn:
                self._pause_reading()
                self._loop.call_later(took, self._go_on)
                return False
        return True

    def _go_on(self) -> None:
        """Pass on what waits, then read more."""
        if self._pass_on():
            self._resume_reading()

    def _end(self, reason: str, error: str | None) -> None:
        self._reason = self._reason or (reason, error)
        if self._transport is not None:
            self._transport.abort()

    def _pause_reading(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        # What waits lies in the buffer, which reading would fill anew.
        if self._transport is not None and not self.throttled and not self._waiting:
            self._transport.resume_reading()

    def _watch_idle(self) -> None:
        if self._idle_timeout is None or self._held:
            return
        if self.unread():
            # It has sent something, and we were too busy to read it.
            self._last_data = self._loop.time()
        left = self._last_data + self._idle_timeout - self._loop.time()
        if left > 0:
            self._idle = self._loop.call_later(left, self._watch_idle)
        else:
            self._end(f"the encoder sent nothing for {self._idle_timeout:g} s (idle_timeout)", IDLE_TIMEOUT)


def peer_of(transport: asyncio.BaseTransport) -> tuple[str, str]:
    """The other end's host, and its address as users write it.

    "unix" for a local socket, which has none; "" for a peer that was gone before it could be asked for.
    """
    address = transport.get_extra_info("peername")
    if address is None:
        return "", ""
    if not isinstance(address, tuple):
        return "", "unix"
    host, port = address[:2]
    return host, f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def segment_bytes_of(transport: asyncio.BaseTransport) -> int:
    """How many bytes the full segments have that arrive; 0 where there is no telling."""
    line = transport.get_extra_info("socket")
    # TLS holds back what has come of a record, and a unix socket has no segments.
    if line.family == socket.AF_UNIX or transport.get_extra_info("sslcontext") is not None:
        return 0
    received, announced = TCP_INFO.unpack(line.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO.size))
    return received if announced <= MAX_SEGMENT_BYTES else 0
