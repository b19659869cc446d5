"""A real LiveKit server for the demo and the tests: found, or built from source, and run on loopback."""

import contextlib
import fcntl
import http.client
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import yaml

from ingestd.errors import IngestdError

VERSION = "1.13.5"  # newer tags carry `replace` lines, which `go install` refuses
GO_PACKAGE = f"github.com/livekit/livekit-server/cmd/server@v{VERSION}"

ENVIRONMENT_VARIABLE = "INGESTD_LIVEKIT_SERVER"

_BUILD_USUALLY_SECONDS = 90  # two cores, nothing cached, good network
_PROGRESS_SECONDS = 5.0
_READY_SECONDS = 15.0  # it takes 0.3 s on an idle machine; a loaded one may need a while
_DRAIN_SECONDS = 0.3  # first SIGTERM: it waits for rooms to empty; second: it leaves at once
_STOP_SECONDS = 3.0
_PORT_ATTEMPTS = 200
_START_ATTEMPTS = 5  # a port can be taken between our look and the server's bind
_DISCARD_PORT = 9  # RFC 863; closed nearly everywhere

# Read by the server in place of what its configuration file says.
_SERVER_ENVIRONMENT = frozenset({"NODE_IP", "UDP_PORT", "REDIS_HOST", "REDIS_PASSWORD"})


class ServerError(IngestdError):
    """The LiveKit server could not be found, built or started."""


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


# --- finding or building it -------------------------------------------------------------------------


def find_server() -> Path | None:
    """Look for a LiveKit server in the environment, on PATH and in the cache; build nothing."""
    if named := os.environ.get(ENVIRONMENT_VARIABLE):
        path = Path(named)
        if not _is_executable(path):
            raise ServerError(f"{ENVIRONMENT_VARIABLE} names {named}, which is not an executable file")
        return path
    if found := shutil.which("livekit-server"):
        return Path(found)
    cached = _cache_directory() / f"livekit-server-{VERSION}"
    return cached if _is_executable(cached) else None


def find_or_build_server(progress: Callable[[str], None] = _say) -> Path:
    """Return the path of a LiveKit server, building one into the cache when there is none.

    ``progress`` is told what is going on while that takes long.
    """
    if found := find_server():
        return found
    if (go := _find_go()) is None:
        raise ServerError(
            f"no LiveKit server here and no Go to build one. Do one of these:\n"
            f"  - put a release binary of livekit-server {VERSION} on PATH\n"
            f"  - set {ENVIRONMENT_VARIABLE} to the path of one\n"
            f"  - install Go 1.26 or newer; it is then built from source, once"
        )
    cache = _cache_directory()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with _exclusively(cache / "livekit-server.lock", progress):
            if found := find_server():  # somebody else built it while we waited
                return found
            return _build(go, cache, progress)
    except OSError as error:
        raise ServerError(f"cannot keep a LiveKit server in {cache}: {error}") from error


def _is_executable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _cache_directory() -> Path:
    root = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG Base Directory Specification: relative paths are to be ignored.
    return (Path(root) if os.path.isabs(root) else Path.home() / ".cache") / "ingestd"


def _find_go() -> Path | None:
    found = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
    return Path(found) if found else None


@contextlib.contextmanager
def _exclusively(lock: Path, progress: Callable[[str], None]) -> Iterator[None]:
    """Hold ``lock``, waiting for other processes; the kernel lets go of it when a holder dies."""
    with lock.open("w") as handle:
        said = 0.0
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() - said >= _PROGRESS_SECONDS:
                    said = time.monotonic()
                    progress("another process is building the LiveKit server; waiting for it")
                time.sleep(0.2)
        yield


def _build(go: Path, cache: Path, progress: Callable[[str], None]) -> Path:
    target = cache / f"livekit-server-{VERSION}"
    for abandoned in cache.glob("build-*"):  # by a builder that was killed: we hold the lock
        shutil.rmtree(abandoned, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="build-", dir=cache) as directory:
        log = Path(directory, "go.log")
        progress(
            f"building livekit-server {VERSION} from source, once (usually about {_BUILD_USUALLY_SECONDS} s)"
        )
        started = said = time.monotonic()
        with log.open("wb") as output:
            process = _spawn([str(go), "install", GO_PACKAGE], output, {**os.environ, "GOBIN": directory})
        try:
            while (status := process.poll()) is None:
                time.sleep(0.1)
                if time.monotonic() - said >= _PROGRESS_SECONDS:
                    said = time.monotonic()
                    progress(f"  … still building livekit-server, {said - started:.0f} s")
        finally:
            _kill(process)
        if status != 0:
            raise ServerError(
                f"`go install {GO_PACKAGE}` failed; it needs Go 1.26 or newer and a way to the Go modules. "
                f"It said:\n{_tail(log)}\n"
                f"Instead you can put a release binary of livekit-server {VERSION} on PATH, "
                f"or set {ENVIRONMENT_VARIABLE} to the path of one."
            )
        Path(directory, "server").replace(target)
        progress(f"built livekit-server {VERSION} in {time.monotonic() - started:.0f} s")
    return target


