"""The daemon as systemd runs it: told where to report, with sockets that were opened before it."""

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.daemon import Daemon
from tests.support.viewer import Server

# Sockets are passed in descriptors from 3 on, and LISTEN_PID is that of the process itself.
_AS_SYSTEMD = """
import os, runpy
for number, descriptor in enumerate({descriptors}):
    os.dup2(descriptor, 3 + number)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="{count}", LISTEN_FDNAMES="{names}")
runpy.run_module("ingestd", run_name="__main__", alter_sys=True)
"""


class ServiceDaemon(Daemon):
    """``sockets`` are passed by name; ``notify`` is the address of the service manager."""

    def __init__(
        self,
        server: Server,
        directory: Path,
        *streams: dict[str, Any],
        sockets: Mapping[str, socket.socket] | None = None,
        notify: str = "",
        watchdog_s: float | None = None,
        **config: Any,
    ) -> None:
        super().__init__(server, directory, *streams, **config)
        self._sockets = dict(sockets or {})
        self._notify = notify
        self._watchdog_s = watchdog_s

    @property
    def environment(self) -> dict[str, str]:
        """As sd_notify(3) has it."""
        named = {"NOTIFY_SOCKET": self._notify} if self._notify else {}
        if self._watchdog_s is not None:
            named["WATCHDOG_USEC"] = str(round(self._watchdog_s * 1e6))
        return named

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Those of the sockets."""
        return tuple(line.fileno() for line in self._sockets.values())

    @property
    def program(self) -> tuple[str, ...]:
        """Puts the sockets where systemd puts them, then runs ingestd."""
        text = _AS_SYSTEMD.format(
            descriptors=self.descriptors, count=len(self._sockets), names=":".join(self._sockets)
        )
        return ("-c", text)
