"""A stream that outgrows WebRTC's estimate of the link while it is published."""

from dataclasses import replace

import pytest

from ingestd.devserver.livekit_server import LiveKitServer
from tests.conftest import RunDaemon
from tests.support.daemon import stream
from tests.support.encoded import EncodedStream, encode
from tests.support.push import Encoder
from tests.support.viewer import Viewer
from tests.support.wait import PATIENCE_S

FPS, GOP = 30, 60
SMALL_BPS, LARGE_BPS = 2_000_000, 12_000_000
GROWS_AT = 6 * FPS
# By itself the estimate takes 11 s, and pictures are 1.3 s late then.
CAUGHT_UP_S, LATE_S = 5.0, 0.3


def filled(unit: bytes, size_bytes: int) -> bytes:
    """The access unit with filler data (H.264 7.3.2.7) behind it."""
    return unit + b"\0\0\0\1\x0c" + b"\xff" * (size_bytes - len(unit) - 6) + b"\x80"


def growing() -> EncodedStream:
    video = encode("h264", frames=GROWS_AT + 9 * FPS, gop=GOP, fps=FPS, size=(160, 120))
    units = [
        filled(unit, (SMALL_BPS if number < GROWS_AT else LARGE_BPS) // 8 // FPS)
        for number, unit in enumerate(video.access_units)
    ]
    return replace(video, access_units=tuple(units))


@pytest.mark.long
@pytest.mark.alone
def test_pictures_of_a_stream_that_grows_are_late_for_a_moment_only_and_none_is_lost(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str
) -> None:
    video = growing()
    late_ok = stream("cam", room, max_backlog="30s")
    with run_daemon(late_ok) as daemon, Viewer(livekit, room) as viewer:
        with Encoder(daemon.port(), video) as encoder:
            encoder.wait()
            viewer.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S)
        seen = {picture.hash: picture.at for picture in reversed(viewer.pictures())}
        pushed = encoder.pushed[GROWS_AT:]
        assert [push for push in pushed if push.hash not in seen] == []
        settled = [push for push in pushed if push.at > pushed[0].at + CAUGHT_UP_S]
        delays = sorted(seen[push.hash] - push.at for push in settled)
        assert delays[len(delays) * 9 // 10] < LATE_S
        assert daemon.metrics().total("ingestd_frames_lost_total") == 0
