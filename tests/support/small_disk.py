"""A disk so small that it can be filled: a tmpfs, mounted while it is entered."""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path


@contextlib.contextmanager
def small_disk(at: Path, size_bytes: int) -> Iterator[None]:
    """Mount it at the directory ``at``. Raises OSError where that is not allowed."""
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", at],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise OSError(done.stderr.strip())
    try:
        yield
    finally:
        # Lazily: who has a file open there may take a moment to end.
        subprocess.run(["umount", "--lazy", at], check=True)


@cache
def unavailable() -> str | None:
    """Why there can be none here; None when there can."""
    if os.geteuid() != 0:
        return "mounting a disk needs root: run the tests as root"
    try:
        with tempfile.TemporaryDirectory() as directory, small_disk(Path(directory), 1 << 16):
            return None
    except OSError as error:
        return f"no tmpfs can be mounted: {error}; needed: CAP_SYS_ADMIN"
