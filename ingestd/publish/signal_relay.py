"""Signalling relay: the SDK joins through loopback, so that we can set the bounds of WebRTC's estimate.

The SDK has no option for it: it makes WebRTC begin at 1 Mbit/s at most, and a stream of 8 Mbit/s is then
late by more than a second for ten seconds. WebRTC obeys the server's answer, so the relay writes the bounds
there (see `estimate_bounds`). Offers that it has asked for itself, to change them, it answers as the server
has answered the same one. Everything else passes unchanged: paths, queries, headers, HTTP answers, pings,
close codes. Media does not come through here.
"""

import asyncio
import re
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from urllib.request import getproxies_environment

import aiohttp
from aiohttp import WSMsgType, web
from google.protobuf.message import DecodeError
from livekit.protocol import rtc
from yarl import URL

from ingestd.name_lookup import connector
from ingestd.publish.estimate_bounds import EstimateBounds, corrected, has_spare_section, with_bounds
from ingestd.publish.signal_pings import SignalPings

# The SDK itself gives a server 5 s; what fails here is to fail before.
DIAL_TIMEOUT_S = 4.5
# Any rise of the maximum has WebRTC probe up to it.
RAISE_RATIO = 1.01
# An offer comes within milliseconds.
OFFER_TIMEOUT_S = 1.0
# What a server says of a room with thousands of participants; more is no signalling.
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
# A token holds metadata and attributes of the participant, of 64 kB each, which base64 makes a third longer.
MAX_TOKEN_BYTES = 512 * 1024
# Headers of one hop only (RFC 9110 7.6.1), and those that the client of the next hop writes itself.
_NOT_PASSED_ON = frozenset(
    {"host", "connection", "upgrade", "keep-alive", "te", "trailer", "transfer-encoding", "content-length"}
    | {"proxy-authorization", "proxy-connection", "sec-websocket-key", "sec-websocket-version"}
    | {"sec-websocket-extensions", "accept-encoding"}
)

_HTTP_SCHEMES = {"ws": "http", "wss": "https"}
# Of an offer that says nothing new only the version differs (RFC 4566 5.2).
_ORIGIN = re.compile(r"(?m)^o=.*$")

Socket = web.WebSocketResponse | aiohttp.ClientWebSocketResponse
Bounds = Callable[[], EstimateBounds | None]


