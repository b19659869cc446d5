"""How long packets wait on their way, by pings."""

from math import inf

from ingestd.publish.signal_pings import MAX_UNANSWERED, SignalPings


def ping(pings: SignalPings, sent_at: float, took_s: float) -> None:
    payload = pings.next(sent_at)
    assert payload is not None
    assert pings.answered(payload, sent_at + took_s)


def test_nothing_is_known_before_the_first_answer() -> None:
    pings = SignalPings()
    assert pings.queued_s(10.0) == inf
    pings.next(10.0)
    assert pings.queued_s(20.0) == inf


def test_what_a_round_trip_takes_longer_than_the_shortest_is_spent_in_a_queue() -> None:
    pings = SignalPings()
    ping(pings, 10.0, 0.125)
    assert pings.queued_s(11.0) == 0.0
    ping(pings, 11.0, 0.375)
    assert pings.queued_s(12.0) == 0.25
    ping(pings, 12.0, 0.0625)
    assert pings.queued_s(13.0) == 0.0
    assert pings.shortest_s == 0.0625


def test_a_ping_without_an_answer_has_waited_since_it_was_sent() -> None:
    pings = SignalPings()
    ping(pings, 10.0, 0.125)
    late = pings.next(11.0)
    assert late is not None
    pings.next(11.25)
    assert pings.queued_s(11.5) == 0.375
    pings.answered(late, 11.5)
    assert pings.queued_s(11.5) == 0.375, "the last one has taken so long"


def test_what_others_have_sent_is_not_taken_for_an_answer() -> None:
    pings = SignalPings()
    assert not pings.answered(b"", 10.0)
    assert not pings.answered(b"ingestd 1", 10.0)
    payload = pings.next(10.0)
    assert payload is not None
    assert pings.answered(payload, 10.5)
    assert not pings.answered(payload, 11.0)


def test_a_server_that_does_not_answer_is_not_flooded() -> None:
    pings = SignalPings()
    sent = [pings.next(10.0 + number) for number in range(MAX_UNANSWERED)]
    assert None not in sent
    assert pings.next(100.0) is None
    assert sent[0] is not None
    pings.answered(sent[0], 100.0)
    assert pings.next(100.0) is not None
