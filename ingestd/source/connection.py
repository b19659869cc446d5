"""One TCP or unix connection of an encoder: bytes in without a copy, lines of feedback out."""

import asyncio
import enum
import math
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol, cast

from ingestd.source import socket_state
from ingestd.source.entrance import Entrance
from ingestd.source.entrance_stage import EntryError

# Most pictures in one read.
RECEIVE_BUFFER_BYTES = 64 * 1024
# What is passed on at a time: bytes made to be slow to read (thousands of tiny NAL units) take up to 50 ms
# for this many. Every slice costs about 10 µs.
SLICE_BYTES = 16 * 1024
# Asking the system for the size of segments costs as much as a small picture.
SEGMENT_SIZE_POLL_S = 0.5
# A connection that used the loop for longer than this yields for as long: at most half of the loop is its.
MAX_READ_TURN_S = 0.01
# Of TLS records of one byte, 64 KiB take longer than this; of real ones, a twentieth.
MAX_ENTRANCE_TURN_S = 0.002
# The metric label of a connection that we ended because the encoder was silent.
IDLE_TIMEOUT = "idle_timeout"
# A connection without a byte takes no place, but a socket. Pipelines may need this long for a first picture.
SILENT_TIMEOUT_S = 60.0
# How much is read ahead of one that has to wait, to find its end: as much as Linux has at most in the buffers
# of both ends (tcp_wmem and tcp_rmem).
LOOK_AHEAD_BYTES = 12 * 1024 * 1024
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

    def connection_refused(self, connection: "EncoderConnection", label: str, reason: str) -> None:
        """It has not passed its entrance: ``label`` is its result in the metrics."""
        ...

    def connection_heard(self, connection: "EncoderConnection") -> None:
        """Its first bytes have come, or more of them after `EncoderConnection.read_more`."""
        ...

    def connection_lost(self, connection: "EncoderConnection", reason: str, error: str | None) -> None:
        """The connection is over: ``reason`` in words; ``error`` is its metric label if it was a fault."""
        ...


class Pause(enum.Enum):
    """Why nothing is passed on for now, nor read."""

    NOT_ADMITTED = enum.auto()  # its first bytes wait for `admit`
    TURN = enum.auto()  # it used the loop for long, and yields
    FULL = enum.auto()  # what was read is far ahead of real time
    HELD = enum.auto()  # its handler has not done with what was passed on


