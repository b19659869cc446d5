"""What the source says of reasons: which are raised, with which case, and in which words."""

import ast
from collections.abc import Iterator
from pathlib import Path

import ingestd
from ingestd.media.bits.bit_reader import STRUCTURES_IN_WORDS

PACKAGE = Path(ingestd.__file__).parent
MEDIA = PACKAGE / "media"


def modules(below: Path = PACKAGE) -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(below.rglob("*.py")):
        yield path, ast.parse(path.read_text())


def calls(tree: ast.AST, names: set[str]) -> Iterator[ast.Call]:
    """Calls of functions, methods and classes of one of these names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", None) or getattr(node.func, "attr", None)
            if name in names:
                yield node


def reasons(names: set[str]) -> set[str]:
    """Return the constant first arguments of such calls, in the whole package."""
    found: set[str] = set()
    for _, tree in modules():
        for call in calls(tree, names):
            first = call.args[0] if call.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                found.add(first.value)
            elif isinstance(first, ast.JoinedStr):  # malformed_… of the bit reader
                prefix = first.values[0]
                assert isinstance(prefix, ast.Constant)
                found |= {f"{prefix.value!s}{structure}" for structure in STRUCTURES_IN_WORDS}
    return found


def cases(names: set[str]) -> set[tuple[str, str]]:
    """Return the reason and the case of the calls where both are constant."""
    found: set[tuple[str, str]] = set()
    for _, tree in modules():
        for call in calls(tree, names):
            case = next((k.value for k in call.keywords if k.arg == "case"), None)
            if isinstance(case, ast.Constant) and isinstance(call.args[0], ast.Constant):
                found.add((str(call.args[0].value), str(case.value)))
    return found


def texts(tree: ast.AST) -> Iterator[str]:
    """All strings of a module but its docstrings."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value
