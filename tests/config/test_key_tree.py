"""The tree of keys, against the commented file and the reference."""

from pathlib import Path

from ingestd.config import (
    all_keys,
)

ROOT = Path(__file__).parent.parent.parent


def test_the_commented_file_has_every_key() -> None:
    text = (ROOT / "config/ingestd.yaml").read_text()

    for key in all_keys():
        assert f"{key.rpartition('.')[2]}:" in text, key


def test_the_reference_has_every_key() -> None:
    text = (ROOT / "docs/configuration.md").read_text()

    for key in all_keys():
        assert f"`{key.removeprefix('streams[].')}`" in text, key
