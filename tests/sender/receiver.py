"""Stands in for ingestd: takes pictures of a sender apart, and tells it things."""

import contextlib
import json
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ingestd.media.demuxer import Demuxer
from tests.support.wait import wait_until


@dataclass(frozen=True, slots=True)
class Received:
    """A picture, when it came and on which connection."""

    at: float
    keyframe: bool
    size_bytes: int
    connection: int


class Receiver:
    """A listener on TCP, TLS or a unix socket; one connection at a time.

    While ``reading`` is cleared it reads nothing.
    """

    def __init__(self, path: Path | None = None, tls: ssl.SSLContext | None = None) -> None:
        if path is None:
            self._listener = socket.create_server(("127.0.0.1", 0))
            port = self._listener.getsockname()[1]
            self.address = f"{'tls' if tls else 'tcp'}://127.0.0.1:{port}"
        else:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(str(path))
            self._listener.listen()
            self.address = f"unix://{path}"
        self._tls = tls
        self.pictures: list[Received] = []
        self.first_lines: list[bytes] = []
        self.formats: list[str] = []
        self.connections = 0
        self.reading = threading.Event()
        self.reading.set()
        self.wants_token = False
        self._connection: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.reading.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()
        self._thread.join()

    def hang_up(self) -> None:
        """End the connection, as a daemon that restarts does."""
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)

    def say(self, **message: object) -> None:
        """Send a line."""
        self.say_raw(json.dumps(message).encode() + b"\n")

    def say_raw(self, data: bytes) -> None:
        """Send bytes."""
        assert self._connection is not None
        self._connection.sendall(data)

    def wait_for_pictures(self, count: int) -> None:
        """Wait until ``count`` more have come."""
        wanted = len(self.pictures) + count
        wait_until(lambda: len(self.pictures) >= wanted, f"send {count} pictures more")

    def keyframes(self, since: int = 0) -> list[int]:
        """The numbers of the keyframes, from picture ``since`` on."""
        return [n for n, picture in enumerate(self.pictures) if picture.keyframe and n >= since]

    def bitrate_bps(self, since: int) -> float:
        """Of the pictures from number ``since`` on."""
        taken = self.pictures[since:]
        return 8 * sum(picture.size_bytes for picture in taken[:-1]) / (taken[-1].at - taken[0].at)

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with contextlib.suppress(OSError):
                if self._tls is not None:
                    connection = self._tls.wrap_socket(connection, server_side=True)
                self._connection = connection
                self._read(connection)
            connection.close()

    def _read(self, connection: socket.socket) -> None:
        if self.wants_token:
            line = b""
            while not line.endswith(b"\n"):
                line += connection.recv(1)
            self.first_lines.append(line)
        demuxer = Demuxer()
        while self.reading.wait() and (data := connection.recv(65536)):
            now = time.monotonic()
            for unit in demuxer.feed(data, now):
                self.pictures.append(Received(now, unit.keyframe, len(unit.data), self.connections))
