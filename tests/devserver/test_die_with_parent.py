"""The program that ties a command to its parent."""

import os
import subprocess
import sys
from pathlib import Path

from ingestd.devserver import die_with_parent
from tests.devserver.test_process import dies_with_its_parent

PROGRAM = [sys.executable, "-I", "-S", die_with_parent.__file__]


def test_it_becomes_the_command_with_its_arguments_and_its_process_id() -> None:
    command = ["/bin/sh", "-c", 'echo $$ "$1"', "sh", "two words"]
    with subprocess.Popen(
        [*PROGRAM, str(os.getpid()), *command], stdout=subprocess.PIPE, text=True
    ) as process:
        said, _ = process.communicate(timeout=10)
    assert said == f"{process.pid} two words\n"
    assert process.returncode == 0


def test_the_command_is_killed_with_its_parent() -> None:
    dies_with_its_parent(
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen([*sys.argv[1:], str(os.getpid()), '/bin/sleep', '60'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)",
        *PROGRAM,
    )


def test_a_command_whose_parent_is_gone_already_does_not_begin(tmp_path: Path) -> None:
    began = tmp_path / "began"
    someone_else = "1"  # as if the parent had died and init taken its place
    assert subprocess.run([*PROGRAM, someone_else, "/bin/touch", str(began)]).returncode == 1
    assert not began.exists()
