"""What encoders pass before they are heard: PROXY header, TLS and token, over real sockets and real TLS."""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from ingestd.config import Address
from ingestd.config.schema import TlsConfig
from ingestd.config.tls_contexts import server_context
from ingestd.source.admission import ANSWER_TIME_S
from ingestd.source.connection_limits import ConnectionCount
from tests.source.line import GREETING, Encoder, Stream, listening
from tests.support.certificates import Certificate, make_ca, sign
from tests.support.wait import PATIENCE_S, eventually

TLS_PORT = Address("tls", "127.0.0.1", 0)
TOKEN = "b2f1c0ffee15600d"
LINE = b"INGEST " + TOKEN.encode() + b"\n"
BEHIND = b"PROXY TCP4 10.1.2.3 127.0.0.1 40112 5004\r\n"


@pytest.fixture(scope="module")
def ours(ca: Certificate) -> dict[str, str]:
    made = sign(ca, "ingestd.test")
    return {"cert": str(made.cert), "key": str(made.key)}


def trusting(ca: Certificate, own: Certificate | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca.cert)
    if own is not None:
        context.load_cert_chain(own.cert, own.key)
    return context


@contextlib.asynccontextmanager
async def dialled(
    address: Address, context: ssl.SSLContext | None = None, before: bytes = b""
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """An encoder, by asyncio's own TLS; `before` is sent in the clear."""
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(before)
        await writer.drain()
        if context is not None:
            await writer.start_tls(context, server_hostname="ingestd.test")
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


def shake_hands(context: ssl.SSLContext, port: int) -> None:
    """As encoders in C do, which tell the other end what they do not like; asyncio just hangs up."""
    with (
        socket.create_connection(("127.0.0.1", port), PATIENCE_S) as line,
        context.wrap_socket(line, server_hostname="ingestd.test") as tls,
    ):
        tls.recv(1)


async def closed(reader: asyncio.StreamReader) -> bool:
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        async with asyncio.timeout(PATIENCE_S):
            return await reader.read() == b""
    return True


# Tokens.


async def test_who_shows_the_token_is_heard_and_nothing_behind_it_is_lost() -> None:
    stream = Stream()
    async with listening(stream, token=["another-token-of-16", TOKEN]) as (listener, admission):
        async with dialled(listener.address) as (_, writer):
            writer.write(LINE + GREETING + b"pictures")
            await stream.until(lambda: stream.received == b"pictures")
        assert admission.connections["accepted"] == 1


@pytest.mark.parametrize("first", [b"INGEST wrong\n", b"\0\0\0\1gpictures"])
async def test_who_does_not_is_turned_away_after_a_fixed_time_and_takes_no_place(first: bytes) -> None:
    stream, loop = Stream(), asyncio.get_running_loop()
    with capture_logs() as log:
        async with listening(stream, token=TOKEN) as (listener, admission):
            begun = loop.time()
            async with dialled(listener.address) as (reader, writer):
                writer.write(first)
                await eventually(lambda: admission.connections["token"] == 1)
                async with dialled(listener.address) as (_, right):
                    right.write(LINE + GREETING)
                    await stream.until_events(1)
                assert await closed(reader)
            assert loop.time() - begun > ANSWER_TIME_S * 0.9
            assert stream.events[0] == "connected"
    (refused,) = (line for line in log if line["event"] == "encoder refused")
    assert "source.token" in refused["reason"]
    assert "wrong" not in str(log)
    assert TOKEN not in str(log)


async def test_a_token_that_does_not_come_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestd.source.token_gate.TokenLine.TIMEOUT_S", 0.3)
    stream = Stream()
    async with listening(stream, token=TOKEN) as (listener, admission):
        async with dialled(listener.address) as (reader, writer), dialled(listener.address) as (silent, _):
            writer.write(b"INGEST ")
            assert await closed(reader)
            assert await closed(silent)
        await eventually(lambda: admission.connections["probe"] == 1)
        assert admission.connections["token"] == 1
        assert admission.last_turned_away is not None
        assert "has not come to an end" in admission.last_turned_away
    assert stream.events == []


async def test_a_token_that_no_one_asks_for_is_taken_off_and_said_once() -> None:
    stream = Stream()
    with capture_logs() as log:
        async with listening(stream) as (listener, _):
            for count in (1, 2):
                async with dialled(listener.address) as (_, writer):
                    writer.write(LINE + GREETING + b"pictures")
                    await stream.until_events(2 * count - 1)
                await stream.until_events(2 * count)
            assert stream.received == b"pictures" * 2
    (warning,) = (line for line in log if line["log_level"] == "warning")
    assert "set source.token" in warning["event"]


async def test_a_token_file_that_changes_counts_though_nobody_dials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestd.source.entrance.LOOK_INTERVAL_S", 0.01)
    path = tmp_path / "tokens"
    path.write_text(TOKEN)
    stream = Stream()
    with capture_logs() as log:
        async with listening(stream, token_file=str(path)):
            path.write_text("another-token-of-enough-length")
            await eventually(lambda: [line["event"] for line in log].count("tokens read") == 2)


async def test_tokens_work_on_a_unix_socket(tmp_path: Path) -> None:
    stream = Stream()
    address = Address("unix", path=str(tmp_path / "cam.sock"))
    async with listening(stream, address, token=TOKEN) as (listener, admission):
        right, wrong = Encoder.dial_silently(listener.address), Encoder.dial_silently(listener.address)
        await wrong.send(b"INGEST guess\n")
        await right.send(LINE + GREETING + b"pictures")
        await stream.until(lambda: stream.received == b"pictures")
        assert await wrong.read() == b""
        assert admission.connections["token"] == 1
        right.hang_up()


# TLS.


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_tls_carries_all_both_ways_and_the_end_is_found(
    ca: Certificate, ours: dict[str, str], version: ssl.TLSVersion
) -> None:
    stream, context, data = Stream(), trusting(ca), bytes(range(256)) * 4000
    context.minimum_version = context.maximum_version = version
    async with listening(stream, TLS_PORT, tls=ours) as (listener, admission):
        async with dialled(listener.address, context) as (reader, writer):
            writer.write(GREETING + data)
            await stream.until(lambda: len(stream.received) == len(data))
            assert admission.send(b"a keyframe, please\n")
            assert await reader.readline() == b"a keyframe, please\n"
            writer.write(b"the end")
            writer.close()
            await stream.until_events(2)
        assert stream.received == data + b"the end"
        assert stream.events == ["connected", "gone: the encoder closed the connection"]
        assert stream.errors == [None]


async def test_what_waits_behind_a_throttle_is_passed_on_and_its_end_found(
    ca: Certificate, ours: dict[str, str]
) -> None:
    stream, data = Stream(), bytes(range(256)) * 2000
    async with listening(stream, TLS_PORT, tls=ours) as (listener, admission):
        async with dialled(listener.address, trusting(ca)) as (_, writer):
            writer.write(GREETING)
            await stream.until_events(1)
            admission.throttle(True)
            writer.write(data)
            writer.close()
            connection = admission.current
            assert connection is not None
            await eventually(lambda: connection.finished() or not connection.look_ahead())
            assert stream.received == b""
            admission.throttle(False)
            await stream.until_events(2)
        assert stream.received == data


async def test_records_of_one_byte_come_through_and_leave_the_loop_to_others(
    ca: Certificate, ours: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestd.source.connection.MAX_ENTRANCE_TURN_S", 0.0)  # each read is too long
    stream = Stream()
    async with listening(stream, TLS_PORT, tls=ours) as (listener, _):
        async with dialled(listener.address, trusting(ca)) as (_, writer):
            writer.write(GREETING)
            for number in range(5000):
                writer.write(bytes([number % 251]))
            await stream.until(lambda: len(stream.received) == 5000)
        assert stream.received == bytes(number % 251 for number in range(5000))


async def test_files_of_tls_are_read_while_the_loop_goes_on(
    ours: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    loop_went_on = threading.Event()

    def read(tls: TlsConfig) -> ssl.SSLContext:
        assert loop_went_on.wait(PATIENCE_S)
        return server_context(tls)

    monkeypatch.setattr("ingestd.config.tls_contexts.server_context", read)
    asyncio.get_running_loop().call_soon(loop_went_on.set)
    async with listening(Stream(), TLS_PORT, tls=ours):
        assert loop_went_on.is_set()


async def test_the_name_in_an_encoder_s_certificate_is_known(ca: Certificate, ours: dict[str, str]) -> None:
    stream, tls = Stream(), {**ours, "client_ca": str(ca.cert)}
    async with (
        listening(stream, TLS_PORT, tls=tls) as (listener, _),
        dialled(listener.address, trusting(ca, sign(ca, "camera-7"))) as (_, writer),
    ):
        writer.write(GREETING)
        await stream.until_events(1)
        assert stream.connections_[0].name == "camera-7"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
@pytest.mark.parametrize(
    ("who", "reason"),
    [
        ("plain", "it sends plain bytes to a port that speaks TLS; have it dial tls://"),
        ("token in the clear", "it sends its token in the clear to a port that speaks TLS"),
        ("proxy header", "set source.proxy_protocol: true"),
        ("garbage", "TLS failed: "),
        ("half a handshake", "its TLS handshake has not come to an end"),
        ("no certificate", "it shows no certificate; give it one of the CA in source.tls.client_ca"),
        ("another CA", "its certificate is refused: "),
        ("old", "it speaks no TLS 1.2 or newer"),
        ("distrustful", "it does not trust our certificate; give it the CA of source.tls.cert"),
    ],
)
async def test_who_does_not_pass_tls_is_told_from_the_others(
    ca: Certificate, ours: dict[str, str], who: str, reason: str, tmp_path: Path
) -> None:
    stream, tls = Stream(), {**ours, "client_ca": str(ca.cert)}
    plain = {
        "plain": b"\0\0\0\1g",
        "token in the clear": LINE,
        "proxy header": BEHIND,
        "garbage": b"\x16\x03\x01\0\x20" + bytes(64),
        "half a handshake": b"\x16\x03\x01\0\x20\x01",
    }
    async with listening(stream, TLS_PORT, tls=tls) as (listener, admission):
        if who in plain:
            async with dialled(listener.address) as (reader, writer):
                writer.write(plain[who])
                if who == "half a handshake":
                    writer.close()
                await closed(reader)
        else:
            other = make_ca(tmp_path, "other")
            context = trusting(ca, sign(other, "camera") if who == "another CA" else None)
            if who == "old":
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.set_ciphers("ALL:@SECLEVEL=0")
                context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
            if who == "distrustful":
                context = trusting(other)
            with contextlib.suppress(ssl.SSLError, ConnectionError):
                await asyncio.to_thread(shake_hands, context, listener.address.port)
        await eventually(lambda: admission.last_turned_away is not None)
        assert reason in str(admission.last_turned_away)
        assert admission.connections["tls"] + admission.connections["proxy_header"] == 1
    assert stream.events == []


async def test_a_handshake_that_takes_too_long(ours: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestd.source.tls_stage.TlsStage.TIMEOUT_S", 0.3)
    async with listening(Stream(), TLS_PORT, tls=ours) as (listener, admission):
        async with dialled(listener.address) as (reader, writer):
            writer.write(b"\x16\x03\x01\0\x20\x01")
            assert await closed(reader)
        assert admission.connections["tls"] == 1


async def test_who_shakes_hands_and_says_no_more_is_a_probe(ca: Certificate, ours: dict[str, str]) -> None:
    stream = Stream()
    async with listening(stream, TLS_PORT, tls=ours) as (listener, admission):
        async with dialled(listener.address, trusting(ca)) as (_, writer):
            assert admission.silent == 1
            writer.close()
            await writer.wait_closed()
        await eventually(lambda: admission.connections["probe"] == 1)
    assert stream.events == []


# A load balancer.


@pytest.mark.parametrize("token", [None, TOKEN])
async def test_header_tls_and_token_in_this_order(
    ca: Certificate, ours: dict[str, str], token: str | None
) -> None:
    stream = Stream()
    keys: dict[str, Any] = {"tls": ours, "proxy_protocol": True, "token": token, "allow": ["10.0.0.0/8"]}
    async with listening(stream, TLS_PORT, **keys) as (listener, admission):
        async with dialled(listener.address, trusting(ca), before=BEHIND) as (_, writer):
            writer.write((LINE if token else b"") + GREETING + b"pictures")
            await stream.until(lambda: stream.received == b"pictures")
            assert stream.connections_[0].peer == "10.1.2.3:40112"
            assert stream.connections_[0].host == "10.1.2.3"
        assert admission.connections["accepted"] == 1


async def test_allow_means_who_is_behind_the_balancer() -> None:
    stream = Stream()
    async with listening(stream, proxy_protocol=True, allow=["10.1.2.3"]) as (listener, admission):
        for header in (BEHIND.replace(b"10.1.2.3", b"10.1.2.4"), b"PROXY UNKNOWN\r\n"):
            async with dialled(listener.address) as (reader, writer):
                writer.write(header + GREETING)
                assert await closed(reader)
        assert admission.connections["not_allowed"] == 2
        async with dialled(listener.address) as (_, writer):
            writer.write(BEHIND + GREETING + b"pictures")
            await stream.until(lambda: stream.received == b"pictures")


async def test_health_checks_of_a_balancer_are_probes() -> None:
    local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"
    async with listening(Stream(), proxy_protocol=True) as (listener, admission):
        for header in (b"", local, BEHIND, b"PROXY UNKNOWN\r\n"):
            async with dialled(listener.address) as (_, writer):
                writer.write(header)
                await writer.drain()
                await eventually(lambda: admission.silent == 1)
            await eventually(lambda: admission.silent == 0)
        assert admission.connections["probe"] == 4
        assert admission.last_turned_away is None


async def test_no_header_where_one_is_wanted() -> None:
    async with listening(Stream(), proxy_protocol=True) as (listener, admission):
        async with dialled(listener.address) as (reader, writer):
            writer.write(b"\0\0\0\1g")
            assert await closed(reader)
        assert admission.connections["proxy_header"] == 1
        assert "source.proxy_protocol: false" in str(admission.last_turned_away)


# Limits.


async def test_an_address_that_comes_too_often_is_refused() -> None:
    async with listening(Stream(), max_connection_rate=3) as (listener, admission):
        for _ in range(10):
            Encoder.dial(listener.address).hang_up()
        await eventually(lambda: admission.connections["limit"] > 0)


async def test_connections_beyond_the_limit_of_a_stream() -> None:
    stream = Stream()
    async with listening(stream, max_connections=2) as (listener, admission):
        first = Encoder.dial(listener.address)
        await stream.until_events(1)
        silent = [Encoder.dial_silently(listener.address) for _ in range(3)]
        assert await silent[0].read() == b"", "the oldest that has sent nothing gives way"
        assert await silent[1].read() == b""
        assert admission.silent == 1
        first.hang_up()
        silent[2].hang_up()


async def test_connections_beyond_the_limit_of_all_streams() -> None:
    stream, count = Stream(), ConnectionCount(1)
    async with listening(stream, count=count) as (listener, admission):
        first = Encoder.dial(listener.address)
        await stream.until_events(1)
        second = Encoder.dial_silently(listener.address)
        assert await second.read() == b""
        assert admission.connections["limit"] == 1
        await eventually(lambda: count.open == 1)
        first.hang_up()
        await eventually(lambda: count.open == 0)


async def test_who_is_refused_is_the_encoder_behind_the_balancer_also_where_all_comes_in_one_read() -> None:
    with capture_logs() as lines:
        async with listening(Stream(), proxy_protocol=True, token=[TOKEN]) as (listener, admission):
            async with dialled(listener.address) as (reader, writer):
                writer.write(BEHIND + b"INGEST wrong\n")
                await reader.read()
            await eventually(lambda: admission.connections["token"] == 1)
    assert [line["peer"] for line in lines if line["event"] == "encoder refused"] == ["10.1.2.3:40112"]
