"""Both ends of an encoder's connection: what the stream is told, and a socket that is the encoder."""

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Self

from ingestd.config import Address, SourceConfig
from ingestd.log_limiter import LogLimiter
from ingestd.source.admission import MAX_WAIT_S, Admission, IsStream
from ingestd.source.connection import EncoderConnection
from ingestd.source.connection_limits import ConnectionCount
from ingestd.source.flow_control import MAX_READ_TURN_S
from ingestd.source.socket_listener import Listener
from tests.support.wait import PATIENCE_S, eventually

THE_END = "ingestd is stopping"
# An encoder is one from its first byte on; `Stream` leaves it out of what it has received.
GREETING = b"!"
ANY_PORT = Address("tcp", "127.0.0.1", 0)


@dataclass
class Stream:
    """Writes down what it is told; waits for more with a deadline."""

    events: list[str] = field(default_factory=list)
    received: bytearray = field(default_factory=bytearray)
    connections_: list[EncoderConnection] = field(default_factory=list)
    greeted: list[EncoderConnection] = field(default_factory=list)
    errors: list[str | None] = field(default_factory=list)
    cut: list[bool] = field(default_factory=list)
    recognises: bool = True  # that it is a stream, whatever comes

    def encoder_connected(self, connection: EncoderConnection) -> None:
        connection.recognised = self.recognises
        self.connections_.append(connection)
        self.say("connected")

    def encoder_data(self, connection: EncoderConnection, data: memoryview) -> None:
        assert connection is self.connections_[-1], "data of an encoder that is gone"
        if connection not in self.greeted:
            self.greeted.append(connection)
            data = data[len(GREETING) :]
        self.received += data

    def encoder_gone(self, connection: EncoderConnection, reason: str, error: str | None) -> None:
        assert connection in self.connections_, "gone before it came"
        self.errors.append(error)
        self.cut.append(connection.cut)
        self.say(f"gone: {reason}")

    def say(self, *events: str) -> None:
        self.events += events

    async def until(self, condition: Callable[[], bool]) -> None:
        await eventually(condition)

    async def until_events(self, count: int) -> list[str]:
        await self.until(lambda: len(self.events) >= count)
        return self.events


@dataclass
class Slow(Stream):
    """Takes so long over each read that nothing is read for a while after it."""

    busy: float = 0.0

    def encoder_data(self, connection: EncoderConnection, data: memoryview) -> None:
        if data == GREETING and connection not in self.greeted:
            super().encoder_data(connection, data)
            return
        begun = time.monotonic()
        time.sleep(2 * MAX_READ_TURN_S)
        self.busy += time.monotonic() - begun
        super().encoder_data(connection, data)


class Encoder:
    """A socket at the other end."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.connection = connection
        self.name = "{}:{}".format(*connection.getsockname()) if connection.family != socket.AF_UNIX else ""

    @classmethod
    def dial(cls, address: Address, host: str = "127.0.0.1") -> Self:
        """Dial `address`, a TCP one from `host`, and send a first byte."""
        encoder = cls.dial_silently(address, host)
        with contextlib.suppress(OSError):  # refused already
            encoder.connection.send(GREETING)
        return encoder

    @classmethod
    def dial_silently(cls, address: Address, host: str = "127.0.0.1") -> Self:
        """Dial `address`, and send nothing."""
        if address.scheme == "unix":
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(address.path)
        else:
            connection = socket.create_connection((address.host, address.port), source_address=(host, 0))
        return cls(connection)

    async def send(self, data: bytes) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.get_running_loop().sock_sendall(self.connection, data)

    async def read(self) -> bytes:
        """The next bytes; b"" when the line is closed, or cut."""
        with contextlib.suppress(ConnectionResetError):
            async with asyncio.timeout(PATIENCE_S):
                return await asyncio.get_running_loop().sock_recv(self.connection, 65536)
        return b""

    def hang_up(self) -> None:
        self.connection.close()

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


@contextlib.asynccontextmanager
async def listening(
    stream: Stream,
    address: Address = ANY_PORT,
    *,
    max_wait_s: float = MAX_WAIT_S,
    limiter: LogLimiter | None = None,
    probe_limiter: LogLimiter | None = None,
    is_stream: IsStream = lambda _first_bytes, _final: True,
    count: ConnectionCount | None = None,
    **config: Any,
) -> AsyncIterator[tuple[Listener, Admission]]:
    """A listener for `stream`."""
    source = SourceConfig(listen=address, **config)
    admission = Admission(
        source,
        "cam",
        max_wait_s=max_wait_s,
        limiter=limiter,
        probe_limiter=probe_limiter,
        is_stream=is_stream,
        count=count,
    )
    admission.attach(stream)
    listener = Listener(address, admission, "cam")
    await listener.start()
    try:
        yield listener, admission
    finally:
        await listener.stop(THE_END)
