"""Attackers that send little and connect much: storms, silence, HTTP requests without end, reloads."""

import contextlib
import itertools
import os
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import yaml

from tests.attack.pushes import Run
from tests.attack.target import RESET_ON_CLOSE, Clock, Target, connect
from tests.support.ports import free_port

# More than a process may open where the limit is the usual one of 1,024.
MANY_CONNECTIONS = 1100
RELOAD_EVERY_S = 1.0
STORM_EVERY_S = 0.05
LOG_DISK = "log"  # where a small one is mounted, beside the configuration


def connecting(*, reset: bool) -> Run:
    """Connects and closes as fast as it can, with FIN or RST."""

    def run(target: Target) -> None:
        clock = Clock(target.seconds)
        while clock:
            with contextlib.suppress(OSError), connect(target.port) as connection:
                if reset:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
                connection.send(b"\0")

    return run


def tls_garbage() -> Run:
    """Begins a handshake with noise, as fast as it can."""

    def run(target: Target) -> None:
        clock, dice = Clock(target.seconds), target.dice()
        while clock:
            with contextlib.suppress(OSError), connect(target.port) as connection:
                connection.send(b"\x16\x03\x01\x3f\xff" + dice.randbytes(16_383))

    return run


def half_handshakes(count: int) -> Run:
    """Holds handshakes of which the first half has come; one that is closed is begun again."""
    hello, unsent = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(unsent, hello, server_hostname="localhost").do_handshake()
    half = hello.read()[:100]
    return silent(count, reopening=True, first=half)


def handshakes() -> Run:
    """Shakes hands, and hangs up."""

    def run(target: Target) -> None:
        clock, context = Clock(target.seconds), ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        while clock:
            with contextlib.suppress(OSError), connect(target.port) as connection:
                context.wrap_socket(connection).close()

    return run


def proxy_garbage() -> Run:
    """Sends PROXY headers of version 2 that announce 64 kB, and noise in them, as fast as it can."""
    header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff"

    def run(target: Target) -> None:
        clock, dice = Clock(target.seconds), target.dice()
        while clock:
            with contextlib.suppress(OSError), connect(target.port) as connection:
                connection.send(header + dice.randbytes(16_384))

    return run


def guessing() -> Run:
    """Shows one token after the other, and does not wait for the answer."""

    def run(target: Target) -> None:
        clock = Clock(target.seconds)
        for number in itertools.count():
            if not clock:
                return
            with contextlib.suppress(OSError), connect(target.port) as connection:
                connection.send(b"INGEST %032x\n" % number)

    return run


def asking(request: bytes) -> Run:
    """Sends ``request`` to the port of an encoder, as a health check that knows no better, and asks again."""

    def run(target: Target) -> None:
        clock = Clock(target.seconds)
        while clock:
            with contextlib.suppress(OSError), connect(target.port) as connection:
                connection.send(request)
                connection.recv(1)

    return run


def silent(count: int, *, reopening: bool, first: bytes = b"") -> Run:
    """Holds connections on which nothing is sent but ``first``; ``reopening``: opens one for each closed."""

    def run(target: Target) -> None:
        clock = Clock(target.seconds)
        held: list[socket.socket] = []
        while clock:
            held = [connection for connection in held if not _closed(connection)] if reopening else held
            while len(held) < count and clock:
                try:
                    held.append(connect(target.port))
                    held[-1].send(first)
                except OSError:
                    break
            clock.sleep(0.02)
        for connection in held:
            connection.close()

    return run


def _closed(connection: socket.socket) -> bool:
    try:
        ended = not connection.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        ended = True
    if ended:
        connection.close()
    return ended


def http(request: bytes, count: int) -> Run:
    """Opens ``count`` connections to the HTTP server, sends ``request`` on each and never reads."""

    def run(target: Target) -> None:
        clock = Clock(target.seconds)
        held: list[socket.socket] = []
        while len(held) < count and clock:
            with contextlib.suppress(OSError):
                held.append(connect(target.http_port))
                held[-1].send(request)
        clock.sleep(clock.left_s)
        for connection in held:
            connection.close()

    return run