class Route:
    """The way of one participant to its server."""

    def __init__(self, relay: "SignalRelay", server_url: str, bounds: Bounds) -> None:
        self.server = URL(server_url)
        self.bounds = bounds
        self.path = secrets.token_urlsafe(16)  # other users of this machine do not know it
        self.reached = False  # a request has come since `open`
        self.failure: Exception | None = None  # why the server could not be reached since `open`
        self.joined = False  # a server has let the participant in since `open`
        self.server_protocol: int | None = None  # version, once a server has said it
        self.refreshed_token: str | None = None  # the last that a server has sent
        self.given: EstimateBounds | None = None  # what WebRTC was last answered since the last join
        self.ceiling_bps: int | None = None  # the maximum in place of that of `given`, after a probe
        self.flushes = 0  # since the last join
        self.floor_bps: int | None = None  # of the estimate, 0: none; None: none since the last join
        self.pings = SignalPings()
        self.offered: rtc.SessionDescription | None = None  # the SDK's last, but version and id
        self.answer: rtc.SessionDescription | None = None  # the server's to that
        self.participant: web.WebSocketResponse | None = None  # the SDK's signalling, while it is connected
        self.server_socket: aiohttp.ClientWebSocketResponse | None = None  # its other end
        self._relay = relay
        self._answered = asyncio.Event()
        self._probing = asyncio.Lock()

    @property
    def can_probe(self) -> bool:
        """Whether `probe` would have WebRTC probe now, and `flush` throw away what waits."""
        return not self._probing.locked() and self.answer is not None and self.participant is not None

    async def probe(self, bps: int) -> None:
        """Have WebRTC find out at once whether the link carries ``bps``; nothing that is sent is interrupted.

        It probes where its maximum is raised, so that is first a little less. It is in an answer, after an
        offer, which the SDK makes where the server says that it needs sections of media: here none more than
        there are.
        """
        async with self._probing:
            for ceiling_bps in (round(bps / RAISE_RATIO), bps):
                if self.answer is None or self.participant is None:
                    return
                self.ceiling_bps = ceiling_bps
                await self._have_it_offer(self.participant)

    async def limit(self, bps: int) -> None:
        """Let WebRTC's estimate be ``bps`` at most; nothing that is sent is interrupted."""
        async with self._probing:
            if self.answer is None or self.participant is None:
                return
            self.ceiling_bps = bps
            await self._have_it_offer(self.participant)

    async def flush(self) -> None:
        """Have WebRTC throw away what waits in its pacer, and what it would send again.

        Where a parameter of a codec is another in an answer, it builds the streams of that codec anew, with
        the same SSRCs and sequence numbers. Its estimate begins again at the start that the answer states,
        its encoders with a keyframe.
        """
        async with self._probing:
            if self.answer is None or self.participant is None:
                return
            self.flushes += 1
            await self._have_it_offer(self.participant)

    @property
    def can_set_floor(self) -> bool:
        """Whether `set_floor` would have any effect."""
        return self.participant is not None and self.answer is not None and has_spare_section(self.answer.sdp)

    async def set_floor(self, bps: int) -> None:
        """Have WebRTC send at ``bps``, whatever it believes; nothing that is sent is interrupted."""
        async with self._probing:
            self.floor_bps = bps
            await self._answer_again()

    async def end_floor(self, ceiling_bps: int) -> None:
        """Have WebRTC send by what it believes again, and ``ceiling_bps`` at most: it probes up to more."""
        async with self._probing:
            self.floor_bps, self.ceiling_bps = 0, ceiling_bps
            await self._answer_again()

    async def _answer_again(self) -> None:
        if self.participant is not None and self.can_set_floor:
            await self._have_it_offer(self.participant)

    async def ping(self) -> None:
        """Find out how long what is sent waits on its way."""
        if self.server_socket is not None and (payload := self.pings.next(time.monotonic())) is not None:
            with suppress(ConnectionError):
                await self.server_socket.ping(payload)

    async def _have_it_offer(self, participant: web.WebSocketResponse) -> None:
        """Have the SDK make an offer, and wait until it has its answer."""
        self._answered.clear()
        wanted = rtc.SignalResponse(media_sections_requirement=rtc.MediaSectionsRequirement())
        with suppress(ConnectionError, TimeoutError):
            await participant.send_bytes(wanted.SerializeToString())
            async with asyncio.timeout(OFFER_TIMEOUT_S):
                await self._answered.wait()

    def answer_to(self, request: bytes) -> bytes | None:
        """Return the answer to what the SDK says, if it offers what it did before; None: the server's to say.

        The server has nothing to say to it, and on a slow link offer and answer, of 16 kB each, would take a
        part of a second.
        """
        try:
            message = rtc.SignalRequest.FromString(request)
        except DecodeError:
            return None  # the server's to complain of
        if message.WhichOneof("message") != "offer":
            return None
        response = rtc.SignalResponse(answer=self.answer)
        response.answer.id, message.offer.id = message.offer.id, 0
        message.offer.sdp = _ORIGIN.sub("", message.offer.sdp)
        if message.offer != self.offered or self.answer is None:
            self.offered, self.answer = message.offer, None
            return None
        return self.bounded(response)

    def bounded(self, response: rtc.SignalResponse) -> bytes:
        """Return an answer to a publisher, with the bounds in it, if there are any."""
        if (bounds := self.bounds()) is not None:
            told = self.ceiling_bps is not None or self.flushes or self.floor_bps is not None
            if self.given is None or not told:
                self.given = corrected(self.given, bounds)
            bounds = self.given  # other than in the last answer WebRTC would begin anew
            response.answer.sdp = with_bounds(
                response.answer.sdp, bounds, self.ceiling_bps, self.flushes, self.floor_bps
            )
        self._answered.set()
        return response.SerializeToString()

    async def open(self) -> str:
        """Return the URL to join by. Raises OSError where the SDK cannot be served on loopback."""
        self.reached, self.failure, self.joined = False, None, False
        # The SDK would dial loopback through that, whatever NO_PROXY says, and show it the token.
        if "http" in getproxies_environment():
            raise OSError("HTTP_PROXY is set, and the SDK would reach loopback through that only")
        return f"ws://{await self._relay.listen()}/{self.path}"

    def close(self) -> None:
        """Pass on no new requests; what is connected stays so until either side ends it."""
        self._relay.routes.pop(self.path, None)


class SignalRelay:
    """Listens on a port of 127.0.0.1 from the first `Route.open` on, and passes on to each route's server."""

    def __init__(self) -> None:
        self.routes: dict[str, Route] = {}
        self._lock = asyncio.Lock()
        self._runner: web.AppRunner | None = None
        self._client: aiohttp.ClientSession | None = None

    def route(self, server_url: str, bounds: Bounds) -> Route:
        """Return a new way to ``server_url``.

        ``bounds`` is asked at every answer of the server; where it returns None the answer stays as it is.
        """
        route = Route(self, server_url, bounds)
        self.routes[route.path] = route
        return route

    async def listen(self) -> str:
        """Return the address that this listens on. Raises OSError where no port can be had."""
        async with self._lock:
            if self._runner is None:
                application = web.Application()
                application.router.add_route("*", "/{route}/{path:.*}", self._handle)
                runner = web.AppRunner(
                    application,
                    access_log=None,
                    shutdown_timeout=0.1,
                    max_field_size=MAX_TOKEN_BYTES,
                    max_line_size=MAX_TOKEN_BYTES,
                )
                await runner.setup()
                try:
                    await web.TCPSite(runner, "127.0.0.1", 0).start()
                except OSError:
                    await runner.cleanup()
                    raise
                timeout = aiohttp.ClientTimeout(total=None, sock_connect=DIAL_TIMEOUT_S)
                self._client = aiohttp.ClientSession(connector=connector(), timeout=timeout, trust_env=True)
                self._runner = runner
        host, port = self._runner.addresses[0][:2]
        return f"{host}:{port}"

    async def close(self) -> None:
        """End every connection."""
        runner, client = self._runner, self._client
        self._runner = self._client = None
        if client is not None:
            await client.close()
        if runner is not None:
            await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        route = self.routes.get(request.match_info["route"])
        if route is None or self._client is None:
            return web.Response(status=404)
        route.reached = True
        # To join, the SDK tries four times: once is enough. To come back it tries longer, and needs each.
        if route.failure is not None and not route.joined:
            return web.Response(status=502, text=str(route.failure))
        path = request.raw_path.split("/", 2)[2]
        # With http for ws: by that scheme a proxy is found in the environment.
        server = route.server.with_scheme(_HTTP_SCHEMES.get(route.server.scheme, route.server.scheme))
        target = URL(f"{str(server).rstrip('/')}/{path}", encoded=True)
        headers = {name: text for name, text in request.headers.items() if name.lower() not in _NOT_PASSED_ON}
        try:
            if request.headers.get("Upgrade", "").lower() == "websocket":
                return await _web_socket(self._client, request, target, headers, route)
            return await _http(self._client, request, target, headers)
        except aiohttp.WSServerHandshakeError as error:
            return web.Response(status=error.status, text=error.message)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            route.failure = error
            return web.Response(status=502, text=str(error))


