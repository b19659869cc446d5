"""Recent log lines of each stream and room, for the status page."""

import logging
import time
from collections import OrderedDict, deque
from typing import NamedTuple

from ingestd.redact import printable, redact

KEPT_LINES = 8
# Streams and rooms of the configuration; the one that was silent for longest gives way.
KEPT_SUBJECTS = 1024
MAX_CHARACTERS = 400
# Which stream or room it is, and what says where in the code a line was written.
_NOT_SHOWN = {"event", "level", "logger", "timestamp", "stream", "room", "identity", "exc_info", "stack_info"}


class Line(NamedTuple):
    """A line, redacted."""

    at: float  # seconds since 1970
    level: str
    text: str


class RecentLines(logging.Handler):
    """Hears every line that is logged from INFO on, and keeps the last of each stream and of each room."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._lines: OrderedDict[tuple[str, str], deque[Line]] = OrderedDict()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line, if it is of a stream or a room; never raises."""
        if not isinstance(record.msg, dict):
            return
        fields = record.msg
        key = next(((kind, str(fields[kind])) for kind in ("stream", "room") if kind in fields), None)
        if key is None:
            return
        lines = self._lines.setdefault(key, deque(maxlen=KEPT_LINES))
        self._lines.move_to_end(key)
        if len(self._lines) > KEPT_SUBJECTS:
            self._lines.popitem(last=False)
        more = " ".join(
            f"{name}={value}"
            for name, value in fields.items()
            if name not in _NOT_SHOWN and value not in ("", None)
        )
        text = printable(redact(f"{fields.get('event', '')} {more}")).strip()
        lines.append(Line(time.time(), record.levelname.lower(), text[:MAX_CHARACTERS]))

    def of(self, stream: str, room: str) -> list[Line]:
        """The last lines of a stream and of its room, the newest first."""
        lines = [*self._lines.get(("stream", stream), ()), *self._lines.get(("room", room), ())]
        return sorted(lines, key=lambda line: -line.at)[:KEPT_LINES]


RECENT_LINES = RecentLines()  # a process has one log
