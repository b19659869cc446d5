"""Whose picture a replay changes: who comes sees one soon, and who watches is not thrown back for nothing."""

import time
from itertools import pairwise
from pathlib import Path

import pytest

from ingestd.delivery.gop import HELD_LIMITS
from ingestd.devserver.livekit_server import LiveKitServer
from tests.conftest import RunDaemon
from tests.support.daemon import Daemon, stream
from tests.support.encoded import EncodedStream, encode
from tests.support.push import Encoder
from tests.support.viewer import Viewer
from tests.support.wait import PATIENCE_S

FPS = 30
SOON_S = 3.0  # a replay is on its way after 0.5 s; a join takes 0.2 s, on a busy machine longer


def numbers(viewer: Viewer, video: EncodedStream, since: float) -> list[int]:
    """The places in the stream of what a viewer saw since then."""
    places = {name: number for number, name in enumerate(video.reference_hashes)}
    return [places[picture.hash] for picture in viewer.pictures() if picture.at > since]


def steps_back(seen: list[int]) -> int:
    return sum(later < earlier for earlier, later in pairwise(seen))


@pytest.mark.alone
def test_who_comes_soon_sees_the_past_and_who_leaves_throws_no_one_back(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str
) -> None:
    video = encode("h264", frames=14 * FPS, fps=FPS, gop=60 * FPS, size=(160, 120))
    with (
        run_daemon(stream("cam", room)) as daemon,
        Viewer(livekit, room, "watcher") as watcher,
        Encoder(daemon.port(), video) as encoder,
    ):
        encoder.wait_until_pushed(5 * FPS)  # the beginning of the track is over
        come = time.monotonic()
        with Viewer(livekit, room, "newcomer") as viewer:
            first = viewer.wait_for_first_picture(timeout=PATIENCE_S)
            assert first.at - viewer.tracks()[0].at < SOON_S
            encoder.wait_until_pushed(11 * FPS)  # so late that it is no news of the replay for the newcomer
        left = time.monotonic()
        encoder.wait()
        watcher.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S)
        assert steps_back(numbers(watcher, video, come)) == 1
        assert steps_back(numbers(watcher, video, left)) == 0


@pytest.mark.parametrize("replay", ["auto", pytest.param("start", marks=pytest.mark.long)])
def test_who_comes_while_the_encoder_is_silent_sees_its_last_picture(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str, replay: str
) -> None:
    video = encode("h264", frames=2 * FPS, fps=FPS, gop=60 * FPS, size=(160, 120))
    with (
        run_daemon(stream("cam", room, replay=replay)) as daemon,
        Encoder(daemon.port(), video) as encoder,
    ):
        encoder.wait()
        time.sleep(4)  # the silence that is tested
        for name in ("first", "second"):
            with Viewer(livekit, room, name) as viewer:
                last = viewer.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S)
                assert last.at - viewer.tracks()[0].at < SOON_S
        replayed = daemon.metrics().total("ingestd_frames_replayed_total")
        time.sleep(4)  # a browser would have asked again by now
        assert daemon.metrics().total("ingestd_frames_replayed_total") == replayed


@pytest.mark.long
@pytest.mark.quiet
def test_an_encoder_whose_only_keyframe_is_not_held_any_more_is_to_connect_again_after_an_outage(
    own_livekit: LiveKitServer, tmp_path: Path, room: str
) -> None:
    fps = 60
    video = encode("h264", frames=60 * fps, fps=fps, gop=60 * fps, size=(160, 120))
    with Daemon(own_livekit, tmp_path, stream("cam", room)) as daemon, Viewer(own_livekit, room) as viewer:
        with Encoder(daemon.port(), video) as encoder:
            viewer.wait_for_first_picture(timeout=PATIENCE_S)
            encoder.wait_until_pushed(HELD_LIMITS.max_pictures + fps)
            own_livekit.kill()
            own_livekit.start()
            daemon.wait_for_record(
                lambda record: "reconnect_for_keyframe" in str(record.get("reason")),
                timeout=PATIENCE_S,
                what="end the connection",
            )
        again = time.monotonic()
        with Encoder(daemon.port(), video):
            viewer.wait_until(
                lambda: viewer.pictures()[-1].at > again, timeout=PATIENCE_S, what="see pictures again"
            )
        ended = [record for record in daemon.records if "reconnect_for_keyframe" in str(record)]
        assert len(ended) == 1
