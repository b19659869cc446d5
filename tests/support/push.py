"""Encoders that push over TCP: ours, which knows what it wrote and when, and real ones, overheard."""

import errno
import itertools
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.support.encoded import EncodedStream, decode_hashes, split
from tests.support.matching import Push, pushes
from tests.support.wait import PATIENCE_S

CONNECT_SECONDS = 10.0
HUNG_UP = (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN)
SEND_SECONDS = 30.0  # a daemon that does not read for this long has failed


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes written at once, when picture number `due` is due; `completes` is how many pictures are whole."""

    data: bytes
    due: float
    completes: int


Writing = Callable[[EncodedStream], Iterator[Write]]


def one_picture_per_write(stream: EncodedStream) -> Iterator[Write]:
    """As GStreamer's tcpclientsink does."""
    yield Write(stream.header, 0, 0)
    for number, piece in enumerate(stream.pieces):
        yield Write(piece, number, number + 1)


def pictures_per_write(count: int) -> Writing:
    """Several pictures in each write, as an encoder behind a buffer does."""

    def writes(stream: EncodedStream) -> Iterator[Write]:
        yield Write(stream.header, 0, 0)
        for first in range(0, len(stream.pieces), count):
            batch = stream.pieces[first : first + count]
            end = first + len(batch)
            yield Write(b"".join(batch), end - 1, end)

    return writes


def over_and_over(stream: EncodedStream) -> Iterator[Write]:
    """The stream, which begins with a keyframe, again and again until the encoder is left."""
    count = len(stream.pieces)
    yield Write(stream.header, 0, 0)
    for number in itertools.count():
        yield Write(stream.pieces[number % count], number, number + 1)


def jittering(seconds: float) -> Writing:
    """Each picture up to `seconds` before or after it is due, as behind a busy encoder or a radio link."""

    def writes(stream: EncodedStream) -> Iterator[Write]:
        rng = random.Random(7)
        yield Write(stream.header, 0, 0)
        for number, piece in enumerate(stream.pieces):
            yield Write(piece, number + rng.uniform(-seconds, seconds) * stream.fps, number + 1)

    return writes


def pausing(at: int, go_on: threading.Event) -> Writing:
    """From picture `at` on nothing is written before it may go on; then the rest is, in its time."""

    def writes(stream: EncodedStream) -> Iterator[Write]:
        pause_pictures = 0.0
        for number, piece in enumerate([stream.header + stream.pieces[0], *stream.pieces[1:]]):
            if number == at:
                began = time.monotonic()
                go_on.wait(PATIENCE_S)
                pause_pictures = (time.monotonic() - began) * stream.fps
            yield Write(piece, number + pause_pictures, number + 1)

    return writes


def tiny_writes(stream: EncodedStream) -> Iterator[Write]:
    """1 to 7 bytes per write, so that every header is cut everywhere."""
    rng = random.Random(7)
    for write in one_picture_per_write(stream):
        position = 0
        while position < len(write.data):
            end = min(position + rng.randint(1, 7), len(write.data))
            whole = end == len(write.data)
            yield Write(
                write.data[position:end],
                write.due,
                write.completes if whole else max(0, write.completes - 1),
            )
            position = end


def split_headers(stream: EncodedStream) -> Iterator[Write]:
    """The container's header and the first bytes of every picture in writes of their own, as ffmpeg may."""
    if stream.header:
        yield Write(stream.header[:10], 0, 0)
        yield Write(stream.header[10:], 0, 0)
    for number, piece in enumerate(stream.pieces):
        yield Write(piece[:6], number, number)
        yield Write(piece[6:], number, number + 1)


