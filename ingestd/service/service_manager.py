"""What systemd is told of the daemon, and when: ready, reloading, stopping, alive, a line of status."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping, MutableMapping

import structlog

from ingestd.service.movement import Motion, Movement
from ingestd.service.sd_notify import Notifier

logger = structlog.get_logger("ingestd.service")

STATUS_INTERVAL_S = 2.0
# Of a number of 64 bits. Python refuses to read one of thousands.
MAX_DIGITS = 20
# Each message asks for this much more time to start: names may have to be looked up for many streams.
START_EXTENSION_S = 30.0
STUCK = "pictures are due and do not move, which is a defect of ingestd: a restart brings them back"


class ServiceManager:
    """Speaks to systemd through ``notifier``, which restarts us if it hears nothing for ``watchdog_s``."""

    def __init__(self, notifier: Notifier, watchdog_s: float | None = None) -> None:
        self._notifier = notifier
        self._watchdog_s = watchdog_s
        self._ready = False
        self._stopping = False
        self._said = ""  # the status that systemd knows

    @classmethod
    def taken_from(cls, environ: MutableMapping[str, str]) -> "ServiceManager":
        """Return what ``environ`` tells of; its variables are removed, as they are not for our children."""
        usec, pid = environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", "")
        ours = (
            usec.isdecimal() and len(usec) <= MAX_DIGITS and int(usec) > 0 and pid in ("", str(os.getpid()))
        )
        return cls(Notifier.taken_from(environ), int(usec) / 1e6 if ours else None)

    async def keep(self, status: Callable[[], str], motions: Callable[[], Mapping[str, Motion]]) -> None:
        """Tell the status whenever it has changed, and that we are alive; more time while we start.

        The loop turns, or this would not run. ``motions`` are those of all streams.
        """
        if not self._notifier.active:
            return
        interval_s = min(STATUS_INTERVAL_S, self._watchdog_s / 3 if self._watchdog_s else STATUS_INTERVAL_S)
        movement = Movement()
        said_stuck: list[str] = []
        while True:
            self._notifier.flush()
            if not self._ready and not self._stopping:
                self._notifier.send(EXTEND_TIMEOUT_USEC=_usec(START_EXTENSION_S), STATUS="starting")
            elif not self._stopping:
                self._tell(status())
            movement.look(motions(), time.monotonic())
            if movement.stuck and movement.stuck != said_stuck:
                logger.critical(STUCK, streams=movement.stuck, watchdog_withheld=movement.standstill)
            said_stuck = movement.stuck
            if self._watchdog_s is not None and not movement.standstill:
                self._notifier.send(WATCHDOG=1)
            await asyncio.sleep(interval_s)

    def ready(self, status: str) -> None:
        """Every source is open, at the start or after a reload."""
        if self._stopping:
            return  # a reload that the stop cut short
        self._ready = True
        self._said = status
        self._notifier.send(READY=1, STATUS=status)

    def reloading(self) -> None:
        """The configuration is being read again; `ready` follows."""
        if self._ready:
            self._notifier.send(
                RELOADING=1, MONOTONIC_USEC=time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            )

    def stopping(self, within_s: float) -> None:
        """We leave the rooms, which takes up to ``within_s`` seconds."""
        self._stopping = True
        self._notifier.send(STOPPING=1, STATUS="leaving the rooms", EXTEND_TIMEOUT_USEC=_usec(within_s))

    def _tell(self, status: str) -> None:
        if status != self._said:
            self._said = status
            self._notifier.send(STATUS=status)


def _usec(seconds: float) -> int:
    return round(seconds * 1e6)
