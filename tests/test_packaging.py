"""What ships and how it is set up: lock files, the image, the systemd unit, the wheel."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from ingestd.publish.sdk.h265_build import LIBRARIES, suits_machine

ROOT = Path(__file__).parent.parent
LOCKS = {name: ROOT / "requirements" / f"{name}.lock" for name in ("runtime", "demo", "build", "dev")}
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())


def pins(lock: Path) -> dict[str, str]:
    """Name to version, as locked."""
    return dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", lock.read_text(), re.MULTILINE))


def names(requirements: list[str]) -> set[str]:
    """The packages that a list of requirements names."""
    return {re.split(r"[^a-z0-9-]", requirement.lower())[0] for requirement in requirements}


# --- lock files -------------------------------------------------------------------------------------


@pytest.mark.parametrize("lock", LOCKS.values(), ids=LOCKS.keys())
def test_a_lock_names_no_host_no_path_and_only_packages_with_hashes(lock: Path) -> None:
    line_form = re.compile(r"#.*|[a-z0-9.-]+==[^\s/]+( ; [^/]+)? \\| {4}--hash=sha256:[0-9a-f]{64}( \\)?")
    text = lock.read_text()
    assert [line for line in text.splitlines() if not line_form.fullmatch(line)] == []
    assert "/" not in text
    assert text.count("==") == len(re.findall(r"== ?\S+( ;[^\n]*)? \\\n +--hash", text)) + text.count(" == '")


@pytest.mark.parametrize("name", ["runtime", "demo", "build"])
def test_the_locks_agree_on_versions(name: str) -> None:
    assert pins(LOCKS[name]).items() <= pins(LOCKS["dev"]).items()


def test_the_locks_hold_what_the_project_asks_for_and_the_image_holds_no_tools() -> None:
    runtime = names(PROJECT["project"]["dependencies"])
    demo = names(PROJECT["project"]["optional-dependencies"]["demo"])
    build = names(PROJECT["dependency-groups"]["build"])
    dev = names(PROJECT["dependency-groups"]["dev"])
    assert runtime <= pins(LOCKS["runtime"]).keys()
    assert runtime | demo | build <= pins(LOCKS["demo"]).keys()
    assert build <= pins(LOCKS["build"]).keys()
    assert runtime | demo | build | dev <= pins(LOCKS["dev"]).keys()
    assert not (build | dev) & pins(LOCKS["runtime"]).keys()


# --- make -------------------------------------------------------------------------------------------


def test_make_help_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    said = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert re.findall(r"^  make (\S+)", said, re.MULTILINE) == phony.split()


@pytest.mark.parametrize("script", sorted((ROOT / "scripts").iterdir()), ids=lambda script: script.name)
def test_a_script_is_sound_bash_and_never_becomes_root_by_itself(script: Path) -> None:
    subprocess.run(["bash", "-n", script], check=True)
    assert re.findall(r"^\s*sudo ", script.read_text(), re.MULTILINE) == []


def test_setup_costs_nothing_once_done() -> None:
    if not (ROOT / ".venv" / ".ingestd-setup").exists():
        pytest.skip("no .venv that `make test` has set up: run these tests by that")
    done = subprocess.run([ROOT / "scripts" / "setup", "demo"], capture_output=True, text=True, check=True)
    assert done.stdout == ""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose .venv has a pip that only notes what it is asked for."""
    sdk = "ingestd/publish/sdk"
    files = ("ingestd/__init__.py", "pyproject.toml", "hatch_build.py")
    for part in ("scripts", "requirements", *files, f"{sdk}/h265_build.py", f"{sdk}/h265_standins.c"):
        there = tmp_path / "checkout" / part
        there.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / part).is_dir() else shutil.copy)(ROOT / part, there)
    checkout = tmp_path / "checkout"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", checkout / ".venv"], check=True)
    (checkout / ".venv/bin/ingestd").touch(mode=0o755)
    pip = packages(checkout) / "pip"
    pip.mkdir()
    (pip / "__main__.py").write_text(
        "import pathlib, shutil, sys\n"
        "if '--editable' in sys.argv:\n"
        "    packages = pathlib.Path(__file__).parents[1]\n"
        "    shutil.rmtree(packages / 'ingestd', ignore_errors=True)\n"
        "    (packages / 'editable.pth').write_text(str(pathlib.Path.cwd()))\n"
    )
    return checkout


def packages(checkout: Path) -> Path:
    (found,) = checkout.glob(".venv/lib/python3*/site-packages")
    return found


def test_setup_puts_the_checkout_in_place_of_a_copy_of_it(checkout: Path) -> None:
    def setup() -> str:
        return subprocess.check_output([checkout / "scripts/setup", "demo"], text=True)

    assert "installing ingestd itself" in setup()
    assert setup() == ""
    (packages(checkout) / "editable.pth").unlink()  # `pip install .` by hand
    shutil.copytree(checkout / "ingestd", packages(checkout) / "ingestd")
    assert "installing ingestd itself" in setup()
    assert not (packages(checkout) / "ingestd").exists()
    assert setup() == ""