class Encoder:
    """Pushes a stream in real time from a thread; entering it connects, leaving it closes the connection."""

    def __init__(
        self,
        address: int | Path,
        stream: EncodedStream,
        *,
        writing: Writing = one_picture_per_write,
        tls: ssl.SSLContext | None = None,
        first: bytes = b"",
    ) -> None:
        """`address` is a TCP port of this machine or the path of a unix socket; `first` is sent first."""
        self._tls = tls
        self._first = first
        self.stream = stream
        self._address = address
        self._writing = writing
        self._times: list[float] = []
        self._error: OSError | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._push, name="encoder", daemon=True)

    def __enter__(self) -> Self:
        """Connect and begin to push."""
        self._socket = self._connect()
        if self._tls is not None:
            self._socket = self._tls.wrap_socket(self._socket, server_hostname="127.0.0.1")
        self._socket.sendall(self._first)
        if self._socket.family == socket.AF_INET:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # writes stay as they are cut
        self._socket.settimeout(SEND_SECONDS)
        self.connected_at = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop pushing and close."""
        self._stop.set()
        self._thread.join()
        self._socket.close()

    @property
    def pushed(self) -> list[Push]:
        """The pictures written so far."""
        return pushes(self.stream, list(self._times))

    def pushed_at(self, number: int) -> float:
        """When the last byte of picture `number` was written."""
        return self._times[number]

    @property
    def last_hash(self) -> str:
        """The last picture of the stream."""
        return self.stream.reference_hashes[-1]

    @property
    def broken(self) -> bool:
        """Whether the daemon hung up, or did not read."""
        return self._error is not None

    @property
    def finished(self) -> bool:
        """Whether all was written, or the connection broke."""
        return not self._thread.is_alive()

    def heard(self) -> list[bytes]:
        """The lines that were said back to it since it last asked; there must be some, or be on their way."""
        return self._socket.recv(1 << 20).splitlines()

    def wait(self) -> None:
        """Wait until everything is written; the connection stays open."""
        seconds = len(self.stream.access_units) / self.stream.fps
        self._thread.join(seconds + SEND_SECONDS)
        assert not self._thread.is_alive(), "the encoder still pushes: the daemon does not read"
        if self._error is not None:
            raise self._error

    def wait_until_pushed(self, count: int) -> None:
        """Wait until `count` pictures are written."""
        deadline = time.monotonic() + count / self.stream.fps + SEND_SECONDS
        while len(self._times) < count:
            assert time.monotonic() < deadline, f"{len(self._times)} of {count} pictures written"
            assert self._thread.is_alive(), f"the encoder stopped: {self._error}"
            time.sleep(0.01)

    def _connect(self) -> socket.socket:
        if isinstance(self._address, int):
            return socket.create_connection(("127.0.0.1", self._address), CONNECT_SECONDS)
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(self._address))
        return connection

    def _push(self) -> None:
        start = time.monotonic()
        try:
            for write in self._writing(self.stream):
                late = time.monotonic() - (start + write.due / self.stream.fps)
                if self._stop.wait(max(0.0, -late)):
                    return
                now = time.monotonic()
                self._socket.sendall(write.data)
                self._times += [now] * (write.completes - len(self._times))
        except OSError as error:
            self._error = error


class ListeningEncoder(Encoder):
    """Waits for the daemon to dial it; entering it accepts."""

    def __init__(self, stream: EncodedStream) -> None:
        """Listen on a free port."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(CONNECT_SECONDS * 3)
        self.port: int = self._listener.getsockname()[1]
        super().__init__(self.port, stream)

    def _connect(self) -> socket.socket:
        with self._listener:
            return self._listener.accept()[0]


def send(port: int, data: bytes, *, timeout: float = SEND_SECONDS) -> bytes:
    """Connect, write `data`, close our side, and return what comes back before the daemon closes its own.

    A daemon that hangs up half-way is within its rights.
    """
    answer = b""
    with socket.create_connection(("127.0.0.1", port), CONNECT_SECONDS) as peer:
        peer.settimeout(timeout)
        try:
            peer.sendall(data)
            peer.shutdown(socket.SHUT_WR)
            while chunk := peer.recv(4096):
                answer += chunk
        except OSError as error:
            if error.errno not in HUNG_UP:
                raise
    return answer


class RecordingProxy:
    """Stands between a real encoder and the daemon and remembers what passed, and when."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._chunks: list[tuple[float, bytes]] = []
        self._stop = threading.Event()

    def __enter__(self) -> Self:
        """Listen; `port` is where the encoder is to connect."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(CONNECT_SECONDS * 3)  # a real encoder takes a while to start
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._forward, name="proxy", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close both connections."""
        self._stop.set()
        self._thread.join()
        self._listener.close()

    @property
    def recorded(self) -> bytes:
        """All bytes that passed."""
        return b"".join(data for _, data in list(self._chunks))

    def pushed(self, codec: str) -> list[Push]:
        """The pictures that passed, each with the time at which its last byte did."""
        units = split(self.recorded, codec)
        hashes = decode_hashes(codec, [unit.data for unit in units])
        assert len(hashes) == len(units), f"{len(hashes)} pictures in {len(units)} access units"
        return [
            Push(name, unit.keyframe, self._time_of(unit.end))
            for name, unit in zip(hashes, units, strict=True)
        ]

    def _time_of(self, end: int) -> float:
        """When the first `end` bytes had passed."""
        passed = 0
        for at, data in list(self._chunks):
            passed += len(data)
            if passed >= end:
                return at
        raise AssertionError(f"{end} bytes of {passed} never passed")

    def _forward(self) -> None:
        """Pass on what the encoder writes; when it closes, keep the daemon's connection until we are left."""
        encoder, _ = self._listener.accept()
        with encoder, socket.create_connection(("127.0.0.1", self._target), CONNECT_SECONDS) as daemon:
            daemon.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            encoder.settimeout(0.1)
            while not self._stop.is_set():
                try:
                    data = encoder.recv(65536)
                except TimeoutError:
                    continue
                if not data:
                    break
                self._chunks.append((time.monotonic(), data))
                daemon.sendall(data)
            self._stop.wait()
