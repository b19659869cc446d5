"""The last log lines of a stream: its own and its room's, redacted, in bounded memory."""

import io
import logging
from collections.abc import Iterator

import pytest
import structlog

from ingestd.log_limiter import MAX_LINES_OF_A_KIND
from ingestd.observe import logs
from ingestd.observe.recent_lines import KEPT_LINES, KEPT_SUBJECTS, MAX_CHARACTERS, RecentLines
from ingestd.redact import hide


@pytest.fixture
def recent(monkeypatch: pytest.MonkeyPatch) -> Iterator[RecentLines]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    lines = RecentLines()
    monkeypatch.setattr(logs, "RECENT_LINES", lines)
    logs.configure("info", "json", io.StringIO())
    yield lines
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_stream_has_its_lines_and_those_of_its_room_the_newest_first(recent: RecentLines) -> None:
    log = structlog.get_logger("ingestd")
    log.info("encoder connected", stream="cam", peer="10.0.0.7:1")
    log.warning("room interrupted", room="lobby", identity="cam")
    log.info("encoder connected", stream="other")
    log.debug("nothing", stream="cam")
    said = [(line.level, line.text) for line in recent.of("cam", "lobby")]
    assert said == [("warning", "room interrupted"), ("info", "encoder connected peer=10.0.0.7:1")]


def test_no_secret_and_no_control_character_is_kept(recent: RecentLines) -> None:
    hide("swordfish-of-recent-lines")
    structlog.get_logger("ingestd").info("said", stream="cam", what="swordfish-of-recent-lines\x1b[2J")
    assert recent.of("cam", "")[0].text == "said what=[hidden]\\x1b[2J"


def test_memory_is_bounded_in_lines_subjects_and_length(recent: RecentLines) -> None:
    log = structlog.get_logger("ingestd")
    for number in range(KEPT_SUBJECTS + 5):
        log.info("x", stream=f"cam-{number}")
    assert recent.of("cam-4", "") == []
    assert recent.of("cam-5", "") != []
    for number in range(KEPT_LINES * 3):
        log.info(f"{number}" * 10_000, stream="cam")
    assert len(recent.of("cam", "")) == KEPT_LINES
    assert len(recent.of("cam", "")[0].text) == MAX_CHARACTERS


def test_a_storm_of_one_kind_leaves_what_led_to_it(recent: RecentLines) -> None:
    log = structlog.get_logger("ingestd")
    log.warning("room interrupted", stream="cam")
    for number in range(100):
        log.warning("encoder refused", stream="cam", peer=f"10.0.0.7:{number}")
    logs.say_left_out(all=True)
    last = MAX_LINES_OF_A_KIND - 1  # that is not left out
    assert [line.text for line in recent.of("cam", "")] == [
        f"encoder refused peer=10.0.0.7:99 (and {100 - MAX_LINES_OF_A_KIND - 1} more of these before)",
        f"encoder refused peer=10.0.0.7:{last} (and {last} more of these before)",
        "room interrupted",
    ]
