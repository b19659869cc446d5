"""Access units from an application's own hands: what a real subscriber sees, bit for bit."""

import time

import pytest

from ingestd.devserver.livekit_server import LiveKitServer
from tests.support.application import Application
from tests.support.encoded import encode
from tests.support.matching import assert_pictures_match
from tests.support.viewer import Viewer
from tests.support.wait import PATIENCE_S

BEFORE_PUBLISHING_PICTURES = 30  # 1 s
OUTAGE_S = 4.0
IN_FLIGHT_S = 1.0  # seconds before the server dies whose pictures may die with it
RECOVERY_S = 45.0  # the SDKs of application and viewer each wait several seconds between their attempts


@pytest.mark.quiet  # every picture is to be seen
@pytest.mark.parametrize(
    "codec", ["h264", "av1", *(pytest.param(codec, marks=pytest.mark.long) for codec in ("vp8", "vp9"))]
)
def test_a_viewer_sees_what_was_submitted_bit_for_bit_and_also_before_the_room_was_joined(
    livekit: LiveKitServer, room: str, codec: str
) -> None:
    video = encode(codec, frames=150, gop=120, size=(160, 120))
    with (
        Viewer(livekit, room) as viewer,
        Application(livekit, room, video, before_publishing=BEFORE_PUBLISHING_PICTURES) as application,
    ):
        viewer.wait_for_picture(video.reference_hashes[-1], timeout=PATIENCE_S)
        assert application.figures_before_publishing is not None
        assert application.figures_before_publishing.frames_held == BEFORE_PUBLISHING_PICTURES
    # The first few go by while the viewer sets up its decoder; every later one needs all of them.
    assert viewer.pictures()[0].hash in video.reference_hashes[:BEFORE_PUBLISHING_PICTURES]
    assert {picture.size for picture in viewer.pictures()} == {video.size}
    assert_pictures_match(viewer.pictures(), application.pushed)
    assert application.dropped == []
    figures = application.figures_at_the_end
    assert figures is not None
    assert figures.up
    assert figures.problems == ()
    assert (figures.frames_submitted, figures.frames_held) == (150, 0)
    assert figures.frames_sent >= 150
    assert figures.feedback_messages["keyframe"]["sent"] == application.keyframes_wanted


@pytest.mark.long  # of the daemon, by the same code, the short tests show it (test_server_outage.py)
def test_pictures_come_back_after_the_server_was_gone(own_livekit: LiveKitServer, room: str) -> None:
    video = encode("h264", frames=15 * 100, fps=15, gop=30, size=(160, 120))
    with Viewer(own_livekit, room) as viewer, Application(own_livekit, room, video) as application:
        viewer.wait_for_first_picture(timeout=PATIENCE_S)
        viewer.wait_for_pictures(30, timeout=PATIENCE_S)

        killed_at = time.monotonic()
        own_livekit.kill()
        time.sleep(OUTAGE_S)  # the length of the outage is what is tested, not a guess at when it is over
        restarted_at = time.monotonic()
        own_livekit.start()

        viewer.wait_until(
            lambda: viewer.pictures()[-1].at > restarted_at, timeout=RECOVERY_S, what="see pictures again"
        )
        viewer.wait_for_pictures(30, timeout=PATIENCE_S)
        last = application.pushed[-1]
        viewer.wait_for_picture(last.hash, timeout=PATIENCE_S)

        before = [picture for picture in viewer.pictures() if picture.at < restarted_at]
        after = [picture for picture in viewer.pictures() if picture.at > restarted_at]
        assert_pictures_match(before, application.pushed, until=killed_at - IN_FLIGHT_S)
        assert_pictures_match(after, application.pushed, until=last.at)
