"""What a log line looks like, from any library, and what never stands in one."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from ingestd import redact
from ingestd.log_limiter import MAX_LINES_OF_A_KIND
from ingestd.observe import logs
from ingestd.observe.recent_lines import RECENT_LINES

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJmcm9udC1kb29yIn0.c2lnbmF0dXJl"
SECRET = "a-secret-nobody-may-see"


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Logging is global: what a test configures goes with it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    for name in ("livekit", "asyncio", "aiohttp", "aiohttp.access"):
        logging.getLogger(name).setLevel(logging.NOTSET)


class Output(io.StringIO):
    def __init__(self, terminal: bool = False) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


def json_output(level: str = "info") -> Output:
    output = Output()
    logs.configure(level, "json", output)
    return output


def test_our_line_as_json() -> None:
    output = json_output()

    structlog.get_logger("ingestd.stream").info("encoder connected", stream="front-door", port=5004)

    (line,) = output.lines()
    assert list(line)[:4] == ["timestamp", "level", "logger", "event"]
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "ingestd.stream",
        "event": "encoder connected",
        "stream": "front-door",
        "port": 5004,
    }


def test_the_time_is_utc_in_milliseconds() -> None:
    output = json_output()

    structlog.get_logger("x").info("now")

    assert len(output.lines()[0]["timestamp"]) == len("2026-11-22T20:47:39.123Z")


def test_auto_is_console_on_a_terminal_and_json_elsewhere() -> None:
    terminal, file = Output(terminal=True), Output()
    for output in (terminal, file):
        logs.configure("info", "auto", output)
        structlog.get_logger("x").info("hello", stream="a")

    assert "\x1b[" in terminal.getvalue()
    assert "hello" in terminal.getvalue()
    assert file.lines()[0]["event"] == "hello"


def test_the_console_has_no_colours_in_a_file() -> None:
    output = Output()
    logs.configure("info", "console", output)

    structlog.get_logger("x").info("hello", stream="a")

    assert "\x1b[" not in output.getvalue()
    assert "stream=a" in output.getvalue()


def test_lines_below_the_level_are_left_out() -> None:
    output = json_output("warning")

    structlog.get_logger("x").info("no")
    logging.getLogger("other").info("no")
    structlog.get_logger("x").warning("yes")
    logging.getLogger("other").warning("and %s", "yes")

    assert [(line["logger"], line["event"]) for line in output.lines()] == [
        ("x", "yes"),
        ("other", "and yes"),
    ]


def test_configuring_again_changes_the_level_of_loggers_in_use() -> None:
    log = structlog.get_logger("x")
    first = json_output("info")
    log.debug("no")
    second = json_output("debug")
    log.debug("yes")

    assert first.lines() == []
    assert second.lines()[0]["event"] == "yes"


def test_a_line_of_the_sdk_is_taken_apart() -> None:
    output = json_output()

    logging.getLogger("livekit").warning(
        "livekit::rtc_engine:446:livekit::rtc_engine - received session close"
    )
    logging.getLogger("livekit").warning("something else")

    first, second = output.lines()
    assert (first["logger"], first["module"]) == ("livekit", "livekit::rtc_engine")
    assert first["event"] == "received session close"
    assert second["event"] == "something else"


def test_the_sdk_speaks_from_warning_on_and_in_full_at_debug() -> None:
    quiet = json_output("info")
    logging.getLogger("livekit").info("chatter")
    assert quiet.lines() == []

    loud = json_output("debug")
    logging.getLogger("livekit").debug("chatter")
    assert [line["event"] for line in loud.lines()] == ["chatter"]


def raised(*packages: str) -> KeyError:
    """An error raised by code of the last of these packages, which the one before it called, and so on."""

    def fail() -> None:
        raise KeyError("TR_1")

    call = fail
    for package in reversed(packages):
        code: dict[str, Any] = {"__name__": f"{package}.room", "call": call}
        exec("def run(): call()", code)
        call = code["run"]
    try:
        call()
    except KeyError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize("logger", ["root", "livekit", "asyncio"])
def test_an_error_within_the_sdk_is_one_line_in_words(logger: str) -> None:
    output = json_output()

    logging.getLogger(logger).error(
        "error running %s\nroom_handle: 3", "it", exc_info=raised("ingestd", "livekit")
    )

    (line,) = output.lines()
    assert line.pop("timestamp")
    assert line == {
        "level": "error",
        "logger": "livekit",
        "event": "error within the LiveKit SDK, which continues",
        "said": "error running it",
        "error": "KeyError: 'TR_1'",
    }


def test_a_defect_of_ours_keeps_its_traceback_although_the_sdk_called_us() -> None:
    output = json_output()

    logging.getLogger("livekit").error("failed to emit event", exc_info=raised("livekit", "ingestd"))
    logging.getLogger("asyncio").error("Task exception was never retrieved", exc_info=raised("other"))

    for line in output.lines():
        assert line["exception"].startswith("Traceback (most recent call last):\n")


def test_what_python_cannot_raise_is_a_line_of_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    class Handle:
        def __init__(self, error: Exception) -> None:
            self._error = error

        def __del__(self) -> None:
            raise self._error

    output = json_output()
    monkeypatch.setattr(sys, "unraisablehook", logs.log_unraisable)
    Handle(raised("ingestd"))

    (line,) = output.lines()
    assert "Handle.__del__" in line["event"]
    assert line["exception"].endswith("KeyError: 'TR_1'")


def test_a_traceback_is_one_field() -> None:
    output = json_output()
    try:
        raise ValueError(f"boom {JWT}")
    except ValueError:
        structlog.get_logger("x").exception("ours")
        logging.getLogger("asyncio").exception("theirs")

    for line in output.lines():
        assert line["exception"].startswith("Traceback (most recent call last):\n")
        assert line["exception"].endswith("ValueError: boom [hidden]")


@pytest.mark.parametrize("format", ["json", "console"])
def test_secrets_and_tokens_are_hidden_wherever_they_stand(format: str) -> None:
    output = Output()
    logs.configure("info", format, output)
    redact.hide(SECRET)
    log = structlog.get_logger("x")

    log.info(f"joining with {JWT}")
    log.info(
        "url",
        url="ws://user:hunter2@sfu/rtc?access_token=opaque&sdk=python",
        deep=[{"key": SECRET}],
        error=ValueError(SECRET),
    )
    logging.getLogger("livekit").warning("GET ws://sfu/rtc?access_token=%s failed, %s", "opaque", SECRET)
    try:
        raise RuntimeError(SECRET)
    except RuntimeError:
        log.exception("failed")

    text = output.getvalue()
    assert text.count("[hidden]") >= 8
    for forbidden in (JWT, "eyJ", "opaque", "hunter2", SECRET):
        assert forbidden not in text
    assert "&sdk=python" in text


def test_a_reader_that_went_away_is_no_reason_to_fail(capsys: pytest.CaptureFixture[str]) -> None:
    class Closed(io.StringIO):
        def write(self, _text: str, /) -> int:
            raise BrokenPipeError

    logs.configure("info", "json", Closed())
    structlog.get_logger("x").error("unheard")
    closed = io.StringIO()
    logs.configure("info", "json", closed)
    closed.close()
    logging.getLogger("x").error("unheard")

    assert capsys.readouterr() == ("", "")


def test_a_line_that_cannot_be_rendered_keeps_its_words() -> None:
    output = json_output()

    logging.getLogger("x").error("%d pictures " + JWT, "no number")

    assert output.getvalue() == "%d pictures [hidden] (unprintable: TypeError)\n"


def test_a_storm_of_one_kind_of_line_is_a_few_lines_and_the_number_of_the_others() -> None:
    output = json_output()
    log = structlog.get_logger("ingestd.stream")
    for port in range(1000):
        log.bind(stream="front-door").info("encoder connected", peer=f"192.0.2.1:{port}")
    log.info("encoder connected", stream="garden")
    logs.say_left_out(all=True)

    *lines, last = output.lines()
    assert [line["stream"] for line in lines] == ["front-door"] * MAX_LINES_OF_A_KIND + ["garden"]
    assert (
        last["event"]
        == f"… {1000 - MAX_LINES_OF_A_KIND} more in the last 10 s left out; the last one: encoder connected"
    )
    assert (last["stream"], last["peer"], last["left_out"]) == (
        "front-door",
        "192.0.2.1:999",
        1000 - MAX_LINES_OF_A_KIND,
    )


def test_a_storm_of_many_streams_is_a_line_for_each_and_one_with_the_number_of_the_others() -> None:
    output = json_output()
    log = structlog.get_logger("ingestd.stream")
    for _ in range(100):
        for name in ("front-door", "garden"):
            log.info("encoder gone", stream=name)
    logs.say_left_out(all=True)

    *lines, last = output.lines()
    assert {line["stream"] for line in lines} == {"front-door", "garden"}
    assert len(lines) == 2 + MAX_LINES_OF_A_KIND - 1
    assert last["event"].startswith(
        "… 196 more, of 2 streams or rooms, in the last 10 s left out; the last one:"
    )
    told = {name: RECENT_LINES.of(name, "")[0].text for name in ("front-door", "garden")}
    assert all("more of these before" in text for text in told.values())


def test_a_storm_of_tracebacks_is_limited_and_its_last_line_has_none() -> None:
    output = json_output()
    for _ in range(12):
        structlog.get_logger("x").error("ours", exc_info=raised("ingestd"))
        logging.getLogger("asyncio").error("theirs: %s", "a", exc_info=raised("ingestd"))
    logs.say_left_out(all=True)

    *lines, ours, theirs = output.lines()
    assert ["exception" in line for line in lines] == [True] * (2 * MAX_LINES_OF_A_KIND)
    assert ours["event"] == f"… {12 - MAX_LINES_OF_A_KIND} more in the last 10 s left out; the last one: ours"
    assert (
        theirs["event"]
        == f"… {12 - MAX_LINES_OF_A_KIND} more in the last 10 s left out; the last one: theirs: a"
    )
    assert "exception" not in ours.keys() | theirs.keys()


def test_the_sdk_may_word_a_line_as_it_likes_and_is_limited_by_its_place() -> None:
    output = json_output()
    for number in range(12):
        logging.getLogger("livekit").warning(f"livekit::rtc_engine:382:livekit::rtc_engine - try {number}")
    logs.say_left_out(all=True)

    *lines, last = output.lines()
    assert len(lines) == MAX_LINES_OF_A_KIND
    assert last["event"].startswith(
        f"… {12 - MAX_LINES_OF_A_KIND} more in the last 10 s left out; the last one: "
    )


def test_lines_for_debugging_have_no_limit() -> None:
    output = json_output("debug")
    for _ in range(100):
        structlog.get_logger("x").debug("step")

    assert len(output.lines()) == 100
