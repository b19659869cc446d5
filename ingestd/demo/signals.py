"""Ctrl-C and its like: end what is going on, once, and let the cleaning up be."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class SignalHandling:
    """Holds the signals from its entry to its exit. Outside `breaks` and `calls` they are only remembered."""

    def __init__(self) -> None:
        self.asked = False
        self._act: Callable[[], None] | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        """Take the signals over."""
        for number in _SIGNALS:
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        """Give them back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextlib.contextmanager
    def breaks(self) -> Iterator[None]:
        """Within: a blocking call, which a signal breaks off with KeyboardInterrupt."""

        def act() -> None:
            raise KeyboardInterrupt

        if self.asked:
            act()
        with self._acting(act):
            yield

    @contextlib.contextmanager
    def calls(self, callback: Callable[[], None]) -> Iterator[None]:
        """Within: the running event loop, in which a signal calls ``callback``."""
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
