"""Real encoders, told things by a receiver that takes their streams apart."""

import ssl
import subprocess
from pathlib import Path

import pytest

from ingestd.sender import bindings
from tests.sender.command import PICTURE, Running
from tests.sender.receiver import Receiver
from tests.support.wait import PATIENCE_S, wait_until

# With a keyframe every 10 s, so that one between comes of a request.
ENCODERS = {
    "x264enc": "x264enc key-int-max=300 speed-preset=ultrafast",
    "x265enc": "x265enc key-int-max=300 speed-preset=ultrafast log-level=none",
    "openh264enc": "openh264enc gop-size=300",
    "vp8enc": "vp8enc keyframe-max-dist=300 cpu-used=8",
    "vp9enc": "vp9enc keyframe-max-dist=300 cpu-used=8",
    "av1enc": "av1enc keyframe-max-dist=300 cpu-used=8",
}
# `make test` runs one; the rest is for `make test-long`.
QUICK = "x264enc"
EACH = [
    pytest.param(text, id=name, marks=[] if name == QUICK else [pytest.mark.long])
    for name, text in ENCODERS.items()
]


@pytest.mark.parametrize("encoder", EACH)
def test_a_request_is_answered_by_one_keyframe_and_a_rate_by_that_bitrate(encoder: str) -> None:
    with (
        Receiver() as receiver,
        Running("--to", receiver.address, "--bitrate", "1Mbps", "--pipeline", f"{PICTURE} ! {encoder}"),
    ):
        receiver.wait_for_pictures(30)
        receiver.say(type="hello", version=1)
        receiver.say(type="rate", bitrate_bps=5_000_000, framerate_fps=30.0, at_us=0)  # more than its maximum
        receiver.wait_for_pictures(15)
        asked = len(receiver.pictures)
        receiver.say(type="keyframe", at_us=1, colour="unknown fields are ignored")
        receiver.wait_for_pictures(30)
        (answer,) = receiver.keyframes(since=1)
        assert asked <= answer <= asked + 15

        receiver.say(type="rate", bitrate_bps=250_000, framerate_fps=30.0, at_us=2)
        receiver.wait_for_pictures(30)
        lowered = len(receiver.pictures)
        receiver.wait_for_pictures(60)
        lowered_bps = receiver.bitrate_bps(lowered)
        assert lowered_bps < 350_000

        receiver.say(type="rate", bitrate_bps=5_000_000, framerate_fps=30.0, at_us=3)
        receiver.wait_for_pictures(60)
        raised = len(receiver.pictures)
        receiver.wait_for_pictures(60)
        assert 2 * lowered_bps < receiver.bitrate_bps(raised) < 1_300_000, (
            "up again, and not above its maximum"
        )


def test_each_connection_begins_with_a_keyframe_and_nothing_old() -> None:
    with (
        Receiver() as receiver,
        Running("--to", receiver.address, "--pipeline", f"{PICTURE} ! {ENCODERS[QUICK]}") as sender,
    ):
        receiver.wait_for_pictures(10)
        receiver.hang_up()
        wait_until(lambda: receiver.connections == 2 and receiver.pictures[-1].connection == 2, "come back")
        receiver.wait_for_pictures(20)
        first = next(picture for picture in receiver.pictures if picture.connection == 2)
        assert first.keyframe
        assert len(receiver.keyframes()) == 2
        assert "ingestd closed the connection; its log says why" in sender.log


def test_it_waits_for_a_daemon_that_is_not_there_yet_and_says_so_once(tmp_path: Path) -> None:
    path = tmp_path / "cam.sock"
    with Running(
        "--to", f"unix://{path}", "--name", "cam", "--pipeline", f"{PICTURE} ! {ENCODERS[QUICK]}"
    ) as cam:
        cam.wait_for_log("No such file")
        with Receiver(path) as receiver:
            receiver.wait_for_pictures(10)
            assert cam.log.count("trying again for as long as it takes") == 1
            assert f"ingestd.sender.cam: connected to unix://{path}" in cam.log


def test_the_token_goes_first_and_is_not_logged() -> None:
    with Receiver() as receiver:
        receiver.wants_token = True
        arguments = ("--token", "hunter22-hunter22", "--pipeline", f"{PICTURE} ! {ENCODERS[QUICK]}")
        with Running("--to", receiver.address, *arguments) as sender:
            receiver.wait_for_pictures(5)
            assert receiver.first_lines == [b"INGEST hunter22-hunter22\n"]
            assert "hunter22" not in sender.log


