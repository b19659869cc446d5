"""A terminal that is drawn on without flicker: plain ANSI, and as it was before when we leave it."""

import os
import re
import select
import shutil
import signal
import sys
import termios
import tty
from collections.abc import Sequence
from types import TracebackType
from typing import Self

# DEC private modes of xterm: 1049 another screen, 25 the cursor, 7 lines that wrap, 2026 a picture at a time.
_ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J"
_LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l"
_BEGIN, _END = "\x1b[?2026h\x1b[H", "\x1b[?2026l"
# What one key sends (ECMA-48, 5.4).
_KEY = re.compile(r"\x1b\[[0-9;]*[A-Za-z~]|\x1bO[A-Z]|.", re.DOTALL)
_KEYS = {
    "\x1b[A": "up",
    "\x1bOA": "up",
    "k": "up",
    "\x1b[B": "down",
    "\x1bOB": "down",
    "j": "down",
    "\x1b[5~": "page up",
    "\x1b[6~": "page down",
    " ": "page down",
    "q": "end",
    "Q": "end",
    "\x03": "end",
    "\x04": "end",
}


class Screen:
    """Standard output, a terminal, while it is a context manager; keys come from standard input if it is one.

    Ctrl-C and SIGTERM are the key ``end`` here; Ctrl-Z gives the terminal back until we go on.
    """

    def __enter__(self) -> Self:
        """Take the terminal."""
        keys = sys.stdin  # None where it is closed
        self._keys = keys.fileno() if keys is not None and keys.isatty() else None
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        self._ended = self._stopped = False
        self._before = {
            number: signal.signal(number, self._signalled)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGWINCH, signal.SIGTSTP)
        }
        self._take()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Give it back, as it was."""
        self._give_back()
        for number, before in self._before.items():
            signal.signal(number, before)
        os.close(self._woken)
        os.close(self._wake)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines, now."""
        size = shutil.get_terminal_size()
        try:
            size = os.get_terminal_size(sys.stdout.fileno())  # the variables may be older than the window
        except OSError:
            pass
        return max(size.columns, 1), max(size.lines, 1)

    def draw(self, lines: Sequence[str]) -> None:
        """Show ``lines`` in place of what was there, in one write."""
        height = self.size[1]
        shown = [*lines, *[""] * (height - len(lines))][:height]
        # Erased before it is written: after it, the last letter of a full line would go, too.
        _write(_BEGIN + "\n".join(f"\x1b[K{line}" for line in shown) + _END)

    def wake(self) -> None:
        """Have `wait` return. Any thread may call it."""
        try:
            os.write(self._wake, b"x")
        except OSError:  # full: it will wake; or closed: we are leaving
            pass

    def wait(self, seconds: float) -> list[str]:
        """Wait until a key is pressed, the size changes, or `wake` is called.

        Returns the keys: ``up``, ``down``, ``page up``, ``page down``, ``end``.
        """
        watched = [self._woken] + ([self._keys] if self._keys is not None else [])
        ready, _, _ = select.select(watched, [], [], seconds)
        if self._woken in ready:
            os.read(self._woken, 4096)
        if self._ended:
            return ["end"]
        if self._stopped:
            self._stand_aside()
        if self._keys is None or self._keys not in ready:
            return []
        data = os.read(self._keys, 4096).decode(errors="replace")
        # Without data the terminal is gone.
        return [_KEYS[key] for key in _KEY.findall(data) if key in _KEYS] if data else ["end"]

    def _take(self) -> None:
        if self._keys is not None:
            self._mode = termios.tcgetattr(self._keys)
            tty.setcbreak(self._keys)
        _write(_ENTER)

    def _give_back(self) -> None:
        _write(_LEAVE)
        if self._keys is not None:
            termios.tcsetattr(self._keys, termios.TCSADRAIN, self._mode)

    def _stand_aside(self) -> None:
        self._stopped = False
        self._give_back()
        os.kill(os.getpid(), signal.SIGSTOP)  # returns when the shell lets us go on
        self._take()

    def _signalled(self, number: int, _frame: object) -> None:
        # Nothing is written here: it may be in the middle of a write.
        if number == signal.SIGTSTP:
            self._stopped = True
        elif number != signal.SIGWINCH:
            self._ended = True
        self.wake()


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
