"""The web server on a real port: what each path answers, and that nothing from outside becomes markup."""

import asyncio
import json
import logging
import re
import socket
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from unittest.mock import ANY

import aiohttp
import pytest
import structlog
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from ingestd.config import Address
from ingestd.errors import AddressError
from ingestd.observe import http, live_updates, logs, preview
from ingestd.observe.figures import StreamFigures
from ingestd.observe.http import HttpServer
from ingestd.observe.http_connections import MAX_LONG_CONNECTIONS
from ingestd.observe.metrics import make_registry
from tests.observe.support import figures
from tests.support.wait import PATIENCE_S, eventually


@dataclass
class Daemon:
    """What the server asks, set by each test."""

    streams: list[StreamFigures] = field(default_factory=lambda: [figures()])
    reasons: list[str] = field(default_factory=list)

    def figures(self) -> Iterable[StreamFigures]:
        return self.streams

    def problems(self) -> list[str]:
        return self.reasons


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def daemon() -> Daemon:
    return Daemon()


@pytest.fixture
async def get(daemon: Daemon) -> AsyncIterator[aiohttp.ClientSession]:
    registry = make_registry(daemon.figures, "1.2.3")
    server = HttpServer(Address("http", "127.0.0.1", 0), daemon, registry, "1.2.3")
    bound = await server.start()
    async with aiohttp.ClientSession(str(bound)) as session:
        yield session
    await server.stop()


async def test_alive(get: aiohttp.ClientSession) -> None:
    async with get.get("/healthz") as answer:
        assert (answer.status, await answer.text()) == (200, "ok\n")


async def test_ready_or_the_reasons_why_not(get: aiohttp.ClientSession, daemon: Daemon) -> None:
    async with get.get("/readyz") as answer:
        assert (answer.status, await answer.text()) == (200, "ready\n")

    daemon.reasons = ["front-door: room not joined", "side\ndoor: no encoder"]
    async with get.get("/readyz") as answer:
        assert answer.status == 503
        assert await answer.text() == "front-door: room not joined\nside door: no encoder\n"


async def test_metrics_as_text_and_as_openmetrics_on_request(get: aiohttp.ClientSession) -> None:
    async with get.get("/metrics") as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        assert 'ingestd_stream_up{stream="front-door"} 1.0' in await answer.text()

    wanted = {"Accept": "application/openmetrics-text; version=1.0.0"}
    async with get.get("/metrics", headers=wanted) as answer:
        assert answer.content_type == "application/openmetrics-text"
        assert (await answer.text()).endswith("# EOF\n")


@pytest.mark.parametrize(
    "accept",
    [
        "text/plain; version=abc",
        "text/plain; version=1..0",
        "application/openmetrics-text; version=abc",
        "application/openmetrics-text; version=1..0; escaping=values",
    ],
)
async def test_metrics_in_a_version_that_is_none_are_text(get: aiohttp.ClientSession, accept: str) -> None:
    async with get.get("/metrics", headers={"Accept": accept}) as answer:
        assert (answer.status, answer.content_type) == (200, "text/plain")
        assert 'ingestd_stream_up{stream="front-door"} 1.0' in await answer.text()


async def test_metrics_are_read_in_the_loop_and_written_in_a_thread(daemon: Daemon) -> None:
    """The figures change in the loop; to write them takes longer, and pictures must not wait for it."""
    read, written = [], []

    class Samples(list[Sample]):
        def __iter__(self) -> Iterator[Sample]:
            written.append(threading.current_thread())
            return super().__iter__()

    class Watched(Collector):
        def collect(self) -> Iterable[Metric]:
            read.append(threading.current_thread())
            family = GaugeMetricFamily("watched", "Who reads it.", value=1)
            family.samples = Samples(family.samples)
            yield family

    registry = make_registry(daemon.figures, "1")
    registry.register(Watched())
    read.clear()
    server = HttpServer(Address("http", "127.0.0.1", 0), daemon, registry, "1")
    url = f"{await server.start()}/metrics"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert "watched 1.0" in await answer.text()
    await server.stop()

    assert read == [threading.main_thread()]
    assert threading.main_thread() not in written


