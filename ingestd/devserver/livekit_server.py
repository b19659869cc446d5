"""LiveKit server on loopback, for the demo, the tests and the benchmarks."""

import http.client
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import yaml

from ingestd.devserver.livekit_binary import ServerError, find_or_build_server, say
from ingestd.devserver.port_pair import PortPair, listens
from ingestd.devserver.process import end, spawn, tail

_READY_TIMEOUT_S = 15.0  # it takes 0.3 s on an idle machine
_DRAIN_TIMEOUT_S = 0.3  # first SIGTERM: it waits for rooms to empty; second: it leaves at once
_STOP_TIMEOUT_S = 3.0
_START_ATTEMPTS = 5  # a port can be taken between our look and the server's bind
_DISCARD_PORT = 9  # RFC 863; closed nearly everywhere

# Read by the server in place of what its configuration file says.
_SERVER_ENVIRONMENT = frozenset({"NODE_IP", "UDP_PORT", "REDIS_HOST", "REDIS_PASSWORD"})


class LiveKitServer:
    """A LiveKit server on loopback, on its own ports and with its own keys; dies with this process.

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
        progress: Callable[[str], None] = say,
        reserve_ports: Callable[[], PortPair] = PortPair.reserve,
    ) -> None:
        """Start nothing yet.

        ``binary``: default: what `find_or_build_server` finds. ``node_ip``: the address the server tells
        WebRTC peers. ``config_overrides`` is merged into the server's configuration, mapping by mapping;
        it must leave ports and keys alone. ``log_path``: default: removed on ``close``.
        """
        self._binary = binary
        self._node_ip = node_ip
        self._overrides = config_overrides or {}
        self._progress = progress
        self._reserve_ports = reserve_ports
        self._directory = Path(tempfile.mkdtemp(prefix="ingestd-livekit-server-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._reservation: PortPair | None = None
        self.log_path = log_path or self._directory / "livekit-server.log"
        self.api_key = "key" + secrets.token_hex(4)
        self.api_secret = secrets.token_hex(24)  # the server asks for 32 characters or more

    def __enter__(self) -> Self:
        """Start it; it answers when this returns. Raises ServerError."""
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
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
        """Start it, or start it again; it answers when this returns. Raises ServerError."""
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
        """End it with SIGKILL, as a crash would."""
        if self._process is not None:
            end(self._process)
            self._process = None

    def stop(self) -> None:
        """End it: SIGTERM, SIGTERM again, SIGKILL."""
        if self._process is None:
            return
        for patience_s in (_DRAIN_TIMEOUT_S, _STOP_TIMEOUT_S):
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(patience_s)
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
        self._reservation = self._reserve_ports()

    def _config(self) -> dict[str, Any]:
        rtc: dict[str, Any] = {
            "node_ip": self._node_ip,
            "tcp_port": self.rtc_port,
            "udp_port": self.rtc_port,
            # It hands these to its peers, and by default public ones, which must not hear of a test.
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
            self._process = spawn([str(self._binary), "--config", str(config)], log, environment)
        deadline = time.monotonic() + _READY_TIMEOUT_S
        # Both: another process that holds the port may answer while ours is about to find it taken.
        while not (listens(self._process.pid, self.port) and self._answers()):
            if (status := self._process.poll()) is not None:
                said = tail(self.log_path, written_before)
                self._process = None
                if "address already in use" in said:
                    raise _PortTakenError(f"no port for the LiveKit server. It said:\n{said}")
                raise ServerError(f"the LiveKit server left with status {status}. It said:\n{said}")
            if time.monotonic() > deadline:
                said = tail(self.log_path, written_before)
                self.kill()
                raise ServerError(
                    f"the LiveKit server did not answer in {_READY_TIMEOUT_S:.0f} s. It said:\n{said}"
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
    """Another process took the port between our look and the server's bind."""


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            result[key] = _merged(below, value)
        else:
            result[key] = value
    return result
