"""The HTTP server: status page, /metrics, health, the streams as JSON. It is read-only."""

import asyncio
import json
import logging
import math
import secrets
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import fields
from typing import Any, Protocol

import structlog
from aiohttp import web, web_response
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.log import server_logger
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from ingestd.config import Address
from ingestd.errors import AddressError
from ingestd.log_limiter import LogLimiter
from ingestd.observe.figures import StreamFigures
from ingestd.observe.histogram import Histogram
from ingestd.observe.http_connections import HttpConnections
from ingestd.observe.page import render

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
    """Serves what ``observed`` says and what ``registry`` collects on ``listen``."""

    def __init__(
        self, listen: Address, observed: Observed, registry: CollectorRegistry, version: str
    ) -> None:
        self._listen = listen
        self._observed = observed
        self._registry = registry
        self._version = version
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None
        self._connections: HttpConnections | None = None

    async def start(self) -> Address:
        """Listen; return the address, with the port the system chose where 0 was asked for.

        Raises AddressError where the address cannot be listened on.
        """
        _hide_server_software()
        app = web.Application(middlewares=[_with_security_headers])
        app.router.add_get("/", self._page)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/api/streams", self._streams)
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
        return Address("http", host, self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop listening and end what is open; a second call does nothing."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        assert self._server is not None
        assert self._connections is not None
        self._server.close()
        await runner.cleanup()
        self._connections.close()

    async def _page(self, _request: web.Request) -> web.Response:
        # Style and script are part of the page; the browser runs only what bears this nonce.
        nonce = secrets.token_urlsafe(16)
        text = render(list(self._observed.figures()), self._observed.problems(), self._version, nonce)
        policy = (
            f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; "
            "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        return web.Response(
            text=text, content_type="text/html", charset="utf-8", headers={"Content-Security-Policy": policy}
        )

    async def _metrics(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._registry), headers={"Content-Type": content_type})

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
        body = [_as_dict(figures) for figures in self._observed.figures()]
        return web.Response(text=json.dumps(body, allow_nan=False), content_type="application/json")


def _hide_server_software() -> None:
    """Have aiohttp call itself ingestd, in this process: the header Server names its version and Python's.

    Responses to malformed requests, which no middleware sees, bear the header too.
    """
    setattr(web_response, "SERVER_SOFTWARE", "ingestd")  # noqa: B010 - not exported, as mypy says


class _ServerLog(logging.LoggerAdapter[logging.Logger]):
    """aiohttp's log, with malformed requests limited: anyone can send those."""

    def __init__(self, to: logging.Logger) -> None:
        super().__init__(to)
        self._limiter = LogLimiter(MALFORMED_REQUEST_LOG_INTERVAL_S)

    def debug(self, msg: object, *args: object, exc_info: Any = None, **more: Any) -> None:  # noqa: ARG002
        """Log in one line what a client did: where in aiohttp it was noticed helps no one."""
        super().debug(msg, *args, **more)

    def exception(self, msg: object, *args: object, exc_info: Any = True, **more: Any) -> None:
        """Log an exception while a request was read or answered."""
        if not isinstance(exc_info, HttpProcessingError):
            super().exception(msg, *args, exc_info=exc_info, **more)
        elif (suppressed := self._limiter.due("refused")) is not None:
            # Not its text, which repeats what was sent.
            log = logger.bind(peer=args[0], suppressed=suppressed)
            log.warning("malformed HTTP request refused", status=exc_info.code, why=type(exc_info).__name__)


def _as_dict(figures: StreamFigures) -> dict[str, Any]:
    return {field.name: _plain(getattr(figures, field.name)) for field in fields(figures)}


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
async def _with_security_headers(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        response = await handler(request)
    except web.HTTPException as error:
        # Not found, method not allowed: plain words, and the same headers.
        response = web.Response(status=error.status, text=f"{error.status} {error.reason}\n")
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
    response.headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    response.force_close()  # see HttpConnections: the time is for one request
    return response
