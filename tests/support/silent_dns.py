"""A network in which DNS does not answer: every question is taken, and that is all."""

import contextlib
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.support.link import Link

DNS_PORT = 53


@contextlib.contextmanager
def silent_dns() -> Iterator[None]:
    """Put what this thread starts, and nothing else, into a namespace with a silent resolver.

    There are two interfaces, loopback and one end of a link, as WebRTC has no use for loopback alone.
    """
    with Link() as link, link.near.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        for address in _resolvers():
            # The machine's own, wherever they are: here they are ours.
            subprocess.run(["ip", "address", "replace", f"{address}/32", "dev", "lo"], check=True)
        silent.bind(("0.0.0.0", DNS_PORT))
        yield


def _resolvers() -> list[str]:
    path = Path("/etc/resolv.conf")
    text = path.read_text() if path.exists() else ""
    return re.findall(r"^nameserver\s+((?!127\.)\d+\.\d+\.\d+\.\d+)\s*$", text, re.MULTILINE)


def threads(pid: int) -> int:
    """How many threads a process has."""
    return len(os.listdir(f"/proc/{pid}/task"))
