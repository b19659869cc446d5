"""Commands in, exit code and messages out; what a daemon does is for tests/e2e."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import ingestd
from ingestd.cli import main

SECRET = "a-secret-that-no-output-may-hold"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write(tmp_path / "ingestd.yaml")


def write(path: Path, **changes: object) -> Path:
    source = {"listen": "tcp://127.0.0.1:5004"}
    config = {
        "livekit": {"url": "ws://127.0.0.1:7880", "api_key": "devkey", "api_secret": SECRET},
        "streams": [{"name": "front-door", "room": "lobby", "source": source}],
        **changes,
    }
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


def test_check_says_what_would_be_done(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--config", str(config)]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    for word in ("front-door", "tcp://127.0.0.1:5004", "lobby", "ws://127.0.0.1:7880", "devkey", "H.265: "):
        assert word in said.out
    assert SECRET not in said.out


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_bad_configuration_is_named_by_file_line_key_and_value(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "bad.yaml", log={"level": "loud"})
    line = path.read_text().splitlines().index("  level: loud") + 1
    assert main([command, "--config", str(path)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"ingestd: {path}:{line}: log.level: ")
    assert "'loud'" in said.err
    assert "debug" in said.err
    assert SECRET not in said.err


def test_a_terminal_does_not_obey_what_a_configuration_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "bad.yaml", **{"\x1b[2Jkey": 1})
    assert main(["check", "--config", str(path)]) == 2
    assert "\\x1b[2Jkey: is not known" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_configuration_that_is_not_there(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--config", str(tmp_path / "absent.yaml")]) == 2
    assert "absent.yaml: cannot be read: No such file or directory" in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"ingestd {ingestd.__version__}\n"


def test_an_address_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        path = write(tmp_path / "ingestd.yaml", http={"listen": address})
        process = subprocess.run(
            [sys.executable, "-m", "ingestd", "run", "--config", str(path)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    # Not 2, which systemd takes for what only a human can mend: the address may be free in a second.
    assert process.returncode == 1
    assert f"ingestd: http.listen: http://{address} cannot be listened on" in process.stderr
    assert "Traceback" not in process.stderr
    assert SECRET not in process.stdout + process.stderr


def test_the_demo_without_its_extra_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in ("av", "numpy"):
        monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    assert main(["demo"]) == 1
    assert capsys.readouterr().err == (
        "ingestd: the demo also needs av and numpy: pip install 'ingestd[demo]', "
        "or in a checkout pip install '.[demo]'\n"
    )


def test_check_needs_neither_the_sdk_nor_a_loop(config: Path) -> None:
    # The SDK takes a second to import, and its threads end with a process only when it is told to.
    program = (
        "import sys; from ingestd.cli import main; code = main(sys.argv[1:]); "
        "assert 'livekit' not in sys.modules, 'the SDK was imported'; sys.exit(code)"
    )
    process = subprocess.run(
        [sys.executable, "-c", program, "check", "--config", str(config)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode == 0, process.stderr


def test_a_signal_while_the_sdk_is_imported_ends_the_process_with_0(config: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "ingestd", "run", "--config", str(config)], stderr=subprocess.PIPE, text=True
    ) as process:
        maps = Path(f"/proc/{process.pid}/maps")
        while "numpy" not in maps.read_text():  # which the SDK imports
            assert process.poll() is None
        process.terminate()
        _, said = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "Traceback" not in said


def test_a_signal_before_anything_of_ours_is_imported_ends_the_process_with_0(config: Path) -> None:
    # As early as an import of ours can say: SIGTERM comes with the first of them that takes its time.
    program = (
        "import os, signal, sys\n"
        "class Slow:\n"
        " def find_spec(self, name, *_):\n"
        "  if not name.startswith('ingestd.') or name in ('ingestd.cli', 'ingestd.errors'): return None\n"
        "  os.kill(os.getpid(), signal.SIGTERM)\n"
        "sys.meta_path.insert(0, Slow())\n"
        "from ingestd.cli import entry; entry()"
    )
    process = subprocess.run(
        [sys.executable, "-c", program, "run", "--config", str(config)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (process.returncode, process.stderr) == (0, "")


def test_what_python_cannot_raise_is_a_line_of_the_log_too(config: Path) -> None:
    program = (
        "import sys; from ingestd.app import App; from ingestd.cli import entry\n"
        "class Handle:\n def __del__(self): assert False\n"
        "async def run(_): Handle(); return 0\n"
        "App.run = run; entry()"
    )
    process = subprocess.run(
        [sys.executable, "-c", program, "run", "--config", str(config)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    how_h265_is_published, line = process.stderr.splitlines()
    assert json.loads(how_h265_is_published)["event"] == "H.265"
    assert json.loads(line)["exception"].endswith("AssertionError")


def test_the_process_leaves_at_once_when_the_daemon_has_stopped(config: Path) -> None:
    # Where DNS does not answer, a name may still be looked up then.
    program = (
        "import asyncio, time; from ingestd.app import App; from ingestd.cli import entry\n"
        "async def run(_): asyncio.get_running_loop().run_in_executor(None, time.sleep, 60); return 0\n"
        "App.run = run; entry()"
    )
    process = subprocess.run(
        [sys.executable, "-c", program, "run", "--config", str(config)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    (line,) = process.stderr.splitlines()
    assert (process.returncode, json.loads(line)["event"]) == (0, "H.265")
