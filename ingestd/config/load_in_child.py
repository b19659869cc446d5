"""Loads the configuration in a child process, so that the loop that carries pictures does not wait.

`python -m ingestd.config.load_in_child PATH` writes a pickle to standard output: a `Config`, or the text of
what is wrong.
"""

import asyncio
import os
import pickle
import resource
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ingestd.config.load import load
from ingestd.config.schema import Config
from ingestd.errors import ConfigError

# A thousand streams take about a second; a machine that starts everything at once is slower.
TIMEOUT_S = 30.0
# What is allowed in a file of 1 MiB needs a fraction of it.
MAX_MEMORY_BYTES = 1 << 30
NICENESS = 10  # pictures go first


async def load_in_child(path: Path, environ: Mapping[str, str], timeout_s: float = TIMEOUT_S) -> Config:
    """Return what `load` returns, and raise what it raises; also ConfigError after ``timeout_s`` seconds."""
    command = (sys.executable, "-m", __name__, str(path))
    try:
        child = await asyncio.create_subprocess_exec(
            *command, env=dict(environ), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
        )
    except OSError as error:  # no descriptor or no memory left for it
        raise ConfigError(f"{path}: not read: no process can be started: {error.strerror}") from None
    try:
        async with asyncio.timeout(timeout_s):
            pickled, _ = await child.communicate()
    except TimeoutError:
        raise ConfigError(f"{path}: not read within {timeout_s:g} s; make it smaller") from None
    finally:
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()
    if not pickled:
        raise ConfigError(f"{path}: not read: the process that read it ended with status {child.returncode}")
    # Thousands of streams take longer than a picture may wait.
    result = await asyncio.to_thread(pickle.loads, pickled)
    if isinstance(result, Config):
        return result
    raise ConfigError(str(result))


def main() -> None:
    """Load what the command line names."""
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    result: Config | str
    try:
        result = load(Path(sys.argv[1]), os.environ)
    except ConfigError as error:
        result = str(error)
    except MemoryError:
        result = f"{sys.argv[1]}: needs more than {MAX_MEMORY_BYTES >> 20} MiB to be read"
    sys.stdout.buffer.write(pickle.dumps(result))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
