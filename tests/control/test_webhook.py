"""Posting to a real HTTP server: one that is well, slow, ill, or not there."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
import structlog
from aiohttp import web

from ingestd.control import webhook as module
from ingestd.control.webhook import MAX_WAITING, Webhook
from ingestd.tasks import Tasks
from tests.support.ports import free_port

PATIENCE = 10.0


@dataclass
class Controller:
    """What the encoder's controller hears; it answers once `free` is set."""

    bodies: list[bytes] = field(default_factory=list)
    content_types: list[str] = field(default_factory=list)
    status: int = 204
    free: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""
    most_at_once: int = 0
    _at_once: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def heard(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        self.content_types.append(request.content_type)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        self._news.set()
        await self.free.wait()
        self._at_once -= 1
        return web.Response(status=self.status)

    async def until(self, count: int) -> list[dict[str, Any]]:
        async with asyncio.timeout(PATIENCE):
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


@pytest.fixture
async def tasks() -> AsyncIterator[Tasks]:
    failures: list[str] = []
    tasks = Tasks(lambda name, error: failures.append(f"{name}: {error!r}"))
    yield tasks
    await tasks.close()
    assert failures == []


async def test_a_message_is_posted_as_json_with_the_stream_added(
    controller: Controller, tasks: Tasks
) -> None:
    webhook = Webhook(controller.url, "front-door", tasks)
    assert webhook.send({"type": "keyframe", "at_us": 5})
    assert webhook.send({"type": "rate", "bitrate_bps": 1, "framerate_fps": 2.0, "at_us": 6})
    assert await controller.until(2) == [
        {"stream": "front-door", "type": "keyframe", "at_us": 5},
        {"stream": "front-door", "type": "rate", "bitrate_bps": 1, "framerate_fps": 2.0, "at_us": 6},
    ]
    assert controller.content_types == ["application/json"] * 2
    await webhook.close()


async def test_a_slow_controller_holds_up_nobody_and_fills_no_memory(
    controller: Controller, tasks: Tasks
) -> None:
    controller.free.clear()
    webhook = Webhook(controller.url, "cam", tasks)
    assert webhook.send({"n": 0})
    await controller.until(1)  # it thinks about the first
    loop = asyncio.get_running_loop()
    begun = loop.time()
    taken = [webhook.send({"n": n}) for n in range(1, 10_000)]
    assert loop.time() - begun < 2
    assert sum(taken) == MAX_WAITING
    controller.free.set()
    heard = await controller.until(1 + MAX_WAITING)
    assert len(heard) == 1 + MAX_WAITING
    assert controller.most_at_once == 1
    assert webhook.send({"n": 10_000})
    assert (await controller.until(2 + MAX_WAITING))[-1]["n"] == 10_000
    await webhook.close()


async def test_a_controller_that_never_answers_is_given_up(
    controller: Controller, tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TIMEOUT", aiohttp.ClientTimeout(total=0.1))
    controller.free.clear()
    webhook = Webhook(controller.url, "cam", tasks)
    webhook.send({"n": 1})
    webhook.send({"n": 2})
    assert [message["n"] for message in await controller.until(2)] == [1, 2]
    await webhook.close()


async def test_a_controller_that_fails_is_complained_about_once(controller: Controller, tasks: Tasks) -> None:
    controller.status = 500
    with structlog.testing.capture_logs() as lines:
        webhook = Webhook(controller.url, "cam", tasks)
        for n in range(3):
            webhook.send({"n": n})
            await controller.until(n + 1)
        controller.status = 200
        webhook.send({"n": 3})
        await controller.until(4)
        controller.status = 503
        for n in (4, 5):
            webhook.send({"n": n})
            await controller.until(n + 1)
        webhook.send({"n": 6})
        await controller.until(7)  # so that the answer before has been looked at
        await webhook.close()
    errors = [line["error"] for line in lines if line["log_level"] == "warning"]
    assert errors == ["HTTP 500", "HTTP 503"]


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
        webhook = Webhook(url.format(port=free_port()), "cam", tasks)
        assert webhook.send({"n": 1})
        async with asyncio.timeout(PATIENCE):
            while not lines and not webhook._task.done():  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        assert not webhook._task.done()
        assert lines[0]["event"] == "feedback.webhook does not take messages"
        assert webhook.send({"n": 2})
        await webhook.close()


async def test_a_server_that_speaks_no_http_ends_nothing(tasks: Tasks) -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"\x00\xff not HTTP at all\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with structlog.testing.capture_logs() as lines:
        webhook = Webhook(f"http://127.0.0.1:{port}/", "cam", tasks)
        webhook.send({"n": 1})
        async with asyncio.timeout(PATIENCE):
            while not lines and not webhook._task.done():  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        assert not webhook._task.done()
        await webhook.close()
    server.close()


async def test_nothing_is_posted_after_the_end(controller: Controller, tasks: Tasks) -> None:
    controller.free.clear()
    webhook = Webhook(controller.url, "cam", tasks)
    webhook.send({"n": 1})
    await controller.until(1)
    webhook.send({"n": 2})
    async with asyncio.timeout(1):
        await webhook.close()
    controller.free.set()
    assert webhook._task.done()
    assert len(controller.bodies) == 1
