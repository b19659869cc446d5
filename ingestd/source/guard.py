"""Who may send: one encoder at a time, from where the configuration allows."""

import asyncio
from collections import Counter

import structlog

from ingestd.config import SourceConfig
from ingestd.limited import Limited
from ingestd.source.session import Handler, Session

logger = structlog.get_logger("ingestd.source")

# An encoder that restarts may be back before we have read the end of its old connection. That end is already
# here or, lost on the way, sent again after 200 ms (TCP's retransmission); a second encoder can wait as long.
LONGEST_WAIT = 0.3
# One is enough for an encoder that restarts, and one for whoever tries meanwhile; each costs a buffer.
MOST_WAITING = 4


class Guard:
    """Stands between the sockets and the stream: what it does not admit, the stream never sees."""

    def __init__(self, handler: Handler, config: SourceConfig, stream: str) -> None:
        self._handler = handler
        self._config = config
        self._log = logger.bind(stream=stream)
        self._limited = Limited()
        self._current: Session | None = None
        # Newcomers that will be admitted in this order should the encoder on the line be on its way out.
        self._waiting: dict[Session, asyncio.TimerHandle] = {}
        self._closed: str | None = None  # why nobody is admitted any more
        self.connections: Counter[str] = Counter(accepted=0, not_allowed=0, second_encoder=0, failed=0)

    @property
    def current(self) -> Session | None:
        """The encoder on the line."""
        return self._current

    def new_session(self) -> Session:
        """Return the protocol of the next connection."""
        return Session(self, self._config.idle_timeout)

    def encoder_connected(self, session: Session) -> None:
        """Admit ``session``, let it wait, or close it with a reason."""
        if self._closed is not None:
            # Accepted before the socket was closed, told only now.
            session.close(self._closed)
        elif not session.peer:
            self._refuse(session, "failed", "it reset the connection before we had accepted it")
        elif not self._config.allows(session.host):
            self._refuse(session, "not_allowed", "its address is not in source.allow")
        elif self._current is None:
            self._admit(session)
        elif self._config.second_encoder == "replace":
            self._part_from(self._current, f"replaced by {session.peer} (second_encoder: replace)")
            self._admit(session)
        elif len(self._waiting) < MOST_WAITING:
            session.hold()
            self._wait(session)
        else:
            self._turn_away(session)

    def encoder_data(self, session: Session, data: memoryview) -> None:
        """Pass on what the admitted encoder sends."""
        if session is self._current:
            self._handler.encoder_data(session, data)

    def encoder_gone(self, session: Session, reason: str, error: str | None) -> None:
        """Pass on that the admitted encoder is gone; the line is free for who has waited longest."""
        if session is self._current:
            self._current = None
            self._handler.encoder_gone(session, reason, error)
            self._admit_next()
        elif (timer := self._waiting.pop(session, None)) is not None:
            timer.cancel()
            self._turn_away(session)

    def close(self, reason: str) -> None:
        """Admit nobody any more, and end the connection that is open, if there is one."""
        self._closed = reason
        for session, timer in self._waiting.items():
            timer.cancel()
            session.close(reason)
        self._waiting.clear()
        if self._current is not None:
            self._part_from(self._current, reason)

    def _admit(self, session: Session) -> None:
        self._current = session
        self.connections["accepted"] += 1
        self._handler.encoder_connected(session)

    def _admit_next(self) -> None:
        if self._waiting:
            session = next(iter(self._waiting))
            self._waiting.pop(session).cancel()
            self._admit(session)
            session.release()

    def _wait(self, session: Session) -> None:
        loop = asyncio.get_running_loop()
        self._waiting[session] = loop.call_later(LONGEST_WAIT, self._lose_patience, session)

    def _lose_patience(self, session: Session) -> None:
        if self._current is not None and self._current.finished():
            # It sends no more, but we have not read all that it sent.
            self._wait(session)
        else:
            del self._waiting[session]
            self._turn_away(session)

    def _turn_away(self, session: Session) -> None:
        assert self._current is not None, "whoever finds the line free is admitted"
        reason = f"{self._current.peer} is already sending (second_encoder: reject)"
        self._refuse(session, "second_encoder", reason)

    def _refuse(self, session: Session, label: str, reason: str) -> None:
        self.connections[label] += 1
        # By host: an encoder that tries again and again has a new port each time.
        suppressed = self._limited.due(session.host)
        if suppressed is not None:
            more = {"suppressed": suppressed} if suppressed else {}
            self._log.warning("encoder refused", peer=session.peer, reason=reason, **more)
        session.close(reason)

    def _part_from(self, session: Session, reason: str) -> None:
        session.close(reason)
        # Told at once, not when the socket is closed: the next encoder must find the line free.
        self.encoder_gone(session, reason, None)
