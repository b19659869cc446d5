"""What one encoder sends is read: when a picture ends, and whose fault the end of a connection is."""

import asyncio
import contextlib
import gc
import socket
import time
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any, Literal, cast

import pytest
import structlog

from ingestd import encoder_reader, loop_share
from ingestd.config import Address, SourceConfig, StreamConfig
from ingestd.delivery.delivery import Delivery
from ingestd.encoder_reader import EncoderReader
from ingestd.loop_share import LoopShare
from ingestd.media.access_unit import MAX_VIEWABLE_BYTES
from ingestd.media.demuxer import Demuxer
from ingestd.media.formats.step import MAX_ITEMS_PER_STEP
from ingestd.pipeline import EncoderCallbacks, TrackPipeline
from ingestd.publish.track import TrackOptions
from ingestd.source.connection import EncoderConnection
from ingestd.tasks import Tasks
from ingestd.wiring import build_pipeline, build_stream
from tests.attack import hostile_h26x as h26x
from tests.media.vectors_h26x import annexb, length_prefixed, slice
from tests.support.encoded import encode
from tests.support.ports import free_port
from tests.support.track import Room, Track
from tests.support.wait import PATIENCE_S, eventually

# A sequence parameter set, and nothing of what should follow.
HEADERS = bytes.fromhex("00000001 6742c00b da0509")


class Line:
    """A stream that no room carries, and its encoders."""

    def __init__(self, second_encoder: Literal["reject", "replace"] = "replace", **keys: Any) -> None:
        self.failures: list[str] = []
        tasks = Tasks(lambda name, error: self.failures.append(f"{name}: {error!r}"))
        source = SourceConfig(listen=Address("tcp", "127.0.0.1", free_port()), second_encoder=second_encoder)
        self.config = StreamConfig(name="cam", room="lobby", source=source, **keys)
        self.stream = build_stream(self.config, Room(), tasks, make_track=Track)

    @property
    def errors(self) -> dict[str, int]:
        return dict(self.stream.figures().stream_errors)

    async def dial(self, data: bytes) -> socket.socket:
        """Connect, send ``data``, and return when the stream has read it."""
        read = self.stream.figures().bytes_received + len(data)
        encoder = socket.create_connection((self.config.source.address.host, self.config.source.address.port))
        encoder.sendall(data)
        peer = "{}:{}".format(*encoder.getsockname())
        await eventually(lambda: self.stream.figures().encoder == peer)
        await eventually(lambda: self.stream.figures().bytes_received == read)
        return encoder


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    line = Line()
    await line.stream.start()
    yield line
    await line.stream.stop("the test is over")
    assert line.failures == []


async def test_a_picture_beyond_its_limit_ends_the_connection() -> None:
    video = encode("h264", frames=10, gop=10, size=(640, 360), bit_rate=20_000_000)
    assert max(map(len, video.access_units)) > 64 * 1024
    line = Line(max_picture="64KiB")
    await line.stream.start()
    encoder = socket.create_connection(("127.0.0.1", line.config.source.address.port))
    encoder.settimeout(PATIENCE_S)
    with contextlib.suppress(ConnectionError):
        await asyncio.to_thread(encoder.sendall, video.container)
    await eventually(lambda: line.errors)
    assert line.errors == {"too_large": 1}
    assert "more than the 64KiB that are allowed (max_picture)" in str(line.stream.figures().problems)
    encoder.close()
    await line.stream.stop("the test is over")


@pytest.mark.parametrize("form", ["annexb", "length-prefixed", "packets", "ivf"])
async def test_a_picture_beyond_its_limit_is_refused_before_it_is_whole(form: str) -> None:
    reading = Reading(max_picture_bytes=64 * 1024)
    head, begun = h26x.begun(annexb), slice(idr=True)
    if form == "length-prefixed":
        head, begun = h26x.begun(length_prefixed), (4 << 20).to_bytes(4, "big") + begun
    elif form == "packets":
        head, begun = h26x.begun(h26x.packets), (4 << 20).to_bytes(4, "big") + b"\0\0\0\1" + begun
    elif form == "ivf":
        video = encode("vp8", frames=2, size=(160, 120))
        head, begun = video.container, (4 << 20).to_bytes(4, "little") + bytes(8) + video.access_units[0]
    else:
        begun = b"\0\0\0\1" + begun
    reading.feed(head + begun)
    sent = 0
    while reading.connection.closed is None:
        reading.feed(b"\xa5" * (16 * 1024))
        sent += 16 * 1024
    assert reading.connection.closed.startswith(
        "too_large: a picture has more than the 64KiB that are allowed"
    )
    assert 64 * 1024 < sent <= 160 * 1024


