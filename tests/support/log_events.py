"""Log events of the daemon with their levels, read from the calls in its code."""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[2]
LEVELS = {
    "debug": "debug",
    "info": "info",
    "warning": "warning",
    "error": "error",
    "exception": "error",
    "critical": "critical",
}
LOGGERS = {"log", "logger", "_log"}
OTHER_PROGRAMS = ("sender", "demo", "devserver")  # `ingestd-gst` logs for itself


@cache
def log_events() -> Mapping[str, set[str]]:
    """Return the levels of each event; `…` stands for what differs from line to line."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted((ROOT / "ingestd").rglob("*.py")):
        if path.relative_to(ROOT / "ingestd").parts[0] not in OTHER_PROGRAMS:
            for event, level in _Module(path).events():
                found[event].add(level)
    return found


class _Module:
    """The log calls of one module; a name in one is looked up in its function, then in the module."""

    def __init__(self, path: Path) -> None:
        self._tree = ast.parse(path.read_text())
        self._name = ".".join(path.relative_to(ROOT).with_suffix("").parts)

    def events(self) -> Iterator[tuple[str, str]]:
        """Yield each event with a level."""
        for function in ast.walk(self._tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                assigned = _assignments(function)
                for call in ast.walk(function):
                    if isinstance(call, ast.Call):
                        yield from self._of_call(call, assigned)

    def _of_call(self, call: ast.Call, assigned: Mapping[str, list[ast.expr]]) -> Iterator[tuple[str, str]]:
        # `log.info(event)`, `log(event)`, `say(…, log.info, event)`, `_warn_once(…, event)`.
        line = [call.func, *call.args]
        if isinstance(call.func, ast.Attribute) and call.func.attr == "_warn_once":
            line = [ast.parse("log.warning", mode="eval").body, call.args[-1]]
        for said, event in pairwise(line):
            for level in _levels(said, assigned):
                for text in self._texts(event, assigned):
                    yield text, level

    def _texts(self, node: ast.expr, assigned: Mapping[str, list[ast.expr]]) -> Iterator[str]:
        if isinstance(node, ast.Constant):
            yield str(node.value)
        elif isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
            yield "".join(map(str, parts))
        elif isinstance(node, ast.IfExp):
            yield from self._texts(node.body, assigned)
            yield from self._texts(node.orelse, assigned)
        elif isinstance(node, ast.Name) and node.id in assigned:
            for value in assigned[node.id]:
                yield from self._texts(value, assigned)
        elif isinstance(node, ast.Name) and node.id.isupper():
            yield getattr(import_module(self._name), node.id)
        elif not (isinstance(node, ast.Name) and node.id == "event"):  # handed on: `_say` and its like
            yield "…"


def _assignments(function: ast.AST) -> Mapping[str, list[ast.expr]]:
    assigned: dict[str, list[ast.expr]] = defaultdict(list)
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            assigned[node.targets[0].id].append(node.value)
    return assigned


def _levels(node: ast.expr, assigned: Mapping[str, list[ast.expr]]) -> Iterator[str]:
    if isinstance(node, ast.Attribute) and node.attr in LEVELS:
        owner = node.value
        if getattr(owner, "attr", getattr(owner, "id", "")) in LOGGERS:
            yield LEVELS[node.attr]
    elif isinstance(node, ast.IfExp):
        yield from _levels(node.body, assigned)
        yield from _levels(node.orelse, assigned)
    elif isinstance(node, ast.Name) and node.id == "log":
        for value in assigned.get("log", ()):
            yield from _levels(value, assigned)
