"""Two network namespaces and a slow line between them that can be held up."""

import contextlib
import ctypes
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

CLONE_NEWNET = 0x40000000  # sched.h
NEAR, FAR = "10.201.0.1", "10.201.0.2"
MTU = "1400"  # bytes, as through a tunnel
RATE = "8mbit"
HELD_RATE = "150kbit"  # a packet every 80 ms
BURST = "1600"  # bytes: one packet
Result = TypeVar("Result")


@dataclass(frozen=True)
class StallingLink:
    """Where the sockets of the two ends are made; the line is slow from the near end to the far one."""

    near: str
    far: str

    def listen(self) -> socket.socket:
        """A socket that listens at the far end."""
        return _within(self.far, lambda: socket.create_server((FAR, 0)))

    def dial(self, port: int) -> socket.socket:
        """A connection from the near end to the far one."""
        return _within(self.near, lambda: socket.create_connection((FAR, port)))

    def hold_up(self) -> None:
        """Let hardly anything through from now on."""
        self._limit(HELD_RATE)

    def let_go(self) -> None:
        """Be as fast as before."""
        self._limit(RATE)

    def _limit(self, rate: str) -> None:
        _run("tc", "-n", self.near, "qdisc", "replace", "dev", "line", "root", "handle", "1:", *_shape(rate))


@contextlib.contextmanager
def stalling_link() -> Iterator[StallingLink]:
    """Make one; the test is skipped where that is not allowed or the tools are not there."""
    if shutil.which("ip") is None or shutil.which("tc") is None:
        pytest.skip("needs ip and tc (iproute2)")
    link = StallingLink(f"near-{os.getpid()}", f"far-{os.getpid()}")
    with contextlib.ExitStack() as undo:
        try:
            for end in (link.near, link.far):
                _run("ip", "netns", "add", end)
                undo.callback(_run, "ip", "netns", "delete", end)
            peer = ("peer", "name", "line", "netns", link.far)
            _run("ip", "-n", link.near, "link", "add", "line", "type", "veth", *peer)
            for end, address in ((link.near, NEAR), (link.far, FAR)):
                _run("ip", "-n", end, "address", "add", f"{address}/24", "dev", "line")
                _run("ip", "-n", end, "link", "set", "line", "mtu", MTU, "up")
            link.let_go()
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no network namespaces with a traffic limit here: {error.stderr.strip()}")
        yield link


def _shape(rate: str) -> tuple[str, ...]:
    return "tbf", "rate", rate, "burst", BURST, "limit", "1000000"


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


def _within(namespace: str, make: Callable[[], Result]) -> Result:
    """Make something in another namespace; a socket stays in the one where it was made."""
    made: list[Result] = []

    def work() -> None:
        with Path("/run/netns", namespace).open() as file:
            if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
        made.append(make())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return made[0]
