"""Ports that no other process takes between our look and the daemon's bind."""

import random
import socket

# Below the range from which the kernel picks ports for outgoing connections and for everyone's port 0.
FIRST, LAST = 12_000, 32_000
ATTEMPTS = 500

_reservations: list[socket.socket] = []  # held until this process ends


def free_port() -> int:
    """A TCP port that is free and that no other call, in any test process, will return.

    The reservation is an abstract unix socket: it dies with its owner, however that ends.
    """
    choice = random.SystemRandom()
    for _ in range(ATTEMPTS):
        port = choice.randrange(FIRST, LAST)
        token = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            token.bind(f"\0ingestd-test-port-{port}")
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
        except OSError:
            token.close()
            continue
        _reservations.append(token)
        return port
    raise AssertionError("no free port")