async def test_who_trickles_keeps_no_encoder_out() -> None:
    line = Line(second_encoder="reject")
    await line.stream.start()
    trickle, encoder = await line.dial(b"\0"), await line.dial(VIDEO.container)
    second = socket.create_connection(encoder.getpeername(), source_address=("127.0.0.2", 0))
    second.sendall(VIDEO.container)
    await eventually(lambda: line.stream.admission.connections["second_encoder"] == 1, "it is refused")
    for connection in (trickle, encoder, second):
        connection.close()
    await line.stream.stop("the test is over")


async def test_an_encoder_that_leaves_too_early_is_at_fault(line: Line) -> None:
    encoder = await line.dial(HEADERS)
    encoder.close()
    await eventually(lambda: line.errors)
    assert line.errors == {"cut_header": 1}


async def test_an_encoder_that_is_replaced_is_not_at_fault(line: Line) -> None:
    first = await line.dial(HEADERS)
    second = await line.dial(HEADERS)
    assert line.errors == {}
    first.close()
    second.close()


async def test_an_encoder_that_is_there_when_the_stream_stops_is_not_at_fault() -> None:
    line = Line()
    await line.stream.start()
    encoder = await line.dial(HEADERS)
    await line.stream.stop("ingestd is stopping")
    assert line.errors == {}
    encoder.close()


# Timers, on a connection that the test plays.


class Connection:
    """An encoder's connection, as far as a reader looks."""

    peer = "127.0.0.1:40112"
    segment_bytes = 0
    cut = throttled = False
    drained = True

    def __init__(self) -> None:
        self.more = False  # bytes are in the socket
        self.asked = 0  # whether there are
        self.closed: str | None = None
        self.held: list[bool] = []

    @property
    def arrived_at(self) -> float:
        return time.monotonic()

    def unread(self) -> bool:
        self.asked += 1
        return self.more

    def picture_seen(self) -> None:
        pass

    def hold(self, held: bool) -> None:
        self.held.append(held)

    def close(self, reason: str) -> None:
        self.cut, self.closed = True, reason


DETECTION_TIMEOUT_S = 0.1
VIDEO = encode("h264", frames=4, gop=4, size=(160, 120))


class Reading:
    """A reader and what is around it."""

    def __init__(self, share: LoopShare | None = None, max_picture_bytes: int = MAX_VIEWABLE_BYTES) -> None:
        self.connection = Connection()
        self.account = (share or LoopShare()).account()
        self.room = Room()
        self.pipeline = build_pipeline(
            TrackOptions("cam", "cam", 8_000_000, 60.0, frame_metadata=True),
            Delivery(0.5),
            self.room,
            [],
            Tasks(lambda name, error: pytest.fail(f"{name}: {error!r}")),
            structlog.get_logger(),
            EncoderCallbacks(defect=lambda: pytest.fail("a defect")),
            make_track=Track,
        )
        self.reader = EncoderReader(
            cast(EncoderConnection, self.connection),
            Demuxer(max_items=MAX_ITEMS_PER_STEP),
            self.pipeline,
            self.account,
            DETECTION_TIMEOUT_S,
            structlog.get_logger(),
            max_picture_bytes,
        )

    @property
    def received(self) -> int:
        return sum(self.pipeline.figures("lobby").frames_received.values())

    def feed(self, data: bytes) -> None:
        self.reader.feed(memoryview(data))


async def test_a_picture_ends_when_no_more_of_it_comes() -> None:
    reading = Reading()
    reading.feed(VIDEO.access_units[0])
    assert reading.received == 0, "it may go on"
    await eventually(lambda: reading.received == 1, "take the silence for its end")


async def test_a_picture_does_not_end_while_bytes_wait_to_be_read() -> None:
    reading = Reading()
    reading.connection.more = True
    reading.feed(VIDEO.access_units[0])
    await eventually(lambda: reading.connection.asked > 20, "look again and again")
    assert reading.received == 0
    reading.connection.more = False
    await eventually(lambda: reading.received == 1, "take the silence for its end")