# --- running it -------------------------------------------------------------------------------------


class LiveKitServer:
    """A LiveKit server on loopback, on ports and with keys of its own; dies with this process.

    Use it as a context manager, or call ``start`` and ``close``. ``kill`` or ``stop`` followed by
    ``start`` brings it back on the same ports and with the same keys, as a server that restarts would.

    The kernel ties the server's life to the *thread* that called ``start``: call it from one that stays.
    """

    def __init__(
        self,
        binary: Path | None = None,
        *,
        node_ip: str = "127.0.0.1",
        config_overrides: Mapping[str, Any] | None = None,
        log_path: Path | None = None,
        progress: Callable[[str], None] = _say,
    ) -> None:
        """Start nothing yet.

        ``binary``: default: whatever `find_or_build_server` finds. ``node_ip``: the address the server
        tells WebRTC peers. ``config_overrides`` is merged into the server's configuration, mapping by
        mapping; ports and keys are not to be overridden. ``log_path``: default: removed on ``close``.
        """
        self._binary = binary
        self._node_ip = node_ip
        self._overrides = config_overrides or {}
        self._progress = progress
        self._directory = Path(tempfile.mkdtemp(prefix="ingestd-livekit-server-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._reservation: _PortPair | None = None
        self.log_path = log_path or self._directory / "livekit-server.log"
        self.api_key = "key" + secrets.token_hex(4)
        self.api_secret = secrets.token_hex(24)  # the server asks for 32 characters or more

    def __enter__(self) -> Self:
        """Start it; it answers when this returns."""
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop it and leave nothing behind."""
        self.close()

    @property
    def port(self) -> int:
        """The port of HTTP and WebSocket; fixed from the first ``start`` on."""
        assert self._reservation is not None, "the port is chosen by start()"
        return self._reservation.first

    @property
    def rtc_port(self) -> int:
        """The port of media, UDP and TCP; fixed from the first ``start`` on."""
        return self.port + 1

    @property
    def url(self) -> str:
        """What a LiveKit client connects to."""
        return f"ws://127.0.0.1:{self.port}"

    @property
    def http_url(self) -> str:
        """What the server's HTTP APIs are called at."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process, to be measured or signalled."""
        assert self._process is not None, "not started"
        return self._process.pid

    def start(self) -> None:
        """Start it, or start it again; it answers when this returns."""
        assert not self.running, "already running"
        if self._binary is None:
            self._binary = find_or_build_server(self._progress)
        first_time = self._reservation is None
        for attempt in range(1, _START_ATTEMPTS + 1):
            if first_time:
                self._choose_ports()
            try:
                self._launch()
                return
            except _PortTakenError as error:
                if attempt == _START_ATTEMPTS:
                    raise ServerError(str(error)) from error
                time.sleep(0.2)

    def kill(self) -> None:
        """End it without warning, as a crash would."""
        if self._process is not None:
            _kill(self._process)
            self._process = None

    def stop(self) -> None:
        """Ask it to leave, insist, and then end it."""
        if self._process is None:
            return
        for patience in (_DRAIN_SECONDS, _STOP_SECONDS):
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(patience)
                break
            except subprocess.TimeoutExpired:
                continue
        self.kill()

    def close(self) -> None:
        """Stop it, give its ports back and remove its files; it cannot be started again."""
        self.stop()
        if self._reservation is not None:
            self._reservation.release()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _choose_ports(self) -> None:
        if self._reservation is not None:
            self._reservation.release()
        self._reservation = _PortPair.reserve()

    def _config(self) -> dict[str, Any]:
        rtc: dict[str, Any] = {
            "node_ip": self._node_ip,
            "tcp_port": self.rtc_port,
            "udp_port": self.rtc_port,
            # It hands these to its peers, by default a public one: nobody needs to know of a test.
            "stun_servers": [f"127.0.0.1:{_DISCARD_PORT}"],
        }
        if self._node_ip == "127.0.0.1":
            # Without these two its UDP socket is on the other interfaces only, so that media to
            # 127.0.0.1 goes over TCP, and on a machine without a network there is none.
            rtc |= {"enable_loopback_candidate": True, "ips": {"includes": ["127.0.0.1/32"]}}
        config: dict[str, Any] = {
            "port": self.port,
            "bind_addresses": ["127.0.0.1"],
            "keys": {self.api_key: self.api_secret},
            "rtc": rtc,
            "logging": {"level": "info", "json": False},
        }
        return _merged(config, self._overrides)

    def _launch(self) -> None:
        config = self._directory / "livekit.yaml"
        config.touch(mode=0o600)
        config.write_text(yaml.safe_dump(self._config()))
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("LIVEKIT_") and name not in _SERVER_ENVIRONMENT
        }
        written_before = self.log_path.stat().st_size if self.log_path.exists() else 0
        with self.log_path.open("ab") as log:
            self._process = _spawn([str(self._binary), "--config", str(config)], log, environment)
        deadline = time.monotonic() + _READY_SECONDS
        # Both: whoever else holds the port may answer while ours is about to find it taken.
        while not (_listens(self._process.pid, self.port) and self._answers()):
            if (status := self._process.poll()) is not None:
                said = _tail(self.log_path, written_before)
                self._process = None
                if "address already in use" in said:
                    raise _PortTakenError(f"no port for the LiveKit server. It said:\n{said}")
                raise ServerError(f"the LiveKit server left with status {status}. It said:\n{said}")
            if time.monotonic() > deadline:
                said = _tail(self.log_path, written_before)
                self.kill()
                raise ServerError(
                    f"the LiveKit server did not answer in {_READY_SECONDS:.0f} s. It said:\n{said}"
                )
            time.sleep(0.02)

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=1)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