async def test_streams_as_json_have_the_names_of_the_figures(
    get: aiohttp.ClientSession, daemon: Daemon
) -> None:
    daemon.streams = [figures(bitrate_bps=float("nan"), problems=("no keyframe",))]

    async with get.get("/api/streams") as answer:
        assert answer.content_type == "application/json"
        (stream,) = await answer.json()

    names = [each.name for each in fields(StreamFigures)]
    assert list(stream) == ["name", "state", "state_reason", *names[1:]]
    assert (stream["state"], stream["state_reason"]) == ("starting", ANY)
    assert stream["frames_dropped"] == {"backlog": 8, "before_keyframe": 0}
    assert stream["frame_delay"] == {"count": 4, "p50": pytest.approx(0.0055), "p99": 0.1}
    assert stream["feedback_messages"]["rate"] == {"sent": 2, "dropped": 0, "failed": 5}
    assert stream["bitrate_bps"] is None
    assert stream["problems"] == ["no keyframe"]


async def test_the_page_tells_of_each_stream_also_of_one_that_came_just_now(
    get: aiohttp.ClientSession, daemon: Daemon
) -> None:
    daemon.streams = [figures(), figures(name="roof", up=False, encoder="", source="tcp://0.0.0.0:5005")]

    async with get.get("/") as answer:
        assert answer.content_type == "text/html"
        page = await answer.text()

    first, second = page.split("<section")[1:]
    assert 'data-stream="front-door"' in first
    assert 'data-state="starting"' in first, "no look at it yet"
    assert 'data-stream="roof"' in second
    assert 'data-state="waiting"' in second
    assert "no encoder at tcp://0.0.0.0:5005" in second


async def test_the_page_is_made_of_our_files_only(get: aiohttp.ClientSession) -> None:
    async with get.get("/") as answer:
        policy = answer.headers["Content-Security-Policy"]
        page = await answer.text()
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert not re.findall(r" style=| on\w+=|<style|javascript:", page)
    files = re.findall(r'(?:src|href)="(/[\w.-]+\.(?:css|js))"', page)
    assert files == ["/page.css", "/page.js"]
    assert not re.findall(r'(?:src|href)="(?!/|data:,)', page), "nothing comes from elsewhere"
    for file in files:
        async with get.get(file) as answer:
            assert answer.status == 200
            assert "http" not in re.sub(r"http://www.w3.org/2000/svg", "", await answer.text())


async def test_events_begin_with_the_history_and_go_on_with_samples(get: aiohttp.ClientSession) -> None:
    async with get.get("/api/events") as answer:
        assert answer.content_type == "text/event-stream"
        kinds: list[str] = []
        while kinds.count("sample") < 2:
            line = (await asyncio.wait_for(answer.content.readline(), PATIENCE_S)).decode()
            if line.startswith("event: "):
                kinds.append(line.removeprefix("event: ").strip())
    assert kinds == ["history", "sample", "sample"]


async def test_pages_beyond_the_limit_are_told_so_and_keep_no_scrape_out(
    get: aiohttp.ClientSession,
) -> None:
    pages = [await get.get("/api/events") for _ in range(MAX_LONG_CONNECTIONS)]
    async with get.get("/api/events") as answer:
        assert answer.status == 503
        assert f"{MAX_LONG_CONNECTIONS} pages are open already" in await answer.text()
    async with get.get("/metrics") as answer:
        assert answer.status == 200
    pages.pop().close()
    async with asyncio.timeout(PATIENCE_S):
        while True:
            async with get.get("/api/events") as answer:
                if answer.status == 200:
                    break
            await asyncio.sleep(0.05)
    for page in pages:
        page.close()


