"""A network link that can be made bad: two network namespaces, and between them what a test makes of it.

The kernel's own tool for this (netem) is missing from many kernels, so the link is ours: a TUN device in each
namespace, and a thread that carries packets from one to the other, late, seldom or not at all. Namespaces and
devices are held by file descriptors alone: they go with this process, however it ends.
"""

import contextlib
import ctypes
import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

# RFC 2544, appendix C.2.2: for measurements between networks. Each namespace has its own, so every link may
# use the same.
NEAR, FAR = "198.18.0.1", "198.18.0.2"
CLONE_NEWNET = 0x40000000  # <sched.h>
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000  # <linux/if_tun.h>
LARGEST_PACKET_BYTES = 65536
LOOK_S = 0.002  # seconds between two looks at a link that is held up
LATE_S = 0.02  # seconds by which a packet that is out of order comes behind its turn

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Quality:
    """What becomes of packets, in each direction."""

    rate: float | None = None  # bit/s; None: no limit
    queue: float = 0.3  # seconds of packets that wait for their turn at `rate`; more are dropped
    delay: float = 0.0  # seconds, one way
    loss: float = 0.0  # the share that is dropped
    reorder: float = 0.0  # the share that comes late, behind what was sent after it


GOOD = Quality()
NOTHING = Quality(loss=1.0)


def unavailable() -> str | None:
    """Why there can be no link here; None when there can."""
    if os.geteuid() != 0:
        return "network namespaces need root: run the tests as root"
    try:
        with contextlib.closing(Namespace()) as namespace, namespace.entered():
            os.close(_tun())
    except OSError as error:
        needed = "CAP_NET_ADMIN, CAP_SYS_ADMIN and /dev/net/tun"
        return f"no network namespace with a TUN device: {error}; needed: {needed}"
    return None


class Namespace:
    """A separate network, with nothing but loopback, until it is closed."""

    def __init__(self) -> None:
        ours = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            _check(_libc.unshare(CLONE_NEWNET))
            self._descriptor = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        finally:
            _check(_libc.setns(ours, CLONE_NEWNET))
            os.close(ours)

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Sockets that this thread makes and processes that it starts meanwhile are in the namespace."""
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        _check(_libc.setns(self._descriptor, CLONE_NEWNET))
        try:
            yield
        finally:
            _check(_libc.setns(before, CLONE_NEWNET))
            os.close(before)

    def close(self) -> None:
        """Forget it: it is gone when no process is in it any more."""
        os.close(self._descriptor)


class Link:
    """Joins `near`, whose address is `NEAR`, and `far`, with `FAR`; `quality` may change at any time."""

    def __init__(self, mtu: int = 1500) -> None:
        """``mtu`` is the most bytes that a packet has."""
        self.quality = GOOD
        self.held_up = False  # what is under way gets no further
        self.near, self.far = Namespace(), Namespace()
        self._ends = [_end(self.near, NEAR, FAR, mtu), _end(self.far, FAR, NEAR, mtu)]
        self._wake, self._woken = os.pipe()
        self._thread = threading.Thread(target=self._carry, name="link", daemon=True)

    def __enter__(self) -> Self:
        """Packets pass from now on."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take all of it away."""
        os.close(self._woken)
        self._thread.join()
        for descriptor in (self._wake, *self._ends):
            os.close(descriptor)
        self.near.close()
        self.far.close()

    def _carry(self) -> None:
        near, far = self._ends
        directions = {near: _Direction(far), far: _Direction(near)}
        while True:
            due = min(direction.due for direction in directions.values())
            wait = LOOK_S if self.held_up else max(0.0, due - time.monotonic())
            ready, _, _ = select.select([*directions, self._wake], [], [], min(wait, 1.0))
            if self._wake in ready:
                return
            for end, direction in directions.items():
                if end in ready:
                    direction.take(os.read(end, LARGEST_PACKET_BYTES), self.quality, time.monotonic())
                if not self.held_up:
                    direction.give(time.monotonic())


class _Direction:
    """Packets on their way to one end."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._chance = random.Random(7)
        self._sent_until = 0.0
        self._number = 0
        self._under_way: list[tuple[float, int, bytes]] = []

    @property
    def due(self) -> float:
        return self._under_way[0][0] if self._under_way else float("inf")

    def take(self, packet: bytes, quality: Quality, now: float) -> None:
        if self._chance.random() < quality.loss:
            return
        at = now
        if quality.rate is not None:
            begin = max(now, self._sent_until)
            if begin - now > quality.queue:
                return
            at = self._sent_until = begin + len(packet) * 8 / quality.rate
        at += quality.delay + (LATE_S if self._chance.random() < quality.reorder else 0.0)
        self._number += 1
        heapq.heappush(self._under_way, (at, self._number, packet))

    def give(self, now: float) -> None:
        while self.due <= now:
            _, _, packet = heapq.heappop(self._under_way)
            with contextlib.suppress(OSError):  # a full or vanishing device loses packets, as links do
                os.write(self._to, packet)


def _end(namespace: Namespace, address: str, peer: str, mtu: int) -> int:
    with namespace.entered():
        # Its own IPv6 address would take seconds to be ready, and change the candidates until then.
        Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").write_text("1")
        descriptor = _tun()
        for command in (
            "link set dev lo up",
            f"address add {address} peer {peer} dev link",
            f"link set dev link mtu {mtu} up",
        ):
            subprocess.run(["ip", *command.split()], check=True)
    return descriptor


def _tun() -> int:
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", b"link", IFF_TUN | IFF_NO_PI))
    return descriptor


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
