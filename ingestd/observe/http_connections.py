"""Limits of HTTP connections: how many, and how long each may take for its request and its response.

A client that is silent, sends half a request or does not read the response costs a descriptor until then, and
never keeps a scrape out: where there are too many, the oldest gives way.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import cast

# Scrapes, probes and a page per viewer take milliseconds; over a slow link a page takes seconds.
MAX_CONNECTION_S = 10.0
MAX_CONNECTIONS = 32  # `descriptors.RESERVED` has room for them
# Of these, pages that are told of every sample: no page keeps a scrape out, and no scrape a page.
MAX_LONG_CONNECTIONS = 20
LONG_BUFFER_BYTES = 64 * 1024  # what the kernel holds for each of them
# A request has no body, and aiohttp takes no line of more than 8 KiB. Many in one go, or line ends for ever,
# would take the time of the loop.
MAX_REQUEST_BYTES = 16 * 1024
RESET = struct.pack("ii", 1, 0)  # struct linger of socket(7): on, for 0 seconds


class HttpConnections:
    """The open connections; call it for the protocol of a new one.

    ``make_handler`` makes the protocol that reads requests and answers them. It is made with the first byte:
    the silent cost nothing.
    """

    def __init__(
        self,
        make_handler: Callable[[], asyncio.Protocol],
        max_connection_s: float = MAX_CONNECTION_S,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        self.make_handler = make_handler
        self.max_connection_s = max_connection_s
        self._max_connections = max_connections
        self._open: dict[_Connection, None] = {}  # the oldest first
        self._long: dict[_Connection, None] = {}

    def __call__(self) -> asyncio.Protocol:
        """Return the protocol of a connection that was just accepted."""
        return _Connection(self)

    def add(self, connection: "_Connection") -> None:
        """Note a connection that is open now; the oldest is ended where there are too many."""
        self._open[connection] = None
        if len(self._open) + len(self._long) > self._max_connections:
            next(iter(self._open)).abort()

    def remove(self, connection: "_Connection") -> None:
        """Forget a connection that has ended, or is about to."""
        self._open.pop(connection, None)
        self._long.pop(connection, None)

    def keep(self, transport: asyncio.BaseTransport) -> bool:
        """Let the connection of ``transport`` last as long as its client likes; False: there are too many."""
        connection = self._of(transport)
        if connection is None or len(self._long) >= MAX_LONG_CONNECTIONS:
            return False
        del self._open[connection]
        self._long[connection] = None
        connection.keep()
        return True

    def abort(self, transport: asyncio.BaseTransport) -> None:
        """End the connection of ``transport``, whether or not its client reads."""
        if (connection := self._of(transport)) is not None:
            connection.abort()

    def _of(self, transport: asyncio.BaseTransport) -> "_Connection | None":
        return next((one for one in (*self._open, *self._long) if one.transport is transport), None)

    def end_long(self) -> None:
        """End those that would never end by themselves."""
        for connection in list(self._long):
            connection.abort()

    def close(self) -> None:
        """End all."""
        for connection in (*self._open, *self._long):
            connection.abort()


class _Connection(asyncio.Protocol):
    """Hands everything on to the handler, and ends the connection when its time is over."""

    def __init__(self, connections: HttpConnections) -> None:
        self._connections = connections
        self.transport: asyncio.Transport | None = None
        self._end: asyncio.TimerHandle | None = None
        self._handler: asyncio.Protocol | None = None
        self._received_bytes = 0

    def abort(self) -> None:
        self._connections.remove(self)
        if self.transport is not None:
            # The kernel would keep what is unread for minutes, and keep trying to send it.
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.transport.abort()

    def keep(self) -> None:
        assert self._end is not None
        assert self.transport is not None
        # Megabytes else, and a page that does not read would be noticed after minutes.
        self.transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_SNDBUF, LONG_BUFFER_BYTES
        )
        self._end.cancel()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        loop = asyncio.get_running_loop()
        self._end = loop.call_later(self._connections.max_connection_s, self.abort)
        self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        assert self.transport is not None
        wanted = data[: max(0, MAX_REQUEST_BYTES - self._received_bytes)]
        self._received_bytes += len(data)
        if self._received_bytes > MAX_REQUEST_BYTES:
            self.transport.pause_reading()  # what has come is answered, or its time ends
        if self._handler is None:
            self._handler = self._connections.make_handler()
            self._handler.connection_made(self.transport)
        self._handler.data_received(wanted)

    def eof_received(self) -> bool | None:
        return self._handler.eof_received() if self._handler is not None else None

    def pause_writing(self) -> None:
        if self._handler is not None:
            self._handler.pause_writing()

    def resume_writing(self) -> None:
        if self._handler is not None:
            self._handler.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        assert self._end is not None
        self._end.cancel()
        self._connections.remove(self)
        if self._handler is not None:
            self._handler.connection_lost(exc)