async def test_a_page_that_reads_nothing_is_let_go_and_does_not_hold_up_the_end(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_updates, "SLOW_CLIENT_S", 0.2)
    daemon.streams = [figures(name=f"cam-{number}", problems=("x" * 100_000,)) for number in range(64)]
    server = HttpServer(Address("http", "127.0.0.1", 0), daemon, make_registry(daemon.figures, "1"), "1")
    bound = await server.start()
    pages = [socket.socket() for _ in range(2)]
    for page in pages:
        page.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        page.connect(("127.0.0.1", bound.port))
        page.sendall(b"GET /api/events HTTP/1.1\r\nHost: x\r\n\r\n")
    await eventually(lambda: pages[0].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), "be reset")
    monkeypatch.setattr(live_updates, "SLOW_CLIENT_S", 60)
    with socket.create_connection(("127.0.0.1", bound.port)) as third:
        third.sendall(b"GET /api/events HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.wait_for(server.stop(), PATIENCE_S)
    for page in pages:
        page.close()


async def test_there_is_no_preview_unless_it_is_allowed(get: aiohttp.ClientSession) -> None:
    async with get.get("/preview/front-door") as answer:
        assert answer.status == 404
        assert "http.preview is false" in await answer.text()


class Access:
    url = "wss://livekit.example.com"
    refusal = None

    def token(self, room: str) -> str:
        return f"a token for {room}"


async def test_a_preview_that_is_allowed_is_a_page_of_each_stream(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(preview, "CLIENT", tmp_path)  # something that is there
    registry = make_registry(daemon.figures, "1")
    server = HttpServer(Address("http", "127.0.0.1", 0), daemon, registry, "1", Access())
    async with aiohttp.ClientSession(str(await server.start())) as get:
        async with get.get("/preview/front-door") as answer:
            assert "connect-src 'self' wss://livekit" in answer.headers["Content-Security-Policy"]
            assert 'data-token="a token for lobby"' in await answer.text()
        async with get.get("/preview/none") as answer:
            assert answer.status == 404
        async with get.get("/") as answer:
            assert 'href="/preview/front-door"' in await answer.text()
        monkeypatch.setattr(http, "ASSETS", tmp_path)
        async with get.get("/livekit-client.umd.js") as answer:
            assert answer.status == 404, "where it was not fetched"
    await server.stop()


@pytest.mark.parametrize(
    "path", ["/", "/metrics", "/healthz", "/readyz", "/api/streams", "/none", "/malformed"]
)
async def test_every_answer_has_the_security_headers(get: aiohttp.ClientSession, path: str) -> None:
    headers = {"X": "x" * 100_000} if path == "/malformed" else {}
    async with get.get(path, headers=headers) as answer:
        assert answer.status == {"/none": 404, "/malformed": 400}.get(path, 200)
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"


async def test_no_answer_tells_what_the_server_is_made_of(get: aiohttp.ClientSession) -> None:
    for headers in ({}, {"X": "x" * 100_000}):
        async with get.get("/healthz", headers=headers) as answer:
            assert answer.headers["Server"] == "ingestd"


async def test_requests_that_are_none_are_one_line_without_a_traceback(
    get: aiohttp.ClientSession, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(format="json")
    for _ in range(3):
        async with get.get("/", headers={"X": "x" * 100_000}) as answer:
            assert answer.status == 400
    (line,) = map(json.loads, capsys.readouterr().err.splitlines())
    assert (line["level"], line["event"]) == ("warning", "malformed HTTP request refused")
    assert (line["peer"], line["status"], line["why"]) == ("127.0.0.1", 400, "LineTooLong")


async def test_a_body_that_is_not_what_it_says_is_not_read(
    get: aiohttp.ClientSession, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(format="json")
    async with get.post("/", data=b"none", headers={"Content-Encoding": "gzip"}) as answer:
        assert answer.status == 405
    assert capsys.readouterr().err == ""


async def test_tls_to_our_port_is_no_traceback_at_debug_level_either(
    get: aiohttp.ClientSession, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("debug", "json")
    assert get._base_url is not None
    reader, writer = await asyncio.open_connection(get._base_url.host, get._base_url.port)
    writer.write(b"\x16\x03\x01" * 100)
    assert b"HTTPS traffic on an HTTP port" in await reader.read()
    writer.close()

    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert "Error handling request from 127.0.0.1" in [line["event"] for line in lines]
    assert all("exception" not in line for line in lines)


async def test_a_defect_of_ours_keeps_its_traceback(
    get: aiohttp.ClientSession, daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(format="json")
    daemon.reasons = [5]  # type: ignore[list-item]
    async with get.get("/readyz") as answer:
        assert answer.status == 500
    (line,) = map(json.loads, capsys.readouterr().err.splitlines())
    assert line["level"] == "error"
    assert "AttributeError" in line["exception"]


async def test_events_have_no_end_and_so_no_head(get: aiohttp.ClientSession) -> None:
    async with get.head("/api/events") as answer:
        assert answer.status == 405
        assert answer.headers["Allow"] == "GET"


async def test_nothing_can_be_changed(get: aiohttp.ClientSession) -> None:
    async with get.post("/api/streams") as answer:
        assert answer.status == 405
        assert answer.headers["Allow"] == "GET,HEAD"


async def test_a_port_that_is_taken_is_named(daemon: Daemon) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = HttpServer(
            Address("http", "127.0.0.1", port), daemon, make_registry(daemon.figures, "1"), "1"
        )
        with pytest.raises(
            AddressError, match=rf"http\.listen: http://127\.0\.0\.1:{port} cannot be listened on: "
        ):
            await server.start()
    await server.stop()


async def test_a_stopped_server_has_left_its_port(daemon: Daemon) -> None:
    registry = make_registry(daemon.figures, "1")
    first = HttpServer(Address("http", "127.0.0.1", 0), daemon, registry, "1")
    bound = await first.start()
    await first.stop()
    await first.stop()

    second = HttpServer(bound, daemon, registry, "1")
    assert await second.start() == bound
    await second.stop()
