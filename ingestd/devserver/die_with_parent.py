"""Becomes another program, which dies with its parent: `python die_with_parent.py PARENT_PID COMMAND …`.

A program of its own, and not a `preexec_fn`: code that runs between fork and exec deadlocks now and then in a
process with threads, and the viewer's SDK has dozens.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def main() -> None:
    """Tie this process to its parent, then become the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the kernel knew that we care
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 - prctl(2): the setting survives


if __name__ == "__main__":
    main()
