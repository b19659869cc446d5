"""Encoders that we dial."""

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop

from ingestd.config import Address, SourceConfig
from ingestd.source import socket_dialer
from ingestd.source.admission import Admission
from ingestd.source.connection import EncoderConnection
from ingestd.source.socket_dialer import DIAL_TIMEOUT_S, Dialer
from ingestd.tasks import Tasks
from tests.source.line import GREETING, THE_END, Encoder, Stream
from tests.support.certificates import make_ca, sign
from tests.support.ports import free_port
from tests.support.wait import PATIENCE_S, eventually

# Tests have less patience than users.
FIRST_RETRY_DELAY_S = 0.02

failures: list[str] = []


def failed(name: str, error: BaseException) -> None:
    failures.append(f"{name}: {error!r}")


@pytest.fixture(autouse=True)
def _no_task_fails() -> Iterator[None]:
    failures.clear()
    yield
    assert failures == []


@asynccontextmanager
async def dialling(
    stream: Stream, address: Address, *, timeout_s: float = DIAL_TIMEOUT_S, **config: Any
) -> AsyncIterator[tuple[Dialer, Admission]]:
    tasks = Tasks(failed)
    admission = Admission(SourceConfig(connect=address, **config), "cam")
    admission.attach(stream)
    dialer = Dialer(
        address, admission, "cam", tasks, timeout_s=timeout_s, first_retry_delay_s=FIRST_RETRY_DELAY_S
    )
    await dialer.start()
    try:
        yield dialer, admission
    finally:
        await dialer.stop(THE_END)
        await tasks.close()


def server(address: Address) -> socket.socket:
    """An encoder that waits to be dialled."""
    if address.scheme == "unix":
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(address.path)
        listening.listen()
    else:
        listening = socket.create_server((address.host, address.port))
    listening.setblocking(False)
    return listening


async def accept(listening: socket.socket, *, silent: bool = False) -> Encoder:
    async with asyncio.timeout(10):
        connection, _ = await asyncio.get_running_loop().sock_accept(listening)
    if not silent:
        connection.send(GREETING)
    return Encoder(connection)


def tcp() -> Address:
    return Address("tcp", "127.0.0.1", free_port())


async def test_it_dials_until_somebody_listens() -> None:
    stream, address = Stream(), tcp()
    async with dialling(stream, address) as (dialer, admission):
        await eventually(lambda: admission.connections["failed"] >= 3)
        assert dialer.problem is None
        with server(address) as listening:
            encoder = await accept(listening)
            await encoder.send(b"pictures")
            await stream.until(lambda: stream.received == b"pictures")
            assert admission.connections["accepted"] == 1
            assert admission.current is not None
            assert admission.current.peer == f"127.0.0.1:{address.port}"
            encoder.hang_up()
            await stream.until_events(2)


async def test_it_dials_again_after_each_end() -> None:
    stream, address = Stream(), tcp()
    with server(address) as listening:
        async with dialling(stream, address) as (_, admission):
            for number in range(3):
                encoder = await accept(listening)
                await stream.until_events(2 * number + 1)
                encoder.reset() if number == 1 else encoder.hang_up()
                await stream.until_events(2 * number + 2)
            encoder = await accept(listening)
            await eventually(lambda: admission.connections["accepted"] == 4)
            encoder.hang_up()
    assert stream.errors[:3] == [None, "connection_lost", None]


async def test_one_that_hangs_up_at_once_is_dialled_ever_more_seldom() -> None:
    stream, address, loop = Stream(), tcp(), asyncio.get_running_loop()
    at = []
    with server(address) as listening:
        async with dialling(stream, address):
            for _ in range(7):
                encoder = await accept(listening, silent=True)
                at.append(loop.time())
                encoder.hang_up()
            # One delay before each dial but the first, doubled each time, and shortened by up to half.
            assert at[6] - at[5] >= FIRST_RETRY_DELAY_S * 2**5 / 2
            encoder = await accept(listening)
            await encoder.send(b"pictures")
            await stream.until(lambda: stream.received == b"pictures")
            begun = loop.time()
            encoder.hang_up()
            await accept(listening)
            assert loop.time() - begun < FIRST_RETRY_DELAY_S * 2**5 / 2


async def test_it_holds_one_connection() -> None:
    stream, address = Stream(), tcp()
    with server(address) as listening:
        async with dialling(stream, address):
            encoder = await accept(listening)
            await encoder.send(b"x")
            await stream.until(lambda: stream.received == b"x")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(10 * FIRST_RETRY_DELAY_S):
                    await asyncio.get_running_loop().sock_accept(listening)


async def test_a_silent_encoder_is_left_and_dialled_again() -> None:
    stream, address = Stream(), tcp()
    with server(address) as listening:
        async with dialling(stream, address, idle_timeout=0.1):
            silent = await accept(listening, silent=True)
            assert await silent.read() == b""
            encoder = await accept(listening)
            await stream.until_events(1)
            assert stream.events == ["connected"]
        assert await encoder.read() == b""


async def test_it_hangs_up_when_it_stops() -> None:
    stream, address = Stream(), tcp()
    with server(address) as listening:
        async with dialling(stream, address) as (dialer, admission):
            encoder = await accept(listening)
            await stream.until_events(1)
            await dialer.stop("the stream's configuration changed")
            assert stream.events == ["connected", "gone: the stream's configuration changed"]
            assert await encoder.read() == b""
            assert admission.current is None
            assert dialer.problem == f"{address} is not dialled"


