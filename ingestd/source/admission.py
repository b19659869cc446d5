"""Admits one encoder at a time, from the addresses that the configuration allows.

A connection is an encoder's once it has sent a byte. Until then it takes no place: health checks and port
scans come and go beside an encoder.
"""

import asyncio
from collections.abc import Callable

import structlog

from ingestd import descriptors
from ingestd.config import SourceConfig
from ingestd.log_limiter import LogLimiter
from ingestd.source.connection import RECEIVE_BUFFER_BYTES, EncoderConnection, Handler
from ingestd.source.connection_limits import ConnectionCount
from ingestd.source.connection_log import ConnectionLog
from ingestd.source.entrance import Entrance, Entrances
from ingestd.source.second_encoder import MAX_LOOK_AHEAD_S, may_be_gone, reason_to_give_way

logger = structlog.get_logger("ingestd.source")

# An encoder that restarts may be back before we have read the end of its old connection. That end is already
# here or, lost on the way, sent again after 200 ms (TCP's retransmission); a second encoder can wait as long.
MAX_WAIT_S = 0.3
# One is enough for an encoder that restarts, and one for another that tries then; each costs a buffer.
MAX_WAITING_ENCODERS = 4
NO_DESCRIPTORS = f"this process has no file descriptors left; {descriptors.CURE}"
# Who is turned away at the entrance hears so after this time, whatever was wrong: it tells nothing, a guesser
# has to wait for each answer, and what TLS says of it has been sent by then.
ANSWER_TIME_S = 1.0

# Whether bytes are the beginning of a stream; None: more of them must come to tell, unless they are `final`.
IsStream = Callable[[bytes, bool], bool | None]


def _anything(_first_bytes: bytes, _final: bool) -> bool:
    return True


