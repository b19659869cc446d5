"""One TCP or unix connection of an encoder: bytes in without a copy, lines of feedback out."""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Protocol, cast

from ingestd.source import socket_state
from ingestd.source.entrance import Entrance
from ingestd.source.entrance_stage import EntryError
from ingestd.source.flow_control import FlowControl
from ingestd.source.idle_timeout import IdleTimeout

# Most pictures in one read.
RECEIVE_BUFFER_BYTES = 64 * 1024
# Asking the system for the size of segments costs as much as a small picture.
SEGMENT_SIZE_POLL_S = 0.5
# Of TLS records of one byte, 64 KiB take longer than this; of real ones, a twentieth.
MAX_ENTRANCE_TURN_S = 0.002
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

    def connection_refused(self, connection: "EncoderConnection", label: str, reason: str) -> None:
        """It has not passed its entrance: ``label`` is its result in the metrics."""
        ...

    def connection_heard(self, connection: "EncoderConnection") -> None:
        """Its first bytes have come, or more of them after `EncoderConnection.read_more`."""
        ...

    def connection_lost(self, connection: "EncoderConnection", reason: str, error: str | None) -> None:
        """The connection is over: ``reason`` in words; ``error`` is its metric label if it was a fault."""
        ...


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
        self._flow = FlowControl(self._finish)
        self._idle = IdleTimeout(
            idle_timeout_s, start_timeout_s, busy=self._has_waited, on_timeout=self._fall_silent
        )
        self._handler: Handler | None = None  # once admitted
        self._transport: asyncio.Transport | None = None
        self._buffer: memoryview | None = None  # a silent connection needs none
        self._drained = True  # the last read has left nothing in the socket
        self._end_reason: tuple[str, str | None] | None = None
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
        self._flow.begin(self._transport)
        self._watch_stage()
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
        if self._flow.turned_away:
            return
        self._drained = nbytes < RECEIVE_BUFFER_BYTES
        data: bytes | memoryview = self._buffer[:nbytes]
        if self._entrance is not None:
            began_s = time.thread_time()
            data = self._enter(self._entrance, self._buffer[:nbytes])
            if (took_s := time.thread_time() - began_s) > MAX_ENTRANCE_TURN_S:
                self._flow.yield_loop(took_s)
        if len(data):
            self._take(memoryview(data))
        if self._entrance is not None and self._entrance.ended:
            self.eof_received()
        if not (self._drained or self._end_reason):
            # libuv would go on reading, up to 2 MB of one socket before it looks at the others.
            self._flow.yield_turn()

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
        self._watch_stage()

    def _watch_stage(self) -> None:
        self._idle.enter(self._entrance.timeout_s if self._entrance is not None else None)

    def _unfinished(self) -> EntryError | None:
        """What to say of a connection that is in the midst of its entrance; None: it is not."""
        return self._entrance.unfinished() if self._entrance is not None else None

    def _turn_away(self, error: EntryError) -> None:
        """It has not passed its entrance, or what comes by TLS cannot be decrypted any more."""
        if self.heard:
            self._end(f"the connection broke: {error.reason}", "connection_lost")
        elif not self._flow.turned_away:
            self._flow.turn_away()
            self._idle.stop()
            self._entrance = self._buffer = None  # it waits for its end, as many may
            self._gatekeeper.connection_refused(self, error.label, error.reason)

    def _take(self, data: memoryview) -> None:
        """Take ``data`` of the stream, which is valid until the next read."""
        assert self._transport is not None
        self.heard = True
        self._idle.heard()
        self.arrived_at = time.monotonic()
        if self.arrived_at >= self._segment_bytes_until:
            # TLS holds back what has come of a record.
            encrypted = self._entrance is not None and self._entrance.encrypted
            self.segment_bytes = 0 if encrypted else socket_state.segment_bytes(self._transport)
            self._segment_bytes_until = self.arrived_at + SEGMENT_SIZE_POLL_S
        self._flow.receive(data)
        if self._handler is None:
            self._gatekeeper.connection_heard(self)

    def eof_received(self) -> bool:
        """The encoder has closed its half: it will send no more."""
        # At once, not when the transport has sent what it holds: an encoder may never read it.
        self._end("the encoder closed the connection", None)
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """The socket is closed."""
        if self._flow.closed:
            return  # given up before
        self._end_reason = self._end_reason or _fault(error)
        self._idle.stop()
        self._flow.close()
        if not self.cut and (unfinished := self._unfinished()):
            self._turn_away(unfinished)
        self._finish()

    def admit(self, handler: Handler) -> None:
        """Pass on to ``handler`` what has come and what will; the time until it counts as idle begins."""
        self._handler = handler
        self._idle.admit()
        self._flow.admit(partial(handler.encoder_data, self))

    def picture_seen(self) -> None:
        """A whole picture has come: from now on silence is not the sign of a fault that it was before."""
        self._idle.picture_seen()

    @property
    def first_bytes(self) -> bytes:
        """What has come and was not passed on."""
        return bytes(self._flow.unread)

    def read_more(self) -> None:
        """Read more, though it is not admitted yet; no more than a buffer in all."""
        self._flow.read_more(RECEIVE_BUFFER_BYTES)

    @property
    def throttled(self) -> bool:
        """Whether nothing is passed on because of `throttle`."""
        return self._flow.throttled

    def throttle(self, full: bool) -> None:
        """Read nothing while ``full``: the encoder has to wait, as TCP takes no more from it."""
        self._flow.throttle(full)

    def look_ahead(self) -> bool:
        """Read on though what was read has to wait, to find its end; return whether it may still be ahead."""
        return self._flow.look_ahead()

    def hold(self, held: bool) -> None:
        """Pass nothing on while ``held``: the handler has not done with what it was given."""
        self._flow.hold(held)

    def close(self, reason: str, error: str | None = None) -> None:
        """End the connection now; what was not passed on is lost."""
        self.cut = True
        self._flow.drop()
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
        if self._flow.unread:
            return True
        transport = self._transport
        return (
            transport is not None and not transport.is_closing() and socket_state.has_unread_bytes(transport)
        )

    @property
    def drained(self) -> bool:
        """Whether all that had come at the last read was passed on."""
        return self._drained and not self._flow.unread

    @property
    def silent_s(self) -> float:
        """Seconds since something came."""
        return 0.0 if self.unread() else self._idle.silent_s

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

    def _finish(self) -> None:
        """Tell of the end, once, when all that has come was passed on."""
        if self._closed.done() or not self._flow.done:
            return
        assert self._end_reason is not None, "the socket is closed"
        # It and its parts refer to each other: what is large must not wait for the garbage collector.
        self._entrance = self._buffer = None
        self._closed.set_result(None)
        self._gatekeeper.connection_lost(self, *self._end_reason)

    def _end(self, reason: str, error: str | None) -> None:
        self._end_reason = self._end_reason or (reason, error)
        if self._transport is not None:
            self._transport.abort()

    def _has_waited(self) -> bool:
        """Whether what would end the silence has come, and we were too busy to read it."""
        return self._unfinished() is None and self.unread()

    def _fall_silent(self, limit_s: float) -> None:
        if unfinished := self._unfinished():
            self._turn_away(unfinished)
        else:
            self._end(f"the encoder sent nothing for {limit_s:g} s (source.idle_timeout)", IDLE_TIMEOUT)


def _fault(error: Exception | str | None) -> tuple[str, str | None]:
    if error is None:
        return "closed", None
    if isinstance(error, TimeoutError):  # ETIMEDOUT
        error = f"the encoder's machine, or the network, has not answered for {socket_state.DEAD_PEER_S} s"
    return f"the connection broke: {error}", "connection_lost"
