"""Admits one encoder at a time, from the addresses that the configuration allows."""

import asyncio
from collections import Counter

import structlog

from ingestd import descriptors
from ingestd.config import SourceConfig
from ingestd.log_limiter import LogLimiter
from ingestd.source.connection import EncoderConnection, Handler

logger = structlog.get_logger("ingestd.source")

# An encoder that restarts may be back before we have read the end of its old connection. That end is already
# here or, lost on the way, sent again after 200 ms (TCP's retransmission); a second encoder can wait as long.
MAX_WAIT_S = 0.3
# One is enough for an encoder that restarts, and one for another that tries then; each costs a buffer.
MAX_WAITING_ENCODERS = 4
NO_DESCRIPTORS = f"this process has no file descriptors left; {descriptors.CURE}"


class Admission:
    """Stands between the sockets and the stream: the stream hears only of encoders that were admitted.

    A second encoder waits ``max_wait_s`` seconds for the line to become free, and as long as the first has
    finished but was not read to its end; then it is refused. ``limiter`` is for the log lines of refusals.
    """

    def __init__(
        self,
        config: SourceConfig,
        stream: str,
        *,
        max_wait_s: float = MAX_WAIT_S,
        limiter: LogLimiter | None = None,
    ) -> None:
        self._config = config
        self._log = logger.bind(stream=stream)
        self._max_wait_s = max_wait_s
        self._limiter = limiter or LogLimiter()
        self._handler: Handler | None = None
        self._current: EncoderConnection | None = None
        # Newcomers, admitted in this order should the encoder on the line be on its way out.
        self._waiting: dict[EncoderConnection, asyncio.TimerHandle] = {}
        self._closed: str | None = None  # why no encoder is admitted any more
        self.connections: Counter[str] = Counter(accepted=0, not_allowed=0, second_encoder=0, failed=0)

    def attach(self, handler: Handler) -> None:
        """Tell ``handler`` of encoders from now on: before the first connection."""
        self._handler = handler

    @property
    def current(self) -> EncoderConnection | None:
        """The encoder on the line."""
        return self._current

    @property
    def waiting(self) -> int:
        """How many newcomers wait for the line to become free."""
        return len(self._waiting)

    def new_connection(self) -> EncoderConnection:
        """Return the protocol of the next connection."""
        return EncoderConnection(self, self._config.idle_timeout)

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
        for connection, timer in self._waiting.items():
            timer.cancel()
            connection.close(reason)
        self._waiting.clear()
        self._end_current(reason)

    # What the connections say.

    def connection_made(self, connection: EncoderConnection) -> None:
        """Admit ``connection``, let it wait, or close it with a reason."""
        if self._closed is not None:
            # Accepted before the socket was closed, told only now.
            connection.close(self._closed)
        elif not connection.peer:
            self._refuse(connection, "failed", "it reset the connection before we had accepted it")
        elif descriptors.left() < 0:
            self._refuse(connection, "no_descriptors", NO_DESCRIPTORS)
        elif not self._config.allows(connection.host):
            self._refuse(connection, "not_allowed", "its address is not in source.allow")
        elif self._current is None:
            self._admit(connection)
        elif self._config.second_encoder == "replace":
            self._end_current(f"replaced by {connection.peer} (second_encoder: replace)")
            self._admit(connection)
        elif len(self._waiting) < MAX_WAITING_ENCODERS:
            self._wait(connection)
        else:
            self._refuse_second(connection)

    def connection_lost(self, connection: EncoderConnection, reason: str, error: str | None) -> None:
        """Pass on that the admitted encoder is gone, and admit the one that has waited longest."""
        if connection is self._current:
            assert self._handler is not None, "attached before the first connection"
            self._current = None
            self._handler.encoder_gone(connection, reason, error)
            if self._waiting:
                next_one = next(iter(self._waiting))
                self._waiting.pop(next_one).cancel()
                self._admit(next_one)
        elif (timer := self._waiting.pop(connection, None)) is not None:
            timer.cancel()
            self._refuse_second(connection)

    def _admit(self, connection: EncoderConnection) -> None:
        assert self._handler is not None, "attached before the first connection"
        self._current = connection
        self.connections["accepted"] += 1
        self._handler.encoder_connected(connection)
        connection.admit(self._handler)

    def _wait(self, connection: EncoderConnection) -> None:
        loop = asyncio.get_running_loop()
        self._waiting[connection] = loop.call_later(self._max_wait_s, self._end_wait, connection)

    def _end_wait(self, connection: EncoderConnection) -> None:
        if self._current is not None and self._current.finished():
            # It sends no more, but we have not read all that it sent.
            self._wait(connection)
        else:
            del self._waiting[connection]
            self._refuse_second(connection)

    def _refuse_second(self, connection: EncoderConnection) -> None:
        assert self._current is not None, "an encoder that finds the line free is admitted"
        reason = f"{self._current.peer} is already sending (second_encoder: reject)"
        self._refuse(connection, "second_encoder", reason)

    def _refuse(self, connection: EncoderConnection, label: str, reason: str) -> None:
        self.connections[label] += 1
        # By host: an encoder that tries again and again has a new port each time.
        suppressed = self._limiter.due(connection.host)
        if suppressed is not None:
            more = {"suppressed": suppressed} if suppressed else {}
            self._log.warning("encoder refused", peer=connection.peer, reason=reason, **more)
        connection.close(reason)

    def _end_current(self, reason: str) -> None:
        if (connection := self._current) is not None:
            connection.close(reason)
            # Told at once, not when the socket is closed: the next encoder must find the line free.
            self.connection_lost(connection, reason, None)
