"""Names that are looked up: one that is not answered holds up no other, and has one thread, whoever asks."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from ingestd.name_lookup import addresses, connector
from ingestd.tasks import Tasks, outcome
from tests.support.ports import free_port
from tests.support.wait import eventually

FOUND = ("192.0.2.7", "2001:db8::7")
ASKED_AT_ONCE = 20


class Nameserver:
    """Stands in for the system's resolver: names in `example` wait for `answer`; the others are its own."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer = threading.Event()
        self.error: Exception | None = None
        self._system = socket.getaddrinfo

    def getaddrinfo(
        self, host: str, port: int | None, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> list[Any]:
        if not host.endswith(".example") or flags & socket.AI_NUMERICHOST:
            return self._system(host, port, family, type, proto, flags)
        self.asked.append(host)
        self.answer.wait()
        if self.error is not None:
            raise self.error
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (FOUND[0], 0)),
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (FOUND[1], 0, 0, 0)),
        ]


@pytest.fixture
def nameserver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Nameserver]:
    nameserver = Nameserver()
    monkeypatch.setattr(socket, "getaddrinfo", nameserver.getaddrinfo)
    yield nameserver
    nameserver.answer.set()  # no thread is left behind
    for thread in lookups():
        thread.join()


def lookups() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("look up ")]


async def given_up(host: str) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await addresses(host, 80)


async def test_the_addresses_of_a_name_have_the_port_that_was_asked_for(nameserver: Nameserver) -> None:
    nameserver.answer.set()
    assert await addresses("cam.example", 5004) == [
        (socket.AF_INET, (FOUND[0], 5004)),
        (socket.AF_INET6, (FOUND[1], 5004, 0, 0)),
    ]


async def test_names_that_are_not_answered_hold_up_no_other(nameserver: Nameserver) -> None:
    for number in range(ASKED_AT_ONCE):
        await given_up(f"cam-{number}.example")
    async with asyncio.timeout(5):
        assert (socket.AF_INET, ("127.0.0.1", 80)) in await addresses("localhost", 80)
    assert len(nameserver.asked) == ASKED_AT_ONCE


async def test_who_asks_for_a_name_that_is_looked_up_shares_the_answer(nameserver: Nameserver) -> None:
    for _ in range(3):
        await given_up("cam.example")
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(addresses("cam.example", 80 + number)) for number in range(3)]
        await asyncio.sleep(0)
        assert [thread.daemon for thread in lookups()] == [True]
        nameserver.answer.set()
    assert nameserver.asked == ["cam.example"]
    assert [task.result()[0][1] for task in waiting] == [(FOUND[0], 80 + number) for number in range(3)]


async def test_a_name_is_looked_up_again_after_an_answer(nameserver: Nameserver) -> None:
    nameserver.answer.set()
    nameserver.error = socket.gaierror(socket.EAI_AGAIN, "no nameserver")
    with pytest.raises(socket.gaierror, match="no nameserver"):
        await addresses("cam.example", 80)
    await eventually(lambda: not lookups())
    nameserver.error = None
    assert len(await addresses("cam.example", 80)) == 2
    assert nameserver.asked == ["cam.example"] * 2


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", ("127.0.0.1", 80)), ("::1", ("::1", 80, 0, 0)), ("fe80::1%lo", ("fe80::1", 80, 0, 1))],
)
async def test_an_address_needs_no_thread(
    monkeypatch: pytest.MonkeyPatch, host: str, address: tuple[Any, ...]
) -> None:
    monkeypatch.setattr(threading, "Thread", None)
    assert [found for _, found in await addresses(host, 80)] == [address]


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example"])
async def test_a_name_that_no_host_can_have(host: str) -> None:
    with pytest.raises(UnicodeError):
        await addresses(host, 80)


async def test_without_a_thread_there_is_no_address_until_there_is_one(
    nameserver: Nameserver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    nameserver.answer.set()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        with pytest.raises(OSError, match="can't start new thread"):
            await addresses("cam.example", 80)
    assert len(await addresses("cam.example", 80)) == 2


async def ask(session: aiohttp.ClientSession, url: str) -> str:
    async with session.get(url) as answer:
        return await answer.text()


async def test_a_session_of_aiohttp_looks_names_up_here(nameserver: Nameserver, tasks: Tasks) -> None:
    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    application, port = web.Application(), free_port()
    application.router.add_get("/", hello)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    async with aiohttp.ClientSession(
        connector=connector(), timeout=aiohttp.ClientTimeout(total=5)
    ) as session:
        await given_up("hook.example")
        silent = tasks.begin("ask", ask(session, "http://hook.example/"))
        assert await ask(session, f"http://localhost:{port}/") == "hello"
        nameserver.error = socket.gaierror(socket.EAI_NONAME, "no such name")
        nameserver.answer.set()
        with pytest.raises(aiohttp.ClientConnectorError, match="no such name"):
            await outcome(silent)
    await runner.cleanup()


async def test_what_a_session_is_told_of_an_address(nameserver: Nameserver) -> None:
    nameserver.answer.set()
    session = connector()
    found = await session._resolver.resolve("hook.example", 8080, socket.AF_UNSPEC)
    assert [(entry["host"], entry["port"], entry["family"]) for entry in found] == [
        (FOUND[0], 8080, socket.AF_INET),
        (FOUND[1], 8080, socket.AF_INET6),
    ]
    assert len(await session._resolver.resolve("hook.example", 8080, socket.AF_INET6)) == 1
    await session.close()
