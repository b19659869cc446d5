"""Starts and ends processes that get no signal from our terminal and die with this process."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

_DIE_WITH_PARENT = Path(__file__).with_name("die_with_parent.py")


def dying_with_us(command: Sequence[str]) -> list[str]:
    """Return the command that runs ``command`` (a full path first) in a process that dies with us."""
    return [sys.executable, "-I", "-S", str(_DIE_WITH_PARENT), str(os.getpid()), *command]


def spawn(command: list[str], output: IO[bytes], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start ``command`` in a new session; it dies with the *thread* that calls this."""
    return subprocess.Popen(
        dying_with_us(command),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process of `spawn` and all that it started, with SIGKILL; nothing if it has ended already."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def tail(log: Path, skip: int = 0, lines: int = 15) -> str:
    """Return the last ``lines`` of a log behind its first ``skip`` bytes, indented."""
    said = log.read_bytes()[skip:].decode(errors="replace").splitlines()
    return "\n".join(f"    {line}" for line in said[-lines:])
