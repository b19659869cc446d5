"""Who may send: one encoder at a time, from where the configuration allows."""

import asyncio
from collections import Counter

import structlog

from ingestd.config import SourceConfig
from ingestd.log_limiter import LogLimiter
from ingestd.source.connection import EncoderConnection, Handler

logger = structlog.get_logger("ingestd.source")

# An encoder that restarts may be back before we have read the end of its old connection. That end is already
# here or, lost on the way, sent again after 200 ms (TCP's retransmission); a second encoder can wait as long.
MAX_WAIT_S = 0.3
# One is enough for an encoder that restarts, and one for whoever tries meanwhile; each costs a buffer.
MAX_WAITING = 4


class Admission:
    """Stands between the sockets and the stream: what it does not admit, the stream never sees."""

    def __init__(self, handler: Handler, config: SourceConfig, stream: str) -> None:
        self._handler = handler
        self._config = config
        self._log = logger.bind(stream=stream)
        self._limited = LogLimiter()
        self._current: EncoderConnection | None = None
        # Newcomers that will be admitted in this order should the encoder on the line be on its way out.
        self._waiting: dict[EncoderConnection, asyncio.TimerHandle] = {}
        self._closed: str | None = None  # why nobody is admitted any more
        self.connections: Counter[str] = Counter(accepted=0, not_allowed=0, second_encoder=0, failed=0)

    @property
    def current(self) -> EncoderConnection | None:
        """The encoder on the line."""
        return self._current

    def new_connection(self) -> EncoderConnection:
        """Return the protocol of the next connection."""
        return EncoderConnection(self, self._config.idle_timeout)

    def encoder_connected(self, connection: EncoderConnection) -> None:
        """Admit ``connection``, let it wait, or close it with a reason."""
        if self._closed is not None:
            # Accepted before the socket was closed, told only now.
            connection.close(self._closed)
        elif not connection.peer:
            self._refuse(connection, "failed", "it reset the connection before we had accepted it")
        elif not self._config.allows(connection.host):
            self._refuse(connection, "not_allowed", "its address is not in source.allow")
        elif self._current is None:
            self._admit(connection)
        elif self._config.second_encoder == "replace":
            self._part_from(self._current, f"replaced by {connection.peer} (second_encoder: replace)")
            self._admit(connection)
        elif len(self._waiting) < MAX_WAITING:
            connection.hold()
            self._wait(connection)
        else:
            self._turn_away(connection)

    def encoder_data(self, connection: EncoderConnection, data: memoryview) -> None:
        """Pass on what the admitted encoder sends."""
        if connection is self._current:
            self._handler.encoder_data(connection, data)

    def encoder_gone(self, connection: EncoderConnection, reason: str, error: str | None) -> None:
        """Pass on that the admitted encoder is gone; the line is free for who has waited longest."""
        if connection is self._current:
            self._current = None
            self._handler.encoder_gone(connection, reason, error)
            self._admit_next()
        elif (timer := self._waiting.pop(connection, None)) is not None:
            timer.cancel()
            self._turn_away(connection)

    def close(self, reason: str) -> None:
        """Admit nobody any more, and end the connection that is open, if there is one."""
        self._closed = reason
        for connection, timer in self._waiting.items():
            timer.cancel()
            connection.close(reason)
        self._waiting.clear()
        if self._current is not None:
            self._part_from(self._current, reason)

    def _admit(self, connection: EncoderConnection) -> None:
        self._current = connection
        self.connections["accepted"] += 1
        self._handler.encoder_connected(connection)

    def _admit_next(self) -> None:
        if self._waiting:
            connection = next(iter(self._waiting))
            self._waiting.pop(connection).cancel()
            self._admit(connection)
            connection.release()

    def _wait(self, connection: EncoderConnection) -> None:
        loop = asyncio.get_running_loop()
        self._waiting[connection] = loop.call_later(MAX_WAIT_S, self._lose_patience, connection)

    def _lose_patience(self, connection: EncoderConnection) -> None:
        if self._current is not None and self._current.finished():
            # It sends no more, but we have not read all that it sent.
            self._wait(connection)
        else:
            del self._waiting[connection]
            self._turn_away(connection)

    def _turn_away(self, connection: EncoderConnection) -> None:
        assert self._current is not None, "whoever finds the line free is admitted"
        reason = f"{self._current.peer} is already sending (second_encoder: reject)"
        self._refuse(connection, "second_encoder", reason)

    def _refuse(self, connection: EncoderConnection, label: str, reason: str) -> None:
        self.connections[label] += 1
        # By host: an encoder that tries again and again has a new port each time.
        suppressed = self._limited.due(connection.host)
        if suppressed is not None:
            more = {"suppressed": suppressed} if suppressed else {}
            self._log.warning("encoder refused", peer=connection.peer, reason=reason, **more)
        connection.close(reason)

    def _part_from(self, connection: EncoderConnection, reason: str) -> None:
        connection.close(reason)
        # Told at once, not when the socket is closed: the next encoder must find the line free.
        self.encoder_gone(connection, reason, None)
