"""The limit of file descriptors, with real limits in a child process, and what is said where it is low."""

import subprocess
import sys

from ingestd import descriptors


def run(limits: str, program: str) -> str:
    """What ``program`` prints in a process with these soft and hard limits."""
    prepare = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({limits}))\n"
    imports = "from ingestd import descriptors\n"
    command = [sys.executable, "-c", prepare + imports + program]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_the_soft_limit_is_raised_to_the_hard_one() -> None:
    program = (
        "print(descriptors.raise_limit(), descriptors.limit(), resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    assert run("256, 512", program) == "None 512 (512, 512)"
    assert run("512, 512", program) == "None 512 (512, 512)"


def test_what_is_open_and_what_is_reserved_is_not_left() -> None:
    few = "before = descriptors.left(); import os; files = [os.dup(0) for _ in range(7)]\n"
    assert run("512, 512", few + "print(before - descriptors.left())") == "7"
    assert int(run("512, 512", "print(descriptors.left())")) < 512 - descriptors.RESERVED


def test_a_limit_that_is_too_low_is_said_with_both_numbers() -> None:
    assert descriptors.shortage(rooms=20, streams=20, most=65536) is None
    most = descriptors.needed(rooms=20, streams=20)
    assert descriptors.shortage(20, 20, most=most) is None
    said = descriptors.shortage(20, 20, most=1024)
    assert said is not None
    assert said.startswith(f"20 rooms and 20 streams may need {most} file descriptors, and the limit is 1024")
    assert "LimitNOFILE=" in said


def test_what_is_promised_is_kept_until_it_is_open() -> None:
    before = descriptors.left()
    with descriptors.promised(100) as kept:
        assert kept
        assert descriptors.left() == before - 100
        with descriptors.promised(before) as more:
            assert not more
    assert descriptors.left() == before