async def test_it_stops_while_nobody_answers() -> None:
    stream, address = Stream(), tcp()
    async with dialling(stream, address) as (dialer, admission):
        await eventually(lambda: admission.connections["failed"] >= 1)
        async with asyncio.timeout(1):
            await dialer.stop(THE_END)
    assert stream.events == []


async def test_a_dialer_that_never_started_can_be_stopped() -> None:
    address = tcp()
    admission = Admission(SourceConfig(connect=address), "cam")
    dialer = Dialer(address, admission, "cam", Tasks(failed))
    assert dialer.problem == f"{address} is not dialled"
    await dialer.stop(THE_END)


async def test_a_socket_in_the_file_system(tmp_path: Path) -> None:
    stream, address = Stream(), Address("unix", path=str(tmp_path / "cam.sock"))
    async with dialling(stream, address) as (_, admission):
        await eventually(lambda: admission.connections["failed"] >= 1)
        with server(address) as listening:
            encoder = await accept(listening)
            await encoder.send(b"local")
            await stream.until(lambda: stream.received == b"local")
            assert admission.current is not None
            assert admission.current.peer == "unix"


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "x" * 64 + ".example"])
async def test_a_host_that_cannot_be_resolved_is_dialled_on(host: str) -> None:
    address = Address("tcp", host, 5004)
    async with dialling(Stream(), address) as (dialer, admission):
        await eventually(lambda: admission.connections["failed"] >= 1 or failures != [])
        assert dialer.problem is None


async def test_a_dial_that_succeeds_as_it_is_given_up_does_not_keep_the_line() -> None:
    class Busy(Stream):
        def encoder_connected(self, connection: EncoderConnection) -> None:
            super().encoder_connected(connection)
            if len(self.connections_) == 1:
                time.sleep(2 * dialer.timeout_s)
                dialer.timeout_s = PATIENCE_S

    stream, address = Busy(), tcp()
    with server(address) as listening:
        async with dialling(stream, address, timeout_s=0.4) as (dialer, _):
            encoder = await accept(listening)
            if isinstance(asyncio.get_running_loop(), uvloop.Loop):
                # asyncio's own sees the success before the time is up.
                encoder = await accept(listening)
            await encoder.send(b"pictures")
            await stream.until(lambda: stream.received == b"pictures")
    assert stream.events[-2:] == ["connected", f"gone: {THE_END}"]
    assert stream.events[:-2] in ([], ["connected", "gone: given up as it was made"])


async def test_a_host_that_swallows_packets_is_given_up() -> None:
    # A listener whose queue is full lets nobody in, and says nothing.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        waiting = [socket.create_connection(("127.0.0.1", port))]
        async with dialling(Stream(), Address("tcp", "127.0.0.1", port), timeout_s=0.1) as (_, admission):
            await eventually(lambda: admission.connections["failed"] >= 1)
        for connection in waiting:
            connection.close()


async def test_of_a_name_every_address_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    # The first swallows packets: a listener whose queue is full.
    stream, address = Stream(), tcp()
    with socket.create_server(("127.0.0.2", address.port), backlog=0) as full, server(address) as listening:
        waiting = socket.create_connection(full.getsockname())

        async def both(*_: object, **__: object) -> list[Any]:
            hosts = ("127.0.0.2", address.host)
            return [(socket.AF_INET, (host, address.port)) for host in hosts]

        monkeypatch.setattr(socket_dialer, "addresses", both)
        async with dialling(stream, Address("tcp", "camera.example", address.port)):
            encoder = await accept(listening)
            await encoder.send(b"pictures")
            await stream.until(lambda: stream.received == b"pictures")
        waiting.close()


async def test_of_a_name_without_an_address_that_answers_the_first_error_is_told() -> None:
    with pytest.raises(ConnectionRefusedError):
        await socket_dialer._connected("localhost", free_port())


async def test_an_encoder_that_is_dialled_by_tls_must_be_who_it_should(tmp_path: Path) -> None:
    ca = make_ca(tmp_path)
    camera = sign(ca, "camera-7")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(camera.cert, camera.key)

    async def encoder(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GREETING + b"pictures")
        with contextlib.suppress(ConnectionError):
            await writer.drain()

    listening = await asyncio.start_server(encoder, "127.0.0.1", 0, ssl=context)
    address = Address("tls", "127.0.0.1", listening.sockets[0].getsockname()[1])
    stream = Stream()
    async with listening:
        for name in ("camera-7", None):  # by its address, without a name
            tls = {"ca": str(ca.cert), "server_name": name}
            async with dialling(stream, address, tls=tls):
                await stream.until(lambda: stream.received == b"pictures")
                assert stream.connections_[-1].name == "camera-7"
            stream.received.clear()
        tls["server_name"] = "camera-8"
        async with dialling(stream, address, tls=tls) as (_, admission):
            await eventually(lambda: admission.connections["tls"] > 0)
            assert "source.tls.server_name" in str(admission.last_turned_away)
            assert not stream.received


async def test_an_encoder_that_is_dialled_by_tls_and_speaks_none() -> None:
    address = tcp()
    with server(address) as listening:
        async with dialling(Stream(), Address("tls", address.host, address.port)) as (_, admission):
            await accept(listening)
            await eventually(lambda: admission.connections["tls"] == 1)
            assert "write tcp:// in source.connect" in str(admission.last_turned_away)
