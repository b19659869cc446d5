"""Input nobody can publish: counted, said in words, bounded in memory, and the next encoder is served."""

import asyncio
import json
import random
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from ingestd.devserver.livekit_server import LiveKitServer
from ingestd.media.access_unit import Codec
from ingestd.media.formats.framed import FramedReader
from tests.conftest import RunDaemon
from tests.publish.support import tracks_become
from tests.support.daemon import stream
from tests.support.encoded import decode_hashes, encode
from tests.support.matching import Push, assert_pictures_match
from tests.support.push import Encoder, send
from tests.support.viewer import Viewer
from tests.support.wait import PATIENCE_S

HUGE_BYTES = 200 * 1024 * 1024
MEMORY_GROWTH_BYTES = HUGE_BYTES // 2  # the most a daemon may grow that does not keep what it cannot use


def noise() -> bytes:
    return random.Random(1).randbytes(300_000)


def http_request() -> bytes:
    return b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n"


def cut_ivf_header() -> bytes:
    return encode("vp8", frames=2).container[:20]


def huge_nal_unit() -> bytes:
    first = encode("h264", frames=2).access_units[0]
    return first + b"\x00\x00\x00\x01\x41" + b"\xa5" * HUGE_BYTES


BAD: dict[str, tuple[Callable[[], bytes], list[str]]] = {
    # Names of streams, which hold none of the words.
    "noise": (noise, ["no video", "expected"]),
    "request": (http_request, ["http"]),
    "cut-header": (cut_ivf_header, ["ivf"]),
    "huge": (huge_nal_unit, ["mib"]),
}


def test_bad_input_is_counted_and_said_and_the_next_encoder_is_served(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str
) -> None:
    video = encode("h264", frames=120, gop=30, size=(160, 120))
    with (
        run_daemon(*(stream(name, room) for name in BAD)) as daemon,
        Viewer(livekit, room) as viewer,
        ExitStack() as encoders,
    ):
        memory = daemon.peak_memory()

        for name, (make, words) in BAD.items():
            send(daemon.port(name), make())
            daemon.wait_for_metrics(
                lambda metrics: metrics.total("ingestd_stream_errors_total", stream=name) >= 1,  # noqa: B023
                what="an error",
            )
            daemon.wait_for_problem(f'"stream": "{name}"', *words)
        assert daemon.peak_memory() - memory < MEMORY_GROWTH_BYTES

        # One of which nothing was taken for a stream, and one that was a stream and broke.
        pushing = {
            name: encoders.enter_context(Encoder(daemon.port(name), video)) for name in ("noise", "huge")
        }
        for name, encoder in pushing.items():
            encoder.wait()
            viewer.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S, track=name)
            # Of the huge one a picture of another size came first.
            seen = [picture for picture in viewer.pictures(name) if picture.size == video.size]
            assert_pictures_match(seen, encoder.pushed, left_out=daemon.unseen(viewer))


def test_a_connection_without_a_byte_is_a_probe_and_no_error(run_daemon: RunDaemon, room: str) -> None:
    with run_daemon(stream("cam", room)) as daemon:
        for _ in range(5):
            send(daemon.port(), b"")
        metrics = daemon.wait_for_metrics(
            lambda m: m.total("ingestd_encoder_connections_total", result="probe") == 5, what="five probes"
        )
        assert metrics.total("ingestd_stream_errors_total") == 0
        assert daemon.problems("cam") == []


def test_a_stream_without_parameter_sets_is_dropped_and_said_once(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str
) -> None:
    headless = encode("h264", frames=60, gop=30, size=(160, 120), repeat_headers=False, seed=1)
    video = encode("h264", frames=120, gop=30, size=(160, 120), seed=2)
    with run_daemon(stream("cam", room)) as daemon, Viewer(livekit, room) as viewer:
        with Encoder(daemon.port(), headless) as encoder:
            warning = daemon.wait_for_problem("repeat-headers=1", "config-interval=-1")
            encoder.wait()
            metrics = daemon.wait_for_metrics(
                lambda metrics: metrics.total("ingestd_frames_received_total") == 60, what="all pictures"
            )
            dropped = metrics.by("ingestd_frames_dropped_total", "reason")
            assert dropped["no_parameter_sets"] >= 2, "the two keyframes at least"
            assert metrics.total("ingestd_frames_submitted_total") == 0
            assert daemon.problems("cam") == [warning]

        with Encoder(daemon.port(), video) as encoder:
            encoder.wait()
            viewer.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S)
        assert_pictures_match(viewer.pictures(), encoder.pushed, left_out=daemon.unseen(viewer))


