from enum import Enum

import pytest

from tests.support.states_page import PAGE, TABLES, Table, render


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == render(TABLES), "run python -m tests.support.states_page"


class Door(Enum):
    OPEN = "One can pass."
    SHUT = "One cannot."


class Deed(Enum):
    PUSH = "somebody pushes it"
    LOCK = "somebody turns the key"


def test_a_table_becomes_a_diagram_a_table_and_a_list_of_names() -> None:
    door = {Door.OPEN: {Deed.PUSH: Door.SHUT}, Door.SHUT: {Deed.PUSH: Door.OPEN, Deed.LOCK: Door.SHUT}}
    page = render([("A door", door)])
    section = page[page.index("## A door") :].splitlines()
    assert section == [
        "## A door",
        "",
        "```mermaid",
        "stateDiagram-v2",
        "    [*] --> OPEN",
        "    OPEN --> SHUT: PUSH",
        "    SHUT --> OPEN: PUSH",
        "```",
        "",
        "| | PUSH | LOCK |",
        "|---|---|---|",
        "| **OPEN** | SHUT |  |",
        "| **SHUT** | OPEN | · |",
        "",
        "- **OPEN**: One can pass.",
        "- **SHUT**: One cannot.",
        "",
        "- PUSH: somebody pushes it",
        "- LOCK: somebody turns the key",
    ]


@pytest.mark.parametrize("table", [table for _, table in TABLES], ids=[title for title, _ in TABLES])
def test_every_state_has_a_row_and_every_state_but_the_first_is_led_to(table: Table) -> None:
    first, *others = table
    kind: type[Enum] = type(first)
    assert set(table) == set(kind)
    assert set(others) <= {target for row in table.values() for target in row.values()}
