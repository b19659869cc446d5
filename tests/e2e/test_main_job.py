"""The main job: what an encoder pushes is what a viewer sees, bit for bit, and soon."""

import struct
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from ingestd.devserver.livekit_server import LiveKitServer
from tests.conftest import RunDaemon
from tests.media.vectors_h26x import SHORT_START, length_prefixed
from tests.media.vectors_records import avcc
from tests.support.daemon import stream
from tests.support.encoded import EncodedStream, encode
from tests.support.matching import assert_pictures_match, latencies
from tests.support.push import (
    Encoder,
    ListeningEncoder,
    Write,
    Writing,
    pausing,
    pictures_per_write,
    split_headers,
    tiny_writes,
)
from tests.support.viewer import Viewer
from tests.support.wait import PATIENCE_S

GOP_SECONDS = 10
PICTURES = 120  # 4 s: on a busy machine it may take 2 s until a viewer sees the first
SOON_S = 3.0  # seconds to the first picture; about 1 on an idle machine, and far below the GOP

CODECS: list[Any] = [
    pytest.param("h264", {}, id="h264"),
    pytest.param("h264", {"slices": 4, "aud": True}, id="h264-four-slices-aud", marks=pytest.mark.long),
    pytest.param("h265", {}, id="h265"),
    pytest.param("vp8", {}, id="vp8"),
    pytest.param("vp9", {}, id="vp9"),
    pytest.param("av1", {}, id="av1"),
]

# What waits for seconds, and hardly depends on the codec.
H264_AND_LONG: list[Any] = [
    "h264",
    *(pytest.param(codec, marks=pytest.mark.long) for codec in ("h265", "vp8")),
]


@pytest.mark.parametrize(("codec", "options"), CODECS)
def test_a_viewer_sees_what_was_pushed_bit_for_bit(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str, codec: str, options: dict[str, Any]
) -> None:
    video = encode(codec, frames=PICTURES, gop=30, **options)
    with (
        run_daemon(stream("cam", room)) as daemon,
        Viewer(livekit, room, decodes_h265=codec == "h265") as viewer,
    ):
        go_on = threading.Event()  # at once, but on a busy machine
        with Encoder(daemon.port(), video, writing=pausing(PICTURES // 2, go_on)) as encoder:
            viewer.wait_for_first_picture(timeout=PATIENCE_S)
            go_on.set()
            encoder.wait()
            viewer.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S)
            metrics = daemon.metrics()

        assert_pictures_match(viewer.pictures(), encoder.pushed, left_out=daemon.unseen(viewer))
        [track] = viewer.tracks()
        assert (track.name, track.identity) == ("cam", "cam")
        assert track.mime_type.lower() == f"video/{codec}"
        assert metrics.by("ingestd_frames_received_total", "type") == {"key": 4, "delta": PICTURES - 4}
        assert metrics.total("ingestd_frames_submitted_total") == PICTURES
        assert metrics.total("ingestd_stream_errors_total") == 0
        assert daemon.problems("cam") == []


@pytest.mark.parametrize(
    ("writing", "codec"),
    [
        pytest.param(writing, codec, id=f"{name}-{codec}", marks=() if codec in short else pytest.mark.long)
        for name, writing, short in (
            ("five-pictures", pictures_per_write(5), ("h264",)),
            ("1-7-bytes", tiny_writes, ("h264",)),
            ("split", split_headers, ("av1",)),
        )
        for codec in ("h264", "h265", "vp8", "av1")
    ],
)
def test_it_does_not_matter_how_the_bytes_are_cut_into_writes(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str, writing: Writing, codec: str
) -> None:
    video = encode(codec, frames=80, fps=20, gop=40, size=(160, 120))
    with (
        run_daemon(stream("cam", room)) as daemon,
        Viewer(livekit, room, decodes_h265=codec == "h265") as viewer,
    ):
        with Encoder(daemon.port(), video, writing=writing) as encoder:
            encoder.wait()
            viewer.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S)

        assert_pictures_match(viewer.pictures(), encoder.pushed, left_out=daemon.unseen(viewer))
        assert daemon.metrics().total("ingestd_frames_submitted_total") == 80


def behind_headers(video: EncodedStream) -> Iterator[Write]:
    """As programs that mirror a phone do: a timestamp and the size before each access unit."""
    for number, unit in enumerate(video.access_units):
        yield Write(struct.pack(">QI", number * 33_333, len(unit)) + unit, number, number + 1)


