import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ingestd.sender import bindings
from tests.sender.command import PICTURE, PROGRAM, Running
from tests.support.wait import PATIENCE_S, wait_until

ARGUMENTS = ("--to", "tcp://127.0.0.1:9", "--pipeline", f"{PICTURE} ! x264enc")


def listens(pid: int) -> bool:
    """Python has started, and the command has taken the signal over (proc(5), SigCgt)."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = int(status.split("SigCgt:")[1].split()[0], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


def is_in_system_python(pid: int) -> bool:
    return bindings.SYSTEM_PYTHON.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.mark.parametrize("begun", [listens, is_in_system_python])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_0_also_while_it_starts(
    number: signal.Signals, begun: Callable[[int], bool]
) -> None:
    if begun is is_in_system_python and bindings.are_here():
        pytest.skip("this Python has PyGObject itself, and is not left: run the tests in a .venv without it")
    process = subprocess.Popen([PROGRAM, *ARGUMENTS], stderr=subprocess.PIPE, text=True)
    wait_until(lambda: begun(process.pid), "begin", every_s=0.001)
    process.send_signal(number)
    _, said = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, "Traceback" in said) == (0, False), said


def test_a_signal_ends_it_with_0_while_nothing_listens() -> None:
    with Running(*ARGUMENTS) as sender:
        sender.wait_for_log("Connect call failed")


def test_a_reader_that_left_is_no_error_of_ours() -> None:
    shell = subprocess.run(
        ["bash", "-c", 'set -o pipefail; "$0" --help | true; echo "${PIPESTATUS[0]}"', PROGRAM],
        capture_output=True,
        text=True,
    )
    assert shell.stdout.strip() in ("0", "141")
    assert "Traceback" not in shell.stderr
