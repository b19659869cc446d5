"""Another size, another codec, in the middle of a stream's life: viewers see all of it, bit for bit."""

from dataclasses import replace

import pytest

from ingestd.devserver.livekit_server import LiveKitServer
from tests.conftest import RunDaemon
from tests.support.daemon import stream
from tests.support.encoded import EncodedStream, encode
from tests.support.matching import assert_pictures_match
from tests.support.push import Encoder
from tests.support.viewer import Picture, Viewer
from tests.support.wait import PATIENCE_S


def joined(first: EncodedStream, second: EncodedStream) -> EncodedStream:
    """Both, one after the other, as one stream."""
    return replace(
        first,
        access_units=first.access_units + second.access_units,
        keyframes=first.keyframes + tuple(len(first.access_units) + n for n in second.keyframes),
        reference_hashes=first.reference_hashes + second.reference_hashes,
    )


def test_another_size_goes_on_in_the_same_track(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str
) -> None:
    small = encode("h264", frames=90, gop=30, size=(160, 120))
    large = encode("h264", frames=90, gop=30, size=(320, 240), seed=2)
    video = joined(small, large)
    with run_daemon(stream("cam", room)) as daemon, Viewer(livekit, room) as viewer:
        with Encoder(daemon.port(), video) as encoder:
            encoder.wait()
            viewer.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S)
        assert_pictures_match(viewer.pictures(), encoder.pushed, left_out=daemon.unseen(viewer))
        assert {picture.size for picture in viewer.pictures()} == {(160, 120), (320, 240)}
        assert len({picture.sid for picture in viewer.pictures()}) == 1
        [changed] = [record for record in daemon.records if record.get("event") == "stream changed"]
        assert changed["size"] == "320x240"


@pytest.mark.long
def test_another_size_after_a_reconnect_goes_on_in_the_same_track(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str
) -> None:
    videos = [
        encode("h264", frames=90, gop=30, size=(160, 120)),
        encode("h264", frames=90, gop=30, size=(320, 240), seed=2),
    ]
    with run_daemon(stream("cam", room)) as daemon, Viewer(livekit, room) as viewer:
        for video in videos:
            begun = len(viewer.pictures())
            with Encoder(daemon.port(), video) as encoder:
                encoder.wait()
                viewer.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S)
            assert_pictures_match(viewer.pictures()[begun:], encoder.pushed, left_out=daemon.unseen(viewer))
        assert len({picture.sid for picture in viewer.pictures()}) == 1
        sizes = [record["size"] for record in daemon.records if record.get("event") == "stream recognised"]
        assert sizes == ["160x120", "320x240"]


@pytest.mark.parametrize(
    "codecs",
    [
        ("h264", "h265"),
        *(pytest.param(codecs, marks=pytest.mark.long) for codecs in (("h264", "vp8"), ("vp8", "h264"))),
    ],
    ids="-then-".join,
)
def test_another_codec_replaces_the_track(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str, codecs: tuple[str, str]
) -> None:
    videos = [encode(codec, frames=120, gop=30, size=(160, 120)) for codec in codecs]
    with (
        run_daemon(stream("cam", room)) as daemon,
        Viewer(livekit, room, decodes_h265="h265" in codecs) as viewer,
    ):
        for video in videos:
            begun = len(viewer.pictures())
            with Encoder(daemon.port(), video) as encoder:
                encoder.wait()
                viewer.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S)
            seen = viewer.pictures()[begun:]
            assert_pictures_match(seen, encoder.pushed, left_out=daemon.unseen(viewer))
        assert len({picture.sid for picture in viewer.pictures()}) == 2
        published = [record["codec"] for record in daemon.records if record.get("event") == "published"]
        assert published == list(codecs)


@pytest.mark.long
def test_another_codec_on_the_same_connection_is_followed_and_back(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str
) -> None:
    # H.265 is refused: each of its pictures is dropped, with its reason, and H.264 goes on.
    keys = {"api_key": livekit.api_key, "api_secret": livekit.api_secret}
    refusing = {"url": livekit.url, **keys, "h265": "off"}
    first, last = (encode("h264", frames=90, gop=30, size=(160, 120), seed=seed) for seed in (1, 2))
    between = encode("h265", frames=30, gop=30, size=(160, 120))
    video = joined(joined(first, between), last)
    with run_daemon(stream("cam", room), livekit=refusing) as daemon, Viewer(livekit, room) as viewer:
        with Encoder(daemon.port(), video) as encoder:
            encoder.wait()
            viewer.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S)
        pushed = encoder.pushed
        tracks: dict[str, list[Picture]] = {picture.sid: [] for picture in viewer.pictures()}
        for picture in viewer.pictures():
            # (The SDK at the viewer shows the pictures of a track in the one withdrawn before, too.)
            if picture.frame_id is not None or not tracks[picture.sid]:
                tracks[picture.sid].append(picture)
        before, after = tracks.values()
        assert_pictures_match(before, pushed[:90], left_out=daemon.unseen(viewer))
        assert_pictures_match(after, pushed[120:], left_out=daemon.unseen(viewer))
        assert daemon.metrics().by("ingestd_frames_dropped_total", "reason")["unsupported"] == 30
        assert daemon.metrics().total("ingestd_encoder_connections_total", result="accepted") == 1
