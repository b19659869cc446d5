"""Idle timeout of one connection: how long it may send nothing, on its way from the entrance to pictures."""

import asyncio
from collections.abc import Callable

from ingestd.timer import Timer

# A connection without a byte takes no place, but a socket. Pipelines may need this long for a first picture.
SILENT_TIMEOUT_S = 60.0


class IdleTimeout:
    """Calls ``on_timeout`` with the limit in seconds when nothing has come for as long.

    ``timeout_s``: how long an encoder may be silent, None: for ever; ``start_timeout_s``: the same until its
    first picture, None: no other. ``busy`` says whether something has come that we were too busy to read.
    """

    def __init__(
        self,
        timeout_s: float | None,
        start_timeout_s: float | None,
        *,
        busy: Callable[[], bool],
        on_timeout: Callable[[float], None],
    ) -> None:
        self._timeout_s = timeout_s
        self._start_timeout_s = timeout_s if start_timeout_s is None else start_timeout_s
        self._busy = busy
        self._on_timeout = on_timeout
        self._loop = asyncio.get_running_loop()
        self._timer = Timer(self._look)
        self._limit_s: float | None = None  # for ever
        self._heard_at = 0.0  # by the loop's clock
        self._stopped = False

    def enter(self, stage_timeout_s: float | None) -> None:
        """Count from now until it is admitted; ``stage_timeout_s``: that of its stage of the entrance."""
        limit_s = min(SILENT_TIMEOUT_S, self._start_timeout_s or SILENT_TIMEOUT_S)
        self.heard()
        self._set_limit(limit_s if stage_timeout_s is None else stage_timeout_s)

    def admit(self) -> None:
        """Count from now to the first picture."""
        self.heard()
        self._set_limit(self._start_timeout_s)

    def picture_seen(self) -> None:
        """A whole picture has come: from now on silence is not the sign of a fault that it was before."""
        self._set_limit(self._timeout_s)

    def heard(self) -> None:
        """Something has come."""
        self._heard_at = self._loop.time()

    @property
    def silent_s(self) -> float:
        """Seconds since something came."""
        return self._loop.time() - self._heard_at

    def stop(self) -> None:
        """Watch no more."""
        self._stopped = True
        self._timer.clear()

    def _set_limit(self, limit_s: float | None) -> None:
        self._limit_s = limit_s
        self._look()

    def _look(self) -> None:
        self._timer.clear()
        if self._limit_s is None or self._stopped:
            return
        if self._busy():
            self.heard()
        left_s = self._heard_at + self._limit_s - self._loop.time()
        if left_s > 0:
            self._timer.set(left_s)
        else:
            self._on_timeout(self._limit_s)
