"""Whose fault the end of a connection is."""

import socket
from collections.abc import AsyncIterator

import pytest

from ingestd.config import Address, SourceConfig, StreamConfig
from ingestd.tasks import Tasks
from ingestd.wiring import build_stream
from tests.support.ports import free_port
from tests.support.track import Room, Track
from tests.support.wait import eventually

# A sequence parameter set, and nothing of what should follow.
HEADERS = bytes.fromhex("00000001 6742c00b da0509")


class Line:
    """A stream that no room carries, and its encoders."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        tasks = Tasks(lambda name, error: self.failures.append(f"{name}: {error!r}"))
        source = SourceConfig(listen=Address("tcp", "127.0.0.1", free_port()), second_encoder="replace")
        self.config = StreamConfig(name="cam", room="lobby", source=source)
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


@pytest.mark.parametrize(("sent", "fault"), [(b"", "empty"), (HEADERS, "cut_header")])
async def test_an_encoder_that_leaves_too_early_is_at_fault(line: Line, sent: bytes, fault: str) -> None:
    encoder = await line.dial(sent)
    encoder.close()
    await eventually(lambda: line.errors)
    assert line.errors == {fault: 1}


@pytest.mark.parametrize("sent", [b"", HEADERS])
async def test_an_encoder_that_is_replaced_is_not_at_fault(line: Line, sent: bytes) -> None:
    first = await line.dial(sent)
    second = await line.dial(sent)
    assert line.errors == {}
    first.close()
    second.close()


@pytest.mark.parametrize("sent", [b"", HEADERS])
async def test_an_encoder_that_is_there_when_the_stream_stops_is_not_at_fault(sent: bytes) -> None:
    line = Line()
    await line.stream.start()
    encoder = await line.dial(sent)
    await line.stream.stop("ingestd is stopping")
    assert line.errors == {}
    encoder.close()
