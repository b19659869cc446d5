"""Private parts of the LiveKit SDK are touched in one package, so that an update of it can break no other."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDERS = ("ingestd", "bench", "examples", "tests")
ALLOWED = (
    "ingestd/publish/sdk/",
    "tests/publish/sdk/",
    "tests/sdk/",  # what the SDK does without promising it
    "tests/conftest.py",  # whether the SDK is in the process at its end
)


def private_parts(source: str) -> Iterator[str]:
    """The SDK's private modules that ``source`` imports or names, and the attributes that only they have."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.ImportFrom(module=str(module), names=names):
                found = [f"{module}.{alias.name}" for alias in names]
            case ast.Import(names=names):
                found = [alias.name for alias in names]
            case ast.Constant(value=str(value)):
                found = [value]
            case ast.Attribute(attr=attribute):
                if attribute.startswith("_ffi"):
                    yield f"line {node.lineno}: .{attribute}"
                continue
            case _:
                continue
        for name in found:
            first, *parts = name.split(".")
            if first == "livekit" and any(part.startswith("_") for part in parts):
                yield f"line {node.lineno}: {name}"


def test_no_other_package_touches_them() -> None:
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    assert len(files) > 100
    names = {str(path.relative_to(ROOT)): path for path in files}
    touching = {
        name: found
        for name, path in names.items()
        if not name.startswith(ALLOWED) and (found := list(private_parts(path.read_text())))
    }
    assert touching == {}


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("from livekit.rtc._proto import room_pb2", 1),
        ("from livekit.rtc import _ffi_client, Room", 1),
        ("import livekit.rtc._ffi_client", 1),
        ("sys.modules['livekit.rtc._ffi_client']", 1),
        ("room._ffi_handle.handle", 1),
        ("from livekit import api, rtc", 0),
        ("from ingestd.publish import _private", 0),
        ("self._room.on('connected', print)", 0),
    ],
)
def test_what_counts_as_touching_them(source: str, count: int) -> None:
    assert len(list(private_parts(source))) == count
