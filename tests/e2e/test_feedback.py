"""What an encoder hears of WebRTC on its own connection, and what viewers see if it obeys, or does not."""

import json
import socket
import ssl
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import pytest

from ingestd import Codec
from ingestd.devserver.livekit_server import LiveKitServer
from tests.conftest import RunDaemon
from tests.e2e.test_examples import load
from tests.support.certificates import Certificate, sign
from tests.support.daemon import stream
from tests.support.encoded import encode
from tests.support.push import Encoder
from tests.support.viewer import Viewer
from tests.support.wait import PATIENCE_S

FPS = 30
KEYFRAMES = "ingestd_frames_received_total"


class ObedientEncoder:
    """The example's encoder, a keyframe every 10 s, on a TCP connection on which it does what it is told."""

    def __init__(self, port: int) -> None:
        self._encoder = load().Encoder(Codec.H264)
        self._line = socket.create_connection(("127.0.0.1", port))
        self._stop = threading.Event()
        self.told: list[dict[str, object]] = []

    def __enter__(self) -> Self:
        for work in (self._push, self._obey):
            threading.Thread(target=work, name="encoder", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._line.shutdown(socket.SHUT_RDWR)
        self._line.close()

    def _push(self) -> None:
        begun, number = time.monotonic(), 0
        while not self._stop.wait(max(0.0, begun + number / FPS - time.monotonic())):
            for unit in self._encoder.encode(number):
                self._line.sendall(unit.data)
            number += 1

    def _obey(self) -> None:
        for line in self._line.makefile():
            message = json.loads(line)
            self.told.append(message)
            match message["type"]:
                case "keyframe":
                    self._encoder.force_keyframe()
                case "rate":
                    self._encoder.set_bitrate(message["bitrate_bps"])


@pytest.mark.quiet
def test_one_who_joins_gets_a_keyframe_of_the_encoder_and_one_who_watches_sees_no_jump(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str
) -> None:
    config = stream("cam", room, feedback={"inline": True})
    with (
        run_daemon(config) as daemon,
        ObedientEncoder(daemon.port()) as encoder,
        Viewer(livekit, room, "watcher") as watcher,
    ):
        watcher.wait_for_first_picture(timeout=PATIENCE_S)
        watcher.wait_for_pictures(4 * FPS, timeout=PATIENCE_S)  # those in the room have found the track
        before, seen_before = daemon.metrics(), len(watcher.pictures())
        with Viewer(livekit, room, "newcomer") as newcomer:
            newcomer.wait_for_pictures(FPS, timeout=PATIENCE_S)
            after = daemon.metrics()
        watched = [picture.frame_id for picture in watcher.pictures()[seen_before:]]

    assert encoder.told[0] == {"type": "hello", "version": 1, "stream": "cam"}
    assert after.total(KEYFRAMES, type="key") - before.total(KEYFRAMES, type="key") == 1
    for unmoved in ("ingestd_frames_replayed_total", "ingestd_keyframe_requests_unanswered_total"):
        assert after.total(unmoved) == before.total(unmoved), unmoved
    assert after.total("ingestd_keyframe_answer_seconds_count") > 0
    assert all(later == sooner + 1 for sooner, later in pairwise(number or 0 for number in watched))


class SmallWindowEncoder(Encoder):
    """One whose system takes next to nothing that it does not read."""

    def _connect(self) -> socket.socket:
        line = socket.socket()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        line.connect(("127.0.0.1", self._address))
        return line


@pytest.mark.parametrize("kind", [Encoder, SmallWindowEncoder])
def test_an_encoder_that_ignores_requests_is_named_with_what_to_change(
    kind: type[Encoder], run_daemon: RunDaemon, livekit: LiveKitServer, room: str
) -> None:
    deaf = encode("h264", frames=450, fps=15, gop=450, size=(160, 120))
    config = stream("cam", room, feedback={"inline": True}, replay="never")
    with run_daemon(config) as daemon, kind(daemon.port(), deaf) as encoder:
        encoder.wait_until_pushed(15)
        with Viewer(livekit, room):
            daemon.wait_for_metrics(
                lambda metrics: metrics.total("ingestd_keyframe_requests_unanswered_total") >= 2,
                what="requests unanswered",
            )
            warning = daemon.wait_for_problem("ignores requests")
            (shown,) = json.loads(daemon.get("/api/streams")[1])
    assert (warning["reason"], "PictureType.I" in warning["cure"]) == ("ignores_requests", True)
    assert ("does not read what it is sent" in warning["seen"]) == (kind is SmallWindowEncoder)
    assert any("asked for keyframes" in problem for problem in shown["problems"]), shown["problems"]


@pytest.mark.parametrize("scheme", ["tcp", pytest.param("unix", marks=pytest.mark.long), "tls"])
def test_an_encoder_hears_which_rate_the_link_carries_and_when_a_viewer_needs_a_keyframe(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str, ca: Certificate, tmp_path: Path, scheme: str
) -> None:
    slow = encode("h264", frames=75, fps=15, gop=75, size=(160, 120))
    config = stream("cam", room, feedback={"inline": True}, max_framerate=25)
    address: int | Path = urlsplit(config["source"]["listen"]).port or 0
    tls = None
    if scheme == "unix":
        address = tmp_path / "cam.sock"
        config["source"] = {"listen": f"unix://{address}"}
    elif scheme == "tls":
        ours, tls = sign(ca, "feedback.test"), ssl.create_default_context(cafile=str(ca.cert))
        certificate = {"cert": str(ours.cert), "key": str(ours.key)}
        config["source"] = {"listen": f"tls://127.0.0.1:{address}", "tls": certificate}
    with run_daemon(config) as daemon, Encoder(address, slow, tls=tls) as encoder:
        daemon.wait_for_metrics(
            lambda metrics: metrics.total("ingestd_frames_sent_total") > 30, what="pictures sent"
        )
        with Viewer(livekit, room) as viewer:
            viewer.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S)
        counted = daemon.metrics().by("ingestd_feedback_messages_total", "type", result="sent")
        heard: list[dict[str, Any]] = []
        while len(heard) < 1 + sum(counted.values()):  # of TLS one record comes at a time
            heard += [json.loads(line) for line in encoder.heard()]

    assert heard[0] == {"type": "hello", "version": 1, "stream": "cam"}
    rates = [message for message in heard if message["type"] == "rate"]
    assert {message["framerate_fps"] for message in rates} == {25.0}, "and not the 15 that come in"
    assert all(0 < message["bitrate_bps"] <= 8_000_000 for message in rates)
    assert len(rates) >= counted["rate"] > 0
    assert len(heard) - len(rates) - 1 >= counted["keyframe"] > 0
