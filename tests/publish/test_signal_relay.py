"""The signalling relay, between the SDK and a real server, and before a server that shows what passes."""

import asyncio
import contextlib
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yarl
from aiohttp import WSMsgType, web
from livekit import rtc
from livekit.protocol import models
from livekit.protocol import rtc as signalling

from ingestd.config import ParticipantConfig
from ingestd.devserver.livekit_server import LiveKitServer
from ingestd.errors import RoomError
from ingestd.publish.estimate_bounds import EstimateBounds
from ingestd.publish.frame_metadata import STRIPPING_PROTOCOL
from ingestd.publish.room_join import RoomAddress, connect
from ingestd.publish.send_stats import read
from ingestd.publish.signal_relay import SignalRelay
from ingestd.publish.track import PublishedTrack, publish
from tests.publish.support import OPTIONS, address, info, tracks_become, video
from tests.sdk.test_sdk_facts import CODECS
from tests.support.ports import free_port
from tests.support.wait import eventually

BOUNDS = EstimateBounds(start_bps=20_000_000, max_bps=100_000_000)
ANSWER = "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 98\r\na=rtpmap:98 VP8/90000\r\n"
SCENARIOS = ("SIGNAL_RECONNECT", "MIGRATION", "FULL_RECONNECT")


@pytest.fixture
async def relay() -> AsyncIterator[SignalRelay]:
    relay = SignalRelay()
    yield relay
    await relay.close()


