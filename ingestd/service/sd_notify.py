"""Datagrams to the service manager, as sd_notify(3) describes them; without one nothing happens."""

import socket
from collections import deque
from collections.abc import MutableMapping

import structlog

from ingestd.redact import printable, redact

logger = structlog.get_logger("ingestd.service")

# States that a busy one has yet to hear of: RELOADING and READY of some reloads, and lines of status. The
# oldest goes first; without the last READY it would wait until it gives us up.
MAX_WAITING = 32


class Notifier:
    """Sends states to ``address``, the value of NOTIFY_SOCKET; None: no service manager listens."""

    def __init__(self, address: str | None) -> None:
        self._address = address
        self._failed = False
        self._waiting = deque[str](maxlen=MAX_WAITING)
        self._socket: socket.socket | None = None
        if address is not None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)  # a service manager that does not read must not stop the pictures

    @classmethod
    def taken_from(cls, environ: MutableMapping[str, str]) -> "Notifier":
        """Return the one that ``environ`` names; the variable is removed, as it is not for our children."""
        address = environ.pop("NOTIFY_SOCKET", None)
        if address and address[0] not in "/@":
            logger.warning(
                "NOTIFY_SOCKET is not used; known: a path, or @ and an abstract name", seen=address
            )
            address = None
        return cls(address or None)

    @property
    def active(self) -> bool:
        """Whether a service manager listens."""
        return self._socket is not None

    def send(self, **states: str | int) -> None:
        """Send ``states``, such as ``READY=1``, in one datagram.

        What cannot be sent, as the service manager is busy, waits for the next call of this or `flush`; not
        ``WATCHDOG``, which says something of now.
        """
        if self._socket is None:
            return
        lines = [
            f"{name}={' '.join(printable(redact(str(value))).split())}" for name, value in states.items()
        ]
        self._waiting.append("\n".join(lines))
        self.flush()
        if "WATCHDOG" in states and self._waiting:
            self._waiting.pop()

    def flush(self) -> None:
        """Send what waits, in its order."""
        if self._socket is None or self._address is None:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        while self._waiting:
            try:
                self._socket.sendto(self._waiting[0].encode(), address)
            except OSError as error:
                if not self._failed:
                    state = self._waiting[0].partition("\n")[0]
                    logger.warning("the service manager is not told", error=error.strerror, state=state)
                self._failed = True
                return
            self._waiting.popleft()
            self._failed = False

    def close(self) -> None:
        """Send nothing any more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
