"""Which parts a stream of the configuration gets, and that they are connected."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ingestd.config import StreamConfig
from ingestd.stream import Stream
from ingestd.tasks import Tasks
from ingestd.wiring import build_stream
from tests.support.encoded import encode
from tests.support.ports import free_port
from tests.support.track import Room, Track
from tests.support.wait import eventually

VIDEO = encode("vp8", frames=8, gop=4, size=(160, 120))

Build = Callable[..., Stream]


@pytest.fixture
def room() -> Room:
    return Room()


@pytest.fixture
async def build(tasks: Tasks, room: Room) -> AsyncIterator[Build]:
    built: list[Stream] = []

    def build(**keys: Any) -> Stream:
        source = {"listen": f"tcp://127.0.0.1:{free_port()}"}
        config = StreamConfig.model_validate({"name": "cam", "room": "lobby", "source": source, **keys})
        built.append(build_stream(config, room, tasks, make_track=Track))
        return built[-1]

    yield build
    for stream in built:
        await stream.stop("the test is over")


@contextmanager
def encoder(stream: Stream) -> Iterator[socket.socket]:
    address = stream.config.source.address
    with socket.create_connection((address.host, address.port)) as encoder:
        encoder.setblocking(False)
        yield encoder


async def test_a_stream_listens_or_dials(build: Build) -> None:
    listening = build()
    assert listening.problems == [f"cam: {listening.config.source.address} is not open"]
    dialling = build(source={"connect": "tcp://127.0.0.1:9"})
    assert dialling.problems == ["cam: tcp://127.0.0.1:9 is not dialled"]


async def test_the_webhook_ends_with_the_stream(build: Build, tasks: Tasks) -> None:
    stream = build(feedback={"webhook": "http://127.0.0.1:9/"})
    assert tasks.names == ["webhook cam"]
    await stream.stop("enough")
    assert tasks.names == []


async def test_an_encoder_far_ahead_of_real_time_is_not_read_until_it_is_not(
    build: Build, room: Room
) -> None:
    stream = build(framerate=50)
    await stream.start()
    container = VIDEO.container
    header, pictures = container[:32], container[32:]  # of IVF
    with encoder(stream) as sender:
        await asyncio.get_running_loop().sock_sendall(sender, header + pictures * 240)
        await eventually(lambda: room.track.info is not None, "recognise it")
        room.track.publish()
        await eventually(lambda: stream.admission.current and stream.admission.current.throttled, "throttle")
        assert room.track.taken != []
        await eventually(
            lambda: stream.admission.current and not stream.admission.current.throttled, "read on"
        )


async def test_a_defect_while_submitting_ends_the_connection_and_not_the_stream(
    build: Build, room: Room
) -> None:
    stream = build(max_backlog="30s")  # logging a defect takes a busy machine longer than 500 ms
    await stream.start()
    room.track.broken = True
    with encoder(stream) as sender:
        await asyncio.get_running_loop().sock_sendall(sender, VIDEO.container)
        await eventually(lambda: room.track.info is not None, "recognise it")
        room.track.publish()
        await eventually(lambda: stream.admission.current is None, "end the connection")
    assert stream.figures().stream_errors["internal"] > 0
    room.track.broken = False
    with encoder(stream) as sender:
        await asyncio.get_running_loop().sock_sendall(sender, VIDEO.container)
        await eventually(lambda: VIDEO.access_units[0] in room.track.taken, "publish the next encoder")


async def test_keyframes_are_asked_for_on_the_connection_of_the_encoder(build: Build) -> None:
    stream = build(feedback={"inline": True})
    await stream.start()
    header, pictures = VIDEO.container[:32], VIDEO.container[32:]
    behind_the_keyframe = pictures[12 + len(VIDEO.access_units[0]) :]
    with encoder(stream) as sender:
        await asyncio.get_running_loop().sock_sendall(sender, header + behind_the_keyframe)
        heard = b""
        async with asyncio.timeout(10):
            while heard.count(b"\n") < 2:
                heard += await asyncio.get_running_loop().sock_recv(sender, 4096)
        hello, keyframe = heard.splitlines()
        assert hello == b'{"type":"hello","version":1,"stream":"cam"}'
        assert keyframe.startswith(b'{"type":"keyframe",')
