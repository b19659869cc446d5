"""Posting to a real HTTP server: one that is well, slow, ill, or not there."""

import asyncio
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
import structlog
from aiohttp import web

from ingestd.control.messages import Result
from ingestd.control.webhook import Webhook
from ingestd.tasks import Tasks
from tests.support.ports import free_port
from tests.support.wait import PATIENCE_S


@dataclass
class Results:
    """What became of each message."""

    of: dict[object, Result] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def send(self, webhook: Webhook, n: int, type: str = "keyframe") -> None:
        webhook.send({"type": type, "n": n}, partial(self._tell, n))

    def _tell(self, n: int, result: Result) -> None:
        assert n not in self.of, "told twice"
        self.of[n] = result
        self._news.set()

    async def until(self, count: int) -> dict[object, Result]:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.of) < count:
                self._news.clear()
                await self._news.wait()
        return self.of


@dataclass
class Controller:
    """What the encoder's controller hears; it answers once `free` is set."""

    bodies: list[bytes] = field(default_factory=list)
    content_types: list[str] = field(default_factory=list)
    signatures: list[str | None] = field(default_factory=list)
    status: int = 204
    free: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""
    most_at_once: int = 0
    _at_once: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def heard(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        self.content_types.append(request.content_type)
        self.signatures.append(request.headers.get("X-Ingestd-Signature"))
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        self._news.set()
        await self.free.wait()
        self._at_once -= 1
        return web.Response(status=self.status)

    async def until(self, count: int) -> list[dict[str, Any]]:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.bodies) < count:
                self._news.clear()
                await self._news.wait()
        return [json.loads(body) for body in self.bodies]


@pytest.fixture
async def controller() -> AsyncIterator[Controller]:
    controller = Controller()
    controller.free.set()
    app = web.Application()
    app.router.add_post("/hook", controller.heard)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    controller.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield controller
    controller.free.set()
    await runner.cleanup()


async def test_a_message_is_posted_as_json_with_the_stream_added(
    controller: Controller, tasks: Tasks
) -> None:
    webhook, results = Webhook(controller.url, "front-door", tasks), list[Result]()
    webhook.send({"type": "keyframe", "at_us": 5}, results.append)
    webhook.send({"type": "rate", "bitrate_bps": 1, "framerate_fps": 2.0, "at_us": 6}, results.append)
    assert await controller.until(2) == [
        {"stream": "front-door", "type": "keyframe", "at_us": 5},
        {"stream": "front-door", "type": "rate", "bitrate_bps": 1, "framerate_fps": 2.0, "at_us": 6},
    ]
    assert controller.content_types == ["application/json"] * 2
    assert results[:1] == [Result.SENT]
    await webhook.close()


async def test_what_is_posted_is_signed_where_there_is_a_secret(controller: Controller, tasks: Tasks) -> None:
    for secret in (None, b"a secret"):
        webhook, results = Webhook(controller.url, "cam", tasks, secret=secret), Results()
        results.send(webhook, 1)
        await results.until(1)
        await webhook.close()
    unsigned, signed = controller.signatures
    body = controller.bodies[1]
    assert unsigned is None
    assert signed == "sha256=" + hmac.new(b"a secret", body, "sha256").hexdigest()


async def test_a_slow_controller_holds_up_nobody_and_fills_no_memory(
    controller: Controller, tasks: Tasks
) -> None:
    controller.free.clear()
    webhook, results = Webhook(controller.url, "cam", tasks), Results()
    results.send(webhook, 0)
    await controller.until(1)  # it thinks about the first
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for n in range(1, 10_000):
        results.send(webhook, n)
    assert loop.time() - begun < 2
    assert results.of == dict.fromkeys(range(1, 9_999), Result.DROPPED)
    controller.free.set()
    assert [message["n"] for message in await controller.until(2)] == [0, 9_999], "the newest has won"
    assert controller.most_at_once == 1
    assert (await results.until(10_000))[9_999] is Result.SENT
    await webhook.close()