@pytest.mark.long
def test_an_encoder_that_sends_no_keyframe_is_asked_for_one_and_named_everywhere(
    run_daemon: RunDaemon, room: str
) -> None:
    video = encode("h264", frames=240, gop=240, size=(160, 120))
    deltas = replace(video, access_units=video.access_units[1:], keyframes=())
    with (
        run_daemon(stream("cam", room, feedback={"inline": True})) as daemon,
        Encoder(daemon.port(), deltas),
    ):
        warning = daemon.wait_for_problem("no keyframe came", "asked for one", "-g 60")
        assert warning["stream"] == "cam"
        (shown,) = json.loads(daemon.get("/api/streams")[1])
        assert any("no keyframe came" in problem for problem in shown["problems"])
        assert "no keyframe came" in daemon.get("/")[1]
        metrics = daemon.metrics()
        assert metrics.total("ingestd_feedback_messages_total", type="keyframe", result="sent") > 1
        assert metrics.total("ingestd_frames_submitted_total") == 0


def refusing_h265(livekit: LiveKitServer) -> dict[str, Any]:
    keys = {"api_key": livekit.api_key, "api_secret": livekit.api_secret}
    return {"livekit": {"url": livekit.url, **keys, "h265": "off"}}


def test_h265_is_refused_where_it_is_off(run_daemon: RunDaemon, livekit: LiveKitServer, room: str) -> None:
    h265 = encode("h265", frames=90, gop=30, size=(160, 120), seed=1)
    h264 = encode("h264", frames=120, gop=60, size=(160, 120), seed=2)
    with (
        run_daemon(stream("new", room), stream("old", room), **refusing_h265(livekit)) as daemon,
        Viewer(livekit, room) as viewer,
        Encoder(daemon.port("old"), h264) as encoder,
    ):
        with Encoder(daemon.port("new"), h265):
            daemon.wait_for_problem("h.265", "new")
            daemon.wait_for_metrics(
                lambda metrics: metrics.total("ingestd_stream_errors_total", stream="new") >= 1,
                what="an error",
            )
            encoder.wait()
        viewer.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S)

        assert_pictures_match(viewer.pictures("old"), encoder.pushed, left_out=daemon.unseen(viewer))
        assert viewer.tracks("new") == []
        errors = [record for record in daemon.problems("new") if record["level"] == "error"]
        assert len(errors) == 1, "said once, not once a picture"
        assert daemon.problems("old") == []


@pytest.mark.long
def test_refused_h265_after_h264_takes_the_track_away_until_it_can_be_published_again(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str
) -> None:
    before = encode("h264", frames=90, gop=30, size=(160, 120), seed=1)
    h265 = encode("h265", frames=90, gop=30, size=(160, 120), seed=2)
    after = encode("h264", frames=90, gop=30, size=(160, 120), seed=3)
    config = refusing_h265(livekit)
    with run_daemon(stream("cam", room), **config) as daemon, Viewer(livekit, room) as viewer:
        with Encoder(daemon.port(), before) as first:
            first.wait()
            viewer.wait_for_picture(first.last_hash, timeout=PATIENCE_S)
            assert daemon.metrics().total("ingestd_stream_up") == 1
        with Encoder(daemon.port(), h265):
            daemon.wait_for_problem("h.265")
            assert daemon.metrics().total("ingestd_stream_up") == 0
            assert "H.265 cannot be published" in daemon.get("/")[1]
            asyncio.run(tracks_become(livekit, room, {"cam": [], "viewer": []}))
        with Encoder(daemon.port(), after) as second:
            second.wait()
            viewer.wait_for_picture(second.last_hash, timeout=PATIENCE_S)
            assert daemon.metrics().total("ingestd_stream_up") == 1
        # The SDK's receiver may be the old track's too, whose stream then shows the new pictures as well.
        new = [picture for picture in viewer.pictures() if picture.sid == viewer.tracks()[-1].sid]
        assert_pictures_match(new, second.pushed, left_out=daemon.unseen(viewer))


