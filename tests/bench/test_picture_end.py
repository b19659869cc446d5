"""The bench of the end of a picture: it measures what it says, and fits the code that it takes apart."""

import pytest

from bench.picture_end import paths, rules, sources
from bench.picture_end.__main__ import LEARNING_PICTURES, Cell, measure, measure_cuts, written
from bench.picture_end.rules import ALL, BY_NAME, NUMBERS, OFF
from ingestd.media.picture_end import detector

PICTURES = LEARNING_PICTURES + 30
WHOLE = Cell("one write a picture", "same machine")


def test_pictures_written_whole_leave_at_once_and_without_guesses_with_the_next() -> None:
    usual, never = measure(WHOLE, pictures=PICTURES, changes=[ALL.name, "nothing is guessed"])
    assert usual.torn == never.torn == 0
    assert usual.p50 < 1
    assert never.p50 == pytest.approx(1000 * sources.INTERVAL_S, abs=1)


def test_cuts_tear_more_where_any_size_will_do() -> None:
    changes = [ALL.name, "`TOLERANCE_RATIO` 0: any size will do", "nothing is guessed"]
    usual, without, never = measure_cuts("one write, constant sizes", connections=20, changes=changes)
    assert usual < without
    assert never == 0


@pytest.mark.parametrize("path", paths.PATHS)
def test_every_path_delivers_every_byte_in_order(path: str) -> None:
    measure(Cell("500 bytes at a time", path), pictures=PICTURES, changes=[ALL.name])


@pytest.mark.parametrize("source", sources.names())
def test_every_source_is_a_stream_whose_pictures_are_known(source: str) -> None:
    measure(Cell(source, "network"), pictures=PICTURES, changes=[ALL.name])


@pytest.mark.parametrize("rule", [*OFF, *NUMBERS], ids=lambda rule: rule.name)
def test_what_a_rule_changes_is_as_before_afterwards(rule: rules.Rule) -> None:
    before = vars(detector).copy()
    with rules.changed(rule):
        measure(WHOLE, pictures=PICTURES, changes=[rule.name])
    assert vars(detector) == before


def test_names_of_rules_are_their_own() -> None:
    assert len(BY_NAME) == 1 + len(OFF) + len(NUMBERS)


def test_tables_go_between_their_markers() -> None:
    page = "a\n<!-- begin x -->\nold\n<!-- end x -->\nb\n"
    assert written(page, {"x": ["| new |"]}) == "a\n<!-- begin x -->\n| new |\n<!-- end x -->\nb\n"
