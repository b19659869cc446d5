"""The status page as HTML: what a row says of a stream, and what it leaves out."""

import re

import pytest

from ingestd.media.access_unit import CODEC_NAMES
from ingestd.observe.page import render
from tests.observe.support import figures


def cells(**changes: object) -> str:
    """The text of the only row, without markup."""
    page = render([figures(**changes)], [], "1", "nonce")
    row = page.split("<tbody>")[1].split("</tbody>")[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row))


def test_the_title_and_the_summary_count_the_streams_that_are_up() -> None:
    page = render([figures(), figures(name="roof", up=False)], ["port 5004 is taken"], "1.2.3", "nonce")
    assert "<title>1/2 up · ingestd</title>" in page
    assert "1 of 2 streams up." in page
    assert "<li>port 5004 is taken</li>" in page
    assert "1.2.3" in page


@pytest.mark.parametrize("codec", CODEC_NAMES)
def test_a_codec_has_the_name_of_its_specification(codec: str) -> None:
    assert f"{CODEC_NAMES[codec]} 1280x720" in cells(codec=codec)


def test_what_is_not_known_yet_is_a_dash_and_what_never_happened_is_not_there() -> None:
    said = cells(codec="", size="", frames_held=0, frames_lost=0, frozen=0.0, keyframe_interval=None)
    assert "–" in said
    for word in ("2 held", "4 lost", "frozen", "keyframe each"):
        assert word in cells(), word
        assert word not in said, word


def test_reasons_stand_in_words_the_most_frequent_first() -> None:
    dropped = {"no_room": 3, "before_keyframe": 0, "backlog": 1200}
    assert "1,203 backlog 1,200, no room 3" in cells(frames_dropped=dropped)


@pytest.mark.parametrize(("bitrate_bps", "said"), [(64_400, "64 kbit/s"), (12_345_678, "12.35 Mbit/s")])
def test_a_bit_rate_has_the_unit_that_suits_it(bitrate_bps: float, said: str) -> None:
    assert said in cells(bitrate_bps=bitrate_bps)
    assert f"of {said}" in cells(target_bitrate_bps=bitrate_bps)


def test_a_backlog_is_said_in_milliseconds_where_there_is_one() -> None:
    assert "250 ms waiting" in cells(backlog=0.25)
    assert "waiting" not in cells(backlog=0.0)


def test_what_some_viewers_lack_is_a_remark_and_no_problem() -> None:
    page = render([figures(remarks=("the stream is AV1",))], [], "1", "nonce")
    assert "<small>the stream is AV1</small>" in page
    assert '<ul class="problems">' not in page
