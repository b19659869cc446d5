"""An encoder without end, which can be made to fail in the ways that encoders do."""

import contextlib
import itertools
import json
import queue
import random
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.soak.ledger import Ledger
from tests.support.encoded import FOURCC, EncodedStream, ivf_header
from tests.support.tcp_link import RESET, Link

CONNECT_PATIENCE_S = 30.0  # a stream that was reloaded, or a dialler that waits longer each time
WRITE_PATIENCE_S = 30.0
CLOSE_PATIENCE_S = 20.0  # a link may stall first
SETTLED_AFTER_S = 0.3  # seconds without another picture received
IDLE_TIMEOUT_S = 10.0  # as is the default
SEND_INTERVAL_S = 0.25  # longest sleep, so that a command is obeyed soon


@dataclass(frozen=True, slots=True)
class Order:
    """What to do to the connection: finish, kill, tear, garbage or stall (for `seconds`)."""

    what: str
    seconds: float = 0.0


class SoakEncoder:
    """Pushes `video` again and again from a thread, connection after connection, in real time.

    `received` asks the daemon how many pictures of the stream it has received: a connection on which nothing
    went wrong must have brought in exactly those that were pushed.
    """

    def __init__(
        self,
        name: str,
        video: EncodedStream,
        *,
        seed: int,
        received: Callable[[], int],
        finding: Callable[[str], None],
        link: Link | None = None,
        path: Path | None = None,
        listen_port: int | None = None,
    ) -> None:
        """`path`: of a unix socket; `listen_port`: for a stream that dials; else through `link`."""
        self.name = name
        self.video = video
        self.ledger = Ledger()
        self.link = link
        self.connections = 0
        self.exact = 0  # connections whose pictures were counted and found to be all there
        self.heard = 0  # messages from the daemon
        self._received = received
        self._finding = finding
        self._path = path
        self._listen_port = listen_port
        self._random = random.Random(f"{seed} {name}")
        self._orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
        self._working = threading.Event()
        self._ending = threading.Event()
        self.resting = threading.Event()
        self._disturbed_at = 0.0
        self._position = 0  # in the endless sequence of laps
        self._line = b""
        self._thread = threading.Thread(target=self._run, name=f"encoder {name}", daemon=True)
        self._thread.start()

    def work(self) -> None:
        """Connect and push, for ever."""
        self.resting.clear()
        self._working.set()

    def rest(self) -> None:
        """End the connection as one should; `resting` says when that is done."""
        self._working.clear()

    def obey(self, order: Order) -> None:
        """Have something go wrong on the connection that is open now."""
        self._orders.put(order)

    def disturbed(self) -> None:
        """Somebody else breaks the connection: its end is no fault of the daemon's."""
        self._disturbed_at = time.monotonic()
        self.ledger.spoil(self._disturbed_at)

    def end(self) -> None:
        """Rest and come to an end."""
        self._ending.set()
        self._working.clear()
        self._thread.join(CLOSE_PATIENCE_S + WRITE_PATIENCE_S)

    def _run(self) -> None:
        while not self._ending.is_set():
            if not self._working.wait(SEND_INTERVAL_S):
                self.resting.set()
                continue
            try:
                self._connect_and_push()
            except Exception as error:
                self._finding(f"{self.name}: the encoder failed: {error!r}")
                time.sleep(1.0)
        self.resting.set()

    def _connect_and_push(self) -> None:
        began = time.monotonic()
        before = self._settled()
        connection = self._connect()
        if connection is None:
            return
        while not self._orders.empty():
            self._orders.get()  # meant for a connection that is gone
        self.connections += 1
        self._line = b""
        first = self.ledger.count
        with connection:
            try:
                ended = self._push(connection)
            except OSError as error:
                disturbed = self._disturbed_at > began
                ended = "disturbed" if disturbed else f"broken: {error!r}"
                self.ledger.spoil(time.monotonic())
        pushed, taken = self.ledger.count - first, self._settled() - before
        what = f"{self.name}: connection {self.connections}, {ended}: {pushed} pushed, {taken} received"
        if ended.startswith("broken"):
            self._finding(f"{what}; the daemon hung up though nothing was wrong")
        elif ended == "finished":
            if self._disturbed_at < began and taken != pushed:
                self._finding(what)
            self.exact += 1
        elif ended in ("torn", "killed") and self._disturbed_at < began and taken > pushed + 1:
            self._finding(what)

    def _settled(self) -> int:
        """The daemon's count, once nothing is under way any more."""
        deadline = time.monotonic() + CLOSE_PATIENCE_S
        count = self._received()
        while time.monotonic() < deadline:
            time.sleep(SETTLED_AFTER_S)
            before, count = count, self._received()
            if count == before and (self.link is None or self.link.idle):
                break
        return count

    def _connect(self) -> socket.socket | None:
        deadline = time.monotonic() + CONNECT_PATIENCE_S
        while time.monotonic() < deadline and self._working.is_set():
            with contextlib.suppress(OSError):
                return self._try_to_connect()
            time.sleep(0.1)
        if self._working.is_set():
            self._finding(f"{self.name}: no connection in {CONNECT_PATIENCE_S:g} s")
        return None

    def _try_to_connect(self) -> socket.socket:
        if self._listen_port is not None:
            with socket.create_server(("127.0.0.1", self._listen_port)) as listener:
                listener.settimeout(1.0)
                connection = listener.accept()[0]
        elif self._path is not None:
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(str(self._path))
        else:
            assert self.link is not None
            connection = socket.create_connection(("127.0.0.1", self.link.port), 5.0)
        connection.settimeout(WRITE_PATIENCE_S)
        if connection.family == socket.AF_INET:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _push(self, connection: socket.socket) -> str:
        """Push until told otherwise; returns how it ended. Raises OSError where the daemon hung up."""
        video = self.video
        # A lap goes on where the last connection ended, so that no picture comes twice in a short time.
        count = len(video.access_units)
        self._position = self._next_keyframe(self._position)
        first = self._position
        if video.codec in FOURCC:
            connection.sendall(ivf_header(FOURCC[video.codec], video.size, video.fps, 0))
        start = time.monotonic()
        for number in itertools.count():
            while (left := start + number / video.fps - time.monotonic()) > 0:
                time.sleep(min(left, SEND_INTERVAL_S))
            self._hear(connection)
            if not self._working.is_set():
                return self._finish(connection)
            data = self._piece(first + number)
            if not self._orders.empty():
                order = self._orders.get()
                if order.what != "stall":
                    return self._fail(connection, order, data)
                if order.seconds >= IDLE_TIMEOUT_S:
                    self.disturbed()
                time.sleep(order.seconds)
                start += order.seconds
            place = (first + number) % count
            self.ledger.push(video.reference_hashes[place], place in video.keyframes, time.monotonic())
            self._position = first + number + 1
            connection.sendall(data)
        raise AssertionError

    def _piece(self, position: int) -> bytes:
        unit = self.video.access_units[position % len(self.video.access_units)]
        if self.video.codec not in FOURCC:
            return unit
        return struct.pack("<IQ", len(unit), position) + unit

    def _next_keyframe(self, position: int) -> int:
        while position % len(self.video.access_units) not in self.video.keyframes:
            position += 1
        return position

    def _fail(self, connection: socket.socket, order: Order, data: bytes) -> str:
        if order.what == "finish":
            return self._finish(connection)
        self.ledger.spoil(time.monotonic())
        if order.what == "garbage":
            self.disturbed()  # the daemon may hang up, or not
            connection.sendall(self._random.randbytes(self._random.randint(1, 20_000)))
            return "spoilt"
        connection.sendall(data[: self._random.randrange(len(data))])
        if order.what == "tear":
            return "torn"
        assert order.what == "kill", order
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        return "killed"

    def _finish(self, connection: socket.socket) -> str:
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(CLOSE_PATIENCE_S)
        while data := connection.recv(65536):
            self._understand(data)
        return "finished"

    def _hear(self, connection: socket.socket) -> None:
        """Read what the daemon says; OSError where it has hung up."""
        while select.select([connection], [], [], 0)[0]:
            if not (data := connection.recv(65536)):
                raise ConnectionAbortedError("closed by the daemon")
            self._understand(data)

    def _understand(self, data: bytes) -> None:
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            if json.loads(line)["type"] not in ("keyframe", "rate"):
                self._finding(f"{self.name}: the daemon says {line!r}")
            self.heard += 1
