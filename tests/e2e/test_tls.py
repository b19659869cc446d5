"""Encoders over TLS and by token, as users run them: ffmpeg, GStreamer through openssl; and what it costs."""

import shlex
import ssl
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from ingestd.devserver.livekit_server import LiveKitServer
from tests.conftest import RunDaemon
from tests.e2e.test_real_encoders import running
from tests.support.certificates import Certificate, sign
from tests.support.daemon import run_command, stream
from tests.support.encoded import encode
from tests.support.matching import assert_pictures_match, latencies
from tests.support.ports import free_port
from tests.support.push import Encoder
from tests.support.viewer import Viewer
from tests.support.wait import PATIENCE_S

TOKEN = "b2f1c0ffee15600d-of-the-camera"
PICTURES = 60  # of one GOP: on a busy machine the room may take them later than a second keyframe comes
FFMPEG = (
    f"ffmpeg -v error -nostdin -re -f lavfi -i testsrc2=size=320x240:rate=30 -frames:v {PICTURES} "
    "-pix_fmt yuv420p -c:v libx264 -preset ultrafast -tune zerolatency -g 60 -f h264 "
)
GST = (
    f"gst-launch-1.0 -q videotestsrc is-live=true num-buffers={PICTURES} "
    "! video/x-raw,format=I420,width=320,height=240,framerate=30/1 "
    "! x264enc tune=zerolatency key-int-max=60 aud=true "
    "! video/x-h264,stream-format=byte-stream,profile=constrained-baseline ! fdsink fd=1"
)


def tls_stream(room: str, ca: Certificate, name: str = "cam", **keys: Any) -> dict[str, Any]:
    """One that listens on TLS."""
    ours = sign(ca, "localhost", file_name="server")
    tls = {"cert": str(ours.cert), "key": str(ours.key), **keys}
    return stream(name, room, source={"listen": f"tls://127.0.0.1:{free_port()}", "tls": tls})


def test_ffmpeg_by_tls_with_a_certificate_of_its_own(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str, ca: Certificate
) -> None:
    camera = sign(ca, "camera-7")
    with (
        run_daemon(tls_stream(room, ca, client_ca=str(ca.cert))) as daemon,
        Viewer(livekit, room) as viewer,
    ):
        to = f"tls://localhost:{daemon.port()}?verify=1&cafile={ca.cert}"
        with running(f"{FFMPEG} '{to}&cert={camera.cert}&key={camera.key}'"):
            viewer.wait_for_first_picture(timeout=PATIENCE_S)
            assert '"encoder_name": "camera-7"' in daemon.get("/api/streams")[1]
            assert "camera-7" in daemon.get("/")[1]
            daemon.wait_for_metrics(
                lambda metrics: metrics.total("ingestd_frames_submitted_total") == PICTURES,
                what="every picture, the last one included",
            )
        with running(f"{FFMPEG} '{to}'"):
            daemon.wait_for_problem("it shows no certificate", "source.tls.client_ca")
        assert any(line.get("name") == "camera-7" for line in daemon.records)


@pytest.mark.long
def test_gstreamer_through_openssl(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str, ca: Certificate
) -> None:
    with run_daemon(tls_stream(room, ca)) as daemon, Viewer(livekit, room) as viewer:
        sender = f"openssl s_client -connect 127.0.0.1:{daemon.port()} -CAfile {ca.cert} -quiet"
        with (
            subprocess.Popen(shlex.split(GST), stdout=subprocess.PIPE) as gstreamer,
            subprocess.Popen(
                shlex.split(sender), stdin=gstreamer.stdout, stderr=subprocess.DEVNULL
            ) as openssl,
        ):
            try:
                viewer.wait_for_first_picture(timeout=PATIENCE_S)
                daemon.wait_for_metrics(
                    lambda metrics: metrics.total("ingestd_frames_received_total") == PICTURES,
                    what="every picture",
                )
            finally:
                gstreamer.kill()
                openssl.kill()  # it would not end with its input


@pytest.mark.long
def test_an_ffmpeg_that_is_dialled_by_tls(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str, ca: Certificate
) -> None:
    camera, port = sign(ca, "camera-7"), free_port()
    source = {"connect": f"tls://127.0.0.1:{port}", "tls": {"ca": str(ca.cert), "server_name": "camera-8"}}
    entry = stream("cam", room, source=source)
    command = f"{FFMPEG} 'tls://127.0.0.1:{port}?listen=1&cert={camera.cert}&key={camera.key}'"
    with run_daemon(entry) as daemon, Viewer(livekit, room) as viewer:
        with running(command):
            daemon.wait_for_problem("not valid for 'camera-8'", "source.tls.server_name")
        source["tls"]["server_name"] = "camera-7"  # type: ignore[index]
        daemon.reconfigure(streams=[entry])
        with running(command):
            viewer.wait_for_first_picture(timeout=PATIENCE_S)


