"""Writes docs/states.md from the state tables: `python -m tests.support.states_page`."""

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from ingestd.delivery import states as delivery
from ingestd.publish import states as publish

PAGE = Path(__file__).parents[2] / "docs" / "states.md"
HEAD = """# States

Written by `python -m tests.support.states_page` from the tables in the code; a test holds it up to date.
In the tables, · is an event that leaves the state as it is, and an empty cell one that cannot happen there:
that would be a defect, and is logged as `internal error`. Delivery and track stay in their state; a room is
left and joined again. The diagrams show the rest.
"""

Table = Mapping[Any, Mapping[Any, Any]]  # state → event → state
TABLES: list[tuple[str, Table]] = [
    ("Delivery: what is submitted to WebRTC (`ingestd/delivery/states.py`)", delivery.DELIVERY),
    ("Gate: what is taken in (`ingestd/delivery/states.py`)", delivery.GATE),
    *publish.TABLES,
]


def render(tables: list[tuple[str, Table]]) -> str:
    """Return the page in Markdown: of each table a diagram, the table, and what its names mean."""
    return HEAD + "".join(_section(title, table) for title, table in tables)


def _section(title: str, table: Table) -> str:
    states = list(table)
    kind: type[Enum] = type(next(iter(table[states[0]])))
    events = list(kind)
    lines = ["", f"## {title}", "", "```mermaid", "stateDiagram-v2", f"    [*] --> {states[0].name}"]
    for state in states:
        for target in states:
            names = [event.name for event in events if table[state].get(event) is target]
            if names and target is not state:
                lines.append(f"    {state.name} --> {target.name}: {', '.join(names)}")
    lines += ["```", "", "| | " + " | ".join(event.name for event in events) + " |"]
    lines.append("|---" * (len(events) + 1) + "|")
    for state in states:
        cells = [
            "·" if table[state].get(event) is state else _name(table[state].get(event)) for event in events
        ]
        lines.append(f"| **{state.name}** | " + " | ".join(cells) + " |")
    lines += ["", *(f"- **{state.name}**: {state.value}" for state in states)]
    lines += ["", *(f"- {event.name}: {event.value}" for event in events)]
    return "\n".join(lines) + "\n"


def _name(state: Enum | None) -> str:
    return state.name if state is not None else ""


if __name__ == "__main__":
    PAGE.write_text(render(TABLES))
