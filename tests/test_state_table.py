"""Looking an event up in a state table."""

import pytest

from ingestd.state_table import after

DOOR = {"shut": {"open": "ajar", "lock": "shut"}, "ajar": {"shut": "shut"}}


def test_a_cell_says_what_follows() -> None:
    assert after(DOOR, "shut", "open") == "ajar"
    assert after(DOOR, "shut", "lock") == "shut"


def test_an_event_without_a_cell_is_a_defect() -> None:
    with pytest.raises(AssertionError, match="lock cannot happen in ajar"):
        after(DOOR, "ajar", "lock")
