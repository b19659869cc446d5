"""Clients that keep an HTTP connection to themselves, on a real port: whoever asks properly is answered."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from ingestd.observe.http_connections import MAX_LONG_CONNECTIONS, HttpConnections
from tests.support.wait import eventually

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE = b"x" * (16 << 20)  # more than any socket buffer takes


@contextlib.asynccontextmanager
async def serving(max_connection_s: float = 60.0, max_connections: int = 1000) -> AsyncIterator[int]:
    async def answer(request: web.BaseRequest) -> web.Response:
        if request.path == "/long":
            assert request.transport is not None
            kept = connections.keep(request.transport)
            if kept:
                await asyncio.Event().wait()
            refusal = web.Response(status=503)
            refusal.force_close()
            return refusal
        return web.Response(body=LARGE if request.path == "/large" else b"ok")

    handlers = web.Server(answer)
    connections = HttpConnections(handlers, max_connection_s, max_connections)
    server = await asyncio.get_running_loop().create_server(connections, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    connections.close()
    await handlers.shutdown(1)


def dial(port: int, sent: bytes = b"") -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port))
    client.sendall(sent)
    client.setblocking(False)
    return client


def ended(client: socket.socket) -> bool:
    try:
        while client.recv(1 << 20):
            pass
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True
    return True


async def answered(port: int) -> bool:
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        line = await reader.readline()
        writer.close()
    return line == b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "sent", [b"", b"G", REQUEST[:-2], b"GET / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf"]
)
async def test_a_request_that_does_not_come_ends_its_connection(sent: bytes) -> None:
    async with serving(max_connection_s=0.3) as port:
        client = dial(port, sent)
        await eventually(lambda: ended(client), "be cut off")
        client.close()


async def test_a_response_that_is_not_read_ends_its_connection() -> None:
    async with serving(max_connection_s=0.3) as port:
        client = dial(port, REQUEST.replace(b"/ ", b"/large ", 1))
        await eventually(lambda: cut_off(client), "be cut off")
        client.close()


def cut_off(client: socket.socket) -> bool:
    """Whether the other side has reset the connection; reads nothing."""
    error = client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return error != 0


@pytest.mark.parametrize("sent", [b"\r\n", REQUEST[:-2] + b"X: y\r\n" * 9, b"POST / HTTP/1.1\r\n\r\n", b"a"])
async def test_no_more_is_read_of_a_request_than_one_can_have(sent: bytes) -> None:
    async with serving(max_connection_s=1.0) as port:
        client = dial(port)
        client.setblocking(True)
        client.settimeout(5)

        def send_until_the_end() -> int:
            total = 0
            with contextlib.suppress(ConnectionError):
                while total < len(LARGE):
                    total += client.send(sent * 10_000)
            return total

        assert await asyncio.to_thread(send_until_the_end) < len(LARGE)
        client.close()


async def test_one_that_asks_is_answered_beside_many_that_do_not() -> None:
    async with serving(max_connections=10) as port:
        clients = [dial(port, sent) for sent in (b"", b"G", REQUEST[:-2]) for _ in range(20)]
        assert await answered(port)
        await eventually(lambda: sum(map(ended, clients)) >= 50, "give way")
        for client in clients:
            client.close()


async def test_the_oldest_gives_way() -> None:
    async with serving(max_connections=2) as port:
        first = dial(port)
        second = dial(port)
        third = dial(port)
        await eventually(lambda: ended(first), "give way")
        assert not ended(second)
        assert not ended(third)
        for client in (first, second, third):
            client.close()


async def test_one_that_may_last_is_neither_ended_nor_in_the_way_of_others() -> None:
    async with serving(max_connection_s=0.3, max_connections=2) as port:
        page = dial(port, REQUEST.replace(b"/ ", b"/long ", 1))
        short = dial(port)
        await eventually(lambda: ended(short), "be cut off")
        for _ in range(5):
            assert await answered(port)
        assert not ended(page)
        page.close()


async def test_of_those_that_may_last_there_are_only_so_many() -> None:
    async with serving() as port:
        pages = [dial(port, REQUEST.replace(b"/ ", b"/long ", 1)) for _ in range(MAX_LONG_CONNECTIONS + 1)]
        await eventually(lambda: sum(map(ended, pages)) == 1, "refuse one")
        for page in pages:
            page.close()