def test_a_certificate_that_is_renewed_is_used_and_the_stream_goes_on(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str, ca: Certificate, tmp_path: Path
) -> None:
    # As Kubernetes mounts a secret: a renewal swaps the link to both files.
    for version in ("old", "new"):
        ours = sign(ca, "localhost")
        (tmp_path / version).mkdir()
        ours.cert.rename(tmp_path / version / "tls.crt")
        ours.key.rename(tmp_path / version / "tls.key")
    (tmp_path / "..data").symlink_to("old")
    for name in ("tls.crt", "tls.key"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    tls = {"cert": str(tmp_path / "tls.crt"), "key": str(tmp_path / "tls.key")}
    entry = stream("cam", room, source={"listen": f"tls://127.0.0.1:{free_port()}", "tls": tls})
    video = encode("h264", frames=150, gop=30, size=(160, 120))
    context = ssl.create_default_context(cafile=ca.cert)
    with run_daemon(entry) as daemon, Viewer(livekit, room) as viewer:
        with Encoder(daemon.port(), video, tls=context) as encoder:
            viewer.wait_for_first_picture(timeout=PATIENCE_S)
            before = ssl.get_server_certificate(("127.0.0.1", daemon.port()))
            (tmp_path / "old/tls.key").write_text("no key")
            daemon.wait_for_problem("source.tls.key", "what was read before is used on")
            assert ssl.get_server_certificate(("127.0.0.1", daemon.port())) == before
            (tmp_path / "..next").symlink_to("new")
            (tmp_path / "..next").replace(tmp_path / "..data")
            assert ssl.get_server_certificate(("127.0.0.1", daemon.port())) != before
            encoder.wait()
            viewer.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S)
        assert_pictures_match(viewer.pictures(), encoder.pushed, left_out=daemon.unseen(viewer))


def test_a_token_opens_a_stream_and_shows_nowhere(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str, tmp_path: Path
) -> None:
    file, video = tmp_path / "tokens", encode("h264", frames=120, gop=30, size=(160, 120))
    file.write_text(f"an-older-token-than-that\n{TOKEN}\n")
    entry = stream("cam", room)
    entry["source"]["token_file"] = "tokens"
    with run_daemon(entry, level="debug") as daemon, Viewer(livekit, room) as viewer:
        with Encoder(daemon.port(), video):  # as every encoder without a token
            daemon.wait_for_problem("it shows no token", "INGEST <token>")
        with Encoder(daemon.port(), video, first=b"INGEST a-guess-of-someone\n"):
            daemon.wait_for_problem("its token is not one of this stream's")
            assert "was turned away: its token is not one" in daemon.get("/api/streams")[1]
        with Encoder(daemon.port(), video, first=f"INGEST {TOKEN}\n".encode()) as encoder:
            encoder.wait()
            viewer.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S)
        assert_pictures_match(viewer.pictures(), encoder.pushed, left_out=daemon.unseen(viewer))
        assert daemon.metrics().by("ingestd_encoder_connections_total", "result")["token"] == 2
        shown = daemon.log + daemon.get("/")[1] + daemon.get("/api/streams")[1] + daemon.get("/metrics")[1]
        checked = run_command("check", "--config", str(daemon.config_path))
        title = Path(f"/proc/{daemon.pid}/cmdline").read_text()
        for secret in (TOKEN, "a-guess-of-someone", "an-older-token"):
            assert secret not in shown + checked.stdout + checked.stderr + title


@pytest.mark.long
@pytest.mark.alone
def test_tls_costs_no_delay_that_a_viewer_notices(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str, ca: Certificate
) -> None:
    video = encode("h264", frames=600, gop=60, size=(640, 360), bit_rate=3_000_000)
    context = ssl.create_default_context(cafile=ca.cert)
    rooms = {"tcp": f"{room}-tcp", "tls": f"{room}-tls"}
    entries = [stream("tcp", rooms["tcp"]), tls_stream(rooms["tls"], ca, "tls")]
    delays = {}
    with run_daemon(*entries) as daemon:
        for name, tls in (("tcp", None), ("tls", context)) * 2:
            with (
                Viewer(livekit, rooms[name]) as viewer,
                Encoder(daemon.port(name), video, tls=tls) as encoder,
            ):
                encoder.wait()
                viewer.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S)
                found = sorted(latencies(viewer.pictures(), encoder.pushed))
            delays[name] = found
            p50, p99 = median(found), found[len(found) * 99 // 100]
            sys.stdout.write(f"{name}: p50 {p50 * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms\n")
            time.sleep(1)
    assert median(delays["tls"]) < median(delays["tcp"]) + 0.01
