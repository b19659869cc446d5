"""File descriptors of this process: the limit, what rooms and streams need, and how many are left."""

import contextlib
import os
import resource
from collections.abc import Iterator

# Of a room: WebRTC opens sockets for each address of this machine, more of them while it joins. Measured with
# one address beside loopback: 28 to 56 joined, 73 to 115 while joining.
PER_ROOM = 56
WHILE_JOINING = 115
# The port, the encoder, and one that wants to replace it.
PER_STREAM = 3
# Open before the first stream: libraries, pipes, the loop.
AT_START = 30
# Never given to rooms and encoders: 32 for HTTP (observe/http_connections.py), the others for a reload and
# for names to look up. Not more, so that 20 rooms fit under the usual limit of 1024.
RESERVED = 48
# systemd's "infinity" is a billion; what walks all descriptors would take hours.
MOST = 1 << 20
CURE = "raise their limit (systemd: LimitNOFILE=, shell: ulimit -n)"

_promised = 0


def limit() -> int:
    """Return the hard limit, up to which `raise_limit` raises the soft one."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)


def raise_limit() -> None:
    """Raise the soft limit to the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit(), hard))


def left() -> int:
    """Return how many descriptors rooms and encoders may still open, below 0 where the reserve is in use."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    most = MOST if soft == resource.RLIM_INFINITY else soft
    try:
        used = len(os.listdir("/dev/fd"))
    except OSError:  # not one is left, not even for that
        used = most
    return most - RESERVED - _promised - used


@contextlib.contextmanager
def promised(count: int) -> Iterator[bool]:
    """Keep ``count`` descriptors for what opens them in this context; False where they are not left."""
    global _promised
    if left() < count:
        yield False
        return
    _promised += count
    try:
        yield True
    finally:
        _promised -= count


def needed(rooms: int, streams: int) -> int:
    """Return how many descriptors a daemon with so many rooms and streams may need, all joined but one."""
    return AT_START + RESERVED + rooms * PER_ROOM + (WHILE_JOINING - PER_ROOM) + streams * PER_STREAM


def shortage(rooms: int, streams: int, most: int) -> str | None:
    """Return what to say where ``most``, a limit, is less than may be needed; None where it is not."""
    wanted = needed(rooms, streams)
    if wanted <= most:
        return None
    return (
        f"{rooms} rooms and {streams} streams may need {wanted} file descriptors, and the limit is {most}: "
        f"some rooms may not be joined; {CURE}, or let streams share rooms"
    )
