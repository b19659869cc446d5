"""One TCP or unix connection of an encoder: bytes in without a copy, lines of feedback out."""

import asyncio
import enum
import math
import time
from typing import Protocol, cast

from ingestd.source import socket_state

# Most pictures in one read.
RECEIVE_BUFFER_BYTES = 64 * 1024
# What is passed on at a time: bytes made to be slow to read (thousands of tiny NAL units) take up to 50 ms
# for this many. Every slice costs about 10 µs.
SLICE_BYTES = 16 * 1024
# Asking the system for the size of segments costs as much as a small picture.
SEGMENT_SIZE_POLL_S = 0.5
# A connection that used the loop for longer than this yields for as long: at most half of the loop is its.
MAX_READ_TURN_S = 0.01
# The metric label of a connection that we ended because the encoder was silent.
IDLE_TIMEOUT = "idle_timeout"
# An encoder that does not read must cost nothing: with more than this unsent, messages to it are dropped.
MAX_UNSENT_BYTES = 16 * 1024


class Handler(Protocol):
    """Who is told of encoders and gets what they send."""

    def encoder_connected(self, connection: "EncoderConnection") -> None:
        """An encoder was admitted."""
        ...

    def encoder_data(self, connection: "EncoderConnection", data: memoryview) -> None:
        """The encoder sent ``data``, which is valid during the call only."""
        ...

    def encoder_gone(self, connection: "EncoderConnection", reason: str, error: str | None) -> None:
        """The connection ended: ``reason`` in words; ``error`` is its metric label if it was a fault."""
        ...


class Gatekeeper(Protocol):
    """Who decides on each new connection: admits it, lets it wait, or closes it."""

    def connection_made(self, connection: "EncoderConnection") -> None:
        """A socket is open; nothing is passed on before `EncoderConnection.admit`."""
        ...

    def connection_lost(self, connection: "EncoderConnection", reason: str, error: str | None) -> None:
        """The socket is closed: ``reason`` in words; ``error`` is its metric label if it was a fault."""
        ...


class Pause(enum.Enum):
    """Why a connection is not read for now."""

    NOT_ADMITTED = enum.auto()  # its first bytes wait for `admit`
    TURN = enum.auto()  # it used the loop for long, and yields
    FULL = enum.auto()  # what was read is far ahead of real time
    HELD = enum.auto()  # its handler has not done with what was passed on