def test_over_tls_it_trusts_whom_it_was_told_to(tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ingest.test "
        f"-addext subjectAltName=DNS:ingest.test -keyout {key} -out {cert}".split(),
        check=True,
        capture_output=True,
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    pipeline = ("--pipeline", f"{PICTURE} ! {ENCODERS[QUICK]}")
    with Receiver(tls=context) as receiver:
        with Running("--to", receiver.address, *pipeline) as stranger:
            stranger.wait_for_log("certificate verify failed")
        trust = ("--tls-ca", str(cert), "--tls-server-name", "ingest.test")
        with Running("--to", receiver.address, *trust, *pipeline):
            receiver.wait_for_pictures(30)
            receiver.say(type="keyframe", at_us=1)
            receiver.wait_for_pictures(20)
            assert len(receiver.keyframes()) == 2


@pytest.mark.long
def test_a_link_that_backs_up_costs_pictures_and_makes_nothing_later() -> None:
    with (
        Receiver() as receiver,
        Running(
            "--to", receiver.address, "--bitrate", "4Mbps", "--pipeline", f"{PICTURE} ! {ENCODERS[QUICK]}"
        ) as sender,
    ):
        receiver.wait_for_pictures(30)
        receiver.reading.clear()
        sender.wait_for_log("ingestd says nothing")  # after 10 s
        stood_at = len(receiver.pictures)
        receiver.reading.set()
        sender.wait_for_log(r"encoder or link do not keep up: \d+ pictures were left out")
        receiver.wait_for_pictures(60)
        late = [
            picture
            for picture in receiver.pictures[stood_at:]
            if picture.at - receiver.pictures[stood_at].at < 0.2
        ]
        assert len(late) < 150, "of the 300 that were made meanwhile"
        assert receiver.keyframes() == [0], "the pictures that came are whole and in order"


def test_a_file_is_sent_whole_at_its_own_pace_and_then_it_is_done() -> None:
    pipeline = "videotestsrc num-buffers=60 ! video/x-raw,width=320,height=180,framerate=30/1"
    with (
        Receiver() as receiver,
        Running("--to", receiver.address, "--pipeline", f"{pipeline} ! {ENCODERS['vp8enc']}") as sender,
    ):
        assert sender.wait() == 0
        assert "the pipeline has ended: 60 pictures sent" in sender.log
        wait_until(lambda: len(receiver.pictures) == 60, "bring all of it")
        assert receiver.pictures[-1].at - receiver.pictures[0].at > 1.0


def test_nonsense_on_the_back_channel_changes_nothing() -> None:
    with (
        Receiver() as receiver,
        Running("--to", receiver.address, "--pipeline", f"{PICTURE} ! {ENCODERS[QUICK]}"),
    ):
        receiver.wait_for_pictures(10)
        receiver.say(type="rate", bitrate_bps=-1)
        receiver.say(type="rate")
        receiver.say(type="dance", with_whom=None)
        receiver.say_raw(b"\x00\xff" * 100_000 + b"\n[[[[\n")
        receiver.say(type="keyframe")
        receiver.wait_for_pictures(20)
        assert len(receiver.keyframes()) == 2
        assert receiver.connections == 1


LIBRARY_USE = """
import asyncio, sys
sys.path.append(sys.argv[1])
from ingestd.sender import Sender

async def main():
    sender = Sender("videotestsrc name=picture num-buffers=30 ! vp8enc", to=sys.argv[2], name="library")
    sender.pipeline.gst.get_by_name("picture").set_property("horizontal-speed", 5)
    await sender.run()
    print(sender.pictures_sent)
    failing = Sender("videotestsrc ! identity error-after=3 ! vp8enc", to=sys.argv[2])
    try:
        await failing.run()
    except Exception as error:
        print(type(error).__name__)

asyncio.run(main())
"""


def test_an_application_uses_the_class() -> None:
    root = Path(__file__).parents[2]
    with Receiver() as receiver:
        done = subprocess.run(
            [bindings.SYSTEM_PYTHON, "-c", LIBRARY_USE, root, receiver.address],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        assert (done.stdout.split(), done.returncode) == (["30", "SenderError"], 0), done
