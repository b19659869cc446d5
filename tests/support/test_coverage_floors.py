import pytest

from tests.support.coverage_floors import by_package, judged


def test_files_are_summed_up_by_package() -> None:
    files = [
        ("ingestd/cli.py", 10, 5),
        ("ingestd/stream.py", 10, 10),
        ("/src/ingestd/media/codecs/h264.py", 30, 29),
        ("ingestd/media/demuxer.py", 10, 9),
        ("ingestd/media/__init__.py", 0, 0),
        ("ingestd/control/__init__.py", 0, 0),
    ]
    assert by_package(files) == {"ingestd": 75.0, "media": 95.0}


@pytest.mark.parametrize(
    ("measured", "floor", "well", "remark"),
    [
        (90.4, 90, True, ""),
        (91.4, 90, True, "the floor can be raised to 91"),
        (89.9, 90, False, "below its floor"),
        (90.0, None, False, "has no floor in pyproject.toml, [tool.coverage-floors]"),
        (None, 90, False, "is gone: strike its floor from pyproject.toml, [tool.coverage-floors]"),
    ],
)
def test_a_package_is_held_against_its_floor(
    measured: float | None, floor: float | None, well: bool, remark: str
) -> None:
    lines, verdict = judged(
        {"control": 99.2} | ({"media": measured} if measured is not None else {}),
        {"control": 99.0} | ({"media": floor} if floor is not None else {}),
    )
    assert verdict is well
    (line,) = [line for line in lines if line.startswith("media")]
    assert line.endswith(remark or f"{floor:g}")
    assert ["control", "99.2", "%", "99"] in [line.split() for line in lines]
