"""Terminal output of the demo: steps with their time, and one line of live figures."""

import shutil
import sys
import textwrap
import time
from collections.abc import Callable
from typing import TextIO

_LINE_INTERVAL_S = 5.0  # between lines of figures where the output is no terminal


class Screen:
    """Standard output, whether it is a terminal or a file."""

    def __init__(self, out: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = sys.stdout if out is None else out
        self._terminal = self._out.isatty()
        self._clock = clock
        self._started_at = clock()
        self._live_at = -_LINE_INTERVAL_S
        self._live_shown = False

    def say(self, text: str) -> None:
        """Print a line as it is."""
        self._clear()
        self._write(text + "\n")

    def step(self, text: str) -> None:
        """Print a step, with the seconds since the start."""
        self.say(f"{self._clock() - self._started_at:6.1f} s  {text}")

    def detail(self, text: str) -> None:
        """Print lines that belong to the step before, indented."""
        self.say(textwrap.indent(text.rstrip(), " " * 10))

    def live(self, text: str) -> None:
        """Overwrite the line of figures on a terminal; elsewhere print one every _LINE_INTERVAL_S."""
        now = self._clock()
        text = f"{now - self._started_at:6.1f} s  {text}"
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            self._write(f"\r{text[:width]}\x1b[K")
            self._live_shown = True
        elif now - self._live_at >= _LINE_INTERVAL_S:
            self._live_at = now
            self._write(text + "\n")

    def _clear(self) -> None:
        if self._live_shown:
            self._write("\n")
            self._live_shown = False

    def _write(self, text: str) -> None:
        encoding = self._out.encoding or "utf-8"
        self._out.write(text.encode(encoding, "replace").decode(encoding))
        self._out.flush()
