import os
import signal
import subprocess
import sys
from pathlib import Path

from ingestd.devserver.process import end, spawn, tail
from tests.support.wait import wait_until


def gone(pid: int) -> bool:
    """Whether a process has ended, also where its parent has not waited for it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def begins(pid: int, program: str) -> None:
    """Wait until it has become this program."""
    command = Path(f"/proc/{pid}/cmdline")
    wait_until(lambda: command.read_bytes().startswith(program.encode()), f"become {program}", 5)


def dies(pid: int) -> None:
    """Wait for its end."""
    wait_until(lambda: gone(pid), "die", 5)


def dies_with_its_parent(program: str, *arguments: str) -> None:
    """Kill a Python program that has started /bin/sleep and printed its process ID: the child ends, too."""
    parent = subprocess.Popen([sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent:
        pid = int(parent.stdout.readline())
        begins(pid, "/bin/sleep")
        parent.send_signal(signal.SIGKILL)
    dies(pid)


def test_a_process_dies_with_a_parent_that_was_killed() -> None:
    dies_with_its_parent(
        "import os, sys, time; from ingestd.devserver.process import spawn\n"
        "with open(os.devnull, 'wb') as nothing:\n"
        "    print(spawn(['/bin/sleep', '60'], nothing, os.environ).pid, flush=True)\n"
        "time.sleep(60)"
    )


def test_no_signal_of_the_terminal_reaches_it_and_its_children_end_with_it(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = spawn(["/bin/sh", "-c", "sleep 60 & echo $!; wait"], output, os.environ)
    wait_until(lambda: log.read_text().endswith("\n"), "begin", 5)
    assert os.getsid(process.pid) == process.pid
    end(process)
    end(process)  # it has ended: nothing to do
    assert process.returncode == -signal.SIGKILL
    dies(int(log.read_text()))


def test_the_tail_of_a_log_is_indented_and_begins_behind_what_was_there_before(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"before\none\ntwo \xff\nthree\n")
    assert tail(log, skip=len("before\n"), lines=2) == "    two \ufffd\n    three"
