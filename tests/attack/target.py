"""What an attack aims at, and how long: the ports, the configuration and the process of one daemon."""

import dataclasses
import json
import random
import socket
import struct
import time
from dataclasses import dataclass

CONNECT_TIMEOUT_S = 2.0
SEND_TIMEOUT_S = 1.0
# As an encoder in a restart loop; a connect storm has its own pace.
RECONNECT_AFTER_S = 0.2
# SO_LINGER with a time of 0 s: close() sends RST.
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Target:
    """One attacked stream's port, among what else of the daemon may be attacked."""

    port: int
    http_port: int
    config_path: str
    pid: int
    seconds: float
    seed: int = 1

    @staticmethod
    def from_json(text: str) -> "list[Target]":
        """One target for each attacker that is to work at once."""
        return [Target(**fields) for fields in json.loads(text)]

    @staticmethod
    def to_json(targets: "list[Target]") -> str:
        """What `from_json` reads."""
        return json.dumps([dataclasses.asdict(target) for target in targets])

    def dice(self) -> random.Random:
        """The same for the same seed and port number: a run can be repeated."""
        return random.Random(self.seed)


class Clock:
    """The time that is left of an attack."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def left_s(self) -> float:
        """Never below zero."""
        return max(0.0, self._end - time.monotonic())

    def __bool__(self) -> bool:
        return self.left_s > 0

    def sleep(self, seconds: float) -> None:
        """Sleep, but not beyond the end."""
        time.sleep(min(seconds, self.left_s))


def connect(port: int) -> socket.socket:
    """A connection whose writes leave as they are made."""
    connection = socket.create_connection(("127.0.0.1", port), CONNECT_TIMEOUT_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.settimeout(SEND_TIMEOUT_S)
    return connection


def send_until_end(connection: socket.socket, data: bytes | memoryview, clock: Clock) -> bool:
    """Write ``data``, however slowly it is read; False when the time was over first."""
    view = memoryview(data)
    while view:
        if not clock:
            return False
        try:
            view = view[connection.send(view) :]
        except TimeoutError:
            continue
    return True
