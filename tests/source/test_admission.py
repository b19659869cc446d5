"""Who is admitted: one encoder at a time, from where the configuration allows."""

import asyncio

from structlog.testing import capture_logs

from ingestd.log_limiter import LogLimiter
from ingestd.source.admission import MAX_WAIT_S, MAX_WAITING_ENCODERS, Admission
from ingestd.source.connection import (
    MAX_READ_TURN_S,
    RECEIVE_BUFFER_BYTES,
)
from tests.source.line import THE_END, Encoder, Slow, Stream, listening
from tests.support.wait import eventually

# Longer than any test.
ENDLESS_S = 100.0


async def test_the_next_encoder_may_come_when_the_first_is_gone() -> None:
    stream = Stream()
    async with listening(stream) as (listener, admission):
        for _ in range(3):
            encoder = Encoder.dial(listener.address)
            await stream.until(lambda: admission.current is not None)
            encoder.hang_up()
            await stream.until(lambda: admission.current is None)
        assert admission.connections["accepted"] == 3
        assert stream.events == ["connected", "gone: the encoder closed the connection"] * 3


# One encoder at a time.


async def test_a_second_encoder_is_turned_away_when_the_first_has_had_time_to_go() -> None:
    stream, loop = Stream(), asyncio.get_running_loop()
    async with listening(stream, second_encoder="reject") as (listener, admission):
        first = Encoder.dial(listener.address)
        await stream.until_events(1)
        begun = loop.time()
        second = Encoder.dial(listener.address)
        second.connection.send(b"mine")
        assert await second.read() == b""
        assert loop.time() - begun > MAX_WAIT_S / 2
        await first.send(b"still here")
        await stream.until(lambda: stream.received == b"still here")
        assert stream.events == ["connected"]
        assert admission.connections == {"accepted": 1, "second_encoder": 1, "not_allowed": 0, "failed": 0}


async def test_an_encoder_that_comes_back_before_the_end_of_its_old_connection_was_read_is_admitted() -> None:
    stream = Slow()
    async with listening(stream, second_encoder="reject") as (listener, admission):
        encoder = Encoder.dial(listener.address)
        await encoder.send(b"before, ")
        await stream.until(lambda: stream.received == b"before, ")
        encoder.hang_up()
        again = Encoder.dial(listener.address)
        await again.send(b"after")
        await stream.until(lambda: stream.received == b"before, after")
        assert stream.events == ["connected", "gone: the encoder closed the connection", "connected"]
        assert admission.current is stream.connections_[1]
        assert admission.connections == {"accepted": 2, "second_encoder": 0, "not_allowed": 0, "failed": 0}


async def test_an_encoder_that_comes_back_waits_for_all_that_it_sent_before() -> None:
    stream = Slow()
    async with listening(stream, max_wait_s=MAX_READ_TURN_S / 10) as (listener, _):
        encoder = Encoder.dial(listener.address)
        await encoder.send(b"before, ")
        await stream.until(lambda: stream.received == b"before, ")
        await encoder.send(b"at the end, ")
        encoder.hang_up()
        again = Encoder.dial(listener.address)
        await again.send(b"after")
        await stream.until(lambda: stream.received == b"before, at the end, after")
        assert stream.events == ["connected", "gone: the encoder closed the connection", "connected"]


async def waits(admission: Admission, count: int) -> None:
    await eventually(lambda: admission.waiting == count)


