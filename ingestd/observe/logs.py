"""Logging: structlog and the standard library's loggers, as limited console lines or JSON without secrets."""

import contextlib
import copy
import logging
import re
import sys
import traceback
from collections.abc import Hashable
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from ingestd.log_limiter import LIMIT_INTERVAL_S, LeftOut, LineLimiter
from ingestd.observe.log_writer import LogWriter
from ingestd.observe.recent_lines import RECENT_LINES
from ingestd.redact import printable, redact

logger = structlog.get_logger("ingestd.observe")

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
# What these log at INFO is about themselves, not about a stream.
_CHATTY = ("livekit", "asyncio", "aiohttp", "aiohttp.access")
# How the SDK's native part words its lines: "livekit::rtc_engine:382:livekit::rtc_engine - resuming".
_SDK_LINE = re.compile(r"(?P<target>[\w:]+?):(?P<line>\d+):(?P<module>[\w:]*) - (?P<event>.*)", re.DOTALL)

_MAX_DEPTH = 6
# What lines of one event are about. Who the peer is does not: that may be as many as there are lines.
_SUBJECT = ("stream", "room", "identity", "task", "what")


def log_unraisable(unraisable: Any) -> None:
    """Log an exception that Python cannot raise, as in a destructor; for ``sys.unraisablehook``."""
    where = unraisable.err_msg or "Exception ignored in"
    error = unraisable.exc_value
    logging.getLogger("python").error("%s: %r", where, unraisable.object, exc_info=error)


def configure(level: str = "info", format: str = "auto", stream: TextIO | LogWriter | None = None) -> None:
    """Send every line, of ours and of libraries, to ``stream``.

    Default: the `LogWriter` that they go to now, else stderr. ``level`` is debug, info, warning or error;
    ``format`` is console, json, or auto, which is console on a terminal and JSON otherwise. May be called
    again.
    """
    if stream is None:
        stream = next((handler.writer for handler in _handlers() if handler.writer is not None), None)
    out = stream if stream is not None else sys.stderr
    console = format == "console" or (format == "auto" and _is_terminal(out))
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
        _milliseconds,
    ]
    end: list[Processor]
    if console:
        plain = structlog.dev.plain_traceback
        end = [
            structlog.processors.StackInfoRenderer(),
            _redact_fields,
            _redacting(structlog.dev.ConsoleRenderer(colors=_is_terminal(out), exception_formatter=plain)),
        ]
    else:
        end = [
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            _redact_fields,
            _in_order,
            structlog.processors.JSONRenderer(default=str, ensure_ascii=False),
        ]
    handler = _Handler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _split_sdk_line, _summarise_sdk_error],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *end],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_LEVELS[level])
    for name in _CHATTY:
        logging.getLogger(name).setLevel(
            logging.DEBUG if level == "debug" else max(_LEVELS[level], logging.WARNING)
        )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        # The level may change when the configuration is read again.
        cache_logger_on_first_use=False,
    )


def say_left_out(*, all: bool = False) -> None:
    """Log how many lines were left out in the intervals that have ended; with ``all`` also in the others.

    Every line that is logged does so, too; this is for when none comes. And how many were lost.
    """
    for handler in _handlers():
        handler.say_left_out(all=all)
        if handler.writer is not None and (lines := handler.writer.take_lost()):
            why = "what reads the log was too slow, or its disk was full"
            logger.warning("log lines lost", lines=lines, error=why)


def _handlers() -> "list[_Handler]":
    return [handler for handler in logging.getLogger().handlers if isinstance(handler, _Handler)]


