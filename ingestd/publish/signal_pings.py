"""How long packets wait in a queue on their way to the server, by pings on the signalling's WebSocket.

They share the link with the media. Receivers' reports tell the same once a second, and late.
"""

from math import inf

# To a server that does not answer no more than these are sent.
MAX_UNANSWERED = 20


class SignalPings:
    """Pings on one connection. Times are seconds on the monotonic clock."""

    def __init__(self) -> None:
        self._sent = 0
        self._unanswered: dict[bytes, float] = {}  # payload to when it was sent, oldest first
        self._round_trip_s = inf
        self.shortest_s = inf  # round trip; inf while none is known

    def next(self, now: float) -> bytes | None:
        """Return the payload of a ping that is sent now; None: there are enough on their way."""
        if len(self._unanswered) >= MAX_UNANSWERED:
            return None
        self._sent += 1
        payload = b"ingestd %d" % self._sent
        self._unanswered[payload] = now
        return payload

    def answered(self, payload: bytes, now: float) -> bool:
        """A pong has come; return whether it answers one of these."""
        if (sent_at := self._unanswered.pop(payload, None)) is None:
            return False
        self._round_trip_s = now - sent_at
        self.shortest_s = min(self.shortest_s, self._round_trip_s)
        return True

    def queued_s(self, now: float) -> float:
        """Return for how many seconds what is sent now waits on its way; inf while nothing is known."""
        if self.shortest_s == inf:
            return inf
        oldest_s = now - next(iter(self._unanswered.values()), now)
        return max(self._round_trip_s, oldest_s) - self.shortest_s