async def test_all_that_an_encoder_sends_while_it_waits_arrives_when_it_is_admitted() -> None:
    stream, data = Stream(), bytes(range(256)) * (RECEIVE_BUFFER_BYTES // 64)  # four times the buffer
    async with listening(stream, max_wait_s=ENDLESS_S) as (listener, admission):
        first = Encoder.dial(listener.address)
        await stream.until_events(1)
        second = Encoder.dial(listener.address)
        await second.send(data)
        second.hang_up()
        await waits(admission, 1)
        await first.send(b"still here")
        await stream.until(lambda: stream.received == b"still here")
        first.hang_up()
        await stream.until_events(4)
        assert stream.received == b"still here" + data
        assert stream.events == ["connected", "gone: the encoder closed the connection"] * 2


async def test_encoders_that_wait_are_admitted_in_the_order_in_which_they_came() -> None:
    stream = Stream()
    async with listening(stream, max_wait_s=ENDLESS_S) as (listener, admission):
        first = Encoder.dial(listener.address)
        await stream.until_events(1)
        second = Encoder.dial(listener.address)
        await waits(admission, 1)
        third = Encoder.dial(listener.address)
        await waits(admission, 2)
        first.hang_up()
        await stream.until_events(3)
        assert stream.connections_[-1].peer == second.name
        second.hang_up()
        await stream.until_events(5)
        assert stream.connections_[-1].peer == third.name
        assert admission.connections["second_encoder"] == 0


async def test_no_more_than_a_few_encoders_wait() -> None:
    stream = Stream()
    async with listening(stream, max_wait_s=ENDLESS_S) as (listener, admission):
        first = Encoder.dial(listener.address)
        await stream.until_events(1)
        waiting = [Encoder.dial(listener.address) for _ in range(MAX_WAITING_ENCODERS)]
        await waits(admission, MAX_WAITING_ENCODERS)
        assert await Encoder.dial(listener.address).read() == b""
        assert admission.connections["second_encoder"] == 1
        first.hang_up()
        await stream.until_events(3)
        assert stream.connections_[-1].peer == waiting[0].name


async def test_an_encoder_that_leaves_while_it_waits_was_turned_away() -> None:
    stream = Stream()
    async with listening(stream, max_wait_s=ENDLESS_S) as (listener, admission):
        first = Encoder.dial(listener.address)
        await stream.until_events(1)
        second = Encoder.dial(listener.address)
        await waits(admission, 1)
        second.hang_up()
        await waits(admission, 0)
        assert admission.connections["second_encoder"] == 1
        first.hang_up()
        assert await stream.until_events(2) == ["connected", "gone: the encoder closed the connection"]
        assert admission.current is None


async def test_an_encoder_that_waits_when_we_stop_is_never_admitted() -> None:
    stream = Stream()
    with capture_logs() as lines:
        async with listening(stream, max_wait_s=ENDLESS_S) as (listener, admission):
            first = Encoder.dial(listener.address)
            await stream.until_events(1)
            second = Encoder.dial(listener.address)
            second.connection.send(b"unheard")
            await waits(admission, 1)
            await listener.stop(THE_END)
            assert await first.read() == await second.read() == b""
    assert stream.events == ["connected", f"gone: {THE_END}"]
    assert stream.received == b""
    assert [line["event"] for line in lines] == ["waiting for the encoder"]


async def test_an_encoder_that_waits_is_not_silent_before_it_is_admitted() -> None:
    stream, loop = Stream(), asyncio.get_running_loop()
    async with listening(stream, max_wait_s=ENDLESS_S, idle_timeout=0.4) as (listener, admission):
        first = Encoder.dial(listener.address)
        await stream.until_events(1)
        second = Encoder.dial(listener.address)
        await waits(admission, 1)
        end = loop.time() + 0.5
        while loop.time() < end:
            await first.send(b"x")
            await asyncio.sleep(0.01)
        assert admission.waiting == 1
        begun = loop.time()
        first.hang_up()
        await stream.until_events(3)
        assert stream.events[1:] == ["gone: the encoder closed the connection", "connected"]
        assert await second.read() == b""
        assert loop.time() - begun > 0.35
        assert stream.events[3:] == ["gone: the encoder sent nothing for 0.4 s (idle_timeout)"]


async def test_a_second_encoder_takes_the_place_of_the_first() -> None:
    stream = Stream()
    async with listening(stream, second_encoder="replace") as (listener, admission):
        first = Encoder.dial(listener.address)
        await stream.until_events(1)
        second = Encoder.dial(listener.address)
        await stream.until_events(3)
        assert stream.events == [
            "connected",
            f"gone: replaced by {second.name} (second_encoder: replace)",
            "connected",
        ]
        assert (stream.errors, stream.cut) == ([None], [True])
        assert await first.read() == b""
        await second.send(b"mine")
        await stream.until(lambda: stream.received == b"mine")
        await stream.connections_[0].wait_closed()
        assert admission.current is stream.connections_[1]
        assert admission.connections["accepted"] == 2
        assert len(stream.events) == 3


# Who may come.


async def test_a_peer_outside_the_allowed_networks_is_turned_away() -> None:
    stream = Stream()
    async with listening(stream, allow=["10.0.0.0/8"]) as (listener, admission):
        encoder = Encoder.dial(listener.address)
        assert await encoder.read() == b""
        assert admission.connections == {"accepted": 0, "second_encoder": 0, "not_allowed": 1, "failed": 0}
        assert stream.events == []


async def test_a_peer_that_resets_the_connection_before_we_know_its_address() -> None:
    stream = Stream()
    with capture_logs() as lines:
        async with listening(stream) as (listener, admission):
            Encoder.dial(listener.address).reset()
            await eventually(lambda: sum(admission.connections.values()) == 1)
            # uvloop never learns the address, and asyncio finds out only when it reads.
            known = stream.events != []
            assert admission.connections["accepted" if known else "failed"] == 1
    refusals = [line["reason"] for line in lines if line["event"] == "encoder refused"]
    assert refusals == [] if known else ["it reset the connection before we had accepted it"]


async def test_a_peer_outside_the_allowed_networks_replaces_nobody() -> None:
    stream = Stream()
    allow = ["127.0.0.1/32"]
    async with listening(stream, allow=allow, second_encoder="replace") as (listener, admission):
        first = Encoder.dial(listener.address)
        await stream.until_events(1)
        assert await Encoder.dial(listener.address, "127.0.0.2").read() == b""
        assert stream.events == ["connected"]
        assert admission.connections["not_allowed"] == 1
        first.hang_up()


async def test_a_peer_that_is_turned_away_again_and_again_is_logged_once_a_second() -> None:
    now = 100.0
    limiter = LogLimiter(clock=lambda: now)
    with capture_logs() as lines:
        async with listening(Stream(), allow=["10.0.0.0/8"], limiter=limiter) as (listener, admission):
            for host in ["127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.2"]:
                assert await Encoder.dial(listener.address, host).read() == b""
            now = 101.0
            assert await Encoder.dial(listener.address).read() == b""
            assert admission.connections["not_allowed"] == 5
    refusals = [line for line in lines if line["event"] == "encoder refused"]
    assert [(line["peer"].partition(":")[0], line.get("suppressed")) for line in refusals] == [
        ("127.0.0.1", None),
        ("127.0.0.2", None),
        ("127.0.0.1", 2),
    ]
