"""The status page as HTML: a section for every stream, advice by tool, no markup from outside."""

import re
from typing import Any

import pytest

from ingestd.observe.page import MAX_OPEN_STREAMS, describe, events, render, title, verdicts
from ingestd.observe.recent_lines import Line
from ingestd.observe.sampler import Sample
from ingestd.observe.stream_state import WELL, State
from tests.observe.staged import B_FRAMES
from tests.observe.support import figures

VALUES = (5, 30.0, 1.5e6, float("nan"), 20e3, 4e3, 0.0045, 0.0012, 0)


def sample(state: State = State.LIVE, **changes: Any) -> Sample:
    return Sample(
        figures(source="tcp://0.0.0.0:5004", **changes),
        state,
        "because" if state is not State.LIVE else WELL,
        VALUES,
        20e3,
    )


def page(*samples: Sample, problems: tuple[str, ...] = (), **options: Any) -> str:
    lines = {one.figures.name: [Line(0.0, "info", "encoder connected")] for one in samples}
    return render(samples, lines, problems, "1.2.3", **options)


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_each_stream_has_a_section_with_its_state_and_its_plots() -> None:
    said = page(sample(), sample(State.FROZEN, name="roof"))
    second, first = said.split("<section")[1:]
    assert 'data-stream="front-door"' in first, "below the one that needs a person"
    assert re.findall(r'data-state="(\w+)"', first) == ["live"]
    assert re.findall(r'data-state="(\w+)"', second) == ["frozen"]
    assert first.count("<svg") == 6, "the states and five plots"
    for words in (
        "H.264 Constrained Baseline, 1280×720",
        "1.50 Mbit/s",
        "4.5 ms",
        "lobby",
        "encoder connected",
    ):
        assert words in text(first), words


def test_the_worst_is_at_the_top_and_others_in_the_order_of_the_configuration() -> None:
    states = (State.LIVE, State.DEGRADED, State.LIVE, State.FAILED, State.WAITING, State.DEGRADED)
    said = page(*[sample(state, name=f"{state}-{n}") for n, state in enumerate(states)])
    order = ["failed-3", "degraded-1", "degraded-5", "waiting-4", "live-0", "live-2"]
    assert re.findall(r'data-stream="([^"]+)"', said) == order


def test_nothing_of_a_template_is_left() -> None:
    said = page(sample(), preview=True)
    assert not re.findall(r"\$\w+|<template", said)


@pytest.mark.parametrize("number", [0, 1, MAX_OPEN_STREAMS, MAX_OPEN_STREAMS + 1])
def test_few_streams_are_open_and_many_are_a_list(number: int) -> None:
    said = page(*[sample(name=f"cam-{n}") for n in range(number)])
    assert said.count("<details open>") == (number if number <= MAX_OPEN_STREAMS else 0)
    assert ("No stream is configured" in said) == (number == 0)


def test_what_is_wrong_comes_first_in_the_title_and_the_tally() -> None:
    assert title([State.LIVE, State.LIVE, State.FAILED]) == "1 failed, 2 live"
    assert title([]) == "no streams"
    said = page(sample(), sample(State.WAITING, name="roof"))
    assert "<title>1 waiting, 1 live · ingestd</title>" in said
    assert "1 waiting 1 live" in text(said)


def test_in_a_list_the_tally_names_those_that_need_a_person_if_they_are_few() -> None:
    well = [sample(name=f"cam-{n}") for n in range(MAX_OPEN_STREAMS)]
    assert "1 failed 3 live" in text(page(*well[1:], sample(State.FAILED, name="roof")))
    bad = [sample(State.FAILED, name="<gate>"), sample(State.FAILED, name="roof")]
    assert "2 failed: &lt;gate&gt;, roof 4 live" in text(page(*well, *bad))
    many = [sample(State.FROZEN, name=f"camera-{n}") for n in range(20)]
    assert "20 frozen 4 live" in text(page(*well, *many))


def test_of_what_is_not_ready_that_is_said_which_no_section_says() -> None:
    said = page(sample(), problems=("front-door: the room is away", "stream roof: its port is taken"))
    assert "<li>stream roof: its port is taken</li>" in said
    assert "the room is away" not in said


def test_advice_is_told_apart_by_tool_and_one_cure_of_each_family_is_the_first() -> None:
    html = verdicts("cam", (f"cam: {B_FRAMES}",))
    shown, others = html.split("For other tools")
    assert text(shown).startswith(" the stream has B-frames")
    assert re.findall(r'data-tool="(\w+)" data-rank="first"><span>([\w, ]+)</span> ([^<]+)', shown) == [
        ("gstreamer", "x264enc", "bframes=0 (or tune=zerolatency)"),
        ("ffmpeg", "ffmpeg", "-bf 0"),
    ]
    assert others.count("<li") == 4
    assert "<code>-bf</code>" in verdicts("cam", ("cam: use `-bf`",))


def test_commands_name_the_host_that_the_browser_knows_and_no_other_text_of_it() -> None:
    assert "tcp://studio.local:5004" in page(sample(), host="studio.local:9464")
    assert "tcp://[::1]:5004" in page(sample(), host="[::1]:9464")
    assert "tcp://HOST:5004" in page(sample(), host="$(reboot):80")


def test_no_text_from_outside_becomes_markup() -> None:
    evil = "<script>alert(1)</script>\"'&"
    texts = ("name", "room", "track", "encoder", "codec", "size", "profile")
    changes: dict[str, Any] = dict.fromkeys(texts, evil)
    one = sample(problems=(evil,), frames_dropped={evil: 1}, **changes)
    said = render([one], {evil: [Line(0.0, "info", evil)]}, [evil], evil, host=evil)
    assert len(re.findall("<script", said, re.IGNORECASE)) == 1, "our own"
    assert "onerror" not in said
    assert said.count("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#x27;&amp;") > 10


def test_events_say_when_and_how_grave_and_an_empty_list_says_so() -> None:
    assert re.search(
        r'data-level="warning"><time datetime="1970-[^"]+">\d\d:\d\d:\d\d</time> x',
        events((Line(0, "warning", "x"),)),
    )
    assert "None yet" in events(())


def test_what_an_open_page_is_told_is_json_without_nan() -> None:
    told: Any = describe(7, [sample()], {"front-door": []}, ["it"], "1.2.3")
    assert (told["version"], told["look"]) == ("1.2.3", 7)
    one = told["streams"]["front-door"]
    assert one["values"] == [5, 30, 1.5e6, None, 20e3, 4e3, 0.0045, 0.0012, 0]
    assert one["texts"]["state"] == "live"
    assert one["html"]["verdicts"] == ""
