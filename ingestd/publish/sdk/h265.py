"""Whether this process can publish H.265: by the SDK alone, or with stand-ins for NVIDIA's libraries.

The SDK offers H.265 only where it finds a hardware encoder and decoder for it, though it needs neither for
pictures that are encoded already. Where there is no NVIDIA driver, libraries that only answer the SDK's
questions take its place (h265_standins.c). What the SDK offers is settled for the whole process with its
first room or track.
"""

import asyncio
import contextlib
import ctypes
import hashlib
import os
import platform
import sys
from pathlib import Path

import structlog
from livekit import rtc

from ingestd.publish.sdk import standard_output
from ingestd.publish.sdk.h265_build import DIRECTORY, LIBRARIES, build
from ingestd.publish.sdk.h265_choice import Decision, Mode, choose, refused

logger = structlog.get_logger("ingestd.publish")

# The proof ends itself before that.
PROOF_TIMEOUT_S = 30.0
# Where it is set the SDK looks for no decoder.
NO_DECODER_VARIABLE = "LK_DISABLE_NVDEC"

_loaded = False  # the stand-ins, into this process: it cannot tell them from a driver then


async def prepare(mode: Mode) -> Decision:
    """Decide how H.265 is published, do what it takes, and log one line that says so.

    Await it before the process joins its first room and makes its first track.
    """
    decision = await _decide(mode)
    if decision.way == "stand-ins":
        try:
            load_standins()
            standard_output.keep_for_python()  # "Nvidia Decoder is supported.", with many a room
        except OSError as error:
            decision = refused("not_proved", _in_a_trial(str(error)))
    logger.info("H.265", way=decision.way, why=decision.why)
    return decision


async def _decide(mode: Mode) -> Decision:
    decision = choose(mode, loaded=_loaded)
    if decision.way != "stand-ins":
        return decision
    try:
        error = await prove()
    except OSError as failure:  # a file that may not be read, a process too many
        error = str(failure)
    return decision if error is None else refused("not_proved", _in_a_trial(error))


def _in_a_trial(error: str) -> str:
    return f"with the stand-ins livekit {rtc.__version__} did not publish it in a trial: {error}"


def load_standins(directory: Path = DIRECTORY) -> None:
    """Load the stand-ins: the SDK finds them by their names. Raises OSError where one cannot be loaded."""
    global _loaded
    for name in LIBRARIES:
        ctypes.CDLL(str(directory / name))
    _loaded = True


async def prove(directory: Path = DIRECTORY) -> str | None:
    """Publish H.265 in a separate process; return why that failed, None where it did not.

    Raises OSError where the files cannot be read or no process can be started. A success is remembered
    beside the stand-ins, if we may write there.
    """
    proof, circumstances = directory / "proved", _circumstances(directory)
    with contextlib.suppress(OSError):
        if proof.read_text() == circumstances:
            return None
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ingestd.publish.sdk.h265_proof",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PROOF_TIMEOUT_S):
            _, said = await process.communicate()
    except TimeoutError:
        return "it did not end"
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode != 0:
        lines = said.decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"it ended with status {process.returncode}"
    with contextlib.suppress(OSError):
        proof.write_text(circumstances)
    return None


def _circumstances(directory: Path) -> str:
    """What a proof holds for: this SDK, these stand-ins, this C library, this environment."""
    files = [*Path(rtc.__file__).parent.glob("resources/*livekit_ffi*"), *(directory / n for n in LIBRARIES)]
    hashes = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    return "\n".join(
        [rtc.__version__, *platform.libc_ver(), str(os.environ.get(NO_DECODER_VARIABLE)), *hashes]
    )


def main() -> None:
    """Compile the stand-ins, prove that they serve, and say what came of it: a part of set-up."""
    try:
        build()
    except OSError as error:
        sys.exit(
            f"error: the stand-ins for H.265 cannot be written beside {DIRECTORY}: {error.strerror}; "
            "run this as a user who may write there, before the installation is made read-only"
        )
    decision = asyncio.run(_decide("auto"))
    print(f"H.265: {decision.way}; {decision.refusal or decision.why}")  # noqa: T201 - the output of set-up


if __name__ == "__main__":
    main()
