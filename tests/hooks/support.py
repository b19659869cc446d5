"""A receiver of hooks: a real HTTP server that is well, ill, slow, or leads elsewhere."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support.wait import eventually


@dataclass
class Receiver:
    """What it was told; it answers with ``status`` once ``free`` is set."""

    status: int = 204
    location: str | None = None
    free: asyncio.Event = field(default_factory=asyncio.Event)
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    async def start(self) -> None:
        self.free.set()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._heard)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/hook"

    async def stop(self) -> None:
        self.free.set()
        await self._runner.cleanup()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.requests]

    async def until(self, count: int) -> list[dict[str, Any]]:
        await eventually(lambda: len(self.requests) >= count, f"be told {count} times")
        return self.events

    async def _heard(self, request: web.Request) -> web.Response:
        self.requests.append((dict(request.headers), await request.read()))
        await self.free.wait()
        headers = {"Location": self.location} if self.location else None
        return web.Response(status=self.status, headers=headers)
