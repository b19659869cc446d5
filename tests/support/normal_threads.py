"""`python -m tests.support.normal_threads …` is `python …` without real-time threads; needs root."""

import os
import resource
import sys


def main() -> None:
    """Become that Python."""
    resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0))
    without = ("setpriv", "--bounding-set=-sys_nice", "--inh-caps=-sys_nice")
    os.execvp(without[0], [*without, sys.executable, *sys.argv[1:]])


if __name__ == "__main__":
    main()
