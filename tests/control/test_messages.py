import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.control.backchannel import BackChannel, Inline
from ingestd.control.messages import Messages, encode


def test_a_keyframe_message() -> None:
    message = Messages().keyframe(1.0, 123)
    assert message == {"type": "keyframe", "at_us": 123}
    assert encode(message) == b'{"type":"keyframe","at_us":123}\n'


@given(st.lists(st.floats(0, 0.6), min_size=1, max_size=100))
def test_never_more_than_two_keyframe_messages_in_any_second(pauses: list[float]) -> None:
    messages, now = Messages(), 50.0
    sent = []
    for pause in pauses:
        now += pause
        if messages.keyframe(now, 0) is not None:
            sent.append(now)
    assert sent[0] == 50.0 + pauses[0]
    for at in sent:
        assert sum(at <= other <= at + 1 for other in sent) <= 2


def test_a_wish_after_half_a_second_is_heard() -> None:
    messages = Messages()
    assert messages.keyframe(0.0, 0)
    assert not messages.keyframe(0.5, 0)
    assert messages.keyframe(0.52, 0)


def test_a_rate_message() -> None:
    message = Messages().rate(1_200_000, 30.0, 123)
    assert message == {"type": "rate", "bitrate_bps": 1_200_000, "framerate_fps": 30.0, "at_us": 123}
    assert json.loads(encode(message)) == message
    assert encode(message).count(b"\n") == 1


@pytest.mark.parametrize(
    ("bitrate", "framerate", "sent"),
    [
        (1_000_000, 30.0, False),
        (1_099_999, 30.0, False),
        (900_001, 30.0, False),
        (1_100_000, 30.0, True),
        (900_000, 30.0, True),
        (0, 30.0, True),
        (1_000_000, 32.9, False),
        (1_000_000, 33.0, True),
        (1_000_000, 27.0, True),
    ],
)
def test_a_rate_is_said_when_it_moved_by_a_tenth(bitrate: int, framerate: float, sent: bool) -> None:
    messages = Messages()
    assert messages.rate(1_000_000, 30.0, 0)
    assert (messages.rate(bitrate, framerate, 1) is not None) is sent


def test_a_rate_that_creeps_is_compared_with_what_was_said() -> None:
    messages = Messages()
    said = [rate for rate in range(1_000_000, 2_000_000, 10_000) if messages.rate(rate, 30.0, 0)]
    assert said[:3] == [1_000_000, 1_100_000, 1_210_000]


def test_a_rate_of_nothing_is_said_once() -> None:
    messages = Messages()
    assert messages.rate(0, 0.0, 0)
    assert not messages.rate(0, 0.0, 1)
    assert messages.rate(1, 0.0, 2)


def test_a_new_encoder_knows_nothing() -> None:
    messages = Messages()
    assert messages.keyframe(1.0, 0)
    assert messages.rate(1_000_000, 30.0, 0)
    messages.new_encoder()
    assert messages.keyframe(1.1, 0)
    assert messages.rate(1_000_000, 30.0, 0)


class Line:
    """An encoder's connection that takes so many lines."""

    def __init__(self, room: int) -> None:
        self.lines: list[bytes] = []
        self.room = room

    def send(self, line: bytes) -> bool:
        if len(self.lines) == self.room:
            return False
        self.lines.append(line)
        return True


def test_each_message_goes_every_way_and_is_counted() -> None:
    reads, never_reads = Line(100), Line(1)
    channel = BackChannel([Inline(reads.send), Inline(never_reads.send)])
    channel.keyframe(1.0, 10)
    channel.keyframe(1.1, 11)  # too soon
    channel.rate(1_000_000, 30.0, 12)
    assert reads.lines == [
        b'{"type":"keyframe","at_us":10}\n',
        b'{"type":"rate","bitrate_bps":1000000,"framerate_fps":30.0,"at_us":12}\n',
    ]
    assert never_reads.lines == reads.lines[:1]
    assert channel.messages == {"sent": 3, "dropped": 1}
    channel.new_encoder()
    channel.keyframe(1.2, 13)
    assert reads.lines[-1] == b'{"type":"keyframe","at_us":13}\n'


def test_without_a_way_nothing_is_said() -> None:
    channel = BackChannel([])
    channel.keyframe(1.0, 10)
    channel.rate(1, 1.0, 10)
    assert channel.messages == {"sent": 0, "dropped": 0}
