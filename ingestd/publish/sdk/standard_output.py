"""Keeps standard output for Python: the SDK's native part writes there what it finds in NVIDIA's place."""

import os
import sys


def keep_for_python() -> None:
    """Discard what native code writes to standard output from now on; ``sys.stdout`` is replaced."""
    if sys.__stdout__ is None:  # closed before we began
        return
    sys.stdout.flush()
    ours, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    sys.stdout = os.fdopen(ours, "w", encoding=sys.stdout.encoding, errors=sys.stdout.errors)
