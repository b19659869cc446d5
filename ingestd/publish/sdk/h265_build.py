"""Compiles the stand-ins of h265_standins.c. Standard library only: the wheel's build hook runs it, too."""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).with_name("h265_standins.c")
DIRECTORY = Path(__file__).with_name("h265_standins")
LIBRARIES = ("libcuda.so.1", "libnvidia-encode.so.1", "libnvcuvid.so.1")
COMPILE_TIMEOUT_S = 60.0
# Freestanding: the libraries need no other one, and so run on every Linux.
_OPTIONS = ["-std=c11", "-O2", "-s", "-shared", "-fPIC", "-ffreestanding", "-nostdlib"]


def suits_machine() -> bool:
    """Whether the stand-ins were made for a machine like this one."""
    return sys.platform == "linux" and platform.machine() == "x86_64"


def are_built(directory: Path = DIRECTORY) -> bool:
    """Whether all of the stand-ins are there."""
    # False, too, where this user may not look; `Path.is_file` would raise.
    return all(os.path.isfile(directory / name) for name in LIBRARIES)


def build(directory: Path = DIRECTORY) -> bool:
    """Compile the stand-ins into ``directory`` if they are older than their source; say if they exist.

    Where nothing can be compiled, what is there stays.
    """
    current = are_built(directory) and all(_is_newer(directory / name) for name in LIBRARIES)
    if suits_machine() and not current:
        with tempfile.TemporaryDirectory(dir=directory.parent) as temporary:
            new = Path(temporary, directory.name)
            new.mkdir()  # not for its maker alone, as the temporary one: the daemon may be another user
            if all(compile_library(SOURCE, new / name) for name in LIBRARIES):
                shutil.rmtree(directory, ignore_errors=True)  # a process that has loaded them keeps them
                shutil.copytree(new, directory)
    return are_built(directory)


def _is_newer(library: Path) -> bool:
    return library.stat().st_mtime_ns > SOURCE.stat().st_mtime_ns


def compile_library(source: Path, library: Path) -> bool:
    """Make a shared library that is found by the name of its file; False where there is no compiler for it.

    The compiler is what ``CC`` names, else `cc`.
    """
    compiler = shutil.which(os.environ.get("CC") or "cc")
    if compiler is None:
        return False
    command = [compiler, *_OPTIONS, f"-Wl,-soname,{library.name}", "-o", str(library), str(source)]
    try:
        subprocess.run(command, check=True, timeout=COMPILE_TIMEOUT_S)  # noqa: S603 - this machine's compiler
    except (OSError, subprocess.SubprocessError):
        return False
    return True
