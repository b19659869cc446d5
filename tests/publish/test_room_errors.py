"""What keeps us out of rooms, each provoked with the real thing: the word, the sentence, the cure."""

import contextlib
import http.server
import shutil
import socket
import socketserver
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
from livekit import api, rtc

from ingestd.devserver.livekit_server import LiveKitServer
from ingestd.errors import RoomError
from ingestd.publish.room_errors import not_joined
from ingestd.publish.room_join import RoomAddress, connect, connect_with_token

# A name of which each part means another fault, to be mistaken for none of them.
ROOM = "dns-tls-401-timeout"
POLL_S = 0.02  # seconds between two looks at whether a server shall end


async def refusal(url: str, key: str = "key", secret: str = "s" * 40) -> RoomError:
    """Why a room at ``url`` is not joined."""
    with pytest.raises(RoomError) as caught:
        await connect(rtc.Room(), RoomAddress(url, key, secret, ROOM, "cam"))
    return caught.value


@contextlib.contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(POLL_S,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _NoPages(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(http.HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Quiet(http.server.ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """That nobody likes the certificate is the test."""


@pytest.fixture
def tls_port(tmp_path: Path) -> Iterator[int]:
    """A web server that speaks TLS, with a certificate that nobody has signed."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with: install it")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    name = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*make, *name, *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = _Quiet(("127.0.0.1", 0), _NoPages)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with serving(server):
        yield server.server_port


async def test_a_wrong_key_or_secret(livekit: LiveKitServer) -> None:
    for key, secret in (("nobody", livekit.api_secret), (livekit.api_key, "x" * 40)):
        error = await refusal(livekit.url, key, secret)
        assert error.reason == "unauthorized"
        assert "check livekit.api_key and api_secret" in str(error)
        assert "eyJ" not in str(error)


@pytest.mark.parametrize(("hours", "which"), [(1, "ahead of"), (-2, "behind")])
async def test_a_clock_that_is_wrong(livekit: LiveKitServer, hours: int, which: str) -> None:
    now = int(time.time()) + hours * 3600
    grants = {"roomJoin": True, "room": ROOM}
    claims = {"iss": livekit.api_key, "sub": "cam", "nbf": now, "exp": now + 3600, "video": grants}
    token = jwt.encode(claims, livekit.api_secret, algorithm="HS256")
    with pytest.raises(RoomError, match=f"this machine's clock is {which} the server's") as caught:
        await connect_with_token(rtc.Room(), livekit.url, token)
    assert caught.value.reason == "clock"


async def test_a_room_that_is_full(livekit: LiveKitServer) -> None:
    async with api.LiveKitAPI(livekit.http_url, livekit.api_key, livekit.api_secret) as client:
        await client.room.create_room(api.CreateRoomRequest(name=ROOM, max_participants=1))
        first = rtc.Room()
        await connect(first, RoomAddress(livekit.url, livekit.api_key, livekit.api_secret, ROOM, "first"))
        error = await refusal(livekit.url, livekit.api_key, livekit.api_secret)
        await first.disconnect()
        await client.room.delete_room(api.DeleteRoomRequest(room=ROOM))
    assert error.reason == "server_failed"
    assert "where a room is full" in str(error)


async def test_a_web_server_that_is_no_livekit_server() -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _NoPages)
    with serving(server):
        error = await refusal(f"ws://127.0.0.1:{server.server_port}")
    assert error.reason == "not_found"
    assert "no LiveKit server answers at this URL" in str(error)


async def test_a_certificate_that_is_not_trusted(tls_port: int) -> None:
    error = await refusal(f"wss://127.0.0.1:{tls_port}")
    assert error.reason == "tls"
    assert "the server's certificate is not trusted here" in str(error)


async def test_tls_to_a_port_that_speaks_none(livekit: LiveKitServer) -> None:
    error = await refusal(f"wss://127.0.0.1:{livekit.port}", livekit.api_key, livekit.api_secret)
    assert error.reason == "tls"
    assert "write ws:// for wss://" in str(error)


async def test_no_tls_to_a_port_that_speaks_it(tls_port: int) -> None:
    error = await refusal(f"ws://127.0.0.1:{tls_port}")
    assert error.reason == "broken_off"
    assert "write wss://" in str(error)


async def test_a_port_at_which_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    error = await refusal(f"ws://127.0.0.1:{port}")
    assert error.reason == "unreachable"
    assert "nothing listens there" in str(error)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("signal failure: client error: 401 Unauthorized - invalid API key: k", "unauthorized"),
        ("signal failure: client error: 404 Not Found - 404 page not found", "not_found"),
        ("IO error: Connection refused (os error 111)", "unreachable"),
        ("server error: 502 Bad Gateway - ray 401403404", "failed"),
        ("timed out after 10 s", "timeout"),
        ("failed to lookup address information: Name or service not known", "unresolved"),
        ("invalid peer certificate: UnknownIssuer", "tls"),
        ('invalid peer certificate: certificate is only valid for DnsName("timeout.example")', "tls"),
        ("client error: 404 Not Found - requested room does not exist", "no_such_room"),
        ("IO error: received corrupt message of type InvalidContentType", "tls"),
        ("IO error: Connection reset by peer (os error 104)", "broken_off"),
        ("IO error: Network is unreachable (os error 101)", "unreachable"),
        ("something nobody has seen", "failed"),
    ],
)
def test_what_the_sdk_says_becomes_a_reason_and_is_kept(message: str, reason: str) -> None:
    error = not_joined("ws://127.0.0.1:7880", message)
    assert error.reason == reason
    assert message in str(error)


def test_a_token_that_the_server_quotes_is_not_told_on_and_no_page_is_quoted_whole() -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW0ifQ.c2lnbmF0dXJl"
    error = not_joined("ws://127.0.0.1:7880", f"401 Unauthorized - invalid token: {token}, error: signature")
    assert "401 Unauthorized - invalid token: [token], error: signature" in str(error)
    page = "404 Not Found - <!DOCTYPE HTML>\n" + "<p>Nothing here</p>\n" * 100
    assert len(str(not_joined("ws://127.0.0.1:7880", page))) < 400
