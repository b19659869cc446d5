"""Which of two encoders has the line, without a socket; that it is obeyed is for test_admission."""

from dataclasses import dataclass
from typing import cast

import pytest

from ingestd.source.connection import EncoderConnection
from ingestd.source.second_encoder import (
    MAX_LAST_READ_S,
    MAX_LOOK_AHEAD_S,
    MAX_SILENCE_S,
    may_be_gone,
    reason_to_give_way,
)


@dataclass
class Line:
    """What the policy asks of a connection."""

    host: str = "192.0.2.1"
    peer: str = "192.0.2.1:40000"
    recognised: bool = True
    throttled: bool = False
    silent_s: float = 0.0
    over: bool = False
    behind_a_pause: bool = False  # its end may still be ahead of what was read

    def finished(self) -> bool:
        return self.over

    def look_ahead(self) -> bool:
        return self.behind_a_pause


SAME_ADDRESS = Line(peer="192.0.2.1:50000")
OTHER_ADDRESS = Line("192.0.2.2", "192.0.2.2:50000")


def reason(
    current: Line,
    newcomer: Line = OTHER_ADDRESS,
    waited_s: float = 0.0,
    *,
    is_stream: bool = True,
    replace: bool = False,
) -> str | None:
    return reason_to_give_way(
        cast(EncoderConnection, current),
        cast(EncoderConnection, newcomer),
        waited_s,
        is_stream=is_stream,
        replace=replace,
    )


def waits(current: Line, newcomer: Line, waited_s: float) -> bool:
    return may_be_gone(cast(EncoderConnection, current), cast(EncoderConnection, newcomer), waited_s)


def test_an_encoder_that_sends_gives_way_to_none() -> None:
    assert reason(Line(silent_s=MAX_SILENCE_S), SAME_ADDRESS, MAX_LAST_READ_S) is None


def test_it_is_replaced_where_the_configuration_says_so() -> None:
    assert reason(Line(), replace=True) == "replaced by 192.0.2.2:50000 (second_encoder: replace)"


@pytest.mark.parametrize(
    "current", [Line(), Line(over=True, throttled=True), Line(silent_s=2 * MAX_SILENCE_S)]
)
def test_what_is_no_stream_takes_the_place_of_none(current: Line) -> None:
    assert reason(current, SAME_ADDRESS, 2 * MAX_LAST_READ_S, is_stream=False, replace=True) is None


def test_one_that_went_silent_gives_way_to_its_own_address_alone() -> None:
    silent = Line(silent_s=2 * MAX_SILENCE_S)
    assert reason(silent, OTHER_ADDRESS) is None
    assert reason(silent, SAME_ADDRESS) == "silent for 2.0 s when 192.0.2.1:50000 came from the same address"


def test_one_that_has_ended_is_read_to_its_end_for_a_while() -> None:
    ended = Line(over=True)
    assert reason(ended, waited_s=MAX_LAST_READ_S) is None
    said = "it had ended, and its last pictures make way for 192.0.2.2:50000"
    assert reason(ended, waited_s=1.1 * MAX_LAST_READ_S) == said
    assert reason(Line(over=True, throttled=True)) == said, "it is a file, which has long to play"


def test_what_has_sent_no_stream_gives_way_to_one() -> None:
    trickle = Line(recognised=False)
    assert reason(trickle) == "it had sent nothing that is a stream when 192.0.2.2:50000 sent one"
    assert reason(trickle, is_stream=False) is None
    assert reason(Line(recognised=False, over=True, throttled=True), is_stream=False) is not None


def test_a_newcomer_waits_on_for_one_that_has_ended() -> None:
    assert waits(Line(over=True), OTHER_ADDRESS, 2 * MAX_LOOK_AHEAD_S)
    assert not waits(Line(), OTHER_ADDRESS, 0.0)


def test_a_newcomer_waits_on_while_the_end_may_be_behind_what_was_read_but_not_for_ever() -> None:
    paused = Line(behind_a_pause=True)
    assert waits(paused, OTHER_ADDRESS, 0.9 * MAX_LOOK_AHEAD_S)
    assert not waits(paused, OTHER_ADDRESS, 1.1 * MAX_LOOK_AHEAD_S)


def test_a_newcomer_waits_on_for_its_own_address_that_has_sent_nothing_since_it_came() -> None:
    assert waits(Line(silent_s=0.5), SAME_ADDRESS, 0.4)
    assert not waits(Line(silent_s=0.3), SAME_ADDRESS, 0.4), "it has sent something meanwhile"
    assert not waits(Line(silent_s=0.5), OTHER_ADDRESS, 0.4)
