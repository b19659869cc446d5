"""Encoders that dial us, on real sockets."""

import asyncio
import socket
import time
from pathlib import Path

import pytest
import uvloop
from structlog.testing import capture_logs

from ingestd.config import Address, SourceConfig
from ingestd.errors import AddressError
from ingestd.log_limiter import LogLimiter
from ingestd.source import admission as admission_module
from ingestd.source.admission import MAX_WAIT_S, MAX_WAITING, Admission
from ingestd.source.connection import MAX_TURN_S, RECEIVE_BUFFER_BYTES, EncoderConnection
from tests.source.line import ANY_PORT, THE_END, Encoder, Slow, Stream, listening
from tests.support.wait import eventually


async def test_bytes_arrive_as_they_were_sent() -> None:
    stream = Stream()
    data = bytes(range(256)) * (RECEIVE_BUFFER_BYTES // 128)  # twice what fits into the buffer
    async with listening(stream) as (listener, admission):
        encoder = Encoder.dial(listener.address)
        await encoder.send(data)
        await stream.until(lambda: len(stream.received) == len(data))
        assert stream.received == data
        assert stream.events == ["connected"]
        assert admission.current is stream.connections_[0]
        assert admission.current.peer == encoder.name
        assert admission.connections["accepted"] == 1
        encoder.hang_up()
        assert await stream.until_events(2) == ["connected", "gone: the encoder closed the connection"]
        assert admission.current is None


async def test_what_was_sent_before_the_end_arrives_before_the_end() -> None:
    stream = Stream()
    async with listening(stream) as (listener, _):
        encoder = Encoder.dial(listener.address)
        await encoder.send(b"x" * 100_000)
        encoder.hang_up()
        await stream.until_events(2)
        assert len(stream.received) == 100_000


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


# Each way a connection ends is told once, with its reason.


async def test_an_encoder_that_says_it_has_finished() -> None:
    stream = Stream()
    async with listening(stream) as (listener, _):
        encoder = Encoder.dial(listener.address)
        encoder.connection.shutdown(socket.SHUT_WR)
        assert (await stream.until_events(2))[1] == "gone: the encoder closed the connection"
        assert (stream.errors, stream.cut) == ([None], [False])
        assert await encoder.read() == b""


async def test_an_encoder_that_has_finished_but_does_not_read() -> None:
    stream = Stream()
    async with listening(stream, idle_timeout="0") as (listener, _):
        encoder = Encoder.dial(listener.address)
        await stream.until_events(1)
        while stream.connections_[0].send(b"x" * 100_000):
            pass
        encoder.connection.shutdown(socket.SHUT_WR)
        assert (await stream.until_events(2))[1] == "gone: the encoder closed the connection"
        encoder.hang_up()


async def test_an_encoder_that_resets_the_connection() -> None:
    stream = Stream()
    async with listening(stream) as (listener, _):
        encoder = Encoder.dial(listener.address)
        await stream.until_events(1)
        encoder.reset()
        assert (await stream.until_events(2))[1].startswith("gone: the connection broke: ")
        assert (stream.errors, stream.cut) == (["connection_lost"], [False])


async def test_an_encoder_that_falls_silent() -> None:
    stream = Stream()
    async with listening(stream, idle_timeout=0.2) as (listener, _):
        encoder = Encoder.dial(listener.address)
        assert await encoder.read() == b""
        reason = "gone: the encoder sent nothing for 0.2 s (idle_timeout)"
        assert (await stream.until_events(2))[1] == reason
        assert (stream.errors, stream.cut) == (["idle_timeout"], [False])


async def test_an_encoder_we_are_too_busy_to_read_is_not_silent() -> None:
    class Busy(Stream):
        def encoder_data(self, connection: EncoderConnection, data: memoryview) -> None:
            begins = not self.received
            super().encoder_data(connection, data)
            if begins:
                encoder.connection.send(b" and wait")
                time.sleep(0.3)

    stream = Busy()
    async with listening(stream, idle_timeout=0.2) as (listener, _):
        encoder = Encoder.dial(listener.address)
        await encoder.send(b"keep us busy")
        await stream.until(lambda: stream.received == b"keep us busy and wait")
        assert stream.events == ["connected"]
        encoder.hang_up()


async def test_an_encoder_that_goes_on_sending_is_not_silent() -> None:
    stream, loop = Stream(), asyncio.get_running_loop()
    async with listening(stream, idle_timeout=0.4) as (listener, admission):
        encoder = Encoder.dial(listener.address)
        end = loop.time() + 1.0
        sent = 0
        while loop.time() < end:
            await encoder.send(b"x")
            sent += 1
            await stream.until(lambda count=sent: len(stream.received) == count)  # type: ignore[misc]
        assert stream.events == ["connected"]
        assert admission.current is not None


async def test_without_an_idle_timeout_silence_is_allowed() -> None:
    stream = Stream()
    async with listening(stream, idle_timeout="0") as (listener, admission):
        encoder = Encoder.dial(listener.address)
        await stream.until_events(1)
        assert admission.current is not None
        assert admission.current._idle is None
        encoder.hang_up()
        await stream.until_events(2)


async def test_an_encoder_that_is_cut_off_by_us() -> None:
    stream = Stream()
    async with listening(stream) as (listener, admission):
        encoder = Encoder.dial(listener.address)
        await stream.until_events(1)
        stream.connections_[0].close("bad_header: see above", "bad_header")
        stream.connections_[0].close("a second reason is not heard")
        assert await encoder.read() == b""
        assert (await stream.until_events(2))[1] == "gone: bad_header: see above"
        assert (stream.errors, stream.cut) == (["bad_header"], [True])
        assert admission.current is None


async def test_an_encoder_that_is_there_when_we_stop() -> None:
    stream = Stream()
    async with listening(stream) as (listener, admission):
        encoder = Encoder.dial(listener.address)
        await stream.until_events(1)
        await listener.stop("the stream's configuration changed")
        assert stream.events[1:] == ["gone: the stream's configuration changed"]
        assert await encoder.read() == b""
        assert (stream.errors, stream.cut) == ([None], [True])
        assert admission.current is None
        with pytest.raises(ConnectionRefusedError):
            Encoder.dial(listener.address)
        await listener.stop(THE_END)
    assert len(stream.events) == 2


@pytest.mark.parametrize("turns", range(6))
async def test_an_encoder_that_comes_while_we_stop_is_not_left_behind(turns: int) -> None:
    stream = Stream()
    with capture_logs() as lines:
        async with listening(stream) as (listener, admission):
            encoder = Encoder.dial(listener.address)
            for _ in range(turns):  # accepted, then told to the admission
                await asyncio.sleep(0)
            await listener.stop(THE_END)
            # asyncio's own loop loses sight of one that it has only just accepted.
            if isinstance(asyncio.get_running_loop(), uvloop.Loop):
                assert await encoder.read() == b""
            assert admission.current is None
    assert stream.events in ([], ["connected", f"gone: {THE_END}"])
    assert [line for line in lines if line["event"] == "encoder refused"] == []


async def test_an_encoder_that_comes_when_we_have_stopped_is_turned_away_quietly() -> None:
    stream = Stream()
    with capture_logs() as lines:
        async with listening(stream) as (listener, admission):
            admission.close(THE_END)
            encoder = Encoder.dial(listener.address)
            assert await encoder.read() == b""
            assert set(admission.connections.values()) == {0}
    assert stream.events == []
    assert [line["event"] for line in lines] == ["waiting for the encoder"]


async def test_closing_when_the_connection_has_ended_is_harmless() -> None:
    stream = Stream()
    async with listening(stream) as (listener, _):
        Encoder.dial(listener.address).hang_up()
        await stream.until_events(2)
        connection = stream.connections_[0]
        await connection.wait_closed()
        connection.close("too late")
        assert not connection.send(b"too late\n")
        assert connection._idle is not None
        assert connection._idle.cancelled()
        assert len(stream.events) == 2


async def test_bytes_that_are_slow_to_read_leave_half_of_the_time_to_others() -> None:
    stream, data = Slow(), bytes(RECEIVE_BUFFER_BYTES * 10)
    async with listening(stream, idle_timeout=0.5) as (listener, _):
        encoder = Encoder.dial(listener.address)
        sending = asyncio.get_running_loop().create_task(encoder.send(data))
        await stream.until(lambda: len(stream.received) > 0)
        begun, stream.busy = time.monotonic(), 0.0
        await stream.until(lambda: len(stream.received) == len(data))
        assert stream.busy >= 5 * MAX_TURN_S
        assert time.monotonic() - begun >= 1.8 * stream.busy
        await sending
        encoder.hang_up()
        assert await stream.until_events(2) == ["connected", "gone: the encoder closed the connection"]


async def test_an_end_while_we_give_way_is_an_end_like_any_other() -> None:
    stream = Slow()
    async with listening(stream) as (listener, _):
        encoder = Encoder.dial(listener.address)
        await encoder.send(b"slow")
        await stream.until(lambda: stream.received == b"slow")
        await listener.stop(THE_END)
        assert await encoder.read() == b""
        await asyncio.sleep(3 * MAX_TURN_S)  # until the turn would have ended
    assert stream.events == ["connected", f"gone: {THE_END}"]


async def test_what_waits_in_the_socket_is_known() -> None:
    stream, loop = Stream(), asyncio.get_running_loop()
    async with listening(stream) as (listener, admission):
        assert not admission.new_connection().unread()
        encoder = Encoder.dial(listener.address)
        await encoder.send(b"first")
        await stream.until(lambda: stream.received == b"first")
        connection = stream.connections_[0]
        assert not connection.unread()
        encoder.connection.send(b"second")  # the loop has not turned since
        deadline = loop.time() + 5
        while not connection.unread():
            assert loop.time() < deadline
        await stream.until(lambda: stream.received == b"firstsecond")
        assert not connection.unread()
        encoder.hang_up()
        await stream.until_events(2)
        assert not connection.unread()


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


async def test_an_encoder_that_comes_back_waits_for_all_that_it_sent_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(admission_module, "MAX_WAIT_S", MAX_TURN_S / 10)
    stream = Slow()
    async with listening(stream) as (listener, _):
        encoder = Encoder.dial(listener.address)
        await encoder.send(b"before, ")
        await stream.until(lambda: stream.received == b"before, ")
        await encoder.send(b"at the end, ")
        encoder.hang_up()
        again = Encoder.dial(listener.address)
        await again.send(b"after")
        await stream.until(lambda: stream.received == b"before, at the end, after")
        assert stream.events == ["connected", "gone: the encoder closed the connection", "connected"]


@pytest.fixture
def _endless_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission_module, "MAX_WAIT_S", 100.0)


