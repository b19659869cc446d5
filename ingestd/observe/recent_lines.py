"""Recent log lines of each stream and room, for the status page: those that the log's limit lets through."""

import logging
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

from ingestd.redact import printable, redact

KEPT_LINES = 8
# Of one event, or a storm of one kind would push out what led to it.
KEPT_OF_AN_EVENT = 2
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


@dataclass(slots=True)
class _Kept:
    event: str
    line: Line
    others: int  # lines of the same event that are not kept, and came before

    def shown(self) -> Line:
        if not self.others:
            return self.line
        return self.line._replace(text=f"{self.line.text} (and {self.others:,} more of these before)")


class RecentLines:
    """Keeps the last lines of each stream and of each room, from INFO on."""

    def __init__(self) -> None:
        self._lines: OrderedDict[tuple[str, str], list[_Kept]] = OrderedDict()

    def add(self, record: logging.LogRecord, number: int = 1) -> None:
        """Keep the line, if it is of a stream or a room. It is the last of ``number`` of one kind."""
        if record.levelno < logging.INFO or not isinstance(record.msg, dict):
            return
        fields = record.msg
        key = next(((kind, str(fields[kind])) for kind in ("stream", "room") if kind in fields), None)
        if key is None:
            return
        lines = self._lines.setdefault(key, [])
        self._lines.move_to_end(key)
        if len(self._lines) > KEPT_SUBJECTS:
            self._lines.popitem(last=False)
        more = " ".join(
            f"{name}={value}"
            for name, value in fields.items()
            if name not in _NOT_SHOWN and value not in ("", None)
        )
        event = str(fields.get("event", ""))
        text = printable(redact(f"{event} {more}")).strip()
        line = Line(time.time(), record.levelname.lower(), text[:MAX_CHARACTERS])
        lines.append(_Kept(event, line, number - 1))
        alike = [kept for kept in lines if kept.event == event]
        if len(alike) > KEPT_OF_AN_EVENT:
            alike[1].others += alike[0].others + 1
            lines.remove(alike[0])
        del lines[:-KEPT_LINES]

    def of(self, stream: str, room: str) -> list[Line]:
        """The last lines of a stream and of its room, the newest first."""
        kept = [*self._lines.get(("stream", stream), ()), *self._lines.get(("room", room), ())]
        return sorted((one.shown() for one in kept), key=lambda line: -line.at)[:KEPT_LINES]


RECENT_LINES = RecentLines()  # a process has one log
