"""What goes which way to the encoder, and what is counted of it."""

import json

from hypothesis import given
from hypothesis import strategies as st

from ingestd.control.backchannel import KEYFRAME_MESSAGE_INTERVAL_S, BackChannel, Inline
from ingestd.control.messages import RATE_MESSAGE_INTERVAL_S, Message, OnResult, Result


class Line:
    """An encoder's connection that takes this many lines."""

    def __init__(self, room: int) -> None:
        self.lines: list[bytes] = []
        self.room = room

    def send(self, line: bytes) -> bool:
        if len(self.lines) == self.room:
            return False
        self.lines.append(line)
        return True


class Later:
    """A way on which what became of a message shows later."""

    def __init__(self) -> None:
        self.sent: list[tuple[Message, OnResult]] = []

    def send(self, message: Message, on_result: OnResult) -> None:
        self.sent.append((message, on_result))


def counts(channel: BackChannel) -> dict[str, dict[str, int]]:
    """Those that are not 0."""
    return {
        type: {result: count for result, count in results.items() if count}
        for type, results in channel.messages.items()
    }


def test_each_message_goes_every_way_and_is_counted() -> None:
    reads, never_reads = Line(100), Line(1)
    channel = BackChannel([Inline(reads.send), Inline(never_reads.send)], 30.0)
    channel.keyframe(1.0, 10)
    channel.keyframe(1.1, 11)  # too soon
    channel.rate(1_000_000, 1.1, 12)
    assert reads.lines == [
        b'{"type":"keyframe","at_us":10}\n',
        b'{"type":"rate","bitrate_bps":1000000,"framerate_fps":30.0,"at_us":12}\n',
    ]
    assert never_reads.lines == reads.lines[:1]
    assert counts(channel) == {"keyframe": {"sent": 2}, "rate": {"sent": 1, "dropped": 1}}


def test_what_the_encoder_was_told_is_known_unless_it_was_lost() -> None:
    reads, never_reads = BackChannel([Inline(Line(9).send)], 30.0), BackChannel([Inline(Line(0).send)], 30.0)
    for channel in (reads, never_reads):
        assert channel.told_bps is None
        channel.rate(1_000_000, 1.0, 10)
    assert (reads.told_bps, never_reads.told_bps) == (1_000_000, None)
    reads.new_encoder()
    assert reads.told_bps is None


def test_a_rate_is_said_again_where_it_was_dropped_and_nowhere_else() -> None:
    reads, reads_again = Line(100), Line(0)
    channel = BackChannel([Inline(reads.send), Inline(reads_again.send)], 30.0)
    channel.rate(1_000_000, 1.0, 10)
    reads_again.room = 100
    channel.rate(1_000_000, 1.0 + RATE_MESSAGE_INTERVAL_S, 11)  # WebRTC does not repeat itself
    assert [json.loads(line)["at_us"] for line in reads.lines] == [10]
    assert [json.loads(line)["at_us"] for line in reads_again.lines] == [11]
    assert counts(channel)["rate"] == {"sent": 2, "dropped": 1}


def test_an_encoder_that_never_reads_is_told_the_rate_once_a_second_at_most() -> None:
    channel = BackChannel([Inline(Line(0).send)], 30.0)
    channel.rate(1_000_000, 0.0, 0)
    for picture in range(300):
        channel.rate(1_000_000, picture / 30, 0)
    assert counts(channel)["rate"] == {"dropped": 10}


def test_what_fails_later_is_counted_then_and_said_again() -> None:
    way = Later()
    channel = BackChannel([way], 30.0)
    channel.rate(1_000_000, 1.0, 10)
    assert counts(channel)["rate"] == {}
    way.sent[0][1](Result.FAILED)
    assert counts(channel)["rate"] == {"failed": 1}
    channel.rate(1_000_000, 2.0, 11)
    way.sent[1][1](Result.SENT)
    assert counts(channel)["rate"] == {"failed": 1, "sent": 1}
    channel.rate(1_000_000, 9.0, 12)
    assert [message["at_us"] for message, _ in way.sent] == [10, 11]