@contextlib.asynccontextmanager
async def serving(
    handler: Callable[[web.Request], Any], tls: ssl.SSLContext | None = None, port: int = 0
) -> AsyncIterator[str]:
    """A server that is no LiveKit server; yields its address."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()
    try:
        yield f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def self_signed(directory: Path, name: str) -> ssl.SSLContext:
    key, certificate = directory / "key.pem", directory / "certificate.pem"
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                f"/CN={name}",
            ),
            *("-addext", f"subjectAltName=DNS:{name}", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context


async def submit(published: PublishedTrack, seconds: float) -> None:
    """Hand over pictures for a while, as an encoder would."""
    stream, end, number = video(), time.monotonic() + seconds, 0
    while time.monotonic() < end:
        published.source.capture_frame(
            rtc.EncodedVideoFrame(
                data=stream.access_units[number % 30],
                width=160,
                height=120,
                codec=CODECS["vp8"],
                frame_type=rtc.EncodedFrameType.ENCODED_FRAME_KEY
                if number % 30 == 0
                else rtc.EncodedFrameType.ENCODED_FRAME_DELTA,
                timestamp_us=time.monotonic_ns() // 1000,
            )
        )
        number += 1
        await asyncio.sleep(1 / 30)


async def first_target(published: PublishedTrack) -> float:
    """The first target that WebRTC gives its encoder, bit/s."""
    for _ in range(50):
        await submit(published, 0.1)
        if target := (await read(published.track)).target_bitrate_bps:
            return target
    raise AssertionError("WebRTC names no target")


@pytest.mark.parametrize(("bounds", "least", "most"), [(BOUNDS, 15e6, 41e6), (None, 1e5, 6e6)])
async def test_the_estimate_begins_where_the_bounds_say(
    livekit: LiveKitServer,
    room: str,
    relay: SignalRelay,
    bounds: EstimateBounds | None,
    least: float,
    most: float,
) -> None:
    url = await relay.route(livekit.url, lambda: bounds).open()
    joined = rtc.Room()
    await connect(joined, replace(address(livekit, room), url=url))
    published = await publish(joined, replace(OPTIONS, max_bitrate_bps=40_000_000), info())
    assert least < await first_target(published) < most
    await joined.disconnect()


async def test_a_probe_finds_what_the_link_carries_and_interrupts_nothing(
    livekit: LiveKitServer, room: str, relay: SignalRelay
) -> None:
    bounds = EstimateBounds(start_bps=1_000_000, max_bps=30_000_000)
    route = relay.route(livekit.url, lambda: bounds)
    joined = rtc.Room()
    await connect(joined, replace(address(livekit, room), url=await route.open()))
    published = await publish(joined, replace(OPTIONS, max_bitrate_bps=1_000_000_000), info())
    assert await first_target(published) < 10e6
    encoded = (await read(published.track)).frames_encoded
    await route.probe(30_000_000)
    for _ in range(50):
        await submit(published, 0.1)
        stats = await read(published.track)
        if (stats.target_bitrate_bps or 0) > 15e6:
            break
    else:
        raise AssertionError(f"the target is still {stats.target_bitrate_bps}")
    assert stats.frames_encoded > encoded
    await joined.disconnect()


async def test_a_lower_limit_holds_at_once_and_interrupts_nothing(
    livekit: LiveKitServer, room: str, relay: SignalRelay
) -> None:
    bounds = EstimateBounds(start_bps=4_000_000, max_bps=30_000_000)
    route = relay.route(livekit.url, lambda: bounds)
    joined = rtc.Room()
    await connect(joined, replace(address(livekit, room), url=await route.open()))
    published = await publish(joined, replace(OPTIONS, max_bitrate_bps=1_000_000_000), info())
    assert await first_target(published) > 3e6
    await submit(published, 1.0)
    published.source.take_feedback()

    async def available_bps() -> float:
        await submit(published, 0.1)
        assert not published.source.take_feedback().keyframe_requested
        return (await read(published.track)).available_bps or 0

    assert await available_bps() > 2.1e6
    for limit_bps, least_bps in ((2_000_000, 0), (8_000_000, 2_100_000)):
        await route.limit(limit_bps)
        for _ in range(50):
            if least_bps <= await available_bps() <= limit_bps:
                break
        else:
            raise AssertionError(f"it has not come to between {least_bps} and {limit_bps}")
    await joined.disconnect()


async def test_a_flush_has_the_encoder_begin_with_a_keyframe_and_leaves_the_counters(
    livekit: LiveKitServer, room: str, relay: SignalRelay
) -> None:
    bounds = EstimateBounds(start_bps=4_000_000, max_bps=30_000_000)
    route = relay.route(livekit.url, lambda: bounds)
    joined = rtc.Room()
    await connect(joined, replace(address(livekit, room), url=await route.open()))
    published = await publish(joined, replace(OPTIONS, max_bitrate_bps=1_000_000_000), info())
    assert await first_target(published) > 3e6
    await submit(published, 1.0)
    before = await read(published.track)
    published.source.take_feedback()
    await submit(published, 0.5)
    assert not published.source.take_feedback().keyframe_requested
    await route.flush()
    for _ in range(50):
        await submit(published, 0.1)
        if published.source.take_feedback().keyframe_requested:
            break
    else:
        raise AssertionError("the encoder goes on as before")
    await submit(published, 1.0)
    after = await read(published.track)
    assert after.packets_sent > before.packets_sent
    assert (after.available_bps or 0) > 3e6
    await joined.disconnect()


async def test_a_floor_is_the_estimate_until_it_is_taken_off_and_interrupts_nothing(
    livekit: LiveKitServer, room: str, relay: SignalRelay
) -> None:
    bounds = EstimateBounds(start_bps=1_000_000, max_bps=4_000_000)
    route = relay.route(livekit.url, lambda: bounds)
    joined = rtc.Room()
    assert not route.can_set_floor
    await connect(joined, replace(address(livekit, room), url=await route.open()))
    published = await publish(joined, replace(OPTIONS, max_bitrate_bps=1_000_000_000), info())
    await first_target(published)
    published.source.take_feedback()
    assert route.can_set_floor
    await route.set_floor(9_000_000)
    await submit(published, 0.5)
    assert (await read(published.track)).available_bps == 9_000_000
    await route.end_floor(3_000_000)
    await submit(published, 0.5)
    assert (await read(published.track)).available_bps == 3_000_000
    assert not published.source.take_feedback().keyframe_requested
    await joined.disconnect()


async def test_pings_find_out_how_long_a_round_trip_takes(
    livekit: LiveKitServer, room: str, relay: SignalRelay
) -> None:
    route = relay.route(livekit.url, lambda: BOUNDS)
    await route.ping()
    joined = rtc.Room()
    await connect(joined, replace(address(livekit, room), url=await route.open()))
    await route.ping()
    await eventually(lambda: route.pings.shortest_s < 1, "answer")
    assert route.pings.queued_s(time.monotonic()) == 0
    await joined.disconnect()


async def test_a_probe_leaves_the_bounds_as_they_were_answered_last(relay: SignalRelay) -> None:
    tracks = [EstimateBounds(1_000_000, 10_000_000), EstimateBounds(1_000_000, 20_000_000)]
    route = relay.route("ws://127.0.0.1:1", lambda: tracks.pop(0) if len(tracks) > 1 else tracks[0])
    sdp = "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\n"

    def answered() -> str:
        response = signalling.SignalResponse(answer=signalling.SessionDescription(sdp=sdp))
        return signalling.SignalResponse.FromString(route.bounded(response)).answer.sdp

    assert "x-google-max-bitrate=10000" in answered()
    assert "x-google-max-bitrate=20000" in answered(), "another track has joined, or the first one grown"
    route.ceiling_bps = 4_000_000
    assert "x-google-max-bitrate=20000" in answered()


@pytest.mark.parametrize("told", ["ceiling_bps", "flushes", "floor_bps"])
async def test_what_webrtc_was_told_since_leaves_the_bounds_of_its_tracks(
    relay: SignalRelay, told: str
) -> None:
    tracks = [EstimateBounds(1_000_000, 10_000_000), EstimateBounds(1_000_000, 20_000_000)]
    route = relay.route("ws://127.0.0.1:1", lambda: tracks.pop(0))
    sdp = "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\n"
    response = signalling.SignalResponse(answer=signalling.SessionDescription(sdp=sdp))
    route.bounded(response)
    setattr(route, told, 1)
    answered = signalling.SignalResponse.FromString(route.bounded(response)).answer.sdp
    assert "x-google-max-bitrate=10000" in answered, "its streams would be built anew"


async def test_a_token_with_all_that_a_participant_may_say_passes(
    livekit: LiveKitServer, room: str, relay: SignalRelay
) -> None:
    route = relay.route(livekit.url, lambda: None)
    said = {"metadata": "m" * 64_000, "attributes": {"k": "v" * 63_000}}
    there = replace(address(livekit, room), participant=ParticipantConfig.model_validate(said))
    joined = rtc.Room()
    await connect(joined, there, route)
    assert route.reached
    assert route.server_protocol is not None, "joined by the relay"
    assert len(joined.local_participant.metadata) == 64_000
    await joined.disconnect()


async def test_there_is_nothing_to_probe_before_a_room_is_joined(relay: SignalRelay) -> None:
    route = relay.route("ws://127.0.0.1:1", lambda: BOUNDS)
    await route.probe(1_000_000)
    await route.limit(1_000_000)
    assert route.ceiling_bps is None


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_what_interrupts_the_signalling_passes_through(
    livekit: LiveKitServer, room: str, relay: SignalRelay, scenario: str
) -> None:
    url = await relay.route(livekit.url, lambda: BOUNDS).open()
    joined, events = rtc.Room(), []
    joined.on("reconnecting", lambda: events.append("reconnecting"))
    joined.on("reconnected", lambda: events.append("reconnected"))
    await connect(joined, replace(address(livekit, room), url=url))
    await publish(joined, OPTIONS, info())
    await joined.simulate_scenario(getattr(rtc.SimulateScenarioKind, f"SIMULATE_{scenario}"))
    await eventually(lambda: "reconnected" in events, "reconnect")
    await tracks_become(livekit, room, {"cam": ["video/vp8"]})
    await joined.disconnect()


async def test_a_refused_token_is_told_as_the_server_says_it(
    livekit: LiveKitServer, room: str, relay: SignalRelay
) -> None:
    wrong = replace(address(livekit, room), api_secret="x" * 40)
    route = relay.route(livekit.url, lambda: BOUNDS)
    url = await route.open()
    said = []
    for where in (wrong, replace(wrong, url=url)):
        with pytest.raises(RoomError) as failed:
            await connect(rtc.Room(), where)
        said.append((failed.value.reason, str(failed.value).partition(": ")[2]))
    assert said[0] == said[1]
    assert said[0][0] == "unauthorized"
    assert route.failure is None


async def test_a_server_that_was_out_of_reach_after_a_join_is_dialled_again(
    livekit: LiveKitServer, room: str, relay: SignalRelay
) -> None:
    route = relay.route(livekit.url, lambda: BOUNDS)
    url, joined, events = await route.open(), rtc.Room(), []
    joined.on("reconnected", lambda: events.append("reconnected"))
    await connect(joined, replace(address(livekit, room), url=url))
    route.failure = OSError("out of reach for a while")
    await joined.simulate_scenario(rtc.SimulateScenarioKind.SIMULATE_SIGNAL_RECONNECT)
    await eventually(lambda: "reconnected" in events, "reconnect")
    await joined.disconnect()


async def test_a_server_that_is_not_there_is_dialled_once(relay: SignalRelay, room: str) -> None:
    route = relay.route(f"ws://127.0.0.1:{free_port()}", lambda: BOUNDS)
    url = await route.open()
    with pytest.raises(RoomError):
        await connect(rtc.Room(), RoomAddress(url, "key", "s" * 40, room, "cam"))
    assert isinstance(route.failure, aiohttp.ClientConnectorError)


async def test_who_has_been_let_in_is_passed_on_also_after_a_failure(relay: SignalRelay) -> None:
    port = free_port()
    route = relay.route(f"ws://127.0.0.1:{port}", lambda: BOUNDS)

    async def answer(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_bytes(signalling.SignalResponse(join=signalling.JoinResponse()).SerializeToString())
        await socket.close()
        return socket

    async with aiohttp.ClientSession() as sdk:
        url = await route.open()
        async with serving(answer, port=port), sdk.ws_connect(f"{url}/rtc") as socket:
            await socket.receive()
        with pytest.raises(aiohttp.WSServerHandshakeError, match="502"):
            await sdk.ws_connect(f"{url}/rtc")
        async with serving(answer, port=port), sdk.ws_connect(f"{url}/rtc") as socket:
            assert (await socket.receive()).type is WSMsgType.BINARY


async def test_paths_queries_headers_and_answers_pass_through(relay: SignalRelay) -> None:
    seen: list[tuple[str, str, str | None]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.method, request.raw_path, request.headers.get("Authorization")))
        return web.Response(status=418, text="short and stout")

    async with serving(answer) as server, aiohttp.ClientSession() as sdk:
        url = await relay.route(f"ws://{server}/under/a%2Fpath", lambda: BOUNDS).open()
        there = yarl.URL(f"{url.replace('ws', 'http', 1)}/rtc/v1/validate?a=%2B&b=c%20d", encoded=True)
        async with sdk.get(there, headers={"Authorization": "Bearer token"}) as said:
            assert (said.status, await said.text()) == (418, "short and stout")
        with pytest.raises(aiohttp.WSServerHandshakeError, match="418"):
            await sdk.ws_connect(yarl.URL(f"{url}/rtc?x=%2F", encoded=True))
        elsewhere = url.rpartition("/")[0]
        async with sdk.get(f"{elsewhere.replace('ws', 'http', 1)}/guessed/rtc") as said:
            assert said.status == 404
    assert seen == [
        ("GET", "/under/a%2Fpath/rtc/v1/validate?a=%2B&b=c%20d", "Bearer token"),
        ("GET", "/under/a%2Fpath/rtc?x=%2F", None),
    ]


async def test_messages_pings_and_close_codes_pass_both_ways(relay: SignalRelay) -> None:
    heard: list[tuple[WSMsgType, Any]] = []

    async def answer(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoping=False, autoclose=False)
        await socket.prepare(request)
        while (message := await socket.receive()).type is not WSMsgType.CLOSE:
            heard.append((message.type, message.data))
            if message.type is WSMsgType.PING:
                await socket.pong(message.data)
            elif message.data == b"leave":
                await socket.close(code=4001, message=b"room deleted")
                return socket
            else:
                await socket.send_bytes(message.data * 2)
        heard.append((message.type, message.data))
        return socket

    async with serving(answer) as server, aiohttp.ClientSession() as sdk:
        url = await relay.route(f"ws://{server}", lambda: BOUNDS).open()
        socket = await sdk.ws_connect(f"{url}/rtc", autoping=False, autoclose=False)
        await socket.ping(b"are you there")
        assert (await socket.receive())[:2] == (WSMsgType.PONG, b"are you there")
        await socket.send_bytes(b"\xff no protobuf")
        assert (await socket.receive()).data == b"\xff no protobuf" * 2
        await socket.send_bytes(b"leave")
        assert (await socket.receive())[:3] == (WSMsgType.CLOSE, 4001, "room deleted")
        await socket.close()

        socket = await sdk.ws_connect(f"{url}/rtc")
        await socket.close(code=4002)
        await eventually(lambda: (WSMsgType.CLOSE, 4002) in heard, "hear the close code")


async def test_a_server_that_breaks_off_ends_the_connection_here(relay: SignalRelay) -> None:
    async def answer(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        assert request.transport is not None
        request.transport.abort()
        return socket

    async with serving(answer) as server, aiohttp.ClientSession() as sdk:
        url = await relay.route(f"ws://{server}", lambda: BOUNDS).open()
        socket = await sdk.ws_connect(f"{url}/rtc")
        assert (await socket.receive()).type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING)


async def test_a_certificate_is_checked_against_the_servers_own_name(
    relay: SignalRelay, tmp_path: Path
) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text="reached")

    tls = self_signed(tmp_path, "another.example")
    async with serving(answer, tls) as server, aiohttp.ClientSession() as sdk:
        route = relay.route(f"wss://{server}", lambda: BOUNDS)
        url = await route.open()
        async with sdk.get(f"{url.replace('ws', 'http', 1)}/rtc/validate") as said:
            assert said.status == 502
        assert isinstance(route.failure, aiohttp.ClientConnectorCertificateError)


async def test_a_proxy_for_https_is_asked_for_the_way_to_the_server(
    relay: SignalRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    proxy = await asyncio.start_server(refuse, "127.0.0.1", 0)
    port = proxy.sockets[0].getsockname()[1]
    async with proxy, aiohttp.ClientSession() as sdk:
        url = await relay.route("wss://livekit.example", lambda: BOUNDS).open()
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
        with pytest.raises(aiohttp.WSServerHandshakeError, match="502"):
            await sdk.ws_connect(f"{url}/rtc")
    assert asked == [b"CONNECT livekit.example:443 HTTP/1.1\r\n"]


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy"])
async def test_beside_a_proxy_that_the_sdk_would_take_to_loopback_the_server_is_joined_directly(
    livekit: LiveKitServer, room: str, relay: SignalRelay, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    route = relay.route(livekit.url, lambda: BOUNDS)
    monkeypatch.setenv(name, "http://127.0.0.1:9")
    with pytest.raises(OSError, match="HTTP_PROXY"):
        await route.open()
    # The SDK reads the environment of the process, too: it is to find the server.
    monkeypatch.delenv(name)
    joined, opened = rtc.Room(), replace(address(livekit, room))
    monkeypatch.setattr("ingestd.publish.signal_relay.getproxies_environment", lambda: {"http": "x"})
    await connect(joined, opened, route)
    await joined.disconnect()
    assert not route.reached


async def test_the_protocol_version_of_a_livekit_server_is_known_once_it_is_joined(
    livekit: LiveKitServer, room: str, relay: SignalRelay
) -> None:
    route = relay.route(livekit.url, lambda: None)
    joined = rtc.Room()
    await connect(joined, replace(address(livekit, room), url=await route.open()))
    assert (route.server_protocol or 0) >= STRIPPING_PROTOCOL
    await joined.disconnect()


async def test_the_protocol_version_is_that_of_the_server_joined_last(relay: SignalRelay) -> None:
    joins = iter([17, 16])

    async def answer(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        info = models.ServerInfo(protocol=next(joins))
        message = signalling.SignalResponse(join=signalling.JoinResponse(server_info=info))
        await socket.send_bytes(message.SerializeToString())
        return socket

    async with serving(answer) as server, aiohttp.ClientSession() as sdk:
        route = relay.route(f"ws://{server}", lambda: BOUNDS)
        assert route.server_protocol is None
        for version in (17, 16):
            async with sdk.ws_connect(f"{await route.open()}/rtc") as socket:
                await socket.receive_bytes()
            assert route.server_protocol == version


async def test_the_start_is_that_of_the_first_answer_after_a_join(relay: SignalRelay) -> None:
    async def answer(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        joined = signalling.SignalResponse(join=signalling.JoinResponse())
        answered = signalling.SignalResponse(answer=signalling.SessionDescription(sdp=ANSWER, type="answer"))
        for message in (joined, answered, answered, joined, answered):
            await socket.send_bytes(message.SerializeToString())
        return socket

    wanted = iter([1, 2, 3])
    async with serving(answer) as server, aiohttp.ClientSession() as sdk:
        route = relay.route(f"ws://{server}", lambda: EstimateBounds(n := next(wanted) * 1_000_000, 10 * n))
        async with sdk.ws_connect(f"{await route.open()}/rtc") as socket:
            messages = [signalling.SignalResponse.FromString(await socket.receive_bytes()) for _ in range(5)]
    said = [m.answer.sdp.partition("google-")[2].strip() for m in messages if m.HasField("answer")]
    assert said == [
        f"start-bitrate={start}000;x-google-max-bitrate={most}000"
        for start, most in ((1, 10), (1, 20), (3, 30))
    ]


async def test_an_offer_that_says_nothing_new_is_answered_here(relay: SignalRelay) -> None:
    offers: list[str] = []

    async def answer(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            offers.append(signalling.SignalRequest.FromString(message.data).offer.sdp)
            said = signalling.SessionDescription(sdp=ANSWER, type="answer", id=len(offers))
            await socket.send_bytes(signalling.SignalResponse(answer=said).SerializeToString())
        return socket

    def offer(version: int, media: str) -> bytes:
        sdp = f"v=0\r\no=- 1 {version} IN IP4 127.0.0.1\r\n{media}"
        described = signalling.SessionDescription(sdp=sdp, type="offer", id=version)
        return signalling.SignalRequest(offer=described).SerializeToString()

    async with serving(answer) as server, aiohttp.ClientSession() as sdk:
        route = relay.route(f"ws://{server}", lambda: BOUNDS)
        async with sdk.ws_connect(f"{await route.open()}/rtc") as socket:
            answers = []
            for version, media in ((1, "m=video"), (2, "m=video"), (3, "m=audio"), (4, "m=video")):
                await socket.send_bytes(offer(version, media))
                answers.append(signalling.SignalResponse.FromString(await socket.receive_bytes()).answer)
    assert [sdp.partition("m=")[2] for sdp in offers] == ["video", "audio", "video"]
    assert [answer.id for answer in answers] == [1, 2, 2, 3]
    assert len({answer.sdp for answer in answers}) == 1
