"""A live encoder of numbered pictures, and the viewer who watches from the beginning."""

import socket
import threading
import time
from collections.abc import Sequence

from bench.browser.chromium import Chromium
from bench.browser.numbered import FPS
from ingestd.devserver.livekit_server import LiveKitServer

WATCHER = "watcher"
ROOM = "seen"


def watch(browser: Chromium, server: LiveKitServer) -> None:
    """Have the watcher join the room."""
    browser.join(server, ROOM, WATCHER)
    browser.wait_until(lambda: bool(browser.said(WATCHER, "joined")), "join the room")


class Encoder(threading.Thread):
    """Writes pictures in real time, and notes when."""

    def __init__(self, port: int, pictures: Sequence[bytes]) -> None:
        super().__init__(name="encoder", daemon=True)
        self.written_at: list[float] = []  # seconds since 1970
        self._pictures = pictures
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def run(self) -> None:
        begin = time.monotonic()
        for number, picture in enumerate(self._pictures):
            time.sleep(max(0.0, begin + number / FPS - time.monotonic()))
            self.written_at.append(time.time())
            self._socket.sendall(picture)