async def test_a_picture_of_a_throttled_connection_ends_with_what_is_read_next() -> None:
    reading = Reading()
    reading.connection.more = reading.connection.throttled = True
    reading.feed(VIDEO.access_units[0])
    await eventually(lambda: reading.connection.asked == 1, "look whether there is more")
    await asyncio.sleep(0.05)
    assert (reading.connection.asked, reading.received) == (1, 0)
    reading.connection.more = reading.connection.throttled = False
    reading.feed(VIDEO.access_units[1])
    await eventually(lambda: reading.received == 2, "end both")


async def test_bytes_that_show_nothing_end_the_connection_when_all_of_them_were_read() -> None:
    reading = Reading()
    reading.connection.more = True
    reading.feed(b"\x55" * 50)
    await asyncio.sleep(2 * DETECTION_TIMEOUT_S)
    assert reading.connection.closed is None
    reading.connection.more = False
    await eventually(lambda: reading.connection.closed, "part with it")
    assert reading.connection.closed is not None
    assert reading.connection.closed.startswith("not_video: ")
    assert reading.reader.fault == reading.connection.closed
    assert not reading.reader.understood


@pytest.mark.parametrize("sent", [VIDEO.access_units[0], b"\x55" * 50], ids=["video", "noise"])
async def test_no_timer_is_left_when_the_connection_has_ended(sent: bytes) -> None:
    reading = Reading()
    reading.feed(sent)
    reading.connection.cut = True
    reading.reader.end(silent=False)
    asked = reading.connection.asked
    await asyncio.sleep(2 * DETECTION_TIMEOUT_S)
    assert reading.connection.asked == asked
    assert reading.connection.closed is None


async def test_bytes_after_a_fault_are_not_read() -> None:
    reading = Reading()
    reading.feed(b"GET / HTTP/1.1\r\n")
    assert reading.connection.closed is not None
    reading.feed(VIDEO.container)
    await asyncio.sleep(0.05)
    assert (reading.received, reading.connection.asked) == (0, 0)
    assert reading.pipeline.errors == {"http": 1}


# Turns on the event loop.

# A thousand pictures that are a slice header each.
SLICES = b"".join(b"\0\0\1" + slice(idr=True, idr_pic_id=number % 2, payload=b"") for number in range(1000))
TINY = VIDEO.access_units[0] + SLICES


async def test_others_get_their_turns_while_dense_bytes_are_read() -> None:
    reading = Reading()
    reading.feed(TINY)
    first = reading.received
    assert first < 1000
    assert reading.connection.held == [True]
    await asyncio.sleep(0)
    await eventually(lambda: reading.received >= 999, "read the rest")
    await eventually(lambda: not reading.connection.held[-1], "let more come")


async def test_streams_that_are_behind_take_one_turn_in_each_round_of_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop_share, "HEAVY_RATIO", 0.02)  # 0.1 s are between two turns
    share = LoopShare()
    readings = [Reading(share) for _ in range(4)]
    for reading in readings:
        reading.feed(TINY)
    waiting = {reading: reading.received for reading in readings}
    async with asyncio.timeout(PATIENCE_S):
        while waiting:
            await asyncio.sleep(0)
            moved = [reading for reading, was in waiting.items() if reading.received > was]
            assert len(moved) <= 1
            for reading in moved:
                del waiting[reading]
    for reading in readings:
        reading.reader.end(silent=False)


async def test_streams_that_are_let_go_on_are_read_in_different_rounds_of_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(encoder_reader, "MAX_TURN_S", 0.0)
    share = LoopShare()
    readings = [Reading(share) for _ in range(4)]
    for reading in readings:
        reading.connection.drained = False
        reading.feed(VIDEO.access_units[0])
        assert reading.connection.held == [True]
    monkeypatch.setattr(encoder_reader, "MAX_TURN_S", 0.2)
    held = set(readings)
    async with asyncio.timeout(PATIENCE_S):
        while held:
            await asyncio.sleep(0)
            let_go = {reading for reading in held if not reading.connection.held[-1]}
            assert len(let_go) <= 1
            held -= let_go
    for reading in readings:
        reading.reader.end(silent=False)


async def test_an_encoder_that_comes_while_the_loop_is_anothers_is_read_behind_that() -> None:
    share = LoopShare()
    first = Reading(share)
    assert first.connection.held == []
    first.account.took_turn(time.monotonic(), 0.2)
    second, third = Reading(share), Reading(share)
    assert second.connection.held == third.connection.held == [True]
    await eventually(
        lambda: not (second.connection.held[-1] or third.connection.held[-1]), "let them be read"
    )
    for reading in (first, second, third):
        reading.reader.end(silent=False)