class _Handler(logging.StreamHandler[TextIO | LogWriter]):
    """Never raises and never prints about itself: a closed pipe or a full disk must not stop the pictures.

    Of one kind it writes in LIMIT_INTERVAL_S the first about each stream and MAX_LINES_OF_A_KIND - 1 more,
    then how many others there were, and while more come only that. Lines for debugging have no limit.
    """

    def __init__(self, stream: TextIO | LogWriter) -> None:
        super().__init__(stream)
        self.writer = stream if isinstance(stream, LogWriter) else None
        self._limiter: LineLimiter[logging.LogRecord] = LineLimiter()

    def emit(self, record: logging.LogRecord) -> None:
        self.say_left_out()
        if record.levelno <= logging.DEBUG or self._limiter.admit(_kind(record), record, _subject(record)):
            super().emit(record)
            RECENT_LINES.add(record)

    def say_left_out(self, *, all: bool = False) -> None:
        with self.lock or contextlib.nullcontext():
            for left_out in self._limiter.ended(now=all):
                super().emit(_summary(left_out))
                for number, last in left_out.by_subject.values():
                    RECENT_LINES.add(last, number)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name of the base class
        error = sys.exc_info()[1]
        if isinstance(error, OSError | ValueError):
            return  # a closed pipe, a full disk, a closed file
        # A line that cannot be rendered is written without its fields.
        try:
            self.stream.write(f"{redact(str(record.msg))} (unprintable: {type(error).__name__})\n")
        except (OSError, ValueError):
            return


def _kind(record: logging.LogRecord) -> Hashable:
    if isinstance(record.msg, dict):  # ours
        return (record.name, record.msg["event"])
    match = _SDK_LINE.fullmatch(str(record.msg)) if record.name == "livekit" else None
    # Where in the SDK it was written: its words differ each time.
    return (record.name, match["target"], match["line"]) if match else (record.name, str(record.msg))


def _subject(record: logging.LogRecord) -> Hashable:
    return tuple(str(record.msg.get(key)) for key in _SUBJECT) if isinstance(record.msg, dict) else None


def _summary(left_out: LeftOut[logging.LogRecord]) -> logging.LogRecord:
    """Return the last of the lines that were left out, with the number of all."""
    record = copy.copy(left_out.last)
    subjects = len(left_out.by_subject)
    of_many = f", of {subjects} streams or rooms," if subjects > 1 else ""
    more = f"… {left_out.number} more{of_many} in the last {LIMIT_INTERVAL_S:g} s left out; the last one:"
    if isinstance(record.msg, dict):
        fields = {key: value for key, value in record.msg.items() if key != "exc_info"}
        record.msg = {**fields, "event": f"{more} {fields['event']}", "left_out": left_out.number}
    else:
        record.msg = f"{more} {record.msg}"
    record.exc_info = record.exc_text = None
    return record


def _is_terminal(stream: TextIO | LogWriter) -> bool:
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False


def _milliseconds(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    # 2026-11-22T20:47:39.123456Z with three digits less.
    event["timestamp"] = re.sub(r"(\.\d{3})\d*Z$", r"\1Z", str(event["timestamp"]))
    return event


def _split_sdk_line(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    if event.get("logger") == "livekit" and isinstance(event["event"], str):
        match = _SDK_LINE.fullmatch(event["event"])
        if match:
            event["event"] = match["event"]
            event["module"] = match["module"] or match["target"]
    return event


def _summarise_sdk_error(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Make one line of an exception within the SDK; a defect of ours keeps its traceback."""
    error = event["exc_info"][1] if event.get("exc_info") else None
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)] if error else []
    packages = [frame.f_globals.get("__name__", "").partition(".")[0] for frame in frames]
    if next((name for name in reversed(packages) if name in ("livekit", "ingestd")), None) == "livekit":
        del event["exc_info"]
        said = event["event"].partition("\n")[0]
        event.update(
            logger="livekit",
            event="error within the LiveKit SDK, which continues",
            said=said,
            error=f"{type(error).__name__}: {error}",
        )
    return event


def _redact_fields(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {key: value if key == "exc_info" else _redacted(value, 0) for key, value in event.items()}


def _redacting(render: structlog.dev.ConsoleRenderer) -> Processor:
    # The console's tracebacks are made while it renders, too late for the fields' own redaction.
    return lambda logger, method, event: redact(render(logger, method, event))


def _in_order(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    first = ("timestamp", "level", "logger", "event")
    return {**{key: event.pop(key) for key in first if key in event}, **event}


def _redacted(value: Any, depth: int) -> Any:
    if isinstance(value, bool | int | float | None):
        return value
    if isinstance(value, dict) and depth < _MAX_DEPTH:
        return {str(key): _redacted(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple) and depth < _MAX_DEPTH:
        return [_redacted(item, depth + 1) for item in value]
    return printable(redact(str(value)))
