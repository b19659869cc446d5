"""Nothing that encodes AV1 keeps a real-time priority, or hands one on."""

import os
from pathlib import Path

from tests.support.encoded import encode


def test_encoding_av1_leaves_every_thread_scheduled_as_usual() -> None:
    encode("av1", frames=2, size=(64, 64))
    threads = [int(thread.name) for thread in Path("/proc/self/task").iterdir()]
    assert {os.sched_getscheduler(thread) for thread in threads} == {os.SCHED_OTHER}
