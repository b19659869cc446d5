import os
import subprocess
import sys
from pathlib import Path

import pytest

from ingestd.errors import SenderError
from ingestd.sender import bindings
from tests.sender.command import error_of, run


def test_the_command_finds_the_bindings_from_inside_this_environment() -> None:
    assert run("--print").returncode == 0


def test_without_any_bindings_the_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bindings, "SYSTEM_PYTHON", "/nonexistent/python3")
    with pytest.raises(
        SenderError, match=r"python3-gi, gir1\.2-gstreamer-1\.0, .*plugins-ugly.*ingestd\[gst\]"
    ):
        bindings.run_again_in_system_python([])


def test_a_system_python_without_them_is_no_help(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "python3"
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(bindings, "SYSTEM_PYTHON", str(python))
    with pytest.raises(SenderError, match="python3-gi"):
        bindings.run_again_in_system_python([])


def test_the_system_python_gets_the_arguments_and_finds_ingestd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python, said = tmp_path / "python3", tmp_path / "said"
    python.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {said}\n')
    python.chmod(0o755)
    code = (
        "from ingestd.sender import bindings; bindings.SYSTEM_PYTHON = "
        f"{str(python)!r}; bindings.run_again_in_system_python(['--to', 'two words'])"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": os.getcwd()})
    *_, home, option, value = said.read_text().splitlines()
    assert (Path(home) / "ingestd" / "sender" / "process.py").exists()
    assert (option, value) == ("--to", "two words")


def test_bad_arguments_are_said_in_one_line() -> None:
    assert error_of("--size", "big").startswith(
        "ingestd-gst: error: argument --size: 'big' is not WIDTHxHEIGHT"
    )
