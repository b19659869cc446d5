"""Writes the tables of keys in docs/configuration.md: `python -m tests.support.key_tables`."""

import re
from collections.abc import Iterable
from pathlib import Path

from ingestd.config import Key, reference

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
HEAD = "| key | default | allowed, and what it does |\n|---|---|---|\n"
_TABLE = re.compile(rf"^{re.escape(HEAD)}(?:\|.*\n)*", re.MULTILINE)


def render(page: str, keys: Iterable[Key]) -> str:
    """Return ``page`` with ``keys`` in its two tables: of streams in the second, all others in the first."""
    tables = {True: HEAD, False: HEAD}
    for key in keys:
        cells = (f"`{key.name}`", key.default, key.text)
        tables[key.of_stream] += "|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|\n"
    in_order = iter([tables[False], tables[True]])
    return _TABLE.sub(lambda _: next(in_order), page)


if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text(), reference()))
