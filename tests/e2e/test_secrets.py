"""Canaries: no secret that an operator gives to ingestd shows up in anything that it writes or answers."""

import base64
import os
import re
import resource
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jwt
import pytest
import yaml

from ingestd.devserver.livekit_server import LiveKitServer
from tests.conftest import RunDaemon
from tests.support.certificates import make_ca, sign
from tests.support.daemon import Daemon, run_command, stream
from tests.support.encoded import encode
from tests.support.ports import free_port
from tests.support.push import Encoder, over_and_over
from tests.support.viewer import Viewer
from tests.support.wait import PATIENCE_S

VIDEO = encode("h264", frames=60, gop=30, size=(160, 120))
PAGES = ("/", "/metrics", "/healthz", "/readyz", "/api/streams", "/preview/plain", "/nothing-here")
TOKEN, OLD_TOKEN = "canary-token-of-the-encoder", "canary-token-of-yesterday"
CANARIES = {
    "source.token": TOKEN,
    "source.token, the older": OLD_TOKEN,
    "a wrong token": "canary-guessed-by-a-stranger",
    "hooks.secret_file": "canary-secret-of-the-hook",
    "password in hooks.url": "canary-password-of-the-hook",
    "token in hooks.url": "canary-query-of-the-hook",
    "feedback.webhook_secret_file": "canary-secret-of-the-webhook",
    "password in feedback.webhook": "canary-password-of-the-webhook",
}


def spellings(secret: str) -> set[str]:
    """A secret as it is, and as URLs, HTTP's Basic authentication and JSON may carry it."""
    return {secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode().rstrip("=")}


class Canaries:
    """All secrets of one test, and the search for them."""

    def __init__(self, secrets: dict[str, str]) -> None:
        self.secrets = secrets

    def assert_none_in(self, text: str, where: str) -> None:
        for name, secret in self.secrets.items():
            assert not any(spelling in text for spelling in spellings(secret)), f"{name} in {where}"

    def assert_none_in_daemon(self, daemon: Daemon) -> None:
        for page in PAGES:
            self.assert_none_in(daemon.get(page)[1], page)
        self.assert_none_in(Path(f"/proc/{daemon.pid}/cmdline").read_text(), "the process's title")
        self.assert_none_in(daemon.log, "the log")
        cores, _ = resource.prlimit(daemon.pid, resource.RLIMIT_CORE)
        assert cores == 0, "a core of a crash holds all of them"

    def assert_none_in_commands(self, config: Path, before: Path) -> None:
        """`check`, with and without `--against` and `--connect`."""
        for more in ([], ["--against", str(before)], ["--connect"]):
            said = run_command("check", "--config", str(config), *more)
            self.assert_none_in(said.stdout + said.stderr, f"ingestd check {more}")


@pytest.fixture(autouse=True)
def cores_are_allowed() -> Iterator[None]:
    """As on machines that keep those of crashes."""
    before, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))
    yield
    resource.setrlimit(resource.RLIMIT_CORE, (before, most))


@pytest.fixture
def closed_port() -> int:
    return free_port()  # nothing listens there, so that hooks and webhooks fail and say so