def test_a_step_shows_how_far_it_came_in_whole_words(tmp_path: Path) -> None:
    script = """
        source scripts/step.bash
        sleep() { # five seconds pass as soon as something was said, and when that was shown the job may end
            until [[ -s $log ]]; do :; done
            ((looks++)) && rm -f "$FLAG"
            SECONDS=$((SECONDS + 5))
        }
        step "installing" bash -c 'echo "$1"; while [[ -e $0 ]]; do :; done' "$FLAG" "$LINE"
    """
    flag = tmp_path / "running"
    flag.touch()
    shown = "Collecting aiohttp==3.13.0 (from -r requirements/dev.lock (line 5))"
    environment = {**os.environ, "FLAG": str(flag), "LINE": f"{shown} twice-as-long"}
    said = subprocess.check_output(["bash", "-c", script], cwd=ROOT, text=True, env=environment)
    assert f"{shown}\n" in said


@pytest.mark.parametrize(
    ("together", "quiet", "alone", "status"),
    [
        *((0, 0, 0, 0), (1, 0, 0, 1), (0, 1, 0, 1), (0, 0, 1, 1)),
        *((0, 5, 5, 0), (5, 0, 5, 0), (5, 5, 0, 0), (5, 1, 5, 1), (5, 5, 1, 1), (5, 5, 5, 5)),
        *((2, 0, 0, 2), (4, 0, 0, 4)),
    ],
)
def test_make_test_fails_where_one_of_its_passes_does_or_none_finds_a_test(
    tmp_path: Path, together: int, quiet: int, alone: int, status: int
) -> None:
    python = tmp_path / ".venv/bin/python"
    scripts = {
        tmp_path / "scripts/test": (ROOT / "scripts/test").read_text(),
        tmp_path / "scripts/setup": "",
        tmp_path / "scripts/system-packages": "",
        tmp_path / "scripts/browser": "",
        python: '#!/bin/bash\nprintf "%s\\n" "$*" >>said\n'
        f'case $* in *"not alone"*-k\\ x) exit {together} ;; *"quiet and"*-k\\ x) exit {quiet} ;; '
        f'*"alone and"*-k\\ x) exit {alone} ;; esac\n',
    }
    for path, script in scripts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(script)
        path.chmod(0o755)
    done = subprocess.run([tmp_path / "scripts/test", "short", "-k", "x"], cwd=tmp_path, capture_output=True)
    assert done.returncode == status, done
    passes = re.findall(r"^-m pytest ", (tmp_path / "said").read_text(), re.MULTILINE)
    assert len(passes) == (1 if together in (2, 4) else 3)


# --- the image --------------------------------------------------------------------------------------

DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_the_dockerfile_copies_only_what_is_there_and_not_ignored() -> None:
    let_through = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    copied: set[str] = set()
    for arguments in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE):
        copied.update(arguments.split()[:-1])
    assert copied == let_through
    assert [path for path in copied if not (ROOT / path).exists()] == []


def test_the_image_is_pinned_runs_as_nobody_special_and_lets_signals_through() -> None:
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"${PYTHON}", "scratch"}
    assert re.search(r"^ARG PYTHON=python:3\.12-slim-bookworm@sha256:[0-9a-f]{64}$", DOCKERFILE, re.MULTILINE)
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", DOCKERFILE, re.MULTILINE)
    assert re.search(r'^ENTRYPOINT \["/opt/ingestd/\.venv/bin/ingestd"\]$', DOCKERFILE, re.MULTILINE)
    assert "--require-hashes -r requirements/runtime.lock" in DOCKERFILE


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False), (None, False)])
def test_the_health_check_believes_only_200(status: int | None, healthy: bool, unused_tcp_port: int) -> None:
    (check,) = re.findall(r'CMD \["/opt/ingestd/\.venv/bin/python", "-c", "(.*)"\]', DOCKERFILE)
    answer = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import socket, sys\n"
            "listener = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n"
            "print('ready', flush=True)\n"
            "connection, _ = listener.accept()\n"
            "assert connection.recv(4096).startswith(b'GET /healthz ')\n"
            "if sys.argv[2] != 'None':\n"
            "    head = f'HTTP/1.1 {sys.argv[2]} X\\r\\nContent-Length: 0\\r\\n\\r\\n'\n"
            "    connection.sendall(head.encode())\n"
            "connection.close()\n",
            str(unused_tcp_port),
            str(status),
        ],
        stdout=subprocess.PIPE,
    )
    assert answer.stdout is not None
    with answer:
        answer.stdout.readline()
        environment = {**os.environ, "INGESTD_HTTP__LISTEN": f"0.0.0.0:{unused_tcp_port}"}
        result = subprocess.run([sys.executable, "-c", check], env=environment, stderr=subprocess.DEVNULL)
    assert (result.returncode == 0) is healthy
    assert answer.returncode == 0


# --- systemd ----------------------------------------------------------------------------------------

UNIT = (ROOT / "systemd" / "ingestd.service").read_text()


