"""The HTTP server: status page and preview, /metrics, health, the streams as JSON. It is read-only."""

import asyncio
import contextlib
import json
import logging
import math
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import fields
from typing import Any, Protocol

import structlog
from aiohttp import web, web_server
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.log import server_logger
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import choose_encoder

from ingestd.config import Address
from ingestd.errors import AddressError
from ingestd.log_limiter import LogLimiter
from ingestd.observe.figures import StreamFigures
from ingestd.observe.histogram import Histogram
from ingestd.observe.http_connections import MAX_LONG_CONNECTIONS, HttpConnections
from ingestd.observe.live_updates import LiveUpdates
from ingestd.observe.page import describe, render
from ingestd.observe.page_files import ASSETS, policy
from ingestd.observe.preview import CLIENT, LiveKitAccess, PreviewPage
from ingestd.observe.recent_lines import RECENT_LINES, Line
from ingestd.observe.sampler import Sample, Sampler

logger = structlog.get_logger("ingestd.observe")

# What clients that still read a response get when we stop; the process promises to end within five seconds.
SHUTDOWN_TIMEOUT_S = 1.0
MALFORMED_REQUEST_LOG_INTERVAL_S = 10.0


class Observed(Protocol):
    """What the server asks of the daemon, at each request."""

    def figures(self) -> Iterable[StreamFigures]:
        """One reading of every stream, in the order of the configuration."""
        ...

    def problems(self) -> list[str]:
        """Why the daemon is not ready, in words; empty when it is."""
        ...


