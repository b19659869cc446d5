"""Who is admitted: one encoder at a time, from where the configuration allows."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest
from structlog.testing import capture_logs

from ingestd.log_limiter import LogLimiter
from ingestd.source.admission import MAX_WAIT_S, MAX_WAITING_ENCODERS, Admission
from ingestd.source.connection import RECEIVE_BUFFER_BYTES, EncoderConnection
from ingestd.source.connection_log import PROBE_LOG_INTERVAL_S
from ingestd.source.flow_control import LOOK_AHEAD_BYTES, MAX_READ_TURN_S
from ingestd.source.second_encoder import MAX_SILENCE_S
from tests.source.line import GREETING, THE_END, Encoder, Slow, Stream, listening
from tests.support.wait import eventually

# Longer than any test.
ENDLESS_S = 100.0
MAX_CONNECTIONS = 32  # by default


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
        async with sending(first):
            assert await second.read() == b""
        assert loop.time() - begun > MAX_WAIT_S / 2
        assert set(stream.received) == set(b"x")
        assert stream.events == ["connected"]
        assert admission.connections == {
            "accepted": 1,
            "second_encoder": 1,
            "not_allowed": 0,
            "failed": 0,
            "probe": 0,
            "limit": 0,
            "proxy_header": 0,
            "tls": 0,
            "token": 0,
        }


@contextlib.asynccontextmanager
async def sending(encoder: Encoder) -> AsyncIterator[None]:
    """It goes on sending meanwhile."""

    async def send() -> None:
        while True:
            await encoder.send(b"x")
            await asyncio.sleep(0.02)

    task = asyncio.get_running_loop().create_task(send())
    yield
    task.cancel()


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
        assert admission.connections == {
            "accepted": 2,
            "second_encoder": 0,
            "not_allowed": 0,
            "failed": 0,
            "probe": 0,
            "limit": 0,
            "proxy_header": 0,
            "tls": 0,
            "token": 0,
        }


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


def silent_for(admission: Admission) -> float:
    return admission.current.silent_s if admission.current is not None else 0.0


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
        assert stream.events[3:] == ["gone: the encoder sent nothing for 0.4 s (source.idle_timeout)"]


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
        assert admission.connections == {
            "accepted": 0,
            "second_encoder": 0,
            "not_allowed": 1,
            "failed": 0,
            "probe": 0,
            "limit": 0,
            "proxy_header": 0,
            "tls": 0,
            "token": 0,
        }
        assert stream.events == []
        said = "was turned away: its address 127.0.0.1 is not in source.allow"
        assert said in str(admission.last_turned_away), "the page does not say that none has come"


async def test_a_peer_that_resets_the_connection_before_we_know_its_address() -> None:
    stream = Stream()
    with capture_logs() as lines:
        async with listening(stream) as (listener, admission):
            Encoder.dial(listener.address).reset()
            await eventually(lambda: sum(admission.connections.values()) == 1)
            # uvloop never learns the address, and asyncio finds out only when it reads.
            known = stream.events != []
            assert admission.connections["accepted" if known else "probe"] == 1
    assert [line for line in lines if line["event"] == "encoder refused"] == []


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


# Who has sent no byte is nobody.


async def test_a_silent_connection_takes_no_place_ends_nobody_and_is_logged_once_an_hour() -> None:
    now = 100.0
    limiter, stream = LogLimiter(PROBE_LOG_INTERVAL_S, clock=lambda: now), Stream()
    with capture_logs() as lines:
        async with listening(stream, probe_limiter=limiter, second_encoder="replace") as (
            listener,
            admission,
        ):
            first = Encoder.dial_silently(listener.address)
            await eventually(lambda: admission.silent == 1)
            encoder = Encoder.dial(listener.address)
            await stream.until_events(1)
            first.hang_up()
            for _ in range(5):
                Encoder.dial_silently(listener.address).hang_up()
            await eventually(lambda: admission.connections["probe"] == 6)
            now += PROBE_LOG_INTERVAL_S
            Encoder.dial_silently(listener.address).reset()
            await eventually(lambda: admission.connections["probe"] == 7)
            await encoder.send(b"unhurt")
            await stream.until(lambda: stream.received == b"unhurt")
    assert stream.events == ["connected", f"gone: {THE_END}"]
    said = [line.get("suppressed") for line in lines if line["event"] == "a connection ended without a byte"]
    assert said in ([None, None], [None, 5]), (
        "uvloop may never learn the address of a peer that is gone at once"
    )


async def test_any_number_of_silent_connections_keeps_no_encoder_out() -> None:
    stream = Stream()
    async with listening(stream) as (listener, admission):
        silent = [Encoder.dial_silently(listener.address) for _ in range(MAX_CONNECTIONS + 5)]
        for oldest in silent[:5]:
            assert await oldest.read() == b""
        assert admission.silent == MAX_CONNECTIONS
        encoder = Encoder.dial(listener.address)
        await encoder.send(b"pictures")
        await stream.until(lambda: stream.received == b"pictures")


async def test_what_is_no_stream_replaces_nobody_and_what_is_one_does_with_its_first_bytes() -> None:
    def is_stream(first_bytes: bytes, final: bool) -> bool | None:
        if not first_bytes.startswith(GREETING + b"NAL"):
            return None if len(first_bytes) < 4 and not final else False
        return True

    stream = Stream()
    async with listening(stream, is_stream=is_stream, second_encoder="replace") as (listener, admission):
        first = Encoder.dial(listener.address)
        await stream.until_events(1)
        async with sending(first):
            browser = Encoder.dial(listener.address)
            await browser.send(b"GET / HTTP/1.1\r\n")
            assert await browser.read() == b""
            assert admission.connections["second_encoder"] == 1
            assert stream.events == ["connected"]
            second = Encoder.dial(listener.address)
            await waits(admission, 1)
            await second.send(b"NAL unit")
            await stream.until_events(3)
        assert stream.events[1] == f"gone: replaced by {second.name} (second_encoder: replace)"
        await stream.until(lambda: stream.received.endswith(b"NAL unit"))


async def test_who_trickles_what_is_no_stream_makes_way_for_an_encoder() -> None:
    stream = Stream(recognises=False)
    async with listening(stream, is_stream=lambda first_bytes, _final: b"NAL" in first_bytes or None) as (
        listener,
        admission,
    ):
        trickle = Encoder.dial(listener.address)
        await stream.until_events(1)
        second = Encoder.dial(listener.address, "127.0.0.2")
        await waits(admission, 1)
        await second.send(b"NAL unit")
        await stream.until_events(3)
        assert stream.events[1:] == [
            f"gone: it had sent nothing that is a stream when {second.name} sent one",
            "connected",
        ]
        trickle.hang_up()


async def test_an_encoder_that_went_silent_makes_way_for_its_own_address_and_for_no_other() -> None:
    stream = Stream()
    async with listening(stream) as (listener, admission):
        first = Encoder.dial(listener.address)
        await stream.until_events(1)
        other = Encoder.dial(listener.address, "127.0.0.2")
        assert await other.read() == b""
        again = Encoder.dial(listener.address)
        await stream.until_events(3)
        gone = stream.events[1]
        assert gone.startswith("gone: silent for 1.")
        assert gone.endswith(f" s when {again.name} came from the same address")
        assert await first.read() == b""
        assert admission.connections["second_encoder"] == 1


async def test_what_is_no_stream_never_takes_the_place_of_a_slow_encoder_on_its_own_address() -> None:
    def is_stream(first_bytes: bytes, final: bool) -> bool | None:
        if first_bytes.startswith(GREETING + b"NAL"):
            return True
        return None if len(first_bytes) < 8 and not final else False

    stream = Stream()
    async with listening(stream, is_stream=is_stream) as (listener, admission):
        first = Encoder.dial(listener.address)
        await stream.until_events(1)
        await eventually(lambda: silent_for(admission) > MAX_SILENCE_S)
        for probe in [b"GET / HTTP/1.1\r\n"] * (MAX_WAITING_ENCODERS + 1):
            browser = Encoder.dial(listener.address)
            await browser.send(probe)
            assert await browser.read() == b""
        one_byte = [Encoder.dial(listener.address) for _ in range(MAX_WAITING_ENCODERS - 1)]
        await waits(admission, len(one_byte))
        await first.send(b"a picture in many seconds")
        await stream.until(lambda: stream.received == b"a picture in many seconds")
        assert stream.events == ["connected"]
        for connection in one_byte:
            assert await connection.read() == b""
        await eventually(lambda: silent_for(admission) > MAX_SILENCE_S)
        again = Encoder.dial(listener.address)
        await again.send(b"NAL unit")
        await stream.until_events(3)
        assert stream.events[1].endswith(f" s when {again.name} came from the same address")


# A peer's end is seen though nothing is read.


@pytest.mark.parametrize("end", [Encoder.hang_up, Encoder.reset])
@pytest.mark.parametrize("size", [0, 1000, 6_000_000], ids=["read", "in our buffer", "in both buffers"])
@pytest.mark.parametrize("stop", [EncoderConnection.throttle, EncoderConnection.hold])
async def test_an_encoder_that_is_gone_while_nothing_of_it_is_read_makes_way(
    stop: Callable[[EncoderConnection, bool], None], end: Callable[[Encoder], None], size: int
) -> None:
    stream = Stream()
    async with listening(stream) as (listener, _):
        first = Encoder.dial(listener.address)
        await stream.until_events(1)
        stop(stream.connections_[0], True)
        sent = sending_all(first, bytes(size))
        end(first)
        begun = asyncio.get_running_loop().time()
        second = Encoder.dial(listener.address, "127.0.0.2")
        await stream.until_events(3)
        assert asyncio.get_running_loop().time() - begun < 4
        assert stream.events[1] == f"gone: it had ended, and its last pictures make way for {second.name}"
        await second.send(b"live")
        await stream.until(lambda: stream.received == b"live")
        assert sent == size or size > 1000


async def test_what_is_read_ahead_of_an_encoder_that_is_slow_to_read_stays_whole() -> None:
    stream = Stream()
    async with listening(stream) as (listener, admission):
        first = Encoder.dial(listener.address)
        await stream.until_events(1)
        current = admission.current
        assert current is not None
        current.hold(True)
        data = bytes(range(251)) * 20_000
        sending_on = asyncio.get_running_loop().create_task(first.send(data))
        second = Encoder.dial(listener.address, "127.0.0.2")
        while len(stream.received) < len(data):
            current.hold(False)
            await asyncio.sleep(0.001)
            current.hold(True)
            await asyncio.sleep(0.001)
        await sending_on
        assert stream.received == data
        current.hold(False)
        assert await second.read() == b""


async def test_a_file_whose_sender_has_ended_plays_to_its_end() -> None:
    stream = Stream()
    async with listening(stream) as (listener, admission):
        first = Encoder.dial(listener.address)
        await stream.until_events(1)
        admission.throttle(True)
        size = sending_all(first, bytes(20_000_000))
        first.hang_up()
        assert admission.current is not None
        await eventually(
            lambda: not admission.current or not admission.current.look_ahead() or finished(admission)
        )
        assert len(stream.received) == 0
        admission.throttle(False)
        await stream.until_events(2)
        assert stream.events[1] == "gone: the encoder closed the connection"
        assert len(stream.received) == size


async def test_a_file_that_is_still_being_sent_makes_way_for_nobody() -> None:
    stream = Stream()
    async with listening(stream) as (listener, admission):
        first = Encoder.dial(listener.address)
        await stream.until_events(1)
        admission.throttle(True)
        data = bytes(LOOK_AHEAD_BYTES * 2)
        sending_on = asyncio.get_running_loop().create_task(first.send(data))
        assert await Encoder.dial(listener.address, "127.0.0.2").read() == b""
        assert admission.connections["second_encoder"] == 1
        assert admission.current is not None
        assert len(admission.current.first_bytes) < LOOK_AHEAD_BYTES + 2 * RECEIVE_BUFFER_BYTES
        admission.throttle(False)
        await sending_on
        await stream.until(lambda: len(stream.received) == len(data))
        assert stream.events == ["connected"]


def sending_all(encoder: Encoder, data: bytes) -> int:
    """Send as much of ``data`` as the buffers take; return how much that is."""
    sent = 0
    with contextlib.suppress(BlockingIOError):
        while sent < len(data):
            sent += encoder.connection.send(data[sent : sent + 65536])
    return sent


def finished(admission: Admission) -> bool:
    return admission.current is not None and admission.current.finished()
