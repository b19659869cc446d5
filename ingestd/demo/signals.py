"""Handling of SIGINT, SIGTERM and SIGHUP: the first ends the current step, none interrupts the clean-up."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class SignalHandling:
    """Handles the signals from entry to exit. Outside `breaks` and `calls` it only notes them (`asked`)."""

    def __init__(self) -> None:
        self.asked = False
        self._act: Callable[[], None] | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        """Install the handlers."""
        for number in _SIGNALS:
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        """Restore the handlers that were there before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextlib.contextmanager
    def breaks(self) -> Iterator[None]:
        """Let a signal raise KeyboardInterrupt in a blocking call; raise it now if one came before."""

        def act() -> None:
            raise KeyboardInterrupt

        if self.asked:
            act()
        with self._acting(act):
            yield

    @contextlib.contextmanager
    def calls(self, callback: Callable[[], None]) -> Iterator[None]:
        """Let a signal call ``callback`` in the running loop; call it now if one came before."""
        loop = asyncio.get_running_loop()

        def act() -> None:
            loop.call_soon_threadsafe(callback)

        with self._acting(act):
            if self.asked:
                callback()
            yield

    @contextlib.contextmanager
    def _acting(self, act: Callable[[], None]) -> Iterator[None]:
        self._act = act
        try:
            yield
        finally:
            self._act = None

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True
        act, self._act = self._act, None
        if act is not None:
            act()
