"""The LiveKit server dies and comes back, while the encoder goes on."""

import time
from pathlib import Path

import pytest

from ingestd.devserver.livekit_server import LiveKitServer
from tests.support.daemon import Daemon, stream
from tests.support.encoded import encode
from tests.support.matching import assert_pictures_match
from tests.support.push import Encoder
from tests.support.viewer import Viewer
from tests.support.wait import PATIENCE_S

IN_FLIGHT_S = 1.0  # seconds before the server dies whose pictures may die with it
RECOVERY_S = 45.0  # the SDKs of daemon and viewer each wait several seconds between their attempts


@pytest.mark.parametrize(
    ("codec", "outage"),
    [
        pytest.param("h264", 4.0, id="4s"),
        pytest.param("h265", 4.0, id="h265-4s", marks=pytest.mark.long),
        pytest.param("h264", 40.0, id="40s", marks=pytest.mark.long),
    ],
)
def test_pictures_come_back_after_the_server_was_gone(
    own_livekit: LiveKitServer, tmp_path: Path, room: str, codec: str, outage: float
) -> None:
    video = encode(codec, frames=15 * 160, fps=15, gop=30, size=(160, 120))
    with (
        Daemon(own_livekit, tmp_path, stream("cam", room)) as daemon,
        Viewer(own_livekit, room, decodes_h265=codec == "h265") as viewer,
    ):
        with Encoder(daemon.port(), video) as encoder:
            viewer.wait_for_first_picture(timeout=PATIENCE_S)
            viewer.wait_for_pictures(30, timeout=PATIENCE_S)

            killed_at = time.monotonic()
            own_livekit.kill()
            time.sleep(outage)  # the length of the outage is what is tested, not a guess at when it is over
            restarted_at = time.monotonic()
            own_livekit.start()

            viewer.wait_until(
                lambda: viewer.pictures()[-1].at > restarted_at, timeout=RECOVERY_S, what="see pictures again"
            )
            viewer.wait_for_pictures(30, timeout=PATIENCE_S)
            daemon.metrics()
        viewer.wait_for_picture(encoder.pushed[-1].hash, timeout=PATIENCE_S)

        before = [picture for picture in viewer.pictures() if picture.at < restarted_at]
        after = [picture for picture in viewer.pictures() if picture.at > restarted_at]
        assert_pictures_match(
            before, encoder.pushed, until=killed_at - IN_FLIGHT_S, left_out=daemon.unseen(viewer)
        )
        assert_pictures_match(after, encoder.pushed, left_out=daemon.unseen(viewer))
        assert not encoder.broken, "the encoder kept its connection all the while"
