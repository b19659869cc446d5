"""Posting to servers that answer more than anyone asked for."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import aiohttp
import pytest

from ingestd.post_session import MAX_ANSWER_BYTES, make_session

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
ENDLESS = {
    "interim answers": b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000,
    "headers": b"HTTP/1.1 200 OK\r\n" + b"X-More: of it\r\n" * 20_000,
    "one header": b"HTTP/1.1 200 OK\r\nX-More: " + b"x" * 1_000_000,
}
Serve = Callable[[bytes, bool], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Return the URL of a server that gives an answer to each request, once, or without an end.

    A thread, so that a loop that stands still does not stop what makes it stand still.
    """
    listening = socket.create_server(("127.0.0.1", 0))
    given = list[tuple[bytes, bool]]()

    def answer() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=converse, args=(listening.accept()[0],), daemon=True).start()

    def converse(line: socket.socket) -> None:
        text, endless = given[0]
        with line, contextlib.suppress(OSError):
            while line.recv(1 << 16):
                line.sendall(text)
                while endless:
                    line.sendall(text)

    def begin(text: bytes, endless: bool) -> str:
        given.append((text, endless))
        threading.Thread(target=answer, daemon=True).start()
        return f"http://127.0.0.1:{listening.getsockname()[1]}/"

    yield begin
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()


async def status_of(session: aiohttp.ClientSession, url: str) -> int:
    async with session.post(url, data=b"{}") as answer:
        return answer.status


@pytest.mark.parametrize("kind", ENDLESS)
async def test_an_endless_answer_fails_and_holds_the_loop_for_no_time(serve: Serve, kind: str) -> None:
    url = serve(ENDLESS[kind], True)
    async with make_session(10.0) as session:
        began_s = time.thread_time()
        with pytest.raises(aiohttp.ClientError):
            await status_of(session, url)
        assert time.thread_time() - began_s < 0.2


async def test_an_answer_counts_whatever_its_body(serve: Serve) -> None:
    body = b"x" * 4 * MAX_ANSWER_BYTES
    long = b"HTTP/1.1 202 Accepted\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    async with make_session(10.0) as session:
        url = serve(long, False)
        assert await status_of(session, url) == 202


async def test_many_answers_on_one_connection_are_each_within_the_limit(serve: Serve) -> None:
    url = serve(b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK, False)
    async with make_session(10.0) as session, asyncio.timeout(30):
        for _ in range(2 * MAX_ANSWER_BYTES // len(OK)):
            assert await status_of(session, url) == 200
