"""Log lines and counts of what became of connections: admitted, refused, or ended without a byte."""

from collections import Counter
from typing import Any

from ingestd.log_limiter import LogLimiter
from ingestd.source.connection import EncoderConnection

# With a wrong token, or without TLS, an encoder comes again and again, for ever.
TURNED_AWAY_LOG_INTERVAL_S = 10.0
# Health checks come every few seconds, for ever.
PROBE_LOG_INTERVAL_S = 3600.0


class ConnectionLog:
    """Counts each connection of one stream by its result, and says in the log why one was refused.

    ``log`` is bound to the stream. ``limiter`` is for the lines of refusals, ``probe_limiter`` for those of
    connections that never sent a byte.
    """

    def __init__(
        self, log: Any, limiter: LogLimiter | None = None, probe_limiter: LogLimiter | None = None
    ) -> None:
        self._log = log
        self._limiter = limiter or LogLimiter()
        self._turned_away_limiter = LogLimiter(TURNED_AWAY_LOG_INTERVAL_S)
        self._probe_limiter = probe_limiter or LogLimiter(PROBE_LOG_INTERVAL_S)
        self.results: Counter[str] = Counter(
            accepted=0,
            not_allowed=0,
            second_encoder=0,
            failed=0,
            probe=0,
            limit=0,
            proxy_header=0,
            tls=0,
            token=0,
        )
        self.last_turned_away: str | None = None  # why, until an encoder is admitted

    def admitted(self) -> None:
        """A connection is the encoder's."""
        self.results["accepted"] += 1
        self.last_turned_away = None

    def refused(self, connection: EncoderConnection, label: str, reason: str) -> None:
        """A connection may not come, or finds no place: ``label`` is its result."""
        if label == "not_allowed":
            self._note_turned_away(connection, reason)
        # By host: an encoder that tries again and again has a new port each time.
        self._say_refused(self._limiter, connection.host, connection, label, reason)

    def turned_away(self, connection: EncoderConnection, label: str, reason: str) -> None:
        """A connection has not passed its entrance: ``label`` is its result."""
        self._note_turned_away(connection, reason)
        # Who mends one fault is to see the next.
        self._say_refused(self._turned_away_limiter, f"{connection.host} {reason}", connection, label, reason)

    def ended_silent(self, connection: EncoderConnection) -> None:
        """A connection ended without a byte."""
        self.results["probe"] += 1
        suppressed = self._probe_limiter.due(connection.host)
        if suppressed is not None:
            more = {"suppressed": suppressed} if suppressed else {}
            self._log.info("a connection ended without a byte", peer=connection.peer, **more)

    def _note_turned_away(self, connection: EncoderConnection, reason: str) -> None:
        self.last_turned_away = f"the last connection, from {connection.peer}, was turned away: {reason}"

    def _say_refused(
        self, limiter: LogLimiter, kind: str, connection: EncoderConnection, label: str, reason: str
    ) -> None:
        self.results[label] += 1
        suppressed = limiter.due(kind)
        if suppressed is not None:
            more: dict[str, object] = {"name": connection.name} if connection.name else {}
            more |= {"suppressed": suppressed} if suppressed else {}
            self._log.warning("encoder refused", peer=connection.peer, reason=reason, **more)
