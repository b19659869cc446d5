"""Reservation of two neighbouring ports for a server, across processes."""

import contextlib
import os
import secrets
import socket
from pathlib import Path
from typing import Self

from ingestd.devserver.livekit_binary import ServerError

_PORT_ATTEMPTS = 200


class PortPair:
    """Two neighbouring ports that no other process using this class will choose while we hold them.

    They lie below the range from which the kernel serves binds to port 0. The reservation is an abstract unix
    socket: it lives in the same network namespace as the ports, and dies with its owner.
    """

    def __init__(self, first: int, token: socket.socket) -> None:
        self.first = first
        self._token = token

    @classmethod
    def reserve(cls, ports: range | None = None) -> Self:
        """Choose a free pair; ``ports`` are those to choose the first from.

        Raises ServerError where none is found.
        """
        if ports is None:
            ports = _private_ports()
        system_random = secrets.SystemRandom()  # not `random`, which tests seed: all would choose the same
        for _ in range(_PORT_ATTEMPTS):
            first = system_random.choice(ports)
            token = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                token.bind(f"\0ingestd-livekit-server-{first}")
            except OSError:
                token.close()
                continue
            if _all_free(first):
                return cls(first, token)
            token.close()
        raise ServerError("found no free ports for the LiveKit server")

    def release(self) -> None:
        """Give the ports back."""
        self._token.close()


def _private_ports() -> range:
    try:
        low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        low = 32768
    stop = low if low >= 12000 else 65534  # the range was widened downwards: compete with it
    return range(10000, stop - stop % 2, 2)


def _all_free(first: int) -> bool:
    for port, kind in (
        (first, socket.SOCK_STREAM),
        (first + 1, socket.SOCK_STREAM),
        (first + 1, socket.SOCK_DGRAM),
    ):
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:  # as the server does: connections in TIME_WAIT do not count
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("", port))
            except OSError:
                return False
    return True


def listens(pid: int, port: int) -> bool:
    """Whether process ``pid`` itself listens on TCP ``port``; proc(5)."""
    listening = "0A"  # TCP_LISTEN of <netinet/tcp.h>
    sockets = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(FileNotFoundError):  # a kernel without IPv6
            for line in Path(table).read_text().splitlines()[1:]:
                _, local, _, state, *rest = line.split()
                if state == listening and int(local.rpartition(":")[2], 16) == port:
                    sockets.add(f"socket:[{rest[5]}]")
    with contextlib.suppress(OSError):  # it may have ended since
        for descriptor in os.scandir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                if os.readlink(descriptor.path) in sockets:
                    return True
    return False
