"""Server-sent events for the status page: each stream's history on open, then a sample every second.

A page that does not read is dropped, and sees when it connects again what it has missed: the history is kept
here. Of a slow one no more than one sample waits.
"""

import asyncio
import base64
import json
from collections.abc import Callable, Iterator
from itertools import islice

from aiohttp import web

from ingestd.observe.history import SAMPLE_INTERVAL_S
from ingestd.observe.sampler import Sampler

# A stream takes some 40 µs, so that pictures that are due wait for a third of a millisecond.
STREAMS_PER_STEP = 8
# What a browser takes within this time is written; a laptop that was closed holds memory no longer.
SLOW_CLIENT_S = 10.0
# The browser waits this long before it connects again.
RETRY_MS = 2000


class LiveUpdates:
    """Looks at the streams by ``sampler`` once a second, for ever, and tells the pages that are open.

    ``describe`` gives what is told at a look, as an object for JSON; it is asked only while a page is open.
    """

    def __init__(self, sampler: Sampler, describe: Callable[[], object]) -> None:
        self._sampler = sampler
        self._describe = describe
        self._pages = 0
        self._latest = b""
        self._next: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._step: asyncio.Handle | None = None
        self._due_at = 0.0

    def start(self) -> None:
        """Begin to look."""
        loop = asyncio.get_running_loop()
        self._next, self._due_at = loop.create_future(), loop.time()
        self._look()

    def stop(self) -> None:
        """End, and all pages' connections with it."""
        if self._timer is not None:
            self._timer.cancel()
        if self._step is not None:
            self._step.cancel()
            self._step = None
        if self._next is not None:
            self._next.cancel()

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        self._due_at = max(self._due_at + SAMPLE_INTERVAL_S, loop.time())
        self._timer = loop.call_at(self._due_at, self._look)
        if self._step is None:  # else the look before takes longer than that
            self._go_on(self._sampler.steps(loop.time()))

    def _go_on(self, steps: Iterator[None]) -> None:
        """Look at some more streams; others have the loop in between."""
        looked_at = sum(1 for _ in islice(steps, STREAMS_PER_STEP))
        if looked_at == STREAMS_PER_STEP:
            self._step = asyncio.get_running_loop().call_soon(self._go_on, steps)
        else:
            self._step = None
            self._tell()

    def _tell(self) -> None:
        if self._pages:
            self._latest = _event("sample", self._describe())
        assert self._next is not None
        following = asyncio.get_running_loop().create_future()
        self._next.set_result(None)
        self._next = following

    async def serve(self, response: web.StreamResponse) -> None:
        """Write to ``response``, which is prepared, until the page goes, does not read, or we stop."""
        self._pages += 1
        try:
            await self._write(response, f"retry: {RETRY_MS}\n\n".encode())
            for name in list(self._sampler.samples):
                packed = base64.b64encode(self._sampler.history(name)).decode()
                look = self._sampler.looks
                await self._write(
                    response, _event("history", {"look": look, "stream": name, "packed": packed})
                )
            while self._next is not None:
                await asyncio.shield(self._next)
                await self._write(response, self._latest)
        finally:
            self._pages -= 1

    async def _write(self, response: web.StreamResponse, data: bytes) -> None:
        async with asyncio.timeout(SLOW_CLIENT_S):
            await response.write(data)


def _event(kind: str, what: object) -> bytes:
    return f"event: {kind}\ndata: {json.dumps(what, separators=(',', ':'))}\n\n".encode()
