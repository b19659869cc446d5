"""Program that runs a command which dies with its parent: `python die_with_parent.py PARENT_PID COMMAND …`.

Not a `preexec_fn`: code between fork and exec may deadlock in a process with threads, and the SDK has dozens.
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
    if os.getppid() != parent:  # it died before prctl
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 - prctl(2): the setting survives


if __name__ == "__main__":
    main()
