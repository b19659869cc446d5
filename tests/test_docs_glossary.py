"""The glossary has every word that users meet as a label."""

import re
from pathlib import Path

from ingestd.delivery.accounting import Drop

GLOSSARY = Path(__file__).parent.parent / "docs" / "glossary.md"


def test_every_reason_for_a_drop_is_explained_and_no_other() -> None:
    section = GLOSSARY.read_text().partition("The reasons, ")[2].partition("\n## ")[0]

    assert re.findall(r"^\| `(\w+)` \| \S", section, re.MULTILINE) == [reason.value for reason in Drop]
