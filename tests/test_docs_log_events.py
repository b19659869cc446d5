"""docs/log-events.md has every event that the code logs, with its levels, and no other."""

import re
from pathlib import Path

from tests.support.log_events import log_events

PAGE = (Path(__file__).parent.parent / "docs/log-events.md").read_text()
ROW = re.compile(r"^\| (`.*`) \| ([a-z, ]+) \|", re.MULTILINE)


def on_the_page() -> dict[str, set[str]]:
    return {
        event: set(levels.split(", "))
        for events, levels in ROW.findall(PAGE)
        for event in events.strip("`").split("`, `")
    }


def in_the_code() -> dict[str, set[str]]:
    """Without those that are worded elsewhere, and without quotes around names, which a row cannot have."""
    return {event.replace("`", ""): levels for event, levels in log_events().items() if event != "…"}


def test_every_event_is_on_the_page_and_every_event_there_is_logged() -> None:
    assert on_the_page().keys() == in_the_code().keys()


def test_each_has_a_level_of_the_code() -> None:
    code = in_the_code()
    assert {event: levels for event, levels in on_the_page().items() if not levels <= code[event]} == {}


def test_calls_of_every_kind_are_found() -> None:
    code = log_events()
    assert code["ready"] == {"info"}
    assert code["encoder gone"] == {"info", "warning"}, "log = self._log.info if … else self._log.warning"
    assert code["the encoder ignores requests"] == {"warning"}, "self._warn_once(issue, event)"
    assert code["stream changed"] == {"info"}, "self._say(kind, self._log.info, event)"
