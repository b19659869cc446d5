"""Log writer: lines are written from a thread, so that nothing waits for who reads them, or for a disk."""

import os
import select
import threading
from collections import deque
from typing import TextIO

# What a log shipper that starts again leaves unread, some thousands of lines. More is lost, and counted.
MAX_WAITING_BYTES = 1 << 20


class LogWriter:
    """Takes lines for ``out``, which may stand still or be full, at once; `drain` before the process ends."""

    def __init__(self, out: TextIO, max_waiting_bytes: int = MAX_WAITING_BYTES) -> None:
        # Not ``out``: a thread that stands in it would hold a lock which the interpreter's end needs.
        self._descriptor = out.fileno()
        self._encoding = out.encoding
        self._is_terminal = out.isatty()
        self._max_waiting_bytes = max_waiting_bytes
        self._lines: deque[bytes] = deque()  # the first one is being written
        self._waiting_bytes = 0
        self._lost = 0
        self._torn = False  # the last line was written in part only
        self._changed = threading.Condition()
        threading.Thread(target=self._run, name="log", daemon=True).start()

    def isatty(self) -> bool:
        """Whether people read it."""
        return self._is_terminal

    def write(self, text: str) -> int:
        """Take whole lines; where too much waits they are lost."""
        data = text.encode(self._encoding, "backslashreplace")
        with self._changed:
            if self._waiting_bytes + len(data) > self._max_waiting_bytes:
                self._lost += 1
            else:
                self._lines.append(data)
                self._waiting_bytes += len(data)
                self._changed.notify_all()
        return len(text)

    def flush(self) -> None:
        """Do nothing: nothing is kept back."""

    def take_lost(self) -> int:
        """Return how many were lost since this was asked last; 0 while there is no room yet to say so."""
        with self._changed:
            if self._waiting_bytes > self._max_waiting_bytes // 2:
                return 0
            lost, self._lost = self._lost, 0
            return lost

    def drain(self, timeout_s: float) -> None:
        """Return when all is written, or the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: not self._lines, timeout_s)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._lines)
                line = self._lines[0]
            written = self._write(b"\n" + line if self._torn else line)
            with self._changed:
                del self._lines[0]
                self._waiting_bytes -= len(line)
                self._lost += not written
                self._changed.notify_all()

    def _write(self, data: bytes) -> bool:
        """Write ``data``, however long it takes; False where that cannot be done, as on a full disk."""
        left = memoryview(data)
        while left:
            try:
                left = left[os.write(self._descriptor, left) :]
                self._torn = bool(left)
            except BlockingIOError:  # another process has made the pipe so
                select.select([], [self._descriptor], [])
            except OSError:
                return False
        return True