async def waits(admission: Admission, count: int) -> None:
    await eventually(lambda: len(admission._waiting) == count)


@pytest.mark.usefixtures("_endless_wait")
async def test_all_that_an_encoder_sends_while_it_waits_arrives_when_it_is_admitted() -> None:
    stream, data = Stream(), bytes(range(256)) * (RECEIVE_BUFFER_BYTES // 64)  # four times the buffer
    async with listening(stream) as (listener, admission):
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


@pytest.mark.usefixtures("_endless_wait")
async def test_encoders_that_wait_are_admitted_in_the_order_in_which_they_came() -> None:
    stream = Stream()
    async with listening(stream) as (listener, admission):
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


@pytest.mark.usefixtures("_endless_wait")
async def test_no_more_than_a_few_encoders_wait() -> None:
    stream = Stream()
    async with listening(stream) as (listener, admission):
        first = Encoder.dial(listener.address)
        await stream.until_events(1)
        waiting = [Encoder.dial(listener.address) for _ in range(MAX_WAITING)]
        await waits(admission, MAX_WAITING)
        assert await Encoder.dial(listener.address).read() == b""
        assert admission.connections["second_encoder"] == 1
        first.hang_up()
        await stream.until_events(3)
        assert stream.connections_[-1].peer == waiting[0].name


@pytest.mark.usefixtures("_endless_wait")
async def test_an_encoder_that_leaves_while_it_waits_was_turned_away() -> None:
    stream = Stream()
    async with listening(stream) as (listener, admission):
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


@pytest.mark.usefixtures("_endless_wait")
async def test_an_encoder_that_waits_when_we_stop_is_never_admitted() -> None:
    stream = Stream()
    with capture_logs() as lines:
        async with listening(stream) as (listener, admission):
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


@pytest.mark.usefixtures("_endless_wait")
async def test_an_encoder_that_waits_is_not_silent_before_it_is_admitted() -> None:
    stream, loop = Stream(), asyncio.get_running_loop()
    async with listening(stream, idle_timeout=0.4) as (listener, admission):
        first = Encoder.dial(listener.address)
        await stream.until_events(1)
        second = Encoder.dial(listener.address)
        await waits(admission, 1)
        end = loop.time() + 0.5
        while loop.time() < end:
            await first.send(b"x")
            await asyncio.sleep(0.01)
        assert len(admission._waiting) == 1
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


async def test_a_peer_that_is_turned_away_again_and_again_is_logged_once_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(admission_module, "LogLimiter", lambda: LogLimiter(clock=lambda: now))
    with capture_logs() as lines:
        async with listening(Stream(), allow=["10.0.0.0/8"]) as (listener, admission):
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


async def test_a_listener_on_ipv6_knows_who_dials() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 on the loopback interface: enable it (net.ipv6.conf.lo.disable_ipv6=0)")
    stream = Stream()
    async with listening(stream, Address("tcp", "::1", 0)) as (listener, admission):
        encoder = socket.create_connection(("::1", listener.address.port))
        await stream.until_events(1)
        assert admission.current is not None
        assert admission.current.peer == f"[::1]:{encoder.getsockname()[1]}"
        encoder.close()


# Where we listen.


async def test_port_0_becomes_the_port_that_was_chosen() -> None:
    async with listening(Stream()) as (listener, _):
        assert listener.address.port != 0
        assert listener.problem is None
    assert listener.problem == f"{listener.address} is not open"


async def test_a_port_that_is_taken_is_named() -> None:
    async with listening(Stream()) as (first, _):
        with pytest.raises(AddressError) as caught:
            async with listening(Stream(), first.address):
                pass
    text = str(caught.value)
    assert text.startswith(f"source.listen: {first.address} cannot be listened on: ")
    assert "address already in use" in text.lower()
    assert "; allowed: " in text


async def test_a_port_is_free_again_at_once() -> None:
    stream = Stream()
    async with listening(stream) as (first, _):
        Encoder.dial(first.address)
        await stream.until_events(1)
    async with listening(Stream(), first.address) as (second, _):
        assert second.address == first.address


async def test_a_socket_in_the_file_system(tmp_path: Path) -> None:
    path = tmp_path / "cam.sock"
    stream = Stream()
    async with listening(stream, Address("unix", path=str(path)), allow=["10.0.0.0/8"]) as (
        listener,
        admission,
    ):
        encoder = Encoder.dial(listener.address)
        await encoder.send(b"local")
        await stream.until(lambda: stream.received == b"local")
        assert admission.current is not None
        assert admission.current.peer == "unix"
        encoder.hang_up()
        await stream.until_events(2)
    assert not path.exists()


async def test_a_socket_left_behind_by_a_killed_process_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "cam.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
        dead.listen()
    assert path.is_socket()
    stream = Stream()
    async with listening(stream, Address("unix", path=str(path))) as (listener, _):
        Encoder.dial(listener.address)
        await stream.until_events(1)


async def test_a_socket_someone_listens_on_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "cam.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(AddressError, match=r"cam\.sock cannot be listened on: another process listens"):
            async with listening(Stream(), Address("unix", path=str(path))):
                pass
        assert path.is_socket()
        Encoder.dial(Address("unix", path=str(path))).hang_up()


async def test_a_socket_whose_listener_is_overrun_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "cam.sock"
    with socket.socket(socket.AF_UNIX) as busy:
        busy.bind(str(path))
        busy.listen(0)
        waiting = Encoder.dial(
            Address("unix", path=str(path))
        )  # nobody accepts it; the next would have to wait
        with pytest.raises(AddressError, match="another process listens"):
            async with asyncio.timeout(5), listening(Stream(), Address("unix", path=str(path))):
                pass
        waiting.hang_up()
        assert path.is_socket()


async def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(AddressError, match="exists and is not a socket"):
        async with listening(Stream(), Address("unix", path=str(path))):
            pass
    assert path.read_text() == "data"


async def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "absent" / "cam.sock"
    with pytest.raises(AddressError, match=r"absent/cam\.sock cannot be listened on: No such file"):
        async with listening(Stream(), Address("unix", path=str(path))):
            pass


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "x" * 64 + ".example"])
async def test_a_host_that_cannot_be_resolved_is_named(host: str) -> None:
    with pytest.raises(AddressError, match="cannot be listened on"):
        async with listening(Stream(), Address("tcp", host, 0)):
            pass