class _PortTakenError(Exception):
    """Somebody took the port between our look and the server's bind."""


class _PortPair:
    """Two neighbouring ports that no other process using this class will choose while we hold them.

    They lie below the range from which the kernel gives ports to everybody else's port 0. The token is
    an abstract unix socket: it lives in the same network namespace as the ports and dies with its owner.
    """

    def __init__(self, first: int, token: socket.socket) -> None:
        self.first = first
        self._token = token

    @classmethod
    def reserve(cls) -> Self:
        choice = secrets.SystemRandom()  # not `random`, which tests seed: they would all choose the same
        for _ in range(_PORT_ATTEMPTS):
            first = choice.randrange(*_private_ports(), 2)
            token = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                token.bind(f"\0ingestd-livekit-server-{first}")
            except OSError:
                token.close()
                continue
            if _all_free(first):
                return cls(first, token)
            token.close()
        raise ServerError("found no free ports for the LiveKit server")

    def release(self) -> None:
        self._token.close()


def _private_ports() -> tuple[int, int]:
    try:
        low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        low = 32768
    stop = low if low >= 12000 else 65534  # somebody widened the range downwards: compete with it
    return (10000, stop - stop % 2)


def _all_free(first: int) -> bool:
    for port, kind in (
        (first, socket.SOCK_STREAM),
        (first + 1, socket.SOCK_STREAM),
        (first + 1, socket.SOCK_DGRAM),
    ):
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:  # as the server does: connections in TIME_WAIT do not count
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("", port))
            except OSError:
                return False
    return True


def _listens(pid: int, port: int) -> bool:
    """Whether process ``pid`` itself listens on TCP ``port``; proc(5)."""
    listening = "0A"  # TCP_LISTEN of <netinet/tcp.h>
    sockets = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(FileNotFoundError):  # a kernel without IPv6
            for line in Path(table).read_text().splitlines()[1:]:
                _, local, _, state, *rest = line.split()
                if state == listening and int(local.rpartition(":")[2], 16) == port:
                    sockets.add(f"socket:[{rest[5]}]")
    with contextlib.suppress(OSError):  # it left meanwhile
        for descriptor in os.scandir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                if os.readlink(descriptor.path) in sockets:
                    return True
    return False


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            result[key] = _merged(below, value)
        else:
            result[key] = value
    return result


def _spawn(command: list[str], output: IO[bytes], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a process that gets no signal from our terminal and dies when we do, however we die."""
    leash = [sys.executable, str(Path(__file__).with_name("leash.py")), str(os.getpid())]
    return subprocess.Popen(
        [*leash, *command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,
    )


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End it and whatever it started; a process that already left is none of our business."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _tail(log: Path, skip: int = 0, lines: int = 15) -> str:
    said = log.read_bytes()[skip:].decode(errors="replace").splitlines()
    return "\n".join(f"    {line}" for line in said[-lines:])


def main() -> int:
    """Find or build the server and print its path: `python -m ingestd.demo.server`."""
    try:
        print(find_or_build_server())
    except ServerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
