"""Checks the maps of the code: every path and method they name is there, and no module is left out."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "ingestd"
SUPPORT = ROOT / "tests" / "support"  # what tests are written with
ARCHITECTURE = ROOT / "docs" / "architecture.md"
PAGES = [ARCHITECTURE, ROOT / "CONTRIBUTING.md"]
PACKAGES = sorted(PACKAGE.rglob("__init__.py"))

FILE_NAME = re.compile(r"[\w./*-]*[\w*]\.(?:py|md|yaml|yml|toml|html|service|lock)")
# `scripts/lint` is a path, `/metrics` and `and/or` are none.
PLACES = tuple(f"{path.name}/" for folder in (ROOT, PACKAGE) for path in folder.iterdir() if path.is_dir())
# A file that a reader is to add: `ingestd/source/NAME.py`.
PLACEHOLDER = "NAME"


def is_path(word: str) -> bool:
    return bool(FILE_NAME.fullmatch(word)) or word.startswith(PLACES)


def paths_of(page: str) -> Iterator[str]:
    """What a page in Markdown says in backquotes or links to, where it is a path in the repository."""
    quoted = [word for word in re.findall(r"`([^`\s]+)`", page) if is_path(word) and PLACEHOLDER not in word]
    linked = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page)
    yield from quoted + linked


def methods_of(page: str) -> set[tuple[str, str]]:
    """What a page calls `Class.method`."""
    return set(re.findall(r"`([A-Z]\w*[a-z]\w*)\.([A-Za-z]\w*)`", page))


def exists(name: str, *folders: Path) -> bool:
    return any((folder / name).exists() or ("*" in name and [*folder.glob(name)]) for folder in folders)


def modules() -> list[Path]:
    return [path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_that_a_page_names_is_there(page: Path) -> None:
    named = list(paths_of(page.read_text()))

    assert len(named) > 20, "the pattern finds paths"
    assert [name for name in named if not exists(name, page.parent, ROOT, PACKAGE)] == []


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: str(path.parent.relative_to(ROOT)))
def test_every_path_that_the_map_of_a_package_names_is_there(package: Path) -> None:
    text = ast.get_docstring(ast.parse(package.read_text())) or ""
    named = FILE_NAME.findall(text) + re.findall(r"(?<![\w/])[a-z_]+/(?=[\s:,.;`)]|$)", text)
    folder = package.parent
    ancestors = [parent for parent in folder.parents if parent.is_relative_to(ROOT)]

    assert [name for name in named if not exists(name, folder, *ancestors)] == []


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: str(path.parent.relative_to(ROOT)))
def test_every_module_is_in_the_map_of_its_package(package: Path) -> None:
    text = ast.get_docstring(ast.parse(package.read_text())) or ""
    beside = {path.stem for path in package.parent.glob("*.py")} - {"__init__", "__main__"}

    if package.parent != PACKAGE:  # docs/architecture.md lists the modules beside the packages
        assert {name for name in beside if not re.search(rf"\b{name}\b", text)} == set()


def test_every_module_is_in_the_architecture() -> None:
    named = set(paths_of(ARCHITECTURE.read_text()))

    assert [str(path) for path in modules() if str(path.relative_to(PACKAGE)) not in named] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_method_that_a_page_names_is_there(page: Path) -> None:
    members: set[tuple[str, str]] = set()
    for path in (*PACKAGE.rglob("*.py"), *SUPPORT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                members |= {(node.name, name) for name in _members(node)}

    assert methods_of(page.read_text()) - members == set()


def _members(node: ast.ClassDef) -> Iterator[str]:
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            yield statement.name
        elif isinstance(statement, ast.Assign):  # of an enum
            yield from (target.id for target in statement.targets if isinstance(target, ast.Name))
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            yield statement.target.id
