"""The container: its files, and its steps in a clean directory tree, without a container engine."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingestd.devserver.livekit_binary import VERSION as LIVEKIT_VERSION
from tests.conftest import RunDaemon
from tests.support.daemon import clean_environment, run_command
from tests.support.ports import free_port
from tests.support.wait import PATIENCE_S

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "deploy/compose"
SERVICES: dict[str, Any] = yaml.safe_load((COMPOSE / "compose.yaml").read_text())["services"]
SOME_UID = 54321
IGNORED = shutil.ignore_patterns("__pycache__", "h265_standins")  # as .dockerignore says
MAX_MB = 200  # unpacked, the whole of the image, as it has no base


def test_the_composed_daemon_accepts_its_configuration_and_finds_the_server() -> None:
    checked = run_command("check", "--config", str(COMPOSE / "ingestd.yaml"))
    assert checked.returncode == 0, checked.stderr
    assert "1 stream to ws://127.0.0.1:7880" in checked.stdout
    assert SERVICES["livekit"]["image"] == f"livekit/livekit-server:v{LIVEKIT_VERSION}"
    for name in ("ingestd", "encoder"):
        assert SERVICES[name]["read_only"]
        assert SERVICES[name]["cap_drop"] == ["ALL"]


def test_the_composed_encoder_is_published(run_daemon: RunDaemon, room: str) -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("no ffmpeg here: install it")
    (stream,) = yaml.safe_load((COMPOSE / "ingestd.yaml").read_text())["streams"]
    port = free_port()
    listens_at = stream["source"]["listen"]
    assert SERVICES["encoder"]["command"].split()[-1] == listens_at
    stream |= {"room": room, "source": {"listen": f"tcp://127.0.0.1:{port}"}}
    command = shlex.split(SERVICES["encoder"]["command"].replace(listens_at, f"tcp://127.0.0.1:{port}"))
    with run_daemon(stream) as daemon:
        with subprocess.Popen(command, stdin=subprocess.DEVNULL) as encoder:
            try:
                daemon.wait_for_metrics(
                    lambda metrics: metrics.total("ingestd_frames_sent_total") > 30,
                    what="pictures sent",
                    timeout=PATIENCE_S,
                )
            finally:
                encoder.kill()
        assert daemon.problems() == []


# --- the image, without an engine ---------------------------------------------------------------------


def build_steps() -> list[str]:
    """The commands of RUN in the first stage, but for those that install the system's packages."""
    stage = (ROOT / "Dockerfile").read_text().split("\nFROM ")[1]
    steps = re.findall(r"^RUN ((?:.*\\\n)*.*)$", stage, re.MULTILINE)
    return [step for step in steps if "apt-get" not in step]


@pytest.fixture(scope="module")
def image() -> Iterator[Path]:
    """The root of the image, made by the steps of the Dockerfile on this machine, with its Python."""
    root = Path(tempfile.mkdtemp(prefix="ingestd-image-"))
    root.chmod(0o755)  # any user is to run it
    try:
        source = root / "src"
        for line in re.findall(r"^COPY (?!--from)(.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE):
            *parts, _ = line.split()
            for part in parts:
                there = source / part
                there.parent.mkdir(parents=True, exist_ok=True)
                if (ROOT / part).is_dir():
                    shutil.copytree(ROOT / part, there, ignore=IGNORED)
                else:
                    shutil.copy(ROOT / part, there)
        subprocess.run([sys.executable, "-m", "venv", root / "builder"], check=True)
        environment = clean_environment(PATH=f"{root}/builder/bin:{os.environ['PATH']}")
        for step in build_steps():
            step = re.sub(r"(?<!\S)(/opt/ingestd|/rootfs)", rf"{root}\1", step)
            subprocess.run(["bash", "-ec", step], cwd=source, env=environment, check=True)
        yield root / "rootfs"
    finally:
        shutil.rmtree(root)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_steps_make_a_small_tree(image: Path) -> None:
    files = [path for path in image.rglob("*") if path.is_file() and not path.is_symlink()]
    megabytes = sum(path.stat().st_size for path in files) / 1e6
    print(f"the image: {megabytes:.0f} MB unpacked, {len(files)} files")  # noqa: T201 - for who runs it with -s
    assert megabytes < MAX_MB
    names = {path.name for path in files}
    assert not names & {"sh", "bash", "pip", "apt", "dpkg"}


@pytest.mark.long
@pytest.mark.timeout(600)
def test_it_runs_for_any_user_with_a_read_only_root_and_leaves_at_sigterm(image: Path) -> None:
    if os.geteuid() != 0 or shutil.which("unshare") is None or shutil.which("setpriv") is None:
        pytest.skip(
            "to make the root read-only takes root, unshare and setpriv: run as root, install util-linux"
        )
    http, port = free_port(), free_port()
    text = (COMPOSE / "ingestd.yaml").read_text().replace("tcp://127.0.0.1:5004", f"tcp://127.0.0.1:{port}")
    (image / "etc/ingestd").mkdir()
    (image / "etc/ingestd/ingestd.yaml").write_text(text)
    (venv,) = (str(path)[len(str(image)) :] for path in image.rglob(".venv"))
    # As an engine does it: what it mounts, a root of its own that is read-only, no rights, and the program.
    inside = (
        f"set -e; mount --bind {image} {image}; mkdir -p {image}/proc {image}/dev; "
        f"touch {image}/dev/urandom {image}/dev/null; "
        f"mount -t proc proc {image}/proc; for one in null urandom; do "
        f"mount --bind /dev/$one {image}/dev/$one; done; mount -o remount,bind,ro {image}; "
        f"touch {image}/tmp/x 2>/dev/null && exit 99; "
        f"exec setpriv --no-new-privs chroot --userspec {SOME_UID}:{SOME_UID} --groups= {image} "
        f"{venv}/bin/ingestd run --config /etc/ingestd/ingestd.yaml"
    )
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "INGESTD_HTTP__LISTEN": f"0.0.0.0:{http}",
    }
    command = ["unshare", "--mount", "bash", "-c", inside]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as run:
        assert run.stdout is not None
        said = []
        for line in run.stdout:
            said.append(line)
            if '"ready' in line:
                break
        else:
            pytest.fail("it did not start:\n" + "".join(said))
        (check,) = re.findall(r'"-c", "(.*)"\]', (ROOT / "Dockerfile").read_text())
        healthy = subprocess.run([sys.executable, "-c", check], env=environment, check=False)
        uid = re.search(r"^Uid:\s+(\d+)", Path(f"/proc/{run.pid}/status").read_text(), re.MULTILINE)
        run.send_signal(signal.SIGTERM)
        rest = run.stdout.read()
    assert healthy.returncode == 0
    assert uid is not None
    assert int(uid[1]) == SOME_UID
    assert run.returncode == 0, rest
    assert "Traceback" not in rest
