"""Gives a real-time priority back: what has it, and all it starts, can bring a whole machine to a stand."""

import os
from pathlib import Path


def give_back_realtime() -> None:
    """Schedule every thread of this process as usual again.

    libsvtav1, when root opens it, makes its caller and its own threads real-time, priority 99, and whatever
    is started from there inherits that.
    """
    for thread in Path("/proc/self/task").iterdir():
        try:
            os.sched_setscheduler(int(thread.name), os.SCHED_OTHER, os.sched_param(0))
        except ProcessLookupError:
            continue  # it has ended meanwhile
