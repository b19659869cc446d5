"""The tests mirror the code: `ingestd/a/b.py` is tested by `tests/a/test_b.py`."""

from pathlib import Path

ROOT = Path(__file__).parent.parent

# Modules without a test file of their name, and why. The list only shrinks: a module that gets its file, or
# is deleted, must leave it.
EXCEPTIONS = {
    "__main__.py": "two lines; every test that runs `python -m ingestd`",
    "delivery/picture.py": "dataclasses without a method",
    "diagnose/__main__.py": "two lines; the page that it prints is tested in tests/diagnose",
    "demo/viewer.py": "a subscriber that only a real server can try: tests/demo/test_scenario.py",
    "media/access_unit.py": "dataclasses and enumerations",
    "media/codecs/h26x.py": "an enumeration, a dataclass and a protocol",
    "observe/figures.py": "a dataclass",
    "source/entrance_stage.py": "an exception and a protocol",
    "room.py": "protocols",
    "probe/report_model.py": "dataclasses",
    "publish/track_listener.py": "a dataclass of two fields and a protocol",
}


def test_every_module_has_a_test_file_of_its_name() -> None:
    modules = {
        path.relative_to(ROOT / "ingestd")
        for path in (ROOT / "ingestd").rglob("*.py")
        if path.name != "__init__.py"
    }
    without = {
        module.as_posix()
        for module in modules
        if not (ROOT / "tests" / module.with_name(f"test_{module.name}")).exists()
    }
    assert without - EXCEPTIONS.keys() == set(), "modules without a test file of their name"
    assert EXCEPTIONS.keys() - without == set(), "these have one now, or are gone: strike them from the list"