class EncoderConnection(asyncio.BufferedProtocol):
    """A connection, from the accepted socket to exactly one call of ``connection_lost`` at the gatekeeper.

    ``idle_timeout_s``: how long an encoder may be silent, None: for ever; ``start_timeout_s``: the same until
    its first picture. ``make_entrance`` makes what its bytes pass before they are a stream's.
    """

    def __init__(
        self,
        gatekeeper: Gatekeeper,
        idle_timeout_s: float | None,
        start_timeout_s: float | None = None,
        make_entrance: Callable[["EncoderConnection"], Entrance] | None = None,
    ) -> None:
        self._gatekeeper = gatekeeper
        self._entrance = make_entrance(self) if make_entrance is not None else None
        self._idle_timeout_s = idle_timeout_s
        self._max_silence_s = idle_timeout_s if start_timeout_s is None else start_timeout_s
        self._handler: Handler | None = None  # once admitted
        self._transport: asyncio.Transport | None = None
        self._buffer: memoryview | None = None  # a silent connection needs none
        self._unread: deque[memoryview] = deque()  # what was read and not passed on yet
        self._unread_bytes = 0
        self._drained = True  # the last read has left nothing in the socket
        self._pauses: set[Pause] = set()
        self._full = False  # what `throttle` was told last
        self._looks_ahead = False  # it is read even though nothing is passed on
        self._idle_timer: asyncio.TimerHandle | None = None
        self._last_data_at = 0.0  # by the loop's clock
        self._end_reason: tuple[str, str | None] | None = None
        self._turned_away = False  # it has not passed its entrance
        self._lost = False  # the socket is closed; what is unread may not have been passed on yet
        self._closed = asyncio.get_running_loop().create_future()
        # Of the bytes that are being passed on:
        self.arrived_at = 0.0  # when they came, by time.monotonic()
        self.segment_bytes = 0  # of a full segment of TCP; 0: unknown
        self._segment_bytes_until = 0.0
        self.heard = False  # at least one byte of its stream has come
        self.recognised = False  # its handler has seen that it is a stream
        self.cut = False  # ended by us while the encoder may have been sending
        self.host = ""
        self.peer = ""  # host and port; "unix" for a local socket
        self.name = ""  # in its certificate; "" without one

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        # uvloop's transports do not inherit from asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self.host, self.peer = socket_state.peer_of(transport)
        socket_state.notice_dead_peer(transport)
        self._last_data_at = self._loop.time()
        self._watch_idle()
        self._gatekeeper.connection_made(self)
        if self._entrance is not None and not self.cut:
            self._write(self._entrance.begin())

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the buffer has one size
        """Where the next bytes go."""
        if self._buffer is None:
            self._buffer = memoryview(bytearray(RECEIVE_BUFFER_BYTES))
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """``nbytes`` have arrived."""
        assert self._buffer is not None, "the loop has asked for it"
        assert self._transport is not None
        if self._turned_away:
            return
        self._drained = nbytes < RECEIVE_BUFFER_BYTES
        data: bytes | memoryview = self._buffer[:nbytes]
        if self._entrance is not None:
            began_s = time.thread_time()
            data = self._enter(self._entrance, self._buffer[:nbytes])
            if (took_s := time.thread_time() - began_s) > MAX_ENTRANCE_TURN_S:
                self._yield(took_s)
        if len(data):
            self._take(memoryview(data))
        if self._entrance is not None and self._entrance.ended:
            self.eof_received()
        if not (self._drained or self._pauses or self._end_reason):
            # libuv would go on reading, up to 2 MB of one socket before it looks at the others.
            self._pause(Pause.TURN)
            self._loop.call_soon(self._go_on_after, Pause.TURN)

    def _enter(self, entrance: Entrance, data: memoryview) -> bytes | memoryview:
        """Take off ``data`` what stands before the stream; return what is the stream's."""
        if self.cut:
            return b""
        stages_left = entrance.stages_left
        try:
            return entrance.receive(data)
        except EntryError as error:
            self._know_peer(entrance)  # a PROXY header may have come in the same read
            self._turn_away(error)
            return b""
        finally:
            self._write(entrance.to_send())
            if self.unsent_bytes > MAX_UNSENT_BYTES:
                self._end("it reads nothing of what TLS has to answer", "connection_lost")
            if entrance.stages_left != stages_left:
                self._next_stage(entrance)

    def _know_peer(self, entrance: Entrance) -> None:
        self.name = entrance.name
        if entrance.endpoint is not None:
            self.host = entrance.endpoint[0]
            self.peer = socket_state.host_and_port(*entrance.endpoint)

    def _next_stage(self, entrance: Entrance) -> None:
        self._know_peer(entrance)
        if entrance.clear:
            self._entrance = None
        self._last_data_at = self._loop.time()
        self._watch_idle()

    def _turn_away(self, error: EntryError) -> None:
        """It has not passed its entrance, or what comes by TLS cannot be decrypted any more."""
        if self.heard:
            self._end(f"the connection broke: {error.reason}", "connection_lost")
        elif not self._turned_away:
            self._turned_away = True
            self._entrance = self._buffer = None  # it waits for its end, as many may
            if self._transport is not None and not self._lost:
                self._transport.pause_reading()
            self._gatekeeper.connection_refused(self, error.label, error.reason)

    def _take(self, data: memoryview) -> None:
        """Take ``data`` of the stream, which is valid until the next read."""
        assert self._transport is not None
        self.heard = True
        self._last_data_at = self._loop.time()
        self.arrived_at = time.monotonic()
        if self.arrived_at >= self._segment_bytes_until:
            # TLS holds back what has come of a record.
            encrypted = self._entrance is not None and self._entrance.encrypted
            self.segment_bytes = 0 if encrypted else socket_state.segment_bytes(self._transport)
            self._segment_bytes_until = self.arrived_at + SEGMENT_SIZE_POLL_S
        self._unread.append(data)
        self._unread_bytes += len(data)
        if self._handler is None:
            # Not before: uvloop goes on reading after a pause in connection_made.
            self._keep()
            self._pause(Pause.NOT_ADMITTED)
            self._gatekeeper.connection_heard(self)
        elif self._pauses:
            self._keep()
            if not self._looks_ahead or self._unread_bytes > LOOK_AHEAD_BYTES:
                self._looks_ahead = False
                self._transport.pause_reading()
        else:
            self._pass_on()

    def eof_received(self) -> bool:
        """The encoder has closed its half: it will send no more."""
        # At once, not when the transport has sent what it holds: an encoder may never read it.
        self._end("the encoder closed the connection", None)
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """The socket is closed."""
        if self._lost:
            return  # given up before
        self._lost = True
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        self._end_reason = self._end_reason or _fault(error)
        if not self.cut and self._entrance is not None and (unfinished := self._entrance.unfinished()):
            self._turn_away(unfinished)
        self._pauses.discard(Pause.TURN)
        self._pass_on(math.inf)
        self._finish()

    def admit(self, handler: Handler) -> None:
        """Pass on to ``handler`` what has come and what will; the time until it counts as idle begins."""
        self._handler = handler
        self._last_data_at = self._loop.time()
        self._watch_idle()
        self._go_on_after(Pause.NOT_ADMITTED)

    def picture_seen(self) -> None:
        """A whole picture has come: from now on silence is not the sign of a fault that it was before."""
        self._max_silence_s = self._idle_timeout_s
        self._watch_idle()

    @property
    def first_bytes(self) -> bytes:
        """What has come and was not passed on."""
        return b"".join(self._unread)

    def read_more(self) -> None:
        """Read more, though it is not admitted yet; no more than a buffer in all."""
        if self._unread_bytes < RECEIVE_BUFFER_BYTES and self._transport is not None:
            self._transport.resume_reading()

    @property
    def throttled(self) -> bool:
        """Whether nothing is passed on because of `throttle`."""
        return Pause.FULL in self._pauses

    def throttle(self, full: bool) -> None:
        """Read nothing while ``full``: the encoder has to wait, as TCP takes no more from it."""
        self._full = full
        if full:
            self._pause(Pause.FULL)
        elif self.throttled:
            # Not now: what was read ahead is passed on then, and this may be the end of passing something on.
            self._loop.call_soon(self._end_throttle)

    def look_ahead(self) -> bool:
        """Read on though what was read has to wait, to find its end; return whether that may still be ahead.

        The end of a connection is behind all that its two ends have in their buffers.
        """
        if self._lost or not self._pauses or self._unread_bytes > LOOK_AHEAD_BYTES:
            return False
        if not self._looks_ahead and self._transport is not None:
            self._looks_ahead = True
            self._keep()
            self._transport.resume_reading()
        return True

    def hold(self, held: bool) -> None:
        """Pass nothing on while ``held``: the handler has not done with what it was given."""
        if held:
            self._pause(Pause.HELD)
        elif Pause.HELD in self._pauses:
            self._go_on_after(Pause.HELD)

    def close(self, reason: str, error: str | None = None) -> None:
        """End the connection now; what was not passed on is lost."""
        self.cut = True
        self._drop_unread()
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
        if transport is None or transport.is_closing():
            return bool(self._unread)
        return bool(self._unread) or socket_state.has_unread_bytes(transport)

    @property
    def drained(self) -> bool:
        """Whether all that had come at the last read was passed on."""
        return self._drained and not self._unread

    @property
    def silent_s(self) -> float:
        """Seconds since something came."""
        return 0.0 if self.unread() else self._loop.time() - self._last_data_at

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
        if not socket_state.peer_takes(self._transport, len(line)):
            return False
        self._write(line if self._entrance is None else self._entrance.encrypt(line))
        return True

    def _write(self, data: bytes) -> None:
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    @property
    def _loop(self) -> asyncio.AbstractEventLoop:
        return self._closed.get_loop()

    def _pass_on(self, max_turn_s: float = MAX_READ_TURN_S) -> None:
        """Pass on what is unread; what is left after ``max_turn_s`` waits for as long as that took."""
        began_at = time.monotonic()
        while self._unread and not self._pauses and self._handler is not None:
            chunk = self._unread.popleft()
            data, rest = chunk[:SLICE_BYTES], chunk[SLICE_BYTES:]
            if rest:
                self._unread.appendleft(rest)
            self._unread_bytes -= len(data)
            self._handler.encoder_data(self, data)
            took_s = time.monotonic() - began_at
            if took_s > max_turn_s:
                self._yield(took_s)
                break
        if not self._unread:
            self._looks_ahead = False
        elif self._looks_ahead:
            self._keep()

    def _yield(self, took_s: float) -> None:
        """Leave the loop to others for as long as this has used it."""
        self._pause(Pause.TURN)
        self._loop.call_later(took_s, self._go_on_after, Pause.TURN)

    def _end_throttle(self) -> None:
        if not self._full:
            self._looks_ahead = False
            self._go_on_after(Pause.FULL)

    def _go_on_after(self, pause: Pause) -> None:
        """Pass on what is unread, then read more, unless that took so long that the loop is others' turn."""
        self._pauses.discard(pause)
        self._pass_on(math.inf if self._lost else MAX_READ_TURN_S)
        if self._lost:
            self._finish()
        elif self._transport is not None and not (self._pauses or self._turned_away):
            self._transport.resume_reading()

    def _keep(self) -> None:
        """Let what is unread outlast the next read, which goes into the same buffer."""
        # What was kept before stands before it.
        for index in range(len(self._unread) - 1, -1, -1):
            if self._unread[index].readonly:
                break
            self._unread[index] = memoryview(bytes(self._unread[index]))

    def _drop_unread(self) -> None:
        self._unread.clear()
        self._unread_bytes = 0

    def _finish(self) -> None:
        """Tell of the end, once, when all that has come was passed on."""
        if not self._lost or self._closed.done() or Pause.HELD in self._pauses:
            return
        if self._unread and self._handler is not None:
            return
        assert self._end_reason is not None, "the socket is closed"
        self._closed.set_result(None)
        self._gatekeeper.connection_lost(self, *self._end_reason)

    def _end(self, reason: str, error: str | None) -> None:
        self._end_reason = self._end_reason or (reason, error)
        if self._transport is not None:
            self._transport.abort()

    def _pause(self, pause: Pause) -> None:
        self._pauses.add(pause)
        if self._transport is not None and not self._lost and not self._looks_ahead:
            self._transport.pause_reading()

    def _watch_idle(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        limit_s = self._max_silence_s
        if self._handler is None:
            limit_s = min(SILENT_TIMEOUT_S, limit_s or SILENT_TIMEOUT_S)
        entrance = self._entrance if self._handler is None and not self.heard else None
        if entrance is not None and entrance.timeout_s is not None:
            limit_s = entrance.timeout_s
        if limit_s is None or self._lost or self._turned_away:
            return
        unfinished = entrance.unfinished() if entrance is not None else None
        if self.unread() and unfinished is None:
            # It has sent something, and we were too busy to read it.
            self._last_data_at = self._loop.time()
        left_s = self._last_data_at + limit_s - self._loop.time()
        if left_s > 0:
            self._idle_timer = self._loop.call_later(left_s, self._watch_idle)
        elif unfinished is not None:
            self._turn_away(unfinished)
        else:
            self._end(f"the encoder sent nothing for {limit_s:g} s (source.idle_timeout)", IDLE_TIMEOUT)


def _fault(error: Exception | str | None) -> tuple[str, str | None]:
    if error is None:
        return "closed", None
    if isinstance(error, TimeoutError):  # ETIMEDOUT
        error = f"the encoder's machine, or the network, has not answered for {socket_state.DEAD_PEER_S} s"
    return f"the connection broke: {error}", "connection_lost"
