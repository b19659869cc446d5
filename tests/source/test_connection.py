"""Bytes that are slow to take in: the connection gives way to others between slices of one read."""

import asyncio
import time
from pathlib import Path

import pytest

from ingestd.config import Address
from ingestd.source.connection import MAX_TURN_S, SLICE_BYTES, EncoderConnection
from tests.source.line import ANY_PORT, THE_END, Encoder, Slow, Stream, listening

DATA = bytes(range(256)) * (2 * SLICE_BYTES // 256) + b"the end"


class Watching(Slow):
    """Notes how many times the loop had turned, and when the bytes are said to have arrived."""

    turns = 0

    def __init__(self) -> None:
        super().__init__()
        self.slices: list[int] = []
        self.turn_of_slice: list[int] = []
        self.arrived: list[float] = []

    def encoder_data(self, connection: EncoderConnection, data: memoryview) -> None:
        self.slices.append(len(data))
        self.turn_of_slice.append(self.turns)
        self.arrived.append(connection.arrived)
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
        assert len(set(stream.arrived)) == 1
        assert stream.arrived[0] <= time.monotonic() - 5 * MAX_TURN_S


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
        await asyncio.sleep(3 * MAX_TURN_S)  # until the turn would have come
        assert len(stream.received) == taken < len(DATA)
        assert stream.events == ["connected", f"gone: {THE_END}"]


@pytest.mark.parametrize("scheme", ["tcp", "unix"])
async def test_a_line_within_the_machine_has_no_segments(scheme: str, tmp_path: Path) -> None:
    stream = Stream()
    address = ANY_PORT if scheme == "tcp" else Address("unix", path=str(tmp_path / "cam.sock"))
    async with listening(stream, address) as (listener, _):
        encoder = Encoder.dial(listener.address)
        await encoder.send(DATA)
        await stream.until(lambda: len(stream.received) == len(DATA))
        assert stream.connections_[0].segment_bytes == 0