def config_with_secrets(
    room: str, directory: Path, closed_port: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Streams and top-level keys that use every secret there is."""
    ours = sign(make_ca(directory), "localhost", file_name="server")
    (directory / "hook").write_text(CANARIES["hooks.secret_file"])
    (directory / "webhook").write_text(CANARIES["feedback.webhook_secret_file"])
    user, more = CANARIES["password in hooks.url"], CANARIES["token in hooks.url"]
    hooks = [
        {
            "url": f"http://user:{user}@127.0.0.1:{closed_port}/hook?token={more}",
            "secret_file": str(directory / "hook"),
            "events": ["up", "down", "stalled"],
        }
    ]
    password = CANARIES["password in feedback.webhook"]
    feedback = {
        "webhook": f"http://user:{password}@127.0.0.1:{closed_port}/feedback",
        "webhook_secret_file": str(directory / "webhook"),
    }
    plain = stream("plain", room, feedback=feedback)
    plain["source"]["token"] = [TOKEN, OLD_TOKEN]
    encrypted = stream("encrypted", room)
    encrypted["source"] = {
        "listen": f"tls://127.0.0.1:{free_port()}",
        "tls": {"cert": str(ours.cert), "key": str(ours.key)},
    }
    return {"hooks": hooks}, [plain, encrypted]


def test_no_secret_shows_up_whatever_goes_wrong(
    own_livekit: LiveKitServer, tmp_path: Path, room: str, closed_port: int
) -> None:
    keys, streams = config_with_secrets(room, tmp_path, closed_port)
    key_lines = [line for line in (tmp_path / "server.key").read_text().splitlines() if "-----" not in line]
    canaries = Canaries(
        CANARIES | {"livekit.api_secret": own_livekit.api_secret, "source.tls.key": key_lines[0]}
    )
    daemon = Daemon(own_livekit, tmp_path, *streams, level="debug", **keys)
    with daemon, Viewer(own_livekit, room) as viewer:
        say(daemon.port("plain"), f"INGEST {CANARIES['a wrong token']}\n".encode())
        say(daemon.port("encrypted"), b"INGEST not TLS\n")
        with Encoder(daemon.port("plain"), VIDEO, writing=over_and_over, first=f"INGEST {TOKEN}\n".encode()):
            viewer.wait_for_first_picture(timeout=PATIENCE_S)
            daemon.wait_for_problem("hook", timeout=PATIENCE_S)
            own_livekit.kill()  # failing connections are what tends to be logged with its URL
            daemon.wait_for_status("/readyz", 503, timeout=PATIENCE_S)
            canaries.assert_none_in_daemon(daemon)

            good = daemon.config_path.read_text()
            (tmp_path / "before.yaml").write_text(good)
            daemon.config_path.write_text(good.replace("webhook_secret_file", "webhook_secret_fle"))
            os.kill(daemon.pid, signal.SIGHUP)
            daemon.wait_for_problem("webhook_secret_fle", timeout=PATIENCE_S)
            canaries.assert_none_in_commands(daemon.config_path, tmp_path / "before.yaml")

            changed = re.sub(r"canary-token-of-yesterday", "canary-token-of-tomorrow", good)
            daemon.config_path.write_text(changed)
            canaries.secrets["the new token"] = "canary-token-of-tomorrow"
            canaries.assert_none_in_commands(daemon.config_path, tmp_path / "before.yaml")
            os.kill(daemon.pid, signal.SIGHUP)
            daemon.wait_for_record(
                lambda record: record.get("event") == "configuration changed",
                timeout=PATIENCE_S,
                what="reload",
            )
            canaries.assert_none_in_daemon(daemon)
    canaries.assert_none_in(daemon.log, "the log, to its end")


def test_no_token_for_a_room_shows_up(livekit: LiveKitServer, run_daemon: RunDaemon, tmp_path: Path) -> None:
    claims = {"iss": "key", "sub": "cam", "exp": 4e9, "video": {"roomJoin": True, "room": "lobby"}}
    token = jwt.encode(claims, "of a key that the server does not know")
    canaries = Canaries({"livekit.token": token, "its signature": token.rpartition(".")[2]})
    config = {
        "livekit": {"url": livekit.url, "token": token},
        "streams": [stream("cam", "lobby")],
    }
    file = tmp_path / "token.yaml"
    file.write_text(yaml.safe_dump(config))
    canaries.assert_none_in_commands(file, file)
    with run_daemon(stream("cam", "lobby"), livekit=config["livekit"], level="debug") as daemon:
        daemon.wait_for_problem("token", timeout=PATIENCE_S)
        canaries.assert_none_in_daemon(daemon)


def test_no_password_of_a_proxy_or_of_the_server_shows_up(
    tmp_path: Path, closed_port: int, livekit: LiveKitServer
) -> None:
    proxy, server = "canary-password-of-the-proxy", "canary-password-of-the-server"
    canaries = Canaries({"password of the proxy": proxy, "password in livekit.url": server})

    class Proxied(Daemon):
        @property
        def environment(self) -> dict[str, str]:
            names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
            return dict.fromkeys(names, f"http://user:{proxy}@127.0.0.1:{closed_port}")

    keys = {"url": f"wss://user:{server}@livekit.invalid", "api_key": "k", "api_secret": "s" * 40}
    hooks = [{"url": "https://hooks.invalid/", "events": ["up", "down", "stalled"]}]
    feedback = {"webhook": "https://hooks.invalid/feedback"}
    cam = stream("cam", "lobby", feedback=feedback)
    with Proxied(livekit, tmp_path, cam, level="debug", livekit=keys, hooks=hooks) as daemon:
        with Encoder(daemon.port(), VIDEO, writing=over_and_over):
            daemon.wait_for_problem("room not joined", timeout=PATIENCE_S)
        canaries.assert_none_in_daemon(daemon)
        canaries.assert_none_in_commands(daemon.config_path, daemon.config_path)


@pytest.mark.parametrize("key", ["api_secret", "token", "api_key"])
def test_no_error_quotes_the_secret_that_is_wrong(tmp_path: Path, key: str) -> None:
    canaries = Canaries({key: "canary-of-a-wrong-type"})
    file = tmp_path / "wrong.yaml"
    file.write_text(yaml.safe_dump({"livekit": {key: {"canary-of-a-wrong-type": 1}}, "streams": []}))
    said = run_command("check", "--config", str(file))
    assert said.returncode == 2
    canaries.assert_none_in(said.stdout + said.stderr, "the error")


def say(port: int, first: bytes) -> None:
    """Dial, say this, and wait until the daemon hangs up."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
        connection.sendall(first)
        while connection.recv(4096):
            pass
