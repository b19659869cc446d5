"""What Linux knows of a socket beyond asyncio: unread bytes, the peer's end, the size of TCP segments."""

import asyncio
import contextlib
import fcntl
import os
import select
import socket
import struct
import termios

# struct tcp_info (linux/tcp.h): tcpi_rcv_mss and tcpi_advmss.
TCP_INFO = struct.Struct("=20xI60xI")
# In the same, since Linux 5.4: tcpi_snd_wnd, how much the peer's system takes.
WINDOW, WINDOW_OFFSET_BYTES = struct.Struct("=I"), 228
# It keeps small pieces in larger ones, and takes less than it has promised.
LEAST_WINDOW_BYTES = 1024
# Networks carry at most 9000 bytes or so at once. A greater MSS is that of the machine itself, which sends
# whole writes as one segment, and only what is longer in full ones.
MAX_SEGMENT_BYTES = 9000

# A machine that has not answered for this long is gone. Linux asks it (keepalive) when nothing has come for a
# while, and what was sent to it must be acknowledged by then (TCP_USER_TIMEOUT).
DEAD_PEER_S = 15
_KEEPALIVE_S = 5


def notice_dead_peer(transport: asyncio.BaseTransport) -> None:
    """Have a connection fail with ETIMEDOUT `DEAD_PEER_S` after the peer's machine has answered last."""
    line = _socket(transport)
    if line.family == socket.AF_UNIX:
        return
    # One that was reset before we had accepted it takes no options.
    with contextlib.suppress(OSError):
        line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_S)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEPALIVE_S)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, DEAD_PEER_S // _KEEPALIVE_S - 1)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_PEER_S * 1000)


def peer_of(transport: asyncio.BaseTransport) -> tuple[str, str]:
    """Return the other end's host, and its address as users write it.

    The address is "unix" for a local socket, which has none; both are "" for a peer that was gone before it
    could be asked for.
    """
    address = transport.get_extra_info("peername")
    if address is None:
        return "", ""
    if not isinstance(address, tuple):
        return "", "unix"
    host, port = address[:2]
    host = host.removeprefix("::ffff:") if "." in host else host  # IPv4, on a socket of both families
    return host, host_and_port(host, port)


def host_and_port(host: str, port: int) -> str:
    """Return an address of TCP as users write it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def has_unread_bytes(transport: asyncio.BaseTransport) -> bool:
    """Whether bytes have arrived that were not read from the socket yet (FIONREAD)."""
    pending = fcntl.ioctl(_socket(transport).fileno(), termios.FIONREAD, b"\0\0\0\0")
    return any(pending)


def peer_has_finished(transport: asyncio.BaseTransport) -> bool:
    """Whether the peer has closed the connection or its sending half (POLLRDHUP)."""
    end = select.poll()
    end.register(_socket(transport), select.POLLRDHUP)
    return bool(end.poll(0))


def peer_takes(transport: asyncio.BaseTransport, size_bytes: int) -> bool:
    """Whether the peer's system takes ``size_bytes`` more at once, if the peer itself may never read them.

    What it does not take ends the connection: after `DEAD_PEER_S`, or at once where the peer of a unix
    socket has closed its reading half.
    """
    line = _socket(transport)
    if line.family == socket.AF_UNIX:
        try:
            os.write(line.fileno(), b"")
        except OSError:
            return False
        return True
    info = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, WINDOW_OFFSET_BYTES + WINDOW.size)
    if len(info) < WINDOW_OFFSET_BYTES + WINDOW.size:
        return True  # an old kernel
    (window_bytes,) = WINDOW.unpack_from(info, WINDOW_OFFSET_BYTES)
    (unacknowledged_bytes,) = WINDOW.unpack(fcntl.ioctl(line.fileno(), termios.TIOCOUTQ, bytes(WINDOW.size)))
    return bool(window_bytes - unacknowledged_bytes >= max(size_bytes, LEAST_WINDOW_BYTES))


def segment_bytes(transport: asyncio.BaseTransport) -> int:
    """Return how many bytes a full segment has that arrives (TCP_INFO); 0 where there are none."""
    line = _socket(transport)
    if line.family == socket.AF_UNIX:  # which has no segments
        return 0
    received: int
    announced: int
    received, announced = TCP_INFO.unpack(line.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO.size))
    # Of what arrives within the machine Linux makes out the size of writes.
    return received if announced <= MAX_SEGMENT_BYTES else announced


def _socket(transport: asyncio.BaseTransport) -> socket.socket:
    connected: socket.socket = transport.get_extra_info("socket")
    return connected
