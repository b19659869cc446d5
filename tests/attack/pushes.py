"""Attackers that push bytes as an encoder does: at full speed, paced, once, or one byte at a time."""

import contextlib
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.attack.target import RECONNECT_AFTER_S, RESET_ON_CLOSE, Clock, Target, connect, send_until_end

# One write; what is repeated is made this long at least, so that Python is not what limits the attack.
WRITE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Payload:
    """What is sent: ``head`` once for each connection, then ``body`` again and again, or once."""

    head: bytes
    body: bytes
    once: bool = False
    writes_per_s: float | None = None  # of one body each; None: at full speed
    write_bytes: int = WRITE_BYTES


Run = Callable[[Target], None]


@dataclass(frozen=True, slots=True)
class Pushing:
    """An attack by bytes, made before it begins; the connection is made again when the daemon hangs up.

    ``reset``: ends with RST, as an encoder that is killed with bytes unread.
    """

    make: Callable[[], Payload]
    reset: bool = False

    def __call__(self) -> Run:
        """Make the bytes, and return what sends them."""
        payload = self.make()
        body = payload.body
        if not payload.once and payload.writes_per_s is None:
            body *= max(1, payload.write_bytes // max(1, len(body)))

        def run(target: Target) -> None:
            clock = Clock(target.seconds)
            while clock:
                with contextlib.suppress(OSError), connect(target.port) as connection:
                    if self.reset:
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
                    _push(connection, payload, body, clock)
                clock.sleep(RECONNECT_AFTER_S)

        return run


def _push(connection: socket.socket, payload: Payload, body: bytes, clock: Clock) -> None:
    send_until_end(connection, payload.head, clock)
    if payload.once:
        send_until_end(connection, body, clock)
        clock.sleep(clock.left_s)
        return
    began, count = time.monotonic(), 0
    while clock:
        if payload.writes_per_s is not None:
            clock.sleep(max(0.0, began + count / payload.writes_per_s - time.monotonic()))
        for position in range(0, len(body), payload.write_bytes):
            if not send_until_end(connection, body[position : position + payload.write_bytes], clock):
                return
        count += 1
