"""Differences between two configurations: each key that changes, and when a running ingestd obeys it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any

from pydantic import BaseModel, SecretStr

from ingestd.config.schema import Config, StreamConfig
from ingestd.redact import printable, without_credentials
from ingestd.units import format_bitrate, format_duration

# A longer value is cut where it is shown.
_MAX_SHOWN_CHARACTERS = 80
_HIDDEN = "[hidden]"


class Effect(StrEnum):
    """When a running ingestd obeys a change, and at what price."""

    AT_ONCE = "at once"
    LATER_ROOMS = "for rooms joined from now on"
    STREAM = "the stream starts again"
    ALL_STREAMS = "every stream starts again"
    ADDED = "the stream is added"
    REMOVED = "the stream is removed"
    RESTART = "not before the next restart of ingestd"


# What is not in here begins with streams[. The first that fits counts.
_EFFECTS = {
    "livekit.h265": Effect.RESTART,
    "livekit.signal_relay": Effect.LATER_ROOMS,
    "livekit.token": Effect.LATER_ROOMS,
    "livekit.": Effect.ALL_STREAMS,
    "limits.": Effect.AT_ONCE,
    "http.": Effect.RESTART,
    "log.": Effect.AT_ONCE,
    "hooks": Effect.AT_ONCE,
}
# How a value is written where Python's way is not that of the file.
_WRITTEN: dict[str, Callable[[Any], str]] = {
    "max_bitrate": format_bitrate,
    "min_bitrate": format_bitrate,
    "max_backlog": format_duration,
    "idle_timeout": format_duration,
    "socket_mode": lambda mode: f"{mode:04o}",
    "url": without_credentials,
    "webhook": without_credentials,
    "webhook_secret_file": lambda file: file.name,
}
_WRITTEN_NONE = {
    **dict.fromkeys(
        ("codec", "format", "max_bitrate", "max_framerate", "live", "framerate", "frame_metadata"), "auto"
    ),
    "idle_timeout": "0",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One key; ``before`` and ``after`` are what a person may see, "" for a whole stream."""

    key: str
    effect: Effect
    stream: str = ""
    before: str = ""
    after: str = ""

    @property
    def values(self) -> str:
        """Both values in words."""
        if not self.before and not self.after:
            return ""
        if self.before == self.after:
            return "changed in what is not shown"
        return f"{self.before} → {self.after}"


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs, in the order of the file: sections, then streams."""

    keys: tuple[Change, ...]
    untouched: tuple[str, ...]  # the streams that go on without losing a picture


def compare(old: Config, new: Config) -> Changes:
    """Return what a running ingestd makes of it when ``old`` becomes ``new``."""
    found = [
        Change(key, _effect(key), before=before, after=after)
        for key, before, after in _differing(_sections(old), _sections(new), "")
    ]
    all_again = any(change.effect is Effect.ALL_STREAMS for change in found)
    before = {stream.name: stream for stream in old.streams}
    after = {stream.name: stream for stream in new.streams}
    found += [Change(f"streams[{name}]", Effect.REMOVED, name) for name in before if name not in after]
    untouched = []
    for name, stream in after.items():
        changes = [*_of_stream(name, before.get(name), stream)]
        found += changes
        if all(change.effect is Effect.AT_ONCE for change in changes) and not all_again:
            untouched.append(name)
    return Changes(tuple(found), tuple(untouched))


def in_force(old: Config, new: Config) -> Config:
    """Return ``new`` as a running ingestd that began with ``old`` can obey it: what needs a restart stays."""
    livekit = new.livekit.model_copy(update={"h265": old.livekit.h265})
    return new.model_copy(update={"http": old.http, "livekit": livekit})


def describe_changes(changes: Changes) -> str:
    """Return ``changes`` as lines for a terminal."""
    rows = [(change.key, change.values, str(change.effect)) for change in changes.keys]
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    lines = [f"  {key:{widths[0]}}  {values:{widths[1]}}  {effect}" for key, values, effect in rows]
    if not lines:
        lines = ["  nothing"]
    if changes.untouched:
        lines.append(f"  streams that go on untouched: {', '.join(changes.untouched)}")
    return "\n".join(lines)


def _of_stream(name: str, before: StreamConfig | None, after: StreamConfig) -> Iterator[Change]:
    if before is None:
        yield Change(f"streams[{name}]", Effect.ADDED, name)
    elif before != after:
        for key, old, new in _differing(_fields(before), _fields(after), ""):
            effect = Effect.AT_ONCE if key.startswith("participant.") else Effect.STREAM
            yield Change(f"streams[{name}].{key}", effect, name, old, new)


def _effect(key: str) -> Effect:
    return next(effect for beginning, effect in _EFFECTS.items() if key.startswith(beginning))


def _sections(config: Config) -> dict[str, Any]:
    """All but the streams, and but the warnings, which follow from the rest."""
    return {name: value for name, value in _fields(config).items() if name not in ("streams", "warnings")}


def _fields(model: BaseModel) -> dict[str, Any]:
    return {name: getattr(model, name) for name in type(model).model_fields}


def _differing(old: dict[str, Any], new: dict[str, Any], prefix: str) -> Iterator[tuple[str, str, str]]:
    """Each key that differs, with both values as they may be shown."""
    for name in dict.fromkeys([*old, *new]):
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        key = f"{prefix}{name}"
        if isinstance(before, BaseModel) and isinstance(after, BaseModel):
            yield from _differing(_fields(before), _fields(after), f"{key}.")
        elif _is_list_of_sections(before) or _is_list_of_sections(after):
            yield from _differing(_numbered(before), _numbered(after), key)
        elif isinstance(before, BaseModel) or isinstance(after, BaseModel):
            yield key, _section_shown(before), _section_shown(after)
        else:
            yield key, _shown(name, before), _shown(name, after)


def _is_list_of_sections(value: Any) -> bool:
    return isinstance(value, tuple) and any(isinstance(item, BaseModel) for item in value)


def _numbered(sections: Any) -> dict[str, Any]:
    return {f"[{number}]": section for number, section in enumerate(sections)}


def _section_shown(section: BaseModel | None) -> str:
    if section is None:
        return "none"
    written = {name: value for name, value in _fields(section).items() if value is not None}
    return ", ".join(f"{name}: {_shown(name, value)}" for name, value in written.items())


def _shown(name: str, value: Any) -> str:
    if isinstance(value, SecretStr):
        return _HIDDEN
    if value is None:
        text = _WRITTEN_NONE.get(name, "null")
    elif isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, tuple | list | frozenset):
        text = f"[{', '.join(_shown(name, item) for item in value)}]"
    elif isinstance(value, dict):
        text = json.dumps(value, ensure_ascii=False)
    elif name in _WRITTEN and not isinstance(value, Enum) and value != "auto":
        text = _WRITTEN[name](value)
    else:
        text = str(value)
    text = printable(text)
    return text if len(text) <= _MAX_SHOWN_CHARACTERS else f"{text[: _MAX_SHOWN_CHARACTERS - 1]}…"