class Admission:
    """Stands between the sockets and the stream: the stream hears only of encoders that were admitted.

    A second encoder waits ``max_wait_s`` seconds for the line to become free, and as long as the first has
    finished but was not read to its end; then it is refused. ``is_stream`` says what may replace the encoder
    that is connected, or that is none, as it has sent nothing that is a stream; what is none is refused at
    once. ``limiter`` is for the log lines of refusals, ``probe_limiter`` for those of connections that never
    sent a byte. ``count`` is of the connections of all streams.

    A stream has ``max_connections`` of the configuration at most, the encoder's included. The oldest that was
    turned away, or has sent nothing, gives way to the next.
    """

    def __init__(
        self,
        config: SourceConfig,
        stream: str,
        *,
        is_stream: IsStream = _anything,
        max_wait_s: float = MAX_WAIT_S,
        limiter: LogLimiter | None = None,
        probe_limiter: LogLimiter | None = None,
        count: ConnectionCount | None = None,
    ) -> None:
        self._config = config
        log = logger.bind(stream=stream)
        self._log = ConnectionLog(log, limiter, probe_limiter)
        self._entrances = Entrances(config, log)
        self._count = count or ConnectionCount()
        self._is_stream = is_stream
        self._max_wait_s = max_wait_s
        self._handler: Handler | None = None
        self._current: EncoderConnection | None = None
        self._silent: dict[EncoderConnection, None] = {}  # the oldest first
        self._turned_away: dict[EncoderConnection, str] = {}  # why; the oldest first
        self._counted: set[EncoderConnection] = set()
        # Newcomers, admitted in this order should the encoder on the line be on its way out, and when they
        # were heard first, by the loop's clock.
        self._waiting: dict[EncoderConnection, float] = {}
        self._closed: str | None = None  # why no encoder is admitted any more
        self.connections = self._log.results  # how many, by result

    def attach(self, handler: Handler) -> None:
        """Tell ``handler`` of encoders from now on: before the first connection."""
        self._handler = handler

    @property
    def current(self) -> EncoderConnection | None:
        """The encoder on the line."""
        return self._current

    @property
    def last_turned_away(self) -> str | None:
        """Which connection was turned away last, and why, in words; None once an encoder is admitted."""
        return self._log.last_turned_away

    @property
    def waiting(self) -> int:
        """How many newcomers wait for the line to become free."""
        return len(self._waiting)

    @property
    def silent(self) -> int:
        """How many connections have not sent a byte."""
        return len(self._silent)

    def new_connection(self) -> EncoderConnection:
        """Return the protocol of the next connection."""
        return EncoderConnection(
            self, self._config.idle_timeout_s, self._config.start_timeout_s, self._make_entrance
        )

    async def open(self) -> None:
        """Read certificates and tokens, before the first connection. Raises AddressError for a bad file."""
        await self._entrances.open()

    def _make_entrance(self, connection: EncoderConnection) -> Entrance:
        return self._entrances.make(lambda: connection.host, RECEIVE_BUFFER_BYTES)

    # To the encoder on the line, if there is one.

    def send(self, line: bytes) -> bool:
        """Send ``line``; return False, and drop it, if no encoder reads it."""
        return self._current is not None and self._current.send(line)

    def throttle(self, full: bool) -> None:
        """Read nothing while ``full``."""
        if self._current is not None:
            self._current.throttle(full)

    def hang_up(self, reason: str) -> None:
        """End its connection for ``reason``; another encoder may come."""
        if self._current is not None:
            self._current.close(reason)

    def close(self, reason: str) -> None:
        """Admit no encoder any more, and end all connections for ``reason``."""
        self._closed = reason
        self._entrances.close()
        others = [*self._silent, *self._turned_away, *self._waiting]
        self._silent.clear()
        self._turned_away.clear()
        self._waiting.clear()
        for connection in others:
            connection.close(reason)
        self._end_current(reason)

    # What the connections say.

    def connection_made(self, connection: EncoderConnection) -> None:
        """Wait for the first byte of ``connection``, or close it with a reason."""
        self._counted.add(connection)
        self._count.open += 1
        if self._closed is not None:
            # Accepted before the socket was closed, told only now.
            connection.close(self._closed)
        elif not connection.peer:
            # It reset the connection before we had accepted it, as some load balancers end their checks.
            self._log.ended_silent(connection)
            connection.close("reset before it was accepted")
        elif descriptors.left() < 0:
            self._refuse(connection, "no_descriptors", NO_DESCRIPTORS)
        elif not (self._config.proxy_protocol or self._config.allows(connection.host)):
            reason = f"its address {connection.host} is not in source.allow"
            self._refuse(connection, "not_allowed", reason)
        elif (full := self._full()) is not None and not self._make_room():
            self._refuse(connection, "limit", full)
        else:
            self._silent[connection] = None

    def connection_refused(self, connection: EncoderConnection, label: str, reason: str) -> None:
        """Turn away ``connection``, which has not passed its entrance."""
        self._silent.pop(connection, None)
        if label in ("limit", "not_allowed"):
            self._refuse(connection, label, reason)
            return
        self._log.turned_away(connection, label, reason)
        if self._closed is None:
            self._turned_away[connection] = reason
            asyncio.get_running_loop().call_later(ANSWER_TIME_S, self._end_turned_away, connection)
        else:
            connection.close(reason)

    def connection_heard(self, connection: EncoderConnection) -> None:
        """Admit ``connection``, which has sent its first bytes, let it wait, or refuse it."""
        self._silent.pop(connection, None)
        if connection in self._waiting:
            self._consider(connection)
        elif self._closed is not None:
            connection.close(self._closed)
        elif self._current is None:
            self._admit(connection)
        elif len(self._waiting) >= MAX_WAITING_ENCODERS:
            self._refuse_second(connection)
        else:
            loop = asyncio.get_running_loop()
            self._waiting[connection] = loop.time()
            loop.call_later(self._max_wait_s, self._end_wait, connection)
            self._current.look_ahead()
            self._consider(connection)

    def connection_lost(self, connection: EncoderConnection, reason: str, error: str | None) -> None:
        """Pass on that the admitted encoder is gone, and admit the one that has waited longest."""
        if connection is self._current:
            assert self._handler is not None, "attached before the first connection"
            self._current = None
            self._handler.encoder_gone(connection, reason, error)
            if self._waiting:
                self._admit(next(iter(self._waiting)))
        elif connection in self._waiting:
            self._refuse_second(connection)
        elif connection in self._silent:
            self._end_silent(connection)
        self._turned_away.pop(connection, None)
        if connection in self._counted:
            self._counted.discard(connection)
            self._count.open -= 1

    def _full(self) -> str | None:
        """Why there may be no connection beside those that there are, in words; None: there may."""
        if self._config.listen is None:
            return None
        others = len(self._silent) + len(self._turned_away) + len(self._waiting)
        if others + (self._current is not None) >= self._config.max_connections:
            return f"{self._config.max_connections} connections are open (source.max_connections)"
        if self._count.full:
            return f"{self._count.most} connections are open in all (limits.max_connections)"
        return None

    def _make_room(self) -> bool:
        """End the connection that costs least to end; return whether there was one."""
        if self._turned_away:
            self._end_turned_away(next(iter(self._turned_away)))
        elif self._silent:
            oldest = next(iter(self._silent))
            self._end_silent(oldest)
            oldest.close("it has sent nothing, and others came")
        else:
            return False
        return True

    def _end_turned_away(self, connection: EncoderConnection) -> None:
        reason = self._turned_away.pop(connection, None)
        if reason is not None:
            connection.close(reason)

    def _admit(self, connection: EncoderConnection) -> None:
        assert self._handler is not None, "attached before the first connection"
        self._waiting.pop(connection, None)
        self._current = connection
        self._log.admitted()
        self._handler.encoder_connected(connection)
        connection.admit(self._handler)

    def _consider(self, connection: EncoderConnection, *, final: bool = False) -> None:
        """Admit ``connection`` if the encoder on the line gives way to it; refuse what is no stream.

        ``final``: it is judged by what it has sent.
        """
        current, stream = self._current, self._is_stream(connection.first_bytes, final)
        assert current is not None, "an encoder that finds the line free is admitted"
        if stream is not None and not stream:
            self._refuse_second(connection, no_stream=True)
            return
        waited_s = asyncio.get_running_loop().time() - self._waiting[connection]
        replace = self._config.second_encoder == "replace"
        reason = reason_to_give_way(current, connection, waited_s, is_stream=bool(stream), replace=replace)
        if reason is not None:
            del self._waiting[connection]
            self._end_current(reason)
            self._admit(connection)
        elif stream is None:
            connection.read_more()

    def _end_wait(self, connection: EncoderConnection) -> None:
        if connection not in self._waiting or self._current is None:
            return
        loop = asyncio.get_running_loop()
        waited_s = loop.time() - self._waiting[connection]
        waits = may_be_gone(self._current, connection, waited_s)
        self._consider(connection, final=not waits or waited_s > MAX_LOOK_AHEAD_S)
        if connection not in self._waiting:
            return
        if waits:
            loop.call_later(self._max_wait_s, self._end_wait, connection)
        else:
            self._refuse_second(connection)

    def _refuse_second(self, connection: EncoderConnection, *, no_stream: bool = False) -> None:
        assert self._current is not None, "an encoder that finds the line free is admitted"
        self._waiting.pop(connection, None)
        reason = f"{self._current.peer} is already sending (source.second_encoder: reject)"
        if no_stream or self._config.second_encoder == "replace":
            reason = f"what it sends is no stream, and {self._current.peer} is already sending"
        self._refuse(connection, "second_encoder", reason)

    def _refuse(self, connection: EncoderConnection, label: str, reason: str) -> None:
        self._log.refused(connection, label, reason)
        connection.close(reason)

    def _end_silent(self, connection: EncoderConnection) -> None:
        del self._silent[connection]
        self._log.ended_silent(connection)

    def _end_current(self, reason: str) -> None:
        if (connection := self._current) is not None:
            assert self._handler is not None, "attached before the first connection"
            # Told at once, not when the socket is closed: the next encoder must find the line free.
            self._current = None
            connection.close(reason)
            self._handler.encoder_gone(connection, reason, None)
