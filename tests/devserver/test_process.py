import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from ingestd.devserver.process import dying_with_us, end, spawn, tail


def gone(pid: int) -> bool:
    """Whether a process has ended, whoever has yet to take note of it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def dies(pid: int) -> None:
    """Wait for its end."""
    deadline = time.monotonic() + 5
    while not gone(pid):
        assert time.monotonic() < deadline, f"process {pid} lives"
        time.sleep(0.02)


def test_a_process_dies_with_a_parent_that_was_killed() -> None:
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import os, sys, time; from ingestd.devserver.process import spawn\n"
            "with open(os.devnull, 'wb') as nothing:\n"
            "    print(spawn(['/bin/sleep', '60'], nothing, os.environ).pid, flush=True)\n"
            "time.sleep(60)",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    with parent:
        pid = int(parent.stdout.readline())
        assert not gone(pid)
        parent.send_signal(signal.SIGKILL)
    dies(pid)


def test_a_process_whose_parent_is_gone_already_does_not_begin(tmp_path: Path) -> None:
    began = tmp_path / "began"
    command = dying_with_us(["/bin/touch", str(began)])
    command[command.index(str(os.getpid()))] = "1"  # as if we had died and init were its parent
    assert subprocess.run(command).returncode == 1
    assert not began.exists()


def test_no_signal_of_the_terminal_reaches_it_and_its_children_end_with_it(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = spawn(["/bin/sh", "-c", "sleep 60 & echo $!; wait"], output, os.environ)
    deadline = time.monotonic() + 5
    while not log.read_text().endswith("\n"):
        assert time.monotonic() < deadline, "it did not begin"
        time.sleep(0.02)
    assert os.getsid(process.pid) == process.pid
    end(process)
    end(process)  # none of our business any more
    assert process.returncode == -signal.SIGKILL
    dies(int(log.read_text()))


def test_the_tail_of_a_log_is_indented_and_begins_behind_what_was_there_before(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"before\none\ntwo \xff\nthree\n")
    assert tail(log, skip=len("before\n"), lines=2) == "    two \ufffd\n    three"
