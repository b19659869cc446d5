"""One timer of the event loop that can be set again and again."""

import asyncio
from collections.abc import Callable


class Timer:
    """Calls ``callback`` once each time it has run out; setting it forgets the time set before."""

    def __init__(self, callback: Callable[[], object]) -> None:
        self._callback = callback
        self._handle: asyncio.Handle | None = None

    @property
    def running(self) -> bool:
        """Whether it is set and has not run out."""
        return self._handle is not None

    def set(self, delay_s: float) -> None:
        """Run out in ``delay_s`` seconds; 0 or less: when the loop has read what has arrived by now."""
        self.clear()
        loop = asyncio.get_running_loop()
        if delay_s > 0:
            self._handle = loop.call_later(delay_s, self._run_out)
        else:
            self._handle = loop.call_soon(self._run_out)

    def clear(self) -> None:
        """Never run out; does nothing where it is not set."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _run_out(self) -> None:
        self._handle = None
        self._callback()
