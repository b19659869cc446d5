"""Finds the program of a LiveKit server, or builds it from source into the cache."""

import contextlib
import fcntl
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ingestd.devserver.process import end, spawn, tail
from ingestd.errors import IngestdError

VERSION = "1.13.5"  # newer tags carry `replace` lines, which `go install` refuses
GO_PACKAGE = f"github.com/livekit/livekit-server/cmd/server@v{VERSION}"

GO_DIRECTORY = Path("/usr/local/go/bin")  # where Go's installation guide puts it; not always on PATH

ENVIRONMENT_VARIABLE = "INGESTD_LIVEKIT_SERVER"

_BUILD_USUALLY_S = 90  # two cores, nothing cached, good network
_PROGRESS_INTERVAL_S = 5.0


class ServerError(IngestdError):
    """The LiveKit server could not be found, built or started."""


def say(message: str) -> None:
    """Print to standard error."""
    print(message, file=sys.stderr, flush=True)


def find_server() -> Path | None:
    """Look for a LiveKit server in the environment, on PATH and in the cache.

    Raises ServerError if the environment names what cannot be executed.
    """
    if named := os.environ.get(ENVIRONMENT_VARIABLE):
        path = Path(named)
        if not _is_executable(path):
            raise ServerError(f"{ENVIRONMENT_VARIABLE} names {named}, which is not an executable file")
        return path
    if found := shutil.which("livekit-server"):
        return Path(found)
    cached = _cache_directory() / f"livekit-server-{VERSION}"
    return cached if _is_executable(cached) else None


def find_or_build_server(progress: Callable[[str], None] = say, go_directory: Path = GO_DIRECTORY) -> Path:
    """Return the path of a LiveKit server, building one into the cache when there is none.

    ``progress`` gets a line every few seconds while it builds; Go is the one on PATH, or in ``go_directory``.
    Raises ServerError if there is no server and no Go, or the build fails.
    """
    if found := find_server():
        return found
    if (go := _find_go(go_directory)) is None:
        raise ServerError(
            f"no LiveKit server here and no Go to build one. Do one of these:\n"
            f"  - put a release binary of livekit-server {VERSION} on PATH\n"
            f"  - set {ENVIRONMENT_VARIABLE} to the path of one\n"
            f"  - install Go 1.26 or newer; it is then built from source, once"
        )
    cache = _cache_directory()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with _exclusively(cache / "livekit-server.lock", progress):
            if found := find_server():  # another process built it while we waited
                return found
            return _build(go, cache, progress)
    except OSError as error:
        raise ServerError(f"cannot keep a LiveKit server in {cache}: {error}") from error


def _is_executable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _cache_directory() -> Path:
    root = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG Base Directory Specification: relative paths are ignored.
    return (Path(root) if os.path.isabs(root) else Path.home() / ".cache") / "ingestd"


def _find_go(directory: Path) -> Path | None:
    found = shutil.which("go") or shutil.which(directory / "go")
    return Path(found) if found else None


@contextlib.contextmanager
def _exclusively(lock: Path, progress: Callable[[str], None]) -> Iterator[None]:
    """Hold ``lock``, waiting for other processes; the kernel releases it when its holder dies."""
    with lock.open("w") as handle:
        said_at = 0.0
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() - said_at >= _PROGRESS_INTERVAL_S:
                    said_at = time.monotonic()
                    progress("another process is building the LiveKit server; waiting for it")
                time.sleep(0.2)
        yield


def _build(go: Path, cache: Path, progress: Callable[[str], None]) -> Path:
    target = cache / f"livekit-server-{VERSION}"
    for abandoned in cache.glob("build-*"):  # by a builder that was killed: we hold the lock
        shutil.rmtree(abandoned, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="build-", dir=cache) as directory:
        log = Path(directory, "go.log")
        progress(f"building livekit-server {VERSION} from source, once (usually about {_BUILD_USUALLY_S} s)")
        started_at = said_at = time.monotonic()
        with log.open("wb") as output:
            process = spawn([str(go), "install", GO_PACKAGE], output, {**os.environ, "GOBIN": directory})
        try:
            while (status := process.poll()) is None:
                time.sleep(0.1)
                if time.monotonic() - said_at >= _PROGRESS_INTERVAL_S:
                    said_at = time.monotonic()
                    progress(f"  … still building livekit-server, {said_at - started_at:.0f} s")
        finally:
            end(process)
        if status != 0:
            raise ServerError(
                f"`go install {GO_PACKAGE}` failed; it needs Go 1.26 or newer and a way to the Go modules. "
                f"It said:\n{tail(log)}\n"
                f"Instead you can put a release binary of livekit-server {VERSION} on PATH, "
                f"or set {ENVIRONMENT_VARIABLE} to the path of one."
            )
        Path(directory, "server").replace(target)
        progress(f"built livekit-server {VERSION} in {time.monotonic() - started_at:.0f} s")
    return target


def main() -> int:
    """Find or build the server and print its path: `python -m ingestd.devserver.livekit_binary`."""
    try:
        print(find_or_build_server())
    except ServerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
