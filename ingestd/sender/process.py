"""Process of `ingestd-gst`: signals first, then the bindings, then the command line.

Modules are imported where they are used: until SIGTERM is taken over, it would end us with another exit code.
"""

import os
import signal
import sys
from typing import NoReturn

STOPS = (signal.SIGTERM, signal.SIGINT)


def entry() -> NoReturn:
    """Run the command as a process, and exit."""
    for number in STOPS:  # until the loop listens to them
        signal.signal(number, lambda _number, _frame: os._exit(0))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
    try:
        code = _run()
        sys.stdout.flush()
    except BrokenPipeError:  # as `ingestd-gst --print | head` has it
        code = 128 + signal.SIGPIPE
    sys.stderr.flush()
    # Neither a driver that does not close nor a name server that does not answer keeps us.
    os._exit(code)


def _run() -> int:
    from ingestd.errors import SenderError
    from ingestd.sender import bindings, cli

    try:
        if not {"--help", "-h", "--version"} & set(sys.argv[1:]) and not bindings.are_here():
            # Blocked, not lost, while the other Python starts.
            signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
            bindings.run_again_in_system_python(sys.argv[1:])
        return cli.main()
    except SystemExit as leaving:  # of argparse
        return leaving.code if isinstance(leaving.code, int) else cli.FAILED
    except SenderError as error:
        return cli.complain(error, cli.FAILED)
