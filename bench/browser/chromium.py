"""Runs a headless Chromium whose page holds viewers, and collects what each of them was shown, and when."""

import json
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, Self

from livekit import api

from ingestd.devserver.livekit_server import LiveKitServer

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
)
PATIENCE_S = 30.0


class Said(NamedTuple):
    """What the page has reported."""

    viewer: str
    event: str  # joins, joined, subscribed, shown, decoded, leaves, hides, shows, failed
    at: float  # seconds since 1970
    number: int | None  # of the picture shown, or of pictures decoded


class Chromium:
    """A browser and its page; ``client`` is the file livekit-client.umd.js."""

    def __init__(self, client: Path) -> None:
        found = next(filter(None, map(shutil.which, NAMES)), None)
        if found is None:
            raise FileNotFoundError(
                f"none of {', '.join(NAMES)} is installed; as root: apt-get install chromium"
            )
        self._program = found
        self._files = {
            "/": ("text/html", (Path(__file__).parent / "page.html").read_bytes()),
            "/livekit-client.js": ("text/javascript", client.read_bytes()),
        }
        self._commands: list[dict[str, Any]] = []
        self._said: list[Said] = []
        self._changed = threading.Condition()

    def __enter__(self) -> Self:
        """Start it; the page takes commands when this returns."""
        chromium = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                kind, body = chromium._files.get(self.path, ("text/plain", b""))
                self._answer(kind, body)

            def do_POST(self) -> None:
                said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self._answer("application/json", json.dumps(chromium._talk(said)).encode())

            def _answer(self, kind: str, body: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, name="page", daemon=True).start()
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._talked = False
        self._process = subprocess.Popen(
            [
                self._program,
                *ARGUMENTS,
                f"--user-data-dir={self._profile.name}",
                f"http://127.0.0.1:{self._server.server_port}/",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            self.wait_until(lambda: self._talked, "load the page")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(PATIENCE_S)
        self._server.shutdown()
        self._server.server_close()
        self._profile.cleanup()

    def join(self, server: LiveKitServer, room: str, viewer: str, *, adaptive: bool = False) -> None:
        """Have ``viewer`` join; ``adaptive``: with LiveKit's adaptiveStream."""
        grants = api.VideoGrants(room_join=True, room=room, can_publish=False)
        token = api.AccessToken(server.api_key, server.api_secret).with_identity(viewer).with_grants(grants)
        self._command("join", viewer, url=server.url, token=token.to_jwt(), adaptive=adaptive)

    def leave(self, viewer: str) -> None:
        """Have ``viewer`` leave the room."""
        self._command("leave", viewer)

    def hide(self, viewer: str) -> None:
        """Have the page hide the video of ``viewer``."""
        self._command("hide", viewer)

    def show(self, viewer: str) -> None:
        """Have the page show it again."""
        self._command("show", viewer)

    def said(self, viewer: str, event: str) -> list[Said]:
        """All reports of that kind so far."""
        with self._changed:
            return [said for said in self._said if (said.viewer, said.event) == (viewer, event)]

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for ``condition``; fail when patience is over."""
        deadline = time.monotonic() + PATIENCE_S
        with self._changed:
            while not condition():
                if (left := deadline - time.monotonic()) <= 0 or self._process.poll() is not None:
                    failed = [said for said in self._said if said.event == "failed"]
                    raise TimeoutError(f"the browser did not {what}; {failed}")
                self._changed.wait(left)

    def decoded(self, viewer: str) -> int:
        """How many pictures the browser has decoded for ``viewer`` since it subscribed."""
        before = len(self.said(viewer, "decoded"))
        self._command("count", viewer)
        self.wait_until(lambda: len(self.said(viewer, "decoded")) > before, "count what it has decoded")
        return self.said(viewer, "decoded")[-1].number or 0

    def _command(self, command: str, viewer: str, **arguments: Any) -> None:
        with self._changed:
            self._commands.append({"command": command, "viewer": viewer, **arguments})

    def _talk(self, said: list[dict[str, Any]]) -> list[dict[str, Any]]:
        with self._changed:
            self._talked = True
            self._said += [Said(s["viewer"], s["event"], s["at"], s.get("number")) for s in said]
            self._changed.notify_all()
            commands, self._commands = self._commands, []
            return commands
