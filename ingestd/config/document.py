"""Parses a YAML file into plain values and the line that each was written in."""

import re
from collections.abc import Container
from dataclasses import dataclass, replace
from typing import Any

import yaml

from ingestd.errors import ConfigError
from ingestd.redact import cut

Path = tuple[str | int, ...]

# Ours has five levels; a recursive reader must stop somewhere.
_MAX_DEPTH = 20
# What five thousand streams write in 1 MiB is a third of that many keys and values.
_MAX_SCALARS = 200_000
# No number or date is longer, and reading one in base 60 (1:30:00) takes time that grows with its square.
_MAX_NUMBER_CHARACTERS = 64
# Who has made more mistakes has given us something else to read.
_MAX_PROBLEMS = 100
# libyaml reads 1 MiB in a fraction of a second, PyYAML's Python in minutes. Not every build of PyYAML has it.
_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from: file and line, or ``environment`` and 0, and the key or the variable there."""

    where: str
    line: int
    key: str

    def __str__(self) -> str:
        return f"{self.where}:{self.line}: {self.key}" if self.line else f"{self.where}: {self.key}"


@dataclass(slots=True)
class Located:
    """A value and where it was written; a mapping or a list holds `Located` values."""

    value: Any
    origin: Origin

    @property
    def parts(self) -> Container[str | int]:
        """The keys or indexes of what is in it."""
        if isinstance(self.value, list):
            return range(len(self.value))
        return self.value if isinstance(self.value, dict) else ()

    def get(self, key: str) -> Any:
        """Return the plain value of ``key``; None where there is none, or this is no mapping."""
        found = self.value.get(key) if isinstance(self.value, dict) else None
        return found.plain() if found is not None else None

    def plain(self) -> Any:
        """Return the value without origins, and mappings without null: that means the same as no key."""
        if isinstance(self.value, dict):
            return {key: item.plain() for key, item in self.value.items() if item.value is not None}
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        return self.value


class Document:
    """What is written, and what is wrong with it; ``root`` is a mapping."""

    def __init__(self, file: str) -> None:
        self.root = Located({}, Origin(file, 1, ""))
        self._problems: dict[tuple[Origin, str], None] = {}  # in the order of their being found

    def origin(self, path: Path) -> Origin:
        """Of the value at ``path``, or, where nothing is written there, the line of what surrounds it."""
        here = self.root
        for part in path:
            if part not in here.parts:
                return replace(here.origin, key=dotted(path))
            here = here.value[part]
        return here.origin

    def problem(self, path: Path, text: str) -> None:
        """Note what is wrong at ``path``, once."""
        self.problem_at(self.origin(path), text)

    def problem_at(self, origin: Origin, text: str) -> None:
        """Note what is wrong at ``origin``, once. Raises ConfigError where it is too much to go on."""
        self._problems.setdefault((origin, text))
        if len(self._problems) == _MAX_PROBLEMS:
            raise ConfigError(
                "\n".join([*self.problems, f"These are {_MAX_PROBLEMS}; the rest is not read."])
            )

    @property
    def problems(self) -> list[str]:
        """What is wrong, in the order of the file, after what is wrong in the environment."""
        return [f"{origin}: {text}" for origin, text in sorted(self._problems, key=lambda p: p[0].line)]


def dotted(path: Path) -> str:
    """``streams[0].source.listen``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{cut(part)}" for part in path)
    return text.removeprefix(".")


def parse(text: str, file: str) -> Document:
    """Read YAML. Raises ConfigError for a syntax error; what else is wrong is noted in the document."""
    document = Document(file)
    try:
        _check_events(text, file)
        node = yaml.compose(text, _Loader)
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise ConfigError(f"{file}:{line}:{column}: {error.reason}") from None
    except yaml.MarkedYAMLError as error:
        position = _position(error)
        # PyYAML quotes what it stumbled over, which may be a secret. Its own token names, in <>, may stay.
        said = re.sub(r"'[^'<]{2,}'", "this text", f"{error.problem or error.context}")
        raise ConfigError(f"{file}:{position}: not valid YAML: {said}") from None
    if node is None:
        raise ConfigError(f"{file}: the file is empty; a configuration needs at least livekit and streams")
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(f"{file}:1: a mapping is needed: livekit: …, streams: …")
    document.root.value = _mapping(document, node, ())
    return document


def _check_events(text: str, file: str) -> None:
    """Refuse, before anything is composed, what makes reading it take long: aliases, depth, masses."""
    depth = scalars = 0
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.AliasEvent):
            # Its name is not shown: an unquoted secret may begin with an asterisk.
            raise ConfigError(
                f"{file}:{_position(event)}: an alias (*name) is not read; put a value that "
                "begins with * in quotes, and what streams share under defaults"
            )
        scalars += isinstance(event, yaml.ScalarEvent)
        if scalars > _MAX_SCALARS:
            raise ConfigError(f"{file}:{_position(event)}: more than {_MAX_SCALARS} keys and values")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MAX_DEPTH:
            raise ConfigError(
                f"{file}:{_position(event)}: nested more than {_MAX_DEPTH} levels deep; five are known"
            )


def _position(what: yaml.Event | yaml.MarkedYAMLError) -> str:
    mark = what.start_mark if isinstance(what, yaml.Event) else what.problem_mark or what.context_mark
    return f"{mark.line + 1}:{mark.column + 1}" if mark else "1:1"


_SCALARS = yaml.constructor.SafeConstructor()


def _value(document: Document, node: yaml.Node, path: Path) -> Any:
    if isinstance(node, yaml.MappingNode):
        return _mapping(document, node, path)
    if isinstance(node, yaml.SequenceNode):
        return [
            Located(_value(document, item, (*path, index)), _origin(document, item, (*path, index)))
            for index, item in enumerate(node.value)
        ]
    if len(node.value) > _MAX_NUMBER_CHARACTERS:
        return str(node.value)
    try:
        return _SCALARS.construct_object(node)
    except (yaml.YAMLError, ValueError):
        # A tag of Python's, or a date with a 13th month: taken as the text it is.
        return str(node.value)


def _mapping(document: Document, node: yaml.MappingNode, path: Path) -> dict[str, Located]:
    result: dict[str, Located] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            document.problem_at(_origin(document, key_node, path), "a key is text, not a list or mapping")
            continue
        # The text as written: YAML 1.1 would turn `on` into true.
        key = str(key_node.value)
        here = (*path, key)
        origin = _origin(document, key_node, here)
        if key in result:
            text = f"is written twice, first in line {result[key].origin.line}; allowed: once"
            document.problem_at(origin, text)
            continue
        result[key] = Located(_value(document, value_node, here), origin)
    return result


def _origin(document: Document, node: yaml.Node, path: Path) -> Origin:
    return Origin(document.root.origin.where, node.start_mark.line + 1, dotted(path))