class EncoderConnection(asyncio.BufferedProtocol):
    """A connection, from the accepted socket to exactly one call of ``connection_lost`` at the gatekeeper."""

    def __init__(self, gatekeeper: Gatekeeper, idle_timeout_s: float | None) -> None:
        self._gatekeeper = gatekeeper
        self._idle_timeout_s = idle_timeout_s
        self._handler: Handler | None = None  # once admitted
        self._transport: asyncio.Transport | None = None
        self._buffer = memoryview(bytearray(RECEIVE_BUFFER_BYTES))
        self._unread = self._buffer[:0]  # what is in the buffer and was not passed on yet
        self._pauses: set[Pause] = set()  # read while this is empty
        self._idle_timer: asyncio.TimerHandle | None = None
        self._last_data_at = 0.0  # by the loop's clock
        self._lost: tuple[str, str | None] | None = (
            None  # the socket is closed: why, unless `_end_reason` says
        )
        self._end_reason: tuple[str, str | None] | None = None
        self._closed = asyncio.get_running_loop().create_future()
        # Of the bytes that are being passed on:
        self.arrived_at = 0.0  # when they came, by time.monotonic()
        self.segment_bytes = 0  # of a full segment of TCP; 0: unknown
        self._segment_bytes_until = 0.0
        self.heard = False  # at least one byte has come
        self.cut = False  # ended by us while the encoder may have been sending
        self.host = ""
        self.peer = ""  # host and port; "unix" for a local socket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        # uvloop's transports do not inherit from asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self.host, self.peer = socket_state.peer_of(transport)
        self._gatekeeper.connection_made(self)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the buffer has one size
        """Where the next bytes go."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """``nbytes`` have arrived."""
        self.heard = True
        self._last_data_at = self._loop.time()
        self.arrived_at = time.monotonic()
        if self.arrived_at >= self._segment_bytes_until and self._transport is not None:
            self.segment_bytes = socket_state.segment_bytes(self._transport)
            self._segment_bytes_until = self.arrived_at + SEGMENT_SIZE_POLL_S
        self._unread = self._buffer[:nbytes]
        if self._handler is None:
            # Not before: uvloop goes on reading after a pause in connection_made. And so we learn of an
            # encoder that leaves without having sent a byte.
            self._pause(Pause.NOT_ADMITTED)
        else:
            self._pass_on()

    def eof_received(self) -> bool:
        """The encoder has closed its half: it will send no more."""
        # At once, not when the transport has sent what it holds: an encoder may never read it.
        self._end("the encoder closed the connection", None)
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """The socket is closed."""
        if self._closed.done():
            return  # given up before
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        self._lost = (f"the connection broke: {error}", "connection_lost") if error else ("closed", None)
        self._pass_on(math.inf)
        self._finish()

    def admit(self, handler: Handler) -> None:
        """Pass on to ``handler`` what has come and what will; the time until it counts as idle begins."""
        self._handler = handler
        self._last_data_at = self._loop.time()
        self._watch_idle()
        if Pause.NOT_ADMITTED in self._pauses:
            self._go_on_after(Pause.NOT_ADMITTED)

    @property
    def throttled(self) -> bool:
        """Whether nothing is read because of `throttle`."""
        return Pause.FULL in self._pauses

    def throttle(self, full: bool) -> None:
        """Read nothing while ``full``: the encoder has to wait, as TCP takes no more from it."""
        if full:
            self._pause(Pause.FULL)
        elif self.throttled:
            self._pauses.discard(Pause.FULL)
            self._read_unless_paused()

    def hold(self, held: bool) -> None:
        """Pass nothing on while ``held``: the handler has not done with what it was given."""
        if held:
            self._pause(Pause.HELD)
        elif Pause.HELD in self._pauses:
            self._go_on_after(Pause.HELD)

    def close(self, reason: str, error: str | None = None) -> None:
        """End the connection now; what was not passed on is lost."""
        self.cut = True
        self._unread = self._buffer[:0]
        self._pauses.discard(Pause.HELD)
        self._end(reason, error)
        self._finish()

    def give_up(self) -> None:
        """Drop a dial that failed, perhaps in the moment in which it succeeded."""
        self.close("given up as it was made")
        # uvloop drops the connection without a word.
        if self._transport is not None:
            self.connection_lost(None)

    def unread(self) -> bool:
        """Whether bytes have arrived that were not passed on yet."""
        transport = self._transport
        if self._unread or transport is None or transport.is_closing():
            return bool(self._unread)
        return socket_state.has_unread_bytes(transport)

    def finished(self) -> bool:
        """Whether the encoder will send no more; what it has sent may not have been passed on yet."""
        transport = self._transport
        return transport is None or transport.is_closing() or socket_state.peer_has_finished(transport)

    async def wait_closed(self) -> None:
        """Return when the gatekeeper has heard of the end."""
        await asyncio.shield(self._closed)

    @property
    def unsent_bytes(self) -> int:
        """What was sent to the encoder and waits here, as the encoder does not read."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    def send(self, line: bytes) -> bool:
        """Send ``line``; return False, and drop it, if the encoder does not read or is gone."""
        # A write that fails closes the transport, and what a finished encoder has sent would never be read.
        if self._transport is None or self.finished() or self.unsent_bytes > MAX_UNSENT_BYTES:
            return False
        self._transport.write(line)
        return True

    @property
    def _loop(self) -> asyncio.AbstractEventLoop:
        return self._closed.get_loop()

    def _pass_on(self, max_turn_s: float = MAX_READ_TURN_S) -> None:
        """Pass on what is unread; what is left after ``max_turn_s`` waits for as long as that took."""
        began_at = time.monotonic()
        while self._unread and self._handler is not None and Pause.HELD not in self._pauses:
            data, self._unread = self._unread[:SLICE_BYTES], self._unread[SLICE_BYTES:]
            self._handler.encoder_data(self, data)
            took_s = time.monotonic() - began_at
            if took_s > max_turn_s:
                self._pause(Pause.TURN)
                self._loop.call_later(took_s, self._go_on_after, Pause.TURN)
                return

    def _go_on_after(self, pause: Pause) -> None:
        """Pass on what is unread, then read more, unless that took so long that the loop is others' turn."""
        self._pauses.discard(pause)
        if Pause.TURN in self._pauses and self._lost is None:
            return
        self._pass_on(MAX_READ_TURN_S if self._lost is None else math.inf)
        self._read_unless_paused()
        self._finish()

    def _finish(self) -> None:
        """Tell of the end, if the socket is closed and all that came from it was passed on."""
        if self._lost is None or Pause.HELD in self._pauses or self._closed.done():
            return
        self._closed.set_result(None)
        self._gatekeeper.connection_lost(self, *(self._end_reason or self._lost))

    def _end(self, reason: str, error: str | None) -> None:
        self._end_reason = self._end_reason or (reason, error)
        if self._transport is not None:
            self._transport.abort()

    def _pause(self, pause: Pause) -> None:
        self._pauses.add(pause)
        if self._transport is not None and self._lost is None:
            self._transport.pause_reading()

    def _read_unless_paused(self) -> None:
        if self._transport is not None and self._lost is None and not self._pauses:
            self._transport.resume_reading()

    def _watch_idle(self) -> None:
        if self._idle_timeout_s is None:
            return
        if self.unread():
            # It has sent something, and we were too busy to read it.
            self._last_data_at = self._loop.time()
        left_s = self._last_data_at + self._idle_timeout_s - self._loop.time()
        if left_s > 0:
            self._idle_timer = self._loop.call_later(left_s, self._watch_idle)
        else:
            self._end(f"the encoder sent nothing for {self._idle_timeout_s:g} s (idle_timeout)", IDLE_TIMEOUT)
