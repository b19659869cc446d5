"""Figures in, lines out: readable in 80 columns, without colour, whatever the streams say."""

import re

import pytest

from ingestd.terminal.table import Style, cells, cut, render
from tests.terminal.support import stream

SGR = re.compile(r"\x1b\[[0-9;]*m")
CHROMA = (
    "roof: H.264 High 4:4:4: chroma is 4:4:4; expected 4:2:0; "
    "GStreamer: add `! video/x-h264,profile=constrained-baseline`; ffmpeg: add `-pix_fmt yuv420p`"
)
FAILED = stream(
    "roof",
    state="failed",
    state_reason="viewers see nothing: H.264 High 4:4:4: chroma is 4:4:4",
    problems=[CHROMA],
)
WAITING = stream(
    "garage",
    state="waiting",
    state_reason="no encoder at tcp://127.0.0.1:5004; none has come yet",
    encoder="",
    codec="",
    size="",
    target_bitrate_bps=None,
    send_delay_s=None,
    frame_delay={"count": 0, "p50": None, "p99": None},
)


def test_a_stream_that_is_well_is_a_line() -> None:
    assert render([stream()], Style(80), place="127.0.0.1:9464")[:3] == [
        "1 live at 127.0.0.1:9464",
        "STREAM       STATE    PICTURE           FPS MBIT/S   LINK DELAY  SEND  LOST",
        "front-door   live     H.264 1280x720   30.0   1.52   2.40   2.2   0.9    12",
    ]


def test_one_that_is_not_says_why_and_what_to_change() -> None:
    assert render([FAILED, WAITING], Style(80), place="h:1")[2:-3] == [
        "roof         failed   H.264 1280x720   30.0   1.52   2.40   2.2   0.9    12",
        "  viewers see nothing: H.264 High 4:4:4: chroma is 4:4:4",
        "  expected 4:2:0",
        "    GStreamer: add `! video/x-h264,profile=constrained-baseline`",
        "    ffmpeg: add `-pix_fmt yuv420p`",
        "garage       waiting  -                   -      -      -     -     -    12",
        "  no encoder at tcp://127.0.0.1:5004; none has come yet",
    ]


def test_colours_add_nothing_but_colours() -> None:
    plain = render([FAILED, stream()], Style(80, 24), place="h:1")
    coloured = render([FAILED, stream()], Style(80, 24, colour=True), place="h:1")
    assert [SGR.sub("", line) for line in coloured] == plain
    assert "\x1b[1;31mfailed\x1b[m" in coloured[2]
    assert not any("\x1b" in line for line in plain)


MANY = [FAILED, *(stream(f"cam-{n}", state="degraded", state_reason="late " * 30) for n in range(20))] + [
    stream(f"live-{n}") for n in range(43)
]


@pytest.mark.parametrize("size", [(80, 24), (200, 50), (40, 10), (20, 5), (1, 1), (300, 200)])
@pytest.mark.parametrize("skip", [0, 1, 63])
@pytest.mark.parametrize(
    "note", ["", "No figures for 4 s: no ingestd answers at http://127.0.0.1:9464. Old."]
)
def test_nothing_is_wider_or_higher_than_the_terminal(size: tuple[int, int], skip: int, note: str) -> None:
    width, height = size
    lines = render(MANY, Style(width, height), place="h:1", right="12:00:00  q ends", note=note, skip=skip)
    assert len(lines) <= height
    assert [line for line in lines if cells(line) > width and width >= 20] == []


def test_where_not_all_fits_the_worst_is_told_in_full_and_the_rest_is_counted() -> None:
    lines = render(MANY, Style(80, 24), place="h:1")
    assert "    ffmpeg: add `-pix_fmt yuv420p`" in lines
    assert lines[7].startswith("cam-0        degraded")
    assert lines[8].endswith("…"), "one line of its reason"
    assert lines[-1] == "… 55 below: 12 degraded, 43 live (↓ or j)"
    assert len(lines) == 24


