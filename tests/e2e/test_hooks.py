"""Events of real streams, as the receiver of a hook gets them."""

import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ingestd.hooks.stream_watch import STALL_S
from tests.conftest import RunDaemon
from tests.media.vectors_h26x import annexb, slice
from tests.support.daemon import stream
from tests.support.encoded import encode
from tests.support.push import Encoder, over_and_over
from tests.support.wait import wait_until

VIDEO = encode("h264", frames=90, gop=30, size=(160, 120))
SECRET = "a secret that the receiver knows as well"


class Receiver:
    """An HTTP server that keeps what it is told, if the signature is right."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.forged = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                expected = f"sha256={hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}"
                if hmac.compare_digest(expected, self.headers.get("X-Ingestd-Signature", "")):
                    receiver.events.append(json.loads(body))
                else:
                    receiver.forged += 1
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://user:hidden-word@127.0.0.1:{self.server.server_port}/hook"

    def wait_for(self, *kinds: str) -> list[dict[str, Any]]:
        """Wait until it was told of these, and no others."""
        wait_until(lambda: len(self.events) >= len(kinds), f"be told of {kinds}, but of {self.events}")
        assert [event["event"] for event in self.events] == list(kinds), self.events
        return self.events


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever, daemon=True)
    thread.start()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()
    thread.join()
    assert receiver.forged == 0


def hooks(receiver: Receiver, tmp_path: Path) -> list[dict[str, Any]]:
    (tmp_path / "hook-secret").write_text(SECRET + "\n")
    return [{"url": receiver.url, "secret_file": "hook-secret"}]


def test_an_encoder_comes_and_goes_and_ingestd_stops(
    run_daemon: RunDaemon, room: str, tmp_path: Path, receiver: Receiver
) -> None:
    began_us = time.time_ns() // 1000
    with run_daemon(stream("cam", room), hooks=hooks(receiver, tmp_path)) as daemon:
        with socket.create_connection(("127.0.0.1", daemon.port())):
            pass  # a health check
        with Encoder(daemon.port(), VIDEO, writing=over_and_over):
            [up] = receiver.wait_for("up")
        down = receiver.wait_for("up", "down")[-1]
        assert (down["stream"], down["room"]) == ("cam", room)
        assert down["reason"] == "the encoder closed the connection"
        assert began_us < up["at_us"] <= down["at_us"] < time.time_ns() // 1000
        sent = daemon.metrics().total("ingestd_hook_events_total", stream="cam", result="sent")
        assert sent == 2
        with Encoder(daemon.port(), VIDEO, writing=over_and_over):
            receiver.wait_for("up", "down", "up")
            daemon.stop()
        assert receiver.wait_for("up", "down", "up", "down")[-1]["reason"] == "ingestd is stopping"
        assert SECRET not in daemon.log
        assert "hidden-word" not in daemon.log


@pytest.mark.long
def test_silence_is_no_stall_and_pictures_that_come_and_are_not_published_are_one(
    run_daemon: RunDaemon, room: str, tmp_path: Path, receiver: Receiver
) -> None:
    # A keyframe whose parameter sets never came: nothing is published up to the next that can be decoded.
    lost = annexb(slice(idr=True, pps_id=9, payload=b"x" * 200))
    with (
        run_daemon(stream("cam", room), hooks=hooks(receiver, tmp_path)) as daemon,
        Encoder(daemon.port(), VIDEO) as encoder,
    ):
        encoder.wait()
        time.sleep(STALL_S + 2)  # nothing is told in silence
        receiver.wait_for("up")
        until = time.monotonic() + STALL_S + 5
        while time.monotonic() < until and len(receiver.events) < 2:
            encoder._socket.sendall(lost)
            time.sleep(0.1)
        stalled = receiver.wait_for("up", "stalled")[-1]
        assert stalled["reason"].endswith("pictures come, and none is published")
        for picture in VIDEO.pieces:
            encoder._socket.sendall(picture)
        receiver.wait_for("up", "stalled", "up")
