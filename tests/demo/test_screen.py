import io
import re

import pytest

from ingestd.demo.screen import Screen


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(out: io.StringIO) -> str:
    """What was printed, without the times."""
    return re.sub(r" *\d+\.\d s", "T", out.getvalue())


def test_steps_have_a_time_and_details_stand_below_them() -> None:
    out = io.StringIO()
    page = Screen(out)
    page.step("ready")
    page.detail("address  127.0.0.1\nport     80\n")
    page.say("done")
    assert shown(out) == "T  ready\n          address  127.0.0.1\n          port     80\ndone\n"


def test_a_terminal_renews_its_line_of_figures_and_keeps_the_last() -> None:
    out = Terminal()
    page = Screen(out)
    page.live("1 picture")
    page.live("2 pictures")
    page.say("done")
    assert shown(out) == "\rT  1 picture\x1b[K\rT  2 pictures\x1b[K\ndone\n"


def test_a_line_of_figures_is_not_wider_than_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    out = Terminal()
    Screen(out).live("x" * 100)
    assert len(out.getvalue()) == len("\r") + 19 + len("\x1b[K")


def test_a_file_gets_a_line_of_figures_now_and_then() -> None:
    now = 100.0
    out = io.StringIO()
    page = Screen(out, lambda: now)
    for count in range(12):
        page.live(f"{count} pictures")
        now += 1
    assert re.findall(r"(\d+) pictures", out.getvalue()) == ["0", "5", "10"]


def test_what_the_output_cannot_show_becomes_a_question_mark() -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    Screen(out).say("delay p50 – …")
    assert raw.getvalue() == b"delay p50 ? ?\n"
