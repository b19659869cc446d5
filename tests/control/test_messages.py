import json
from itertools import pairwise

import pytest

from ingestd.control.messages import RATE_MESSAGE_INTERVAL_S, RateMessages, encode, hello, keyframe


def test_the_first_line_tells_the_version() -> None:
    assert hello("cam") == b'{"type":"hello","version":1,"stream":"cam"}\n'


def test_a_keyframe_message() -> None:
    assert encode(keyframe(123)) == b'{"type":"keyframe","at_us":123}\n'


def test_a_rate_message() -> None:
    message = RateMessages(30.0).rate(1_200_000, 1.0, 123)
    assert message == {"type": "rate", "bitrate_bps": 1_200_000, "framerate_fps": 30.0, "at_us": 123}
    assert json.loads(encode(message)) == message
    assert encode(message).count(b"\n") == 1


@pytest.mark.parametrize(
    ("bitrate", "sent"),
    [
        (1_000_000, False),
        (1_099_999, False),
        (900_001, False),
        (1_100_000, True),
        (900_000, True),
        (0, True),
    ],
)
def test_a_rate_is_said_when_it_moved_by_a_tenth(bitrate: int, sent: bool) -> None:
    messages = RateMessages(30.0)
    assert messages.rate(1_000_000, 1.0, 0)
    assert (messages.rate(bitrate, 1.0, 1) is not None) is sent


def test_a_rate_that_creeps_is_compared_with_what_was_said() -> None:
    messages = RateMessages(30.0)
    said = [rate for rate in range(1_000_000, 2_000_000, 10_000) if messages.rate(rate, 1.0, 0)]
    assert said[:3] == [1_000_000, 1_100_000, 1_210_000]


def test_a_rate_of_nothing_is_said_once() -> None:
    messages = RateMessages(30.0)
    assert messages.rate(0, 1.0, 0)
    assert not messages.rate(0, 9.0, 1)
    assert messages.rate(1, 9.0, 2)


def test_a_rate_that_was_lost_is_said_again_after_a_pause() -> None:
    messages = RateMessages(30.0)
    lost = messages.rate(1_000_000, 1.0, 0)
    assert lost
    messages.lost(lost)
    assert not messages.rate(1_000_000, 1.0 + 0.9 * RATE_MESSAGE_INTERVAL_S, 1)
    assert messages.rate(1_000_000, 1.0 + RATE_MESSAGE_INTERVAL_S, 2)
    assert not messages.rate(1_000_000, 9.0, 3)


def test_a_rate_that_was_lost_after_a_newer_one_was_said_is_not_missed() -> None:
    messages = RateMessages(30.0)
    lost = messages.rate(1_000_000, 1.0, 0)
    assert lost
    assert messages.rate(2_000_000, 1.1, 1)
    messages.lost(lost)
    assert not messages.rate(2_000_000, 9.0, 2)


def test_a_new_encoder_knows_no_rate() -> None:
    messages = RateMessages(30.0)
    assert messages.rate(1_000_000, 1.0, 0)
    messages.new_encoder()
    assert messages.rate(1_000_000, 5.0, 1)


def test_encoders_that_come_and_go_are_told_at_most_once_a_second() -> None:
    messages, told = RateMessages(30.0), []
    for hundredth in range(1000):
        messages.new_encoder()
        if messages.rate(1_000_000, hundredth / 100, 0):
            told.append(hundredth / 100)
    assert len(told) > 5
    assert min(later - earlier for earlier, later in pairwise(told)) >= RATE_MESSAGE_INTERVAL_S
