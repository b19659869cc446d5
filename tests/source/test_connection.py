"""One connection: how it ends, what waits for its turn, and what is sent back to the encoder."""

import asyncio
import gc
import socket
import time
import weakref
from ipaddress import ip_network
from pathlib import Path

import pytest

from ingestd.config import Address, SourceConfig
from ingestd.source import socket_state
from ingestd.source.admission import Admission
from ingestd.source.connection import MAX_UNSENT_BYTES, RECEIVE_BUFFER_BYTES, EncoderConnection
from ingestd.source.flow_control import MAX_READ_TURN_S, SLICE_BYTES
from ingestd.source.socket_state import DEAD_PEER_S
from tests.source.line import ANY_PORT, GREETING, THE_END, Encoder, Slow, Stream, listening
from tests.support import link
from tests.support.wait import PATIENCE_S, eventually

DATA = bytes(range(256)) * (2 * SLICE_BYTES // 256) + b"the end"


class Watching(Slow):
    """Notes how many times the loop had turned, and when the bytes are said to have arrived."""

    turns = 0

    def __init__(self) -> None:
        super().__init__()
        self.slices: list[int] = []
        self.turn_of_slice: list[int] = []
        self.arrived_at: list[float] = []

    def encoder_data(self, connection: EncoderConnection, data: memoryview) -> None:
        if data == GREETING:
            super().encoder_data(connection, data)
            return
        self.slices.append(len(data))
        self.turn_of_slice.append(self.turns)
        self.arrived_at.append(connection.arrived_at)
        super().encoder_data(connection, data)

    async def count_turns(self) -> None:
        while True:
            await asyncio.sleep(0)
            self.turns += 1


async def test_others_get_their_turns_between_the_slices_of_one_read() -> None:
    stream, loop = Watching(), asyncio.get_running_loop()
    async with listening(stream) as (listener, _):
        encoder = Encoder.dial(listener.address)
        await stream.until_events(1)
        counting = loop.create_task(stream.count_turns())
        assert encoder.connection.send(DATA) == len(DATA)
        await stream.until(lambda: len(stream.received) == len(DATA))
        counting.cancel()
        assert stream.received == DATA
        assert stream.slices == [SLICE_BYTES] * 2 + [7]
        assert len(set(stream.turn_of_slice)) == 3, "two slices in one turn"
        assert len(set(stream.arrived_at)) == 1
        assert stream.arrived_at[0] <= time.monotonic() - 5 * MAX_READ_TURN_S


class Reads(Stream):
    """Notes in which turn of the loop each read was made, and whether it left nothing behind."""

    turns = 0

    def __init__(self) -> None:
        super().__init__()
        self.turn_of_read: dict[float, int] = {}
        self.drained: list[bool] = []

    def encoder_data(self, connection: EncoderConnection, data: memoryview) -> None:
        super().encoder_data(connection, data)
        self.turn_of_read.setdefault(connection.arrived_at, self.turns)
        self.drained.append(connection.drained)

    async def count_turns(self) -> None:
        while True:
            await asyncio.sleep(0)
            self.turns += 1


async def test_others_get_their_turns_between_the_reads_of_an_encoder_that_fills_each() -> None:
    stream, data, loop = Reads(), bytes(RECEIVE_BUFFER_BYTES * 20), asyncio.get_running_loop()
    async with listening(stream) as (listener, _):
        encoder = Encoder.dial(listener.address)
        await stream.until_events(1)
        stream.turn_of_read.clear()
        counting = loop.create_task(stream.count_turns())
        sending = loop.create_task(encoder.send(data))
        await stream.until(lambda: len(stream.received) == len(data))
        await sending
        counting.cancel()
        assert len(stream.turn_of_read) >= 20
        assert len(set(stream.turn_of_read.values())) == len(stream.turn_of_read), "two reads in one turn"


async def test_it_is_known_whether_a_read_has_left_something() -> None:
    stream = Reads()
    async with listening(stream) as (listener, _):
        encoder = Encoder.dial(listener.address)
        await stream.until_events(1)
        stream.drained.clear()
        assert encoder.connection.send(bytes(RECEIVE_BUFFER_BYTES + 1)) == RECEIVE_BUFFER_BYTES + 1
        await stream.until(lambda: len(stream.received) == RECEIVE_BUFFER_BYTES + 1)
        assert stream.drained == [False] * (RECEIVE_BUFFER_BYTES // SLICE_BYTES) + [True]
        stream.drained.clear()
        assert encoder.connection.send(bytes(SLICE_BYTES + 1)) == SLICE_BYTES + 1
        await stream.until(lambda: len(stream.drained) == 2)
        assert stream.drained == [False, True], "there is another slice of the same read"


async def test_what_waits_for_its_turn_comes_before_the_end() -> None:
    stream = Slow()
    async with listening(stream) as (listener, _):
        encoder = Encoder.dial(listener.address)
        await encoder.send(DATA)
        encoder.hang_up()
        await stream.until(lambda: len(stream.received) > 0)
        assert stream.connections_[0].unread()
        assert await stream.until_events(2) == ["connected", "gone: the encoder closed the connection"]
        assert stream.received == DATA


async def test_what_waits_for_its_turn_comes_before_the_end_of_a_broken_connection() -> None:
    stream = Slow()
    async with listening(stream) as (listener, _):
        encoder = Encoder.dial(listener.address)
        await encoder.send(DATA)
        await stream.until(lambda: len(stream.received) > 0)
        stream.connections_[0].connection_lost(ConnectionResetError("reset by peer"))
        assert stream.received == DATA
        assert stream.events == ["connected", "gone: the connection broke: reset by peer"]


async def test_nothing_is_passed_on_after_we_have_ended_the_connection() -> None:
    stream = Slow()
    async with listening(stream) as (listener, _):
        encoder = Encoder.dial(listener.address)
        await encoder.send(DATA)
        await stream.until(lambda: len(stream.received) > 0)
        taken = len(stream.received)
        await listener.stop(THE_END)
        await asyncio.sleep(3 * MAX_READ_TURN_S)  # until the turn would have come
        assert len(stream.received) == taken < len(DATA)
        assert stream.events == ["connected", f"gone: {THE_END}"]


@pytest.mark.parametrize("scheme", ["tcp", "unix"])
async def test_a_connection_knows_the_segments_in_which_a_long_write_comes(
    scheme: str, tmp_path: Path
) -> None:
    stream = Stream()
    address = ANY_PORT if scheme == "tcp" else Address("unix", path=str(tmp_path / "cam.sock"))
    async with listening(stream, address) as (listener, _):
        encoder = Encoder.dial(listener.address)
        await encoder.send(DATA)
        await stream.until(lambda: len(stream.received) == len(DATA))
        assert (stream.connections_[0].segment_bytes > 0) is (scheme == "tcp")


async def test_what_was_sent_before_the_end_arrives_before_the_end() -> None:
    stream = Stream()
    async with listening(stream) as (listener, _):
        encoder = Encoder.dial(listener.address)
        await encoder.send(b"x" * 100_000)
        encoder.hang_up()
        await stream.until_events(2)
        assert len(stream.received) == 100_000


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
        reason = "gone: the encoder sent nothing for 0.2 s (source.idle_timeout)"
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


async def test_by_default_an_encoder_may_be_silent_after_its_first_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ingestd.config.schema._START_TIMEOUT_S", 0.2)
    stream = Stream()
    async with listening(stream) as (listener, _):
        mute = Encoder.dial(listener.address)
        reason = "gone: the encoder sent nothing for 0.2 s (source.idle_timeout)"
        assert (await stream.until_events(2))[1] == reason
        assert await mute.read() == b""
        encoder = Encoder.dial(listener.address)
        await stream.until_events(3)
        stream.connections_[1].picture_seen()
        await asyncio.sleep(0.5)
        await encoder.send(b"the next slide")
        await stream.until(lambda: stream.received == b"the next slide")


async def test_a_set_idle_timeout_holds_for_an_encoder_that_has_sent_pictures_too() -> None:
    stream = Stream()
    async with listening(stream, idle_timeout=0.2) as (listener, _):
        encoder = Encoder.dial(listener.address)
        await stream.until_events(1)
        stream.connections_[0].picture_seen()
        await stream.until_events(2)
        assert stream.errors == ["idle_timeout"]
        assert await encoder.read() == b""


@pytest.mark.long
@pytest.mark.skipif(link.unavailable() is not None, reason=str(link.unavailable()))
@pytest.mark.parametrize("unread", [False, True])
async def test_a_machine_that_does_not_answer_any_more_is_noticed(unread: bool) -> None:
    stream, loop = Stream(), asyncio.get_running_loop()
    admission = Admission(
        SourceConfig(listen=ANY_PORT, idle_timeout=0, allow=(ip_network(link.NEAR),)), "cam"
    )
    admission.attach(stream)
    with link.Link() as between:
        with between.far.entered():
            listener = socket.create_server((link.FAR, 0))
        with between.near.entered():
            encoder = socket.create_connection(listener.getsockname())
        server = await loop.create_server(admission.new_connection, sock=listener)
        encoder.send(GREETING)
        await stream.until_events(1)
        between.quality = link.NOTHING
        if unread:
            admission.throttle(True)
        began = loop.time()
        connection = stream.connections_[0]
        await eventually(connection.finished, patience_s=2 * DEAD_PEER_S)
        assert loop.time() - began > DEAD_PEER_S / 2
        admission.throttle(False)
        seen = f"the encoder's machine, or the network, has not answered for {DEAD_PEER_S} s"
        assert (await stream.until_events(2))[1] == f"gone: the connection broke: {seen}"
        server.close()
        encoder.close()


async def test_without_an_idle_timeout_silence_is_allowed() -> None:
    stream = Stream()
    async with listening(stream, idle_timeout="0") as (listener, admission):
        encoder = Encoder.dial(listener.address)
        await stream.until_events(1)
        await asyncio.sleep(0.3)
        assert admission.current is not None
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


async def test_closing_when_the_connection_has_ended_is_harmless() -> None:
    stream = Stream()
    async with listening(stream, idle_timeout=0.1) as (listener, _):
        Encoder.dial(listener.address).hang_up()
        await stream.until_events(2)
        connection = stream.connections_[0]
        await connection.wait_closed()
        connection.close("too late")
        assert not connection.send(b"too late\n")
        await asyncio.sleep(0.2)  # until it would have been idle
        assert len(stream.events) == 2


async def test_bytes_that_are_slow_to_read_leave_half_of_the_time_to_others() -> None:
    stream, data = Slow(), bytes(RECEIVE_BUFFER_BYTES * 10)
    async with listening(stream, idle_timeout=0.5) as (listener, _):
        encoder = Encoder.dial(listener.address)
        sending = asyncio.get_running_loop().create_task(encoder.send(data))
        await stream.until(lambda: len(stream.received) > 0)
        begun, stream.busy = time.monotonic(), 0.0
        await stream.until(lambda: len(stream.received) == len(data))
        assert stream.busy >= 5 * MAX_READ_TURN_S
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
        await asyncio.sleep(3 * MAX_READ_TURN_S)  # until the turn would have ended
    assert stream.events == ["connected", f"gone: {THE_END}"]


async def test_what_waits_in_the_socket_is_known() -> None:
    stream = Stream()
    async with listening(stream) as (listener, admission):
        assert not admission.new_connection().unread()
        encoder = Encoder.dial(listener.address)
        await encoder.send(b"first")
        await stream.until(lambda: stream.received == b"first")
        connection = stream.connections_[0]
        assert not connection.unread()
        encoder.connection.send(b"second")
        deadline = time.monotonic() + PATIENCE_S
        while not connection.unread():  # not `eventually`: it turns the loop, which reads
            assert time.monotonic() < deadline
        await stream.until(lambda: stream.received == b"firstsecond")
        assert not connection.unread()
        encoder.hang_up()
        await stream.until_events(2)
        assert not connection.unread()


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
        assert connection.unsent_bytes <= MAX_UNSENT_BYTES + len(line)
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


async def test_an_encoder_that_never_reads_is_not_taken_for_a_dead_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket_state, "_KEEPALIVE_S", 1)
    monkeypatch.setattr(socket_state, "DEAD_PEER_S", 2)
    stream = Stream()
    async with listening(stream) as (listener, admission):
        encoder = Encoder.dial(listener.address)
        await stream.until_events(1)
        connection = stream.connections_[0]
        until = time.monotonic() + 6
        while time.monotonic() < until:
            for _ in range(100):
                connection.send(b"x" * 79 + b"\n")
            await asyncio.sleep(0.05)
        assert connection.unsent_bytes == 0, "what its system does not take is not sent"
        await encoder.send(b"picture")
        await stream.until(lambda: stream.received == b"picture")
        assert admission.current is connection


@pytest.mark.parametrize("scheme", ["tcp", "unix"])
async def test_an_encoder_that_closes_its_reading_half_goes_on_sending(scheme: str, tmp_path: Path) -> None:
    address = Address("unix", path=str(tmp_path / "socket")) if scheme == "unix" else ANY_PORT
    stream = Stream()
    async with listening(stream, address) as (listener, admission):
        encoder = Encoder.dial(listener.address)
        await stream.until_events(1)
        encoder.connection.shutdown(socket.SHUT_RD)
        connection = stream.connections_[0]
        for number in range(1000):
            connection.send(b"keyframe, please\n")
            if number % 100 == 0:
                await asyncio.sleep(0)
        assert scheme == "tcp" or not connection.send(b"is anyone there?\n")
        await encoder.send(b"picture")
        await stream.until(lambda: stream.received == b"picture")
        assert admission.current is connection


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
    admission = Admission(SourceConfig(listen=ANY_PORT), "cam")
    connection = admission.new_connection()
    assert not connection.send(b"hello\n")
    connection.close("never was")


# Reasons not to read.


async def test_nothing_is_read_while_the_connection_is_throttled() -> None:
    stream = Stream()
    async with listening(stream) as (listener, admission):
        encoder = Encoder.dial(listener.address)
        await encoder.send(b"before")
        await stream.until(lambda: stream.received == b"before")
        admission.throttle(True)
        assert stream.connections_[0].throttled
        await encoder.send(b", after")
        await asyncio.sleep(0.1)
        assert stream.received == b"before"
        assert stream.connections_[0].unread()
        admission.throttle(False)
        await stream.until(lambda: stream.received == b"before, after")


async def test_a_connection_that_yields_is_read_again_only_when_it_is_not_throttled_either() -> None:
    stream = Slow()
    async with listening(stream) as (listener, _):
        encoder = Encoder.dial(listener.address)
        await encoder.send(b"slow")
        await stream.until(lambda: stream.received == b"slow")
        connection = stream.connections_[0]
        connection.throttle(True)
        await encoder.send(b", more")
        await asyncio.sleep(4 * MAX_READ_TURN_S)  # until its turn has come
        assert stream.received == b"slow"
        connection.throttle(False)
        await stream.until(lambda: stream.received == b"slow, more")


async def test_the_end_of_throttling_does_not_end_the_turn_of_others() -> None:
    stream = Watching()
    async with listening(stream) as (listener, _):
        encoder = Encoder.dial(listener.address)
        assert encoder.connection.send(DATA) == len(DATA)
        await stream.until(lambda: len(stream.received) > 0)
        connection = stream.connections_[0]
        connection.throttle(True)
        connection.throttle(False)
        await encoder.send(b"!")
        await stream.until(lambda: len(stream.received) == len(DATA) + 1)
        assert stream.received == DATA + b"!", "what is read next overwrites nothing that waits"


class Holding(Watching):
    """Takes one slice at a time, and lets go when the test says so."""

    def encoder_data(self, connection: EncoderConnection, data: memoryview) -> None:
        greets = data == GREETING
        super().encoder_data(connection, data)
        if not greets:
            connection.hold(True)


async def has_sent_data(address: Address, stream: Holding) -> tuple[Encoder, EncoderConnection]:
    """Have an encoder send DATA, of which the stream has taken the first slice."""
    encoder = Encoder.dial(address)
    await stream.until(lambda: stream.greeted != [])
    assert encoder.connection.send(DATA) == len(DATA)
    await stream.until(lambda: len(stream.received) > 0)
    return encoder, stream.connections_[0]


async def test_nothing_is_passed_on_while_the_handler_has_not_done_with_what_it_was_given() -> None:
    stream = Holding()
    async with listening(stream) as (listener, _):
        encoder, connection = await has_sent_data(listener.address, stream)
        await asyncio.sleep(3 * MAX_READ_TURN_S)
        assert stream.slices == [SLICE_BYTES]
        assert connection.unread()
        connection.hold(False)
        await stream.until(lambda: len(stream.slices) == 2)
        connection.hold(False)
        await stream.until(lambda: stream.received == DATA)
        encoder.hang_up()
        await asyncio.sleep(3 * MAX_READ_TURN_S)
        assert stream.events == ["connected"]
        connection.hold(False)
        assert await stream.until_events(2) == ["connected", "gone: the encoder closed the connection"]


async def test_what_is_held_back_comes_before_the_end_of_a_broken_connection() -> None:
    stream = Holding()
    async with listening(stream) as (listener, _):
        _, connection = await has_sent_data(listener.address, stream)
        connection.connection_lost(ConnectionResetError("reset by peer"))
        assert stream.events == ["connected"]
        while len(stream.events) == 1:
            assert connection.unread() or stream.received == DATA
            connection.hold(False)
        assert stream.received == DATA
        assert stream.events == ["connected", "gone: the connection broke: reset by peer"]


async def test_what_is_held_back_is_lost_when_we_end_the_connection() -> None:
    stream = Holding()
    async with listening(stream) as (listener, _):
        encoder = Encoder.dial(listener.address)
        await stream.until(lambda: stream.greeted != [])
        assert encoder.connection.send(DATA) == len(DATA)
        await stream.until(lambda: len(stream.received) > 0)
        await listener.stop(THE_END)
        assert stream.events == ["connected", f"gone: {THE_END}"]
        assert 0 < len(stream.received) <= SLICE_BYTES


async def test_the_buffer_of_a_connection_that_is_over_does_not_wait_for_the_garbage_collector() -> None:
    stream = Stream()
    async with listening(stream) as (listener, _):
        encoder = Encoder.dial(listener.address)
        await stream.until_events(1)
        buffer = weakref.ref(stream.connections_[0].get_buffer(-1))
        gc.disable()
        try:
            encoder.hang_up()
            await stream.until_events(2)
            await eventually(lambda: buffer() is None)
        finally:
            gc.enable()