@pytest.mark.parametrize("codec", ["h264", pytest.param("h265", marks=pytest.mark.long)])
def test_b_frames_are_left_out_and_every_other_picture_is_seen_in_order(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str, codec: str
) -> None:
    video = encode(codec, frames=121, gop=30, bframes=2, profile="main", size=(160, 120))
    reader = FramedReader()
    kept = [
        number
        for number, data in enumerate(video.access_units)
        if not reader.read(data, Codec(codec)).reordered
    ]
    hashes = decode_hashes(codec, [video.access_units[number] for number in kept])
    with (
        run_daemon(stream("cam", room)) as daemon,
        Viewer(livekit, room, decodes_h265=codec == "h265") as viewer,
    ):
        with Encoder(daemon.port(), video) as encoder:
            encoder.wait()
            said = daemon.wait_for_problem("B-frames are left out", "cam")
            # A decoder of H.265 holds back as many pictures as the SPS says, which libwebrtc leaves as it is.
            held_back = 2 if codec == "h265" else 0
            viewer.wait_for_picture(hashes[-1 - held_back], timeout=PATIENCE_S)
        expected = [
            Push(hash, number in video.keyframes, encoder.pushed_at(number))
            for number, hash in zip(kept, hashes, strict=True)
        ]
        if held_back:
            seen = [hashes.index(picture.hash) for picture in viewer.pictures() if picture.hash in hashes]
            assert list(dict.fromkeys(seen)) == list(range(seen[0], len(hashes) - held_back))
            assert seen[0] < len(hashes) / 3
        else:
            assert_pictures_match(viewer.pictures(), expected, left_out=daemon.unseen(viewer))
        assert "pictures/s remain" in said["seen"]
        metrics = daemon.metrics()
        assert metrics.by("ingestd_frames_dropped_total", "reason")["b_frame"] == 121 - len(kept)
        assert metrics.total("ingestd_frames_submitted_total") == len(kept)


def test_b_frames_that_others_refer_to_stay_and_are_said_to_blind_browsers(
    run_daemon: RunDaemon, room: str
) -> None:
    video = encode("h264", frames=60, gop=30, bframes=2, b_pyramid=True, profile="main", size=(160, 120))
    with run_daemon(stream("cam", room)) as daemon, Encoder(daemon.port(), video) as encoder:
        daemon.wait_for_problem("b-pyramid", "Chromium", "-bf 0", "cam")
        encoder.wait()
        assert daemon.metrics().total("ingestd_frames_dropped_total", reason="b_frame") == 0


def test_b_frames_are_warned_of_where_the_configuration_says_so(run_daemon: RunDaemon, room: str) -> None:
    video = encode("h264", frames=45, gop=30, bframes=2, profile="main", size=(160, 120))
    with run_daemon(stream("cam", room, b_frames="warn")) as daemon, Encoder(daemon.port(), video) as encoder:
        daemon.wait_for_problem("b-frames", "cam", "Chromium")
        encoder.wait()
        assert daemon.metrics().total("ingestd_frames_dropped_total", reason="b_frame") == 0


def test_b_frames_are_refused_where_the_configuration_says_so(run_daemon: RunDaemon, room: str) -> None:
    video = encode("h264", frames=90, gop=30, bframes=2, profile="main", size=(160, 120))
    with (
        run_daemon(stream("cam", room, b_frames="reject")) as daemon,
        Encoder(daemon.port(), video),
    ):
        daemon.wait_for_problem("b-frames", "cam")
        daemon.wait_for_metrics(
            lambda metrics: metrics.total("ingestd_stream_errors_total", reason="b_frames") == 1,
            what="the error",
        )