class HttpServer:
    """Serves what ``observed`` says and what ``registry`` collects on ``listen``.

    ``preview``: how a browser may watch, as `LiveKitAccess` says; None: there is no preview.
    """

    def __init__(
        self,
        listen: Address,
        observed: Observed,
        registry: CollectorRegistry,
        version: str,
        preview: LiveKitAccess | None = None,
    ) -> None:
        self._listen = listen
        self._observed = observed
        self._registry = registry
        self._version = version
        self._preview = PreviewPage(preview) if preview is not None else None
        self.sampler = Sampler(observed.figures)
        self._updates = LiveUpdates(self.sampler, self._describe)
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None
        self._connections: HttpConnections | None = None

    async def start(self) -> Address:
        """Listen; return the address, with the port the system chose where 0 was asked for.

        Raises AddressError where the address cannot be listened on.
        """
        _adapt_aiohttp()
        app = web.Application(middlewares=[_in_plain_words])
        app.on_response_prepare.append(_add_security_headers)
        app.router.add_get("/", self._page)
        for name in ("page.css", "page.js", "preview.css", "preview.js"):
            app.router.add_get(f"/{name}", _asset)
        app.router.add_get(f"/{CLIENT.name}", _asset)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/api/streams", self._streams)
        app.router.add_get("/api/events", self._events, allow_head=False)  # an answer without end
        app.router.add_get("/preview/{stream}", self._watch)
        # An access log would bury the lines that matter under those of scrapes.
        runner = web.AppRunner(
            app,
            access_log=None,
            logger=_ServerLog(server_logger),
            shutdown_timeout=SHUTDOWN_TIMEOUT_S,
            lingering_time=0,  # no request of ours has a body: none is read to its end, or unpacked
        )
        await runner.setup()
        assert runner.server is not None
        connections = HttpConnections(runner.server)
        host, loop = self._listen.host, asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(connections, host, self._listen.port)
        except OSError as error:
            await runner.cleanup()
            why = error.strerror or str(error)
            raise AddressError(
                f"http.listen: {self._listen} cannot be listened on: {why}; "
                "allowed: HOST:PORT of this machine that no other process listens on"
            ) from None
        self._runner, self._connections = runner, connections
        self._updates.start()
        return Address("http", host, self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop listening and end what is open; a second call does nothing."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        assert self._server is not None
        assert self._connections is not None
        self._updates.stop()
        self._connections.end_long()
        self._server.close()
        await runner.cleanup()
        self._connections.close()

    async def _page(self, request: web.Request) -> web.Response:
        samples = self.sampler.between_looks(asyncio.get_running_loop().time())
        text = render(
            samples,
            _lines(samples),
            self._observed.problems(),
            self._version,
            host=request.host,
            preview=self._preview is not None,
        )
        return _html(text, policy())

    async def _watch(self, request: web.Request) -> web.Response:
        if self._preview is None:
            return web.Response(status=404, text="There is no preview: http.preview is false.\n")
        name = request.match_info["stream"]
        figures = next((figures for figures in self._observed.figures() if figures.name == name), None)
        if figures is None:
            raise web.HTTPNotFound
        return _html(self._preview.render(figures), self._preview.policy)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        assert self._connections is not None
        if request.transport is None or not self._connections.keep(request.transport):
            text = f"{MAX_LONG_CONNECTIONS} pages are open already.\n"
            return web.Response(status=503, text=text, headers={"Retry-After": "10"})
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        with contextlib.suppress(ConnectionError, TimeoutError, asyncio.CancelledError):
            await self._updates.serve(response)
        self._connections.abort(request.transport)
        return response

    def _describe(self) -> object:
        samples = list(self.sampler.samples.values())
        problems = self._observed.problems()
        return describe(self.sampler.looks, samples, _lines(samples), problems, self._version)

    async def _metrics(self, request: web.Request) -> web.Response:
        encode, content_type = _encoder(request.headers.get("Accept", ""))
        families = list(self._registry.collect())
        # To write them takes three times as long as to read them, and pictures must not wait for that.
        body = await asyncio.to_thread(encode, _Reading(families))
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _healthz(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _request: web.Request) -> web.Response:
        problems = self._observed.problems()
        if problems:
            # One line each, even if a text holds a line break.
            lines = [" ".join(problem.split()) for problem in problems]
            return web.Response(status=503, text="\n".join(lines) + "\n")
        return web.Response(text="ready\n")

    async def _streams(self, _request: web.Request) -> web.Response:
        samples = self.sampler.between_looks(asyncio.get_running_loop().time())
        body = [_as_dict(sample) for sample in samples]
        return web.Response(text=json.dumps(body, allow_nan=False), content_type="application/json")


def _encoder(accept: str) -> tuple[Callable[[CollectorRegistry], bytes], str]:
    """Return what writes the metrics, and their content type."""
    try:
        return choose_encoder(accept)
    except TypeError:  # it compares the parts of a version, and one is no number
        return choose_encoder("")


class _Reading(CollectorRegistry):
    """What a registry has collected at one moment."""

    def __init__(self, families: Collection[Metric]) -> None:
        super().__init__()
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


class _RequestHandler(web.RequestHandler):
    """Gives answers to malformed requests, which the application never sees, the headers of the others."""

    __slots__ = ()

    def handle_error(self, *arguments: Any, **more: Any) -> web.StreamResponse:
        """Answer what could not be read, or failed."""
        response = super().handle_error(*arguments, **more)
        _secure(response)
        return response


def _adapt_aiohttp() -> None:
    """Have aiohttp, in this process, answer malformed requests as we do the others.

    The handler cannot be chosen where the server is made.
    """
    setattr(web_server, "RequestHandler", _RequestHandler)  # noqa: B010 - not exported, as mypy says


class _ServerLog(logging.LoggerAdapter[logging.Logger]):
    """aiohttp's log, with malformed requests limited: anyone can send those."""

    def __init__(self, to: logging.Logger) -> None:
        super().__init__(to)
        self._limiter = LogLimiter(MALFORMED_REQUEST_LOG_INTERVAL_S)

    def debug(self, msg: object, *args: object, **more: Any) -> None:
        """Log in one line what a client did: where in aiohttp it was noticed helps no one."""
        super().debug(msg, *args, **more | {"exc_info": None})

    def exception(self, msg: object, *args: object, exc_info: Any = True, **more: Any) -> None:
        """Log an exception while a request was read or answered."""
        if not isinstance(exc_info, HttpProcessingError):
            super().exception(msg, *args, exc_info=exc_info, **more)
        elif (suppressed := self._limiter.due("refused")) is not None:
            # Not its text, which repeats what was sent.
            log = logger.bind(peer=args[0], suppressed=suppressed)
            log.warning("malformed HTTP request refused", status=exc_info.code, why=type(exc_info).__name__)


def _html(text: str, policy: str) -> web.Response:
    headers = {"Content-Security-Policy": policy}
    return web.Response(text=text, content_type="text/html", charset="utf-8", headers=headers)


async def _asset(request: web.Request) -> web.Response:
    file = ASSETS / request.path.removeprefix("/")
    kinds = {".css": "text/css", ".js": "text/javascript"}
    try:
        return web.Response(body=file.read_bytes(), content_type=kinds[file.suffix], charset="utf-8")
    except OSError:
        raise web.HTTPNotFound from None


def _lines(samples: Iterable[Sample]) -> dict[str, list[Line]]:
    return {(one := sample.figures).name: RECENT_LINES.of(one.name, one.room) for sample in samples}


def _as_dict(sample: Sample) -> dict[str, Any]:
    figures = {each.name: _plain(getattr(sample.figures, each.name)) for each in fields(sample.figures)}
    return {"name": figures.pop("name"), "state": sample.state, "state_reason": sample.reason, **figures}


def _plain(value: Any) -> Any:
    if isinstance(value, Histogram):
        return {"count": value.count, "p50": value.quantile_s(0.5), "p99": value.quantile_s(0.99)}
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has no NaN
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, str | int | float | bool | None):
        return value
    return dict(value)


@web.middleware
async def _in_plain_words(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Say what is not found, or not allowed, without aiohttp's page."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        response = web.Response(status=error.status, text=f"{error.status} {error.reason}\n")
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
        return response


async def _add_security_headers(_request: web.Request, response: web.StreamResponse) -> None:
    _secure(response)
    response.force_close()  # see HttpConnections: the time is for one request


def _secure(response: web.StreamResponse) -> None:
    response.headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    response.headers["Server"] = "ingestd"  # aiohttp names its version and Python's