# What we say to the encoder.


async def test_lines_reach_the_encoder() -> None:
    stream = Stream()
    async with listening(stream) as (listener, _):
        encoder = Encoder.dial(listener.address)
        await stream.until_events(1)
        assert stream.connections_[0].send(b'{"type":"keyframe"}\n')
        assert await encoder.read() == b'{"type":"keyframe"}\n'


async def test_an_encoder_that_never_reads_costs_nothing() -> None:
    stream, loop = Stream(), asyncio.get_running_loop()
    async with listening(stream) as (listener, admission):
        encoder = Encoder.dial(listener.address)
        await stream.until_events(1)
        connection = stream.connections_[0]
        line = b"x" * 999 + b"\n"
        begun, sent = loop.time(), 0
        while connection.send(line):
            sent += 1
            assert sent < 20_000, "it takes more than the kernel's buffers hold"
            if sent % 100 == 0:
                await asyncio.sleep(0)
        assert not connection.send(line)
        assert connection._transport is not None
        assert connection._transport.get_write_buffer_size() <= 17 * 1024
        assert loop.time() - begun < 5
        # It goes on sending, unhindered.
        await encoder.send(b"picture")
        await stream.until(lambda: stream.received == b"picture")
        assert admission.current is connection
        # Once it reads, it hears us again.
        await encoder.read()

        async def drain() -> None:
            while await encoder.read():
                pass

        draining = loop.create_task(drain())
        await eventually(lambda: connection.send(b"again\n"))
        encoder.connection.shutdown(socket.SHUT_WR)
        await draining
        await stream.until_events(2)