async def test_a_slow_controller_hears_of_both_the_newest_keyframe_and_the_newest_rate(
    controller: Controller, tasks: Tasks
) -> None:
    controller.free.clear()
    webhook, results = Webhook(controller.url, "cam", tasks), Results()
    results.send(webhook, 0)
    await controller.until(1)
    for n, type in enumerate(["rate", "keyframe", "keyframe", "keyframe", "rate"], start=1):
        results.send(webhook, n, type)
    controller.free.set()
    assert [message["n"] for message in await controller.until(3)] == [0, 5, 4], "in turn"
    of = await results.until(6)
    assert [n for n, result in of.items() if result is Result.DROPPED] == [2, 3, 1]
    assert [n for n, result in of.items() if result is Result.SENT] == [0, 5, 4]
    await webhook.close()


async def test_a_controller_that_never_answers_is_given_up(controller: Controller, tasks: Tasks) -> None:
    controller.free.clear()
    webhook, results = Webhook(controller.url, "cam", tasks, timeout_s=0.1), Results()
    results.send(webhook, 1)
    results.send(webhook, 2, "rate")
    assert [message["n"] for message in await controller.until(2)] == [1, 2]
    assert await results.until(2) == {1: Result.FAILED, 2: Result.FAILED}
    await webhook.close()


async def test_a_controller_that_fails_is_complained_about_once(controller: Controller, tasks: Tasks) -> None:
    controller.status = 500
    with structlog.testing.capture_logs() as lines:
        webhook, results = Webhook(controller.url, "cam", tasks), Results()
        for n, controller.status in enumerate([500, 500, 500, 200, 503, 503]):
            results.send(webhook, n)
            await results.until(n + 1)
        await webhook.close()
    errors = [line["error"] for line in lines if line["log_level"] == "warning"]
    assert errors == ["HTTP 500", "HTTP 503"]
    assert [n for n, result in results.of.items() if result is Result.SENT] == [3]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/hook",
        "http://no-such-host.invalid/hook",
        "https://127.0.0.1:{port}/hook",
        "http://a..b/hook",
        "http://" + "x" * 64 + ".example/hook",
    ],
)
async def test_a_controller_that_is_not_there_ends_nothing(tasks: Tasks, url: str) -> None:
    with structlog.testing.capture_logs() as lines:
        webhook, results = Webhook(url.format(port=free_port()), "cam", tasks), Results()
        for n in range(2):
            results.send(webhook, n)
            assert (await results.until(n + 1))[n] is Result.FAILED
        assert [line["event"] for line in lines] == ["cannot post to feedback.webhook"]
        await webhook.close()


async def test_a_server_that_speaks_no_http_ends_nothing(tasks: Tasks) -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"\x00\xff not HTTP at all\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with structlog.testing.capture_logs():
        webhook, results = Webhook(f"http://127.0.0.1:{port}/", "cam", tasks), Results()
        for n in range(2):
            results.send(webhook, n)
            assert (await results.until(n + 1))[n] is Result.FAILED
        await webhook.close()
    server.close()


@pytest.mark.parametrize("status", [302, 307])
async def test_a_redirect_leads_nowhere(controller: Controller, tasks: Tasks, status: int) -> None:
    asked: list[str] = []

    async def lead_elsewhere(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=status, headers={"Location": controller.url})

    app = web.Application()
    app.router.add_post("/hook", lead_elsewhere)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    with structlog.testing.capture_logs() as lines:
        webhook = Webhook(f"http://127.0.0.1:{runner.addresses[0][1]}/hook", "cam", tasks)
        results = Results()
        results.send(webhook, 1)
        assert await results.until(1) == {1: Result.FAILED}
        await webhook.close()
    assert asked == ["/hook"]
    assert controller.bodies == []
    assert [line["error"] for line in lines] == [f"HTTP {status}"]
    await runner.cleanup()


async def test_nothing_is_posted_after_the_end(controller: Controller, tasks: Tasks) -> None:
    controller.free.clear()
    webhook, results = Webhook(controller.url, "cam", tasks), Results()
    results.send(webhook, 1)
    await controller.until(1)
    results.send(webhook, 2)
    async with asyncio.timeout(1):
        await webhook.close()
    controller.free.set()
    assert tasks.names == []
    assert len(controller.bodies) == 1