def http_flood(request: bytes, connections: int) -> Run:
    """Sends requests on and on over connections that it never reads."""

    def run(target: Target) -> None:
        clock = Clock(target.seconds)
        held = [connect(target.http_port) for _ in range(connections)]
        for connection in held:
            connection.setblocking(False)
        while clock:
            for connection in held:
                with contextlib.suppress(OSError):
                    connection.send(request * 64)
            clock.sleep(0.005)
        for connection in held:
            connection.close()

    return run


def scrapes(paths: Sequence[str], clients: int) -> Run:
    """Reads the metrics and the page as fast as it can, with so many clients."""

    def ask(port: int, clock: Clock) -> None:
        for path in itertools.cycle(paths):
            if not clock:
                return
            with contextlib.suppress(OSError), connect(port) as connection:
                connection.send(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
                while connection.recv(1 << 16):
                    pass

    def run(target: Target) -> None:
        clock = Clock(target.seconds)
        threads = [threading.Thread(target=ask, args=(target.http_port, clock)) for _ in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return run


def reloading(text: Callable[[str], str]) -> Run:
    """Writes another configuration, has it read, and puts the old one back at the end."""

    def run(target: Target) -> None:
        clock, path = Clock(target.seconds), Path(target.config_path)
        before = path.read_text()
        path.write_text(text(before))
        while clock:
            os.kill(target.pid, signal.SIGHUP)
            clock.sleep(RELOAD_EVERY_S)
        path.write_text(before)
        os.kill(target.pid, signal.SIGHUP)
        time.sleep(RELOAD_EVERY_S)

    return run


def reload_storm(target: Target) -> None:
    """Has the file read again and again: each time the attacked stream changes, and every other time another
    one is there; now and then with a mistake."""
    clock, path = Clock(target.seconds), Path(target.config_path)
    before, port = path.read_text(), free_port()
    # A reload must never find half a file.
    beside = path.with_suffix(".new")
    for number in itertools.count():
        if not clock:
            break
        config = yaml.safe_load(before)
        config["log"]["level"] = ("info", "warning")[number // 4 % 2]
        config["streams"][-1]["max_bitrate"] = f"{number % 7 + 1}Mbps"
        if number % 2:
            source = {"listen": f"tcp://127.0.0.1:{port}"}
            config["streams"].append({"name": "comes-and-goes", "room": "storm", "source": source})
        beside.write_text(str(yaml.safe_dump(config)) + "x" * (number % 5 == 0))
        beside.replace(path)
        os.kill(target.pid, signal.SIGHUP)
        clock.sleep(STORM_EVERY_S)
    path.write_text(before)
    os.kill(target.pid, signal.SIGHUP)
    time.sleep(RELOAD_EVERY_S)


def full_disk(run: Run) -> Run:
    """Fills the disk that the daemon logs to, and keeps it full while ``run`` gives it reasons to log."""

    def filling(target: Target) -> None:
        ballast = Path(target.config_path).with_name(LOG_DISK) / "ballast"
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"\0")
        try:
            run(target)
        finally:
            ballast.unlink()

    return filling


def nested(_before: str) -> str:
    """A list in a list, 5,000 deep."""
    return "[" * 5000


def nested_far(_before: str) -> str:
    """100 kB of the same."""
    return "[" * 100_000


def aliases(_before: str) -> str:
    """A document of 700 bytes that means 10^9 values."""
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    return "\n".join(["a0: &a0 [x]", *levels, "streams: *a9"])


def huge(before: str) -> str:
    """16 MB of comments."""
    return before + "\n" + ("# " + "x" * 100 + "\n") * 160_000


def unknown_keys(before: str) -> str:
    """Ten thousand keys that nearly are some."""
    return before + "\n" + "\n".join(f"strems{n}: 1" for n in range(10_000))


def long_value(before: str) -> str:
    """A value of 6,000 letters, which the error quotes: a line that no pipe of a page takes."""
    return f"{before}\nlimits: {{max_connections: {'x' * 6000}}}\n"


def more_streams(count: int, *, rooms: int) -> Callable[[str], str]:
    """So many streams more, all valid, in so many rooms; those of a room share a connection."""

    def text(before: str) -> str:
        config = yaml.safe_load(before)
        for number in range(count):
            room = f"more-{number % rooms}"
            source = {"listen": f"tcp://127.0.0.1:{free_port()}"}
            config["streams"].append(
                {"name": f"more-{number}", "room": room, "identity": room, "source": source}
            )
        return str(yaml.safe_dump(config))

    return text