def behind_a_record(video: EncodedStream) -> Iterator[Write]:
    """As a container does: the parameter sets in avcC once, and NAL units behind their lengths."""
    for number, unit in enumerate(video.access_units):
        nals = [nal.rstrip(b"\0") for nal in unit.split(SHORT_START)[1:]]
        sets = {kind: next((nal for nal in nals if nal[0] & 31 == kind), b"") for kind in (7, 8)}
        record = avcc([sets[7]], [sets[8]]) if number == 0 else b""
        yield Write(
            record + length_prefixed(*(nal for nal in nals if nal not in sets.values())), number, number + 1
        )


@pytest.mark.parametrize("framing", [behind_headers, pytest.param(behind_a_record, marks=pytest.mark.long)])
def test_pictures_in_the_framing_of_something_else_are_seen_as_they_were_coded(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str, framing: Writing
) -> None:
    video = encode("h264", frames=PICTURES, gop=20)
    with (
        run_daemon(stream("cam", room)) as daemon,
        Viewer(livekit, room) as viewer,
        Encoder(daemon.port(), video, writing=framing) as encoder,
    ):
        encoder.wait()
        viewer.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S)
        assert_pictures_match(viewer.pictures(), encoder.pushed, left_out=daemon.unseen(viewer))
        assert daemon.metrics().total("ingestd_stream_errors_total") == 0


@pytest.mark.parametrize("codec", ["h264", pytest.param("h265", marks=pytest.mark.long), "vp8"])
def test_an_encoder_that_reconnects_goes_on_in_the_same_track(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str, codec: str
) -> None:
    before = encode(codec, frames=150, gop=40, seed=1)
    after = encode(codec, frames=80, gop=40, seed=2)
    with (
        run_daemon(stream("cam", room)) as daemon,
        Viewer(livekit, room, decodes_h265=codec == "h265") as viewer,
    ):
        with Encoder(daemon.port(), before) as first:
            viewer.wait_for_first_picture(timeout=PATIENCE_S)
            first.wait_until_pushed(70)  # in the middle of a GOP
        with Encoder(daemon.port(), after) as second:
            second.wait()
            viewer.wait_for_picture(second.last_hash, timeout=PATIENCE_S)
            connections = daemon.metrics().total("ingestd_encoder_connections_total")

        assert_pictures_match(
            viewer.pictures(), [*first.pushed, *second.pushed], left_out=daemon.unseen(viewer)
        )
        assert len(viewer.tracks()) == 1, "the same track, with the same SID"
        assert connections == 2


def test_an_encoder_may_push_into_a_unix_socket(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str, tmp_path: Path
) -> None:
    video = encode("h264", frames=PICTURES, gop=30, size=(160, 120))
    path = tmp_path / "cam.sock"
    with (
        run_daemon(stream("cam", room, source={"listen": f"unix://{path}"})) as daemon,
        Viewer(livekit, room) as viewer,
        Encoder(path, video) as encoder,
    ):
        encoder.wait()
        viewer.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S)
        assert_pictures_match(viewer.pictures(), encoder.pushed, left_out=daemon.unseen(viewer))


def test_the_daemon_may_dial_the_encoder(run_daemon: RunDaemon, livekit: LiveKitServer, room: str) -> None:
    video = encode("vp8", frames=PICTURES, gop=30, size=(160, 120))
    listening = ListeningEncoder(video)
    with (
        run_daemon(stream("cam", room, source={"connect": f"tcp://127.0.0.1:{listening.port}"})) as daemon,
        Viewer(livekit, room) as viewer,
        listening as encoder,
    ):
        encoder.wait()
        viewer.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S)
        assert_pictures_match(viewer.pictures(), encoder.pushed, left_out=daemon.unseen(viewer))


@pytest.mark.quiet
@pytest.mark.parametrize("codec", H264_AND_LONG)
def test_the_first_picture_comes_long_before_the_second_keyframe(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str, codec: str
) -> None:
    video = encode(codec, frames=120, fps=30, gop=30 * GOP_SECONDS)
    with (
        run_daemon(stream("cam", room)) as daemon,
        Viewer(livekit, room, decodes_h265=codec == "h265") as viewer,
    ):
        with Encoder(daemon.port(), video) as encoder:
            first = viewer.wait_for_first_picture(timeout=GOP_SECONDS)
            encoder.wait()
            viewer.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S)

        assert first.at - encoder.connected_at < SOON_S
        assert_pictures_match(viewer.pictures(), encoder.pushed, left_out=viewer.left_out)


