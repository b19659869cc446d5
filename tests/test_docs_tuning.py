"""docs/tuning.md names every constant that decides where a picture ends, with its value."""

import re
from pathlib import Path

from ingestd.media.picture_end import detector, read_log

PAGE = (Path(__file__).parents[1] / "docs/tuning.md").read_text()


def test_every_constant_is_there_with_its_value_and_no_other() -> None:
    constants = {
        name: f"{value:g}" if isinstance(value, float) else str(value)
        for module in (detector, read_log)
        for name, value in vars(module).items()
        if name.isupper()
    }
    assert dict(re.findall(r"^\| `([A-Z_]+)` \| ([\d.]+) \| ", PAGE, re.MULTILINE)) == constants


def test_every_constant_in_the_measurements_exists() -> None:
    measured = set(re.findall(r"`([A-Z_]{3,})`", PAGE.partition("## Constants")[2]))
    assert measured - {"TCP_INFO", "MIN_SLICE_BYTES"} <= {*vars(detector), *vars(read_log)}
