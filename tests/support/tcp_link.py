"""A TCP link, to the daemon or from it to the server, which may stall or be cut."""

import contextlib
import select
import socket
import struct
import threading
import time
from typing import Self

LOOK_S = 0.05  # seconds between two looks at what was asked of the link
RESET = struct.pack("ii", 1, 0)  # SO_LINGER of 0 s: closing sends RST
BUFFER_BYTES = 64 * 1024


class Link:
    """Listens on a port and passes on to another, both ways."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(LOOK_S)
        self.port: int = self._listener.getsockname()[1]
        self._closing = threading.Event()
        self._stalled_until = 0.0
        self._stuck_at = 0.0
        self._cut_at = 0.0
        self._passing: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept, name="link", daemon=True)

    def __enter__(self) -> Self:
        """Pass on from now on."""
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Cut it for good."""
        self._closing.set()
        self._accepting.join()
        for thread in self._passing:
            thread.join()

    @property
    def idle(self) -> bool:
        """Whether nothing is connected through it."""
        return not any(thread.is_alive() for thread in self._passing)

    def stall(self, seconds: float) -> None:
        """Pass nothing on for so long, then all at once."""
        self._stalled_until = time.monotonic() + seconds

    def stick(self) -> None:
        """Pass nothing on any more of the connections that there are, and keep them open."""
        self._stuck_at = time.monotonic()

    def cut(self) -> None:
        """Reset both ends of every connection; what is under way is gone."""
        self._cut_at = time.monotonic()

    def _accept(self) -> None:
        with self._listener:
            while not self._closing.is_set():
                with contextlib.suppress(TimeoutError):
                    near, _ = self._listener.accept()
                    self._passing = [thread for thread in self._passing if thread.is_alive()]
                    thread = threading.Thread(target=self._pass_on, args=(near,), name="link", daemon=True)
                    self._passing.append(thread)
                    thread.start()

    def _pass_on(self, near: socket.socket) -> None:
        with near:
            try:
                far = socket.create_connection(("127.0.0.1", self._target), 5.0)
            except OSError:
                return
            with far:
                try:
                    self._pump(near, far)
                except OSError:
                    for end in (near, far):
                        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    def _pump(self, near: socket.socket, far: socket.socket) -> None:
        """Both ways until both have closed. Raises OSError where an end was reset, or the link is cut."""
        began = time.monotonic()
        other = {near: far, far: near}
        for end in other:
            end.settimeout(5.0)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        open_ = [near, far]
        while open_:
            if self._cut_at > began or self._closing.is_set():
                raise ConnectionResetError
            if self._stuck_at > began or time.monotonic() < self._stalled_until:
                time.sleep(LOOK_S)
                continue
            for end in select.select(open_, [], [], LOOK_S)[0]:
                if data := end.recv(BUFFER_BYTES):
                    other[end].sendall(data)
                else:
                    open_.remove(end)
                    with contextlib.suppress(OSError):  # it may have gone first
                        other[end].shutdown(socket.SHUT_WR)