def test_who_joins_an_h265_stream_that_said_its_parameter_sets_once_sees_it(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str
) -> None:
    """They are put before every IRAP picture: SEI and what else the encoder has there stays in its place."""
    encoded = encode("h265", frames=150, fps=30, gop=30, size=(160, 120))
    first, *rest = encoded.access_units
    video = replace(encoded, access_units=(first, *map(without_parameter_sets, rest)))
    go_on = threading.Event()
    with (
        run_daemon(stream("cam", room)) as daemon,
        Encoder(daemon.port(), video, writing=pausing(75, go_on)) as encoder,
    ):
        encoder.wait_until_pushed(75)
        with Viewer(livekit, room, decodes_h265=True) as viewer:
            viewer.wait_for_first_picture(timeout=PATIENCE_S)
            go_on.set()
            viewer.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S)
            assert_pictures_match(viewer.pictures(), encoder.pushed, left_out=daemon.unseen(viewer))


def without_parameter_sets(unit: bytes) -> bytes:
    """The access unit of H.265 without VPS, SPS and PPS."""
    nal_units = unit.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]
    return b"".join(b"\0\0\0\1" + nal for nal in nal_units if nal[0] >> 1 & 0x3F not in (32, 33, 34))


@pytest.mark.quiet
@pytest.mark.parametrize("codec", H264_AND_LONG)
def test_a_picture_does_not_wait_for_the_next_one(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str, codec: str
) -> None:
    video = encode(codec, frames=16, fps=4, gop=4, size=(160, 120))
    with (
        run_daemon(stream("cam", room)) as daemon,
        Viewer(livekit, room, decodes_h265=codec == "h265") as viewer,
    ):
        with Encoder(daemon.port(), video) as encoder:
            encoder.wait()
            viewer.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S)

        assert_pictures_match(viewer.pictures(), encoder.pushed, left_out=viewer.left_out)
        assert median(latencies(viewer.pictures(), encoder.pushed)) < 0.5 / video.fps


@pytest.mark.quiet
@pytest.mark.parametrize("codec", H264_AND_LONG)
def test_who_joins_in_the_middle_of_a_long_gop_sees_a_picture_soon(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str, codec: str
) -> None:
    video = encode(codec, frames=180, fps=30, gop=30 * GOP_SECONDS)
    with (
        run_daemon(stream("cam", room)) as daemon,
        Viewer(livekit, room, "early", decodes_h265=codec == "h265") as early,
        Encoder(daemon.port(), video) as encoder,
    ):
        early.wait_for_first_picture(timeout=PATIENCE_S)
        encoder.wait_until_pushed(60)
        with Viewer(livekit, room, "late", decodes_h265=codec == "h265") as late:
            first = late.wait_for_first_picture(timeout=GOP_SECONDS)
            subscribed_at = late.tracks()[0].at
            encoder.wait()
            late.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S)

        assert first.at - subscribed_at < SOON_S
        assert_pictures_match(late.pictures(), encoder.pushed, left_out=late.left_out)


def test_several_streams_share_a_process_a_room_and_an_identity(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str
) -> None:
    videos = {
        "left": encode("h264", frames=150, gop=60, size=(160, 120), seed=1),
        "right": encode("vp8", frames=150, gop=60, size=(160, 120), seed=2),
        "alone": encode("h264", frames=150, gop=60, size=(160, 120), slices=4, seed=3),
    }
    with (
        run_daemon(
            stream("left", room, identity="rig"),
            stream("right", room, identity="rig", track="eye"),
            stream("alone", room),
        ) as daemon,
        Viewer(livekit, room) as viewer,
        Encoder(daemon.port("left"), videos["left"]) as left,
        Encoder(daemon.port("right"), videos["right"]) as right,
        Encoder(daemon.port("alone"), videos["alone"]) as alone,
    ):
        for encoder, track in ((left, "left"), (right, "eye"), (alone, "alone")):
            encoder.wait()
            viewer.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S, track=track)
            assert_pictures_match(viewer.pictures(track), encoder.pushed, left_out=daemon.unseen(viewer))

        assert {(track.name, track.identity) for track in viewer.tracks()} == {
            ("left", "rig"),
            ("eye", "rig"),
            ("alone", "alone"),
        }
        assert daemon.metrics().streams() == {"left", "right", "alone"}
