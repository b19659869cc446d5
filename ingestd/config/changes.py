"""Differences between two configurations: each key that changes, and when a running ingestd obeys it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import BaseModel

from ingestd.config.schema import Config, StreamConfig
from ingestd.config.written import KINDS, yaml_text
from ingestd.redact import printable

# A longer value is cut where it is shown.
_MAX_SHOWN_CHARACTERS = 80


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
# A key of a list, as `KINDS` names it: without the number.
_NUMBER = re.compile(r"\[\d+\]")


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
        for key, old, new in _differing(_fields(before), _fields(after), "", "streams[]."):
            effect = Effect.AT_ONCE if key.startswith("participant.") else Effect.STREAM
            yield Change(f"streams[{name}].{key}", effect, name, old, new)


def _effect(key: str) -> Effect:
    return next(effect for beginning, effect in _EFFECTS.items() if key.startswith(beginning))


def _sections(config: Config) -> dict[str, Any]:
    """All but the streams, and but the warnings, which follow from the rest."""
    return {name: value for name, value in _fields(config).items() if name not in ("streams", "warnings")}


def _fields(model: BaseModel) -> dict[str, Any]:
    return {name: getattr(model, name) for name in type(model).model_fields}


def _differing(
    old: dict[str, Any], new: dict[str, Any], prefix: str, of: str = ""
) -> Iterator[tuple[str, str, str]]:
    """Each key that differs, with both values as they may be shown; `KINDS` has ``of`` before its name."""
    for name in dict.fromkeys([*old, *new]):
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        key = f"{prefix}{name}"
        if isinstance(before, BaseModel) and isinstance(after, BaseModel):
            yield from _differing(_fields(before), _fields(after), f"{key}.", of)
        elif _is_list_of_sections(before) or _is_list_of_sections(after):
            yield from _differing(_numbered(before), _numbered(after), key, of)
        else:
            full = f"{of}{_NUMBER.sub('', key)}"
            yield key, _shown(full, before), _shown(full, after)


def _is_list_of_sections(value: Any) -> bool:
    return isinstance(value, tuple) and any(isinstance(item, BaseModel) for item in value)


def _numbered(sections: Any) -> dict[str, Any]:
    return {f"[{number}]": section for number, section in enumerate(sections)}


def _shown(key: str, value: Any) -> str:
    if key not in KINDS:  # an item of a list, there or not
        return _section_shown(key, value) if value is not None else "none"
    text = printable(yaml_text(KINDS[key].write(value)))
    return text if len(text) <= _MAX_SHOWN_CHARACTERS else f"{text[: _MAX_SHOWN_CHARACTERS - 1]}…"


def _section_shown(key: str, section: BaseModel) -> str:
    values = {name: value for name, value in _fields(section).items() if value is not None}
    return ", ".join(f"{name}: {_shown(f'{key}.{name}', value)}" for name, value in values.items())