async def test_what_comes_while_the_loop_is_anothers_is_read_a_step_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(encoder_reader, "MAX_TURN_S", PATIENCE_S)
    share = LoopShare()
    first, second = Reading(share), Reading(share)
    second.feed(VIDEO.container)
    before = second.received
    first.account.took_turn(time.monotonic(), PATIENCE_S)
    second.feed(SLICES)
    assert before < second.received <= before + MAX_ITEMS_PER_STEP
    assert second.connection.held == [True]
    for reading in (first, second):
        reading.reader.end(silent=False)


HUGE = annexb(*h26x.H264_SETS, *(h26x.idr(n, b"\xa5" * 200_000) for n in range(2))) * 10


@pytest.mark.parametrize(("drained", "played"), [(False, False), (True, False), (False, True)])
async def test_who_sends_more_than_any_camera_without_a_rest_has_to_wait(
    drained: bool, played: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A socket that is empty again and again is that of a camera, and a file is sent at its own pace.
    monkeypatch.setattr(loop_share, "LIVE_BYTES_PER_S", 1e12)
    monkeypatch.setattr(encoder_reader, "MAX_TURN_S", PATIENCE_S)
    monkeypatch.setattr(TrackPipeline, "paced", played)
    reading = Reading()
    reading.connection.drained = drained
    for position in range(0, len(HUGE), 16 * 1024):
        if played:
            reading.account.sends(16 * 1024)
        reading.feed(HUGE[position : position + 16 * 1024])
    assert (True in reading.connection.held) == (not drained and not played)
    reading.reader.end(silent=False)


async def test_heavy_streams_hold_parts_of_the_memory_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_share, "MAX_AHEAD_BYTES", 1)
    share = LoopShare()
    shared: list[int] = []
    monkeypatch.setattr(TrackPipeline, "share_memory", lambda _self, streams: shared.append(streams))
    for heavy in (1, 2, 3):
        reading = Reading(share)
        reading.connection.drained = False
        reading.feed(VIDEO.access_units[0])
        reading.feed(VIDEO.access_units[1])
        reading.reader.end(silent=False)
        assert shared[-1] == heavy


@pytest.mark.parametrize("drained", [False, True])
async def test_what_the_socket_has_left_behind_a_turn_waits_for_others(
    drained: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = Reading()
    reading.feed(HUGE[: 16 * 1024])
    assert reading.connection.held == []
    monkeypatch.setattr(encoder_reader, "MAX_TURN_S", 0.0)
    reading.connection.drained = drained
    reading.feed(HUGE[16 * 1024 : 32 * 1024])
    assert (reading.connection.held == [True]) == (not drained)
    await eventually(lambda: not (reading.connection.held and reading.connection.held[-1]), "let it go on")


async def test_what_is_left_to_read_is_read_when_the_connection_has_ended() -> None:
    reading = Reading()
    reading.feed(TINY)
    assert reading.received < 1000
    reading.reader.end(silent=False)
    assert reading.received == 1001


async def test_bytes_that_cost_too_much_for_too_long_end_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop_share, "WHILE_S", 0.01)
    reading = Reading()
    async with asyncio.timeout(PATIENCE_S):
        while reading.connection.closed is None:
            reading.feed(TINY)
            await eventually(lambda: reading.connection.closed or not reading.connection.held[-1])
    assert reading.connection.closed is not None
    assert reading.connection.closed.startswith("too_costly: reading it costs far more time")
    assert reading.pipeline.errors["too_costly"] == 1


async def test_a_picture_that_ended_the_connection_is_let_go_at_once() -> None:
    reading = Reading()
    reading.feed(VIDEO.access_units[0])
    part = b"\xa5" * (16 * 1024)
    gc.disable()
    tracemalloc.start()
    try:
        most_bytes = 0
        while reading.connection.closed is None:
            reading.feed(part)
            most_bytes = max(most_bytes, tracemalloc.get_traced_memory()[0])
        left_bytes = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
        gc.enable()
    assert reading.connection.closed.startswith("too_large")
    assert 3 << 20 < most_bytes < 7 << 20  # it grows by copies
    assert left_bytes < 1 << 20