def test_the_unit_starts_what_its_readme_installs() -> None:
    (program,) = re.findall(r"^ExecStart=(\S+) run --config /etc/ingestd/ingestd\.yaml$", UNIT, re.MULTILINE)
    readme = (ROOT / "systemd" / "README.md").read_text()
    assert f"python3 -m venv {Path(program).parent.parent}" in readme
    for path in re.findall(r"(?:requirements|config|systemd)/[a-z]+\.[a-z]+", readme):
        assert (ROOT / path).exists(), path


MAX_EXPOSURE = 2.0
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="no systemd-analyze: install systemd"
)


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """All units, with a program that this machine has, and an instance of the template."""
    for unit in (ROOT / "systemd").glob("*.s*"):
        text = unit.read_text().replace("/opt/ingestd/.venv/bin/ingestd", "/bin/true")
        (tmp_path / unit.name).write_text(text)
        (tmp_path / unit.name.replace("@.", "@roof.")).write_text(text)
    return tmp_path


@needs_systemd
@pytest.mark.parametrize("name", ["ingestd.service", "ingestd@roof.service", "ingestd-front-door.socket"])
def test_systemd_accepts_the_units(units: Path, name: str) -> None:
    said = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", units / name], capture_output=True, text=True, timeout=60
    )
    about_us = [line for line in said.stderr.splitlines() if "ingestd" in line]
    newer = ("RestartSteps", "RestartMaxDelaySec")  # systemd 254; older ones ignore them, as the unit says
    assert [line for line in about_us if not any(key in line for key in newer)] == []
    assert said.returncode == 0


@needs_systemd
@pytest.mark.parametrize("name", ["ingestd.service", "ingestd@roof.service"])
def test_the_units_expose_little(units: Path, name: str) -> None:
    threshold = f"--threshold={MAX_EXPOSURE * 10:.0f}"
    said = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", threshold, units / name],
        capture_output=True,
        text=True,
        timeout=60,
    )
    if "unrecognized option" in said.stderr:
        pytest.skip("systemd-analyze is older than 250 and rates running services only")
    assert said.returncode == 0, said.stdout


@pytest.mark.parametrize("name", ["ingestd.service", "ingestd@.service"])
def test_the_units_let_webrtcs_threads_be_real_time(name: str) -> None:
    unit = (ROOT / "systemd" / name).read_text()
    assert "LimitRTPRIO=49" in unit.splitlines()
    assert "RestrictRealtime=" not in re.sub(r"^#.*$", "", unit, flags=re.MULTILINE)


def test_the_template_is_the_unit_but_for_the_names_of_its_files() -> None:
    def settings(text: str) -> list[str]:
        lines = [line for line in text.splitlines() if line and not line.startswith(("#", "Description"))]
        return [line.replace("-%i", "").replace("%i", "NAME") for line in lines]

    named = UNIT.replace("/etc/ingestd/ingestd.yaml", "/etc/ingestd/NAME.yaml")
    named = named.replace("/etc/ingestd/environment", "/etc/ingestd/NAME.environment")
    assert settings((ROOT / "systemd" / "ingestd@.service").read_text()) == settings(named)


# --- the wheel --------------------------------------------------------------------------------------


def test_the_wheel_holds_ingestd_and_nothing_else(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        files = archive.namelist()
        (entry_points,) = (name for name in files if name.endswith(".dist-info/entry_points.txt"))
        assert "ingestd = ingestd.cli:entry" in archive.read(entry_points).decode()
    assert {re.sub(r"-[^/]*\.dist-info", ".dist-info", name.split("/")[0]) for name in files} == {
        "ingestd",
        "ingestd.dist-info",
    }
    assert "ingestd/py.typed" in files
    pages = {path.relative_to(ROOT).as_posix() for path in (ROOT / "ingestd/observe/assets").iterdir()}
    assert pages <= set(files), "LiveKit's client, too, where it was fetched"
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in files)


@pytest.mark.parametrize("compiler", ["cc", "no-such-compiler"])
def test_the_wheel_holds_the_stand_ins_for_h265_where_there_is_a_compiler(
    tmp_path: Path, compiler: str
) -> None:
    if not suits_machine() or shutil.which("cc") is None:
        pytest.skip("the stand-ins are for Linux on x86-64, and compiled with cc")
    source = tmp_path / "source"
    left_out = shutil.ignore_patterns(".*", "h265_standins", "__pycache__")
    for part in ("ingestd", "hatch_build.py", "pyproject.toml", "README.md", "LICENSE"):
        there = source / part
        there.parent.mkdir(exist_ok=True)
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, there, ignore=left_out)
        else:
            shutil.copy(ROOT / part, there)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    environment = {**os.environ, "CC": compiler}
    subprocess.run(command, cwd=source, check=True, capture_output=True, env=environment)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        found = {Path(name).name for name in archive.namelist() if "/h265_standins/" in name}
    assert (found, wheel.stem.rpartition("-")[2]) == (
        (set(LIBRARIES), "manylinux2014_x86_64") if compiler == "cc" else (set(), "any")
    )