def test_a_request_that_could_not_be_posted_has_reached_no_one_unless_the_connection_took_it() -> None:
    way, line = Later(), Line(1)
    alone, both = BackChannel([way], 30.0), BackChannel([way, Inline(line.send)], 30.0)
    for channel, reaches_no_one in ((alone, True), (both, False)):
        channel.keyframe(1.0, 10)
        assert not channel.failing, "nothing is known yet"
        way.sent.pop()[1](Result.FAILED)
        assert channel.failing is reaches_no_one
    alone.keyframe(2.0, 11)
    assert alone.failing, "of this one nothing is known yet"
    way.sent.pop()[1](Result.DROPPED)  # overtaken by the next
    assert alone.failing
    alone.keyframe(3.0, 12)
    way.sent.pop()[1](Result.SENT)
    assert not alone.failing


def test_a_new_encoder_hears_the_rate_though_webrtc_does_not_repeat_it() -> None:
    line = Line(100)
    channel = BackChannel([Inline(line.send)], 30.0)
    channel.rate(1_000_000, 1.0, 10)
    channel.new_encoder()
    channel.rate(1_000_000, 5.0, 11)
    assert [json.loads(line)["at_us"] for line in line.lines] == [10, 11]


def test_a_new_encoder_may_not_be_asked_for_keyframes_any_oftener() -> None:
    line = Line(100)
    channel = BackChannel([Inline(line.send)], 30.0)
    channel.keyframe(1.0, 10)
    channel.new_encoder()
    channel.keyframe(1.1, 11)
    channel.keyframe(1.0 + KEYFRAME_MESSAGE_INTERVAL_S, 12)
    assert [json.loads(line)["at_us"] for line in line.lines] == [10, 12]


@given(st.lists(st.tuples(st.floats(0, 0.6), st.sampled_from(["ask", "keyframe", "reconnect"])), min_size=1))
def test_never_more_than_two_keyframe_messages_in_any_second(events: list[tuple[float, str]]) -> None:
    line, now = Line(10_000), 50.0
    channel = BackChannel([Inline(line.send)], 30.0)
    sent: list[float] = []
    for pause_s, event in [*events, (1.0, "ask")]:
        now += pause_s
        while (due_at := channel.due_at) is not None and due_at <= now:
            assert channel.pass_on(due_at, 0)
            sent.append(due_at)
        if event == "ask" and channel.keyframe(now, 0):
            sent.append(now)
        elif event == "keyframe":
            channel.keyframe_came()
        elif event == "reconnect":
            channel.new_encoder()
    assert len(line.lines) == len(sent)
    for at in sent:
        assert sum(at <= other <= at + 1 for other in sent) <= 2


def test_requests_that_come_too_soon_make_one_more_message_unless_a_keyframe_has_come() -> None:
    line = Line(100)
    channel = BackChannel([Inline(line.send)], 30.0)
    assert channel.keyframe(1.0, 10)
    assert channel.due_at is None
    for soon in (1.1, 1.2, 1.3):
        assert not channel.keyframe(soon, 11)
    due_at = channel.due_at
    assert due_at == 1.0 + KEYFRAME_MESSAGE_INTERVAL_S
    assert not channel.pass_on(due_at - 0.01, 12)
    assert channel.pass_on(due_at, 13)
    assert not channel.pass_on(due_at + 9, 14)
    channel.keyframe(due_at + 0.1, 15)
    channel.keyframe_came()
    assert channel.due_at is None
    assert [json.loads(line)["at_us"] for line in line.lines] == [10, 13]


def test_an_encoder_that_takes_no_message_was_not_asked_but_one_with_a_webhook_may_be() -> None:
    assert BackChannel([Inline(Line(0).send)], 30.0).keyframe(1.0, 10) is Result.DROPPED
    assert BackChannel([Inline(Line(0).send), Later()], 30.0).keyframe(1.0, 10) is Result.SENT
    assert BackChannel([], 30.0).keyframe(1.0, 10) is None


def test_without_a_way_nothing_is_said() -> None:
    channel = BackChannel([], 30.0)
    channel.keyframe(1.0, 10)
    channel.rate(1, 1.0, 10)
    nothing = {"sent": 0, "dropped": 0, "failed": 0}
    assert channel.messages == {"keyframe": nothing, "rate": nothing}
