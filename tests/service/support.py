"""The service manager's end: the socket that it listens on, and what it is told there."""

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

from tests.support.wait import wait_until


class Manager:
    """Listens as systemd does; each datagram is kept as its assignments."""

    def __init__(self, directory: Path) -> None:
        self.address = str(directory / "notify")
        self.told: list[dict[str, str]] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self.address)
        self._thread.join()
        self._socket.close()
        os.unlink(self.address)

    def values(self, name: str) -> list[str]:
        """All that was said of ``name``, in order."""
        return [told[name] for told in list(self.told) if name in told]

    def wait_for(self, condition: Callable[[], object], what: str) -> None:
        """Wait until ``condition`` holds."""
        wait_until(condition, f"tell the service manager {what}")

    def _listen(self) -> None:
        while datagram := self._socket.recv(1 << 16):
            self.told.append(dict(line.split("=", 1) for line in datagram.decode().splitlines()))