@pytest.mark.parametrize("scheme", ["tcp", "unix"])
async def test_saying_something_to_an_encoder_that_is_gone_loses_nothing_it_has_sent(
    scheme: str, tmp_path: Path
) -> None:
    class Talkative(Stream):
        def encoder_data(self, connection: EncoderConnection, data: memoryview) -> None:
            super().encoder_data(connection, data)
            for _ in range(3):
                connection.send(b"line\n")

    stream, data = Talkative(), bytes(RECEIVE_BUFFER_BYTES + 1000)
    address = ANY_PORT if scheme == "tcp" else Address("unix", path=str(tmp_path / "cam.sock"))
    async with listening(stream, address) as (listener, _):
        encoder = Encoder.dial(listener.address)
        await encoder.send(data)
        encoder.hang_up()
        await stream.until_events(2)
        assert len(stream.received) == len(data)
        assert stream.events == ["connected", "gone: the encoder closed the connection"]


async def test_an_encoder_that_never_reads_does_not_hold_up_the_end() -> None:
    stream = Stream()
    async with listening(stream) as (listener, _):
        encoder = Encoder.dial(listener.address)
        await stream.until_events(1)
        connection = stream.connections_[0]
        while connection.send(b"x" * 100_000):
            pass
        connection.close("enough")
        await stream.until_events(2)
        encoder.hang_up()
    assert stream.events == ["connected", "gone: enough"]


async def test_nothing_is_said_on_a_connection_that_was_never_made() -> None:
    admission = Admission(Stream(), SourceConfig(listen=ANY_PORT), "cam")
    connection = admission.new_connection()
    assert not connection.send(b"hello\n")
    connection.close("never was")
