"""WebRTC's encoder thread is real-time where the system allows it, and only there."""

import os
import shutil
from pathlib import Path

import pytest

from ingestd.devserver.livekit_server import LiveKitServer
from tests.support.daemon import Daemon, stream
from tests.support.encoded import encode
from tests.support.push import Encoder

ENCODER_THREAD = "VideoEncoderQue"  # as Linux cuts it off
PRIORITY = 49  # what LimitRTPRIO= of the units allows


class NormalDaemon(Daemon):
    """The daemon, none of whose threads may be real-time."""

    @property
    def program(self) -> tuple[str, ...]:
        """What Python is to run."""
        return ("-m", "tests.support.normal_threads", *super().program)


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="only root may have real-time threads"
)
@pytest.mark.parametrize(
    ("daemon_class", "policy", "priority"),
    [(Daemon, os.SCHED_FIFO, PRIORITY), (NormalDaemon, os.SCHED_OTHER, 0)],
)
def test_the_encoder_thread_is_real_time_where_that_is_allowed(
    livekit: LiveKitServer,
    room: str,
    tmp_path: Path,
    daemon_class: type[Daemon],
    policy: int,
    priority: int,
) -> None:
    video = encode("h264", frames=60, size=(160, 120))
    with (
        daemon_class(livekit, tmp_path, stream("cam", room)) as daemon,
        Encoder(daemon.port(), video) as encoder,
    ):
        daemon.wait_for_metrics(lambda m: m.total("ingestd_frames_sent_total") > 0, what="pictures sent")
        threads = Path(f"/proc/{daemon.pid}/task").iterdir()
        found = [int(t.name) for t in threads if (t / "comm").read_text().strip() == ENCODER_THREAD]
        assert [os.sched_getscheduler(thread) for thread in found] == [policy]
        assert [os.sched_getparam(thread).sched_priority for thread in found] == [priority]
        encoder.wait()
