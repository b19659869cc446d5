"""State tables as data: what each event makes of each state.

An event without a cell in the row of a state cannot happen there: it is a defect of ours, and `after` raises.
A cell that holds the state of its own row says that the event may happen and leaves the state as it is.
docs/states.md shows every table: `python -m tests.support.states_page` writes it.
"""

from collections.abc import Mapping
from typing import TypeVar

StateT = TypeVar("StateT")
EventT = TypeVar("EventT")


def after(table: Mapping[StateT, Mapping[EventT, StateT]], state: StateT, event: EventT) -> StateT:
    """Return the state that ``event`` leads to; AssertionError where it has no cell."""
    row = table[state]
    if event not in row:
        raise AssertionError(f"{event} cannot happen in {state}")
    return row[event]