def test_scrolled_it_says_how_many_are_above_and_how_many_below() -> None:
    lines = render(MANY, Style(80, 24), place="h:1", skip=21)
    assert lines[2] == "… 21 above: 1 failed, 20 degraded (↑ or k)"
    assert lines[3].startswith("live-0")
    assert lines[-1] == "… 23 below: 23 live (↓ or j)"
    assert len(lines) == 24
    at_the_end = render(MANY, Style(80, 24), place="h:1", skip=63)
    assert at_the_end[2:4] == [
        "… 63 above: 1 failed, 20 degraded, 42 live (↑ or k)",
        "live-42      live     H.264 1280x720   30.0   1.52   2.40   2.2   0.9    12",
    ]
    assert "below" not in "".join(at_the_end)
    assert not any("above" in line for line in render(MANY, Style(80, 4), place="h:1", skip=21)), "no room"


@pytest.mark.parametrize("skip", [0, 1, 21, 40, 63])
@pytest.mark.parametrize("height", [5, 10, 24, 50, 100])
def test_above_on_the_screen_and_below_are_all_there_are(skip: int, height: int) -> None:
    lines = render(MANY, Style(80, height), place="h:1", skip=skip)
    said = {
        match[2]: int(match[1]) for line in lines if (match := re.match(r"… (\d+) (above|below): ", line))
    }
    shown = [line for line in lines if re.match(r"roof |cam-\d|live-\d", line)]
    assert said.get("above", 0) == skip
    assert skip + len(shown) + said.get("below", 0) == len(MANY)


@pytest.mark.parametrize("width", [20, 40])
def test_a_narrow_terminal_tells_the_state_of_each_and_the_tally_before_the_time(width: int) -> None:
    lines = render(
        [FAILED, WAITING, stream("a-long-name")], Style(width, 40), place="h:1", right="12:00:00  q ends"
    )
    assert lines[0] == "1 failed, 1 waiting…" if width == 20 else "1 failed, 1 waiting, 1 live     12:00:00"
    names = [
        line.split()[:2] for line in lines if line.split()[:1] in (["roof"], ["garage"], ["a-long-name"])
    ]
    assert names == [["roof", "failed"], ["garage", "waiting"], ["a-long-name", "live"]]
    many = render(MANY, Style(width, 24), place="h:1")
    assert re.match(r"… \d+ below: \d+ degr", many[-1])


def test_a_wide_terminal_has_more_columns_and_whole_names() -> None:
    name = "camera-building-7-north-gate"
    wide = render([stream(name)], Style(200), place="h:1")
    assert wide[1].split()[-8:] == ["SEND", "LOST", "FROZEN", "KEY", "S", "VIEWERS", "ROOM", "ENCODER"]
    assert wide[2].startswith(f"{name} live")
    narrow = render([stream(name)], Style(80), place="h:1")
    assert narrow[2].startswith("camera-b…rth-gate live"), "names of a series differ at their ends"


def test_the_legend_explains_the_columns_that_are_there() -> None:
    assert "LINK: what" in render([stream()], Style(200), place="h:1")[-1]
    assert not any("LINK" in line for line in render([stream()], Style(40), place="h:1"))


def test_the_terminal_obeys_nothing_that_is_shown() -> None:
    evil = stream(
        "x", state="failed", room="\x1b[2J", state_reason="a\x1b]0;t\x07b\nc", problems=["\x9b2J", "x: y"]
    )
    lines = render([evil], Style(200), place="h\x1b[2J")
    assert not any(re.search(r"[\x00-\x1f\x7f-\x9f]", line) for line in lines)


def test_figures_that_are_missing_or_of_another_version_are_dashes() -> None:
    assert render([{"name": "a", "state": "resting"}], Style(80), place="h:1")[:3] == [
        "1 resting at h:1",
        "STREAM       STATE    PICTURE           FPS MBIT/S   LINK DELAY  SEND  LOST",
        "a            resting  -                   -      -      -     -     -     0",
    ]


def test_figures_that_are_old_are_said_to_be() -> None:
    first, second, *_ = render([stream()], Style(80, 24), place="h:1", note="No figures for 4 s: it is away.")
    assert first.startswith("was: 1 live")
    assert second.rstrip() == "No figures for 4 s: it is away."


def test_letters_of_east_asia_are_two_columns_wide() -> None:
    assert cells("東京") == 4
    assert cells("é") == cells("e\u0301") == 1
    assert cells("می‌خواهم") == 7, "a joiner has no width"
    assert cells("❤️") == 1
    assert cut("東京都", 5) == "東京…"
    assert cut("abc", 2) == "a…"
    assert cut("abc", 0) == ""