async def _http(
    client: aiohttp.ClientSession, request: web.Request, target: URL, headers: dict[str, str]
) -> web.Response:
    async with (
        asyncio.timeout(DIAL_TIMEOUT_S),
        client.request(request.method, target, headers=headers, data=await request.read()) as answer,
    ):
        body = await answer.read()
    return web.Response(status=answer.status, body=body, content_type=answer.content_type)


async def _web_socket(
    client: aiohttp.ClientSession, request: web.Request, target: URL, headers: dict[str, str], route: Route
) -> web.WebSocketResponse:
    async with asyncio.timeout(DIAL_TIMEOUT_S):
        server = await client.ws_connect(
            target, headers=headers, autoping=False, autoclose=False, max_msg_size=MAX_MESSAGE_BYTES
        )
    participant = web.WebSocketResponse(
        autoping=False, autoclose=False, max_msg_size=MAX_MESSAGE_BYTES, compress=False
    )
    try:
        await participant.prepare(request)
        route.participant, route.server_socket, route.pings = participant, server, SignalPings()
        async with asyncio.TaskGroup() as both:
            both.create_task(_pass_on(participant, server, answer=route.answer_to))
            both.create_task(
                _pass_on(
                    server,
                    participant,
                    lambda data: _read_and_bounded(data, route),
                    ours=lambda pong: route.pings.answered(pong, time.monotonic()),
                )
            )
    finally:
        if route.participant is participant:
            route.participant = route.server_socket = None
        await server.close()
    return participant


async def _pass_on(
    source: Socket,
    sink: Socket,
    rewrite: Callable[[bytes], bytes] = lambda data: data,
    answer: Callable[[bytes], bytes | None] = lambda _data: None,
    ours: Callable[[bytes], bool] = lambda _pong: False,
) -> None:
    """Pass on what ``source`` says until it closes, and then close ``sink`` with its code.

    What ``answer`` has an answer to is not passed on, nor are pongs that are ``ours``.
    """
    code, reason = aiohttp.WSCloseCode.INTERNAL_ERROR.value, b""
    with suppress(ConnectionError):
        while True:
            message = await source.receive()
            match message.type:
                case WSMsgType.BINARY if (answered := answer(message.data)) is not None:
                    await source.send_bytes(answered)
                case WSMsgType.BINARY:
                    await sink.send_bytes(rewrite(message.data))
                case WSMsgType.TEXT:
                    await sink.send_str(message.data)
                case WSMsgType.PING:
                    await sink.ping(message.data)
                case WSMsgType.PONG:
                    if not ours(bytes(message.data)):
                        await sink.pong(message.data)
                case WSMsgType.CLOSE:
                    code, reason = message.data, (message.extra or "").encode()
                    break
                case _:
                    break
    with suppress(ConnectionError):
        await sink.close(code=code, message=reason)


def _read_and_bounded(data: bytes, route: Route) -> bytes:
    """Return a message of the server's; if it is an answer to a publisher, with the route's bounds in it."""
    try:
        message = rtc.SignalResponse.FromString(data)
    except DecodeError:
        return data  # the SDK's to complain of
    match message.WhichOneof("message"):
        case "join":
            route.joined = True
            route.server_protocol, route.given = message.join.server_info.protocol, None
            route.ceiling_bps = route.offered = route.answer = None
            route.flushes, route.floor_bps = 0, None
        case "reconnect":
            route.server_protocol = message.reconnect.server_info.protocol
            route.offered = route.answer = None  # what was answered may have been another server's
        case "refresh_token":
            route.refreshed_token = message.refresh_token
        case "answer":
            route.answer = rtc.SessionDescription()
            route.answer.CopyFrom(message.answer)
            return route.bounded(message)
    return data
