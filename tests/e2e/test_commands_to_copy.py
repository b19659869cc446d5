"""The commands that the status page shows: each sends what `ingestd probe` finds no fault with."""

import json
import subprocess
import sys
from typing import Any

import pytest

from ingestd.diagnose.encoder_commands import encoder_commands
from ingestd.media.access_unit import Codec
from tests.support.ports import free_port

TOOLS = ("ffmpeg", "GStreamer")
PATIENCE_S = 60


@pytest.mark.long
@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("codec", list(Codec))
def test_the_command_sends_the_codec_in_a_way_that_viewers_see(codec: Codec, tool: str) -> None:
    port = free_port()
    command = encoder_commands(f"tcp://127.0.0.1:{port}", dials=False, codec=codec)[tool]
    found = probed(command, f"listen:{port}", waits_for="waiting for an encoder")
    assert found["codec"] == codec
    assert found["faults"] == []
    assert {issue["reason"] for issue in found["issues"]} <= {"h265_viewers"}


@pytest.mark.long
@pytest.mark.parametrize("tool", TOOLS)
def test_the_command_listens_where_the_daemon_dials(tool: str) -> None:
    port = free_port()
    command = encoder_commands(f"tcp://127.0.0.1:{port}", dials=True)[tool]
    assert probed(command, f"tcp://127.0.0.1:{port}")["codec"] == "h264"


def probed(command: str, target: str, waits_for: str | None = None) -> dict[str, Any]:
    """What `ingestd probe` says of ``target`` while ``command`` runs."""
    probe = [sys.executable, "-m", "ingestd", "probe", target, "--seconds", "2", "--json"]
    if waits_for is None:
        with shell(command) as encoder:
            try:
                while True:  # until it listens
                    done = subprocess.run(probe, capture_output=True, text=True, timeout=PATIENCE_S)
                    if done.returncode == 0:
                        return json.loads(done.stdout)  # type: ignore[no-any-return]
                    assert encoder.poll() is None, command
            finally:
                encoder.kill()
    with subprocess.Popen(probe, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as listening:
        assert listening.stderr is not None
        assert waits_for in listening.stderr.readline()
        with shell(command) as encoder:
            said, _ = listening.communicate(timeout=PATIENCE_S)
            encoder.kill()
    assert listening.returncode == 0, said
    return json.loads(said)  # type: ignore[no-any-return]


def shell(command: str) -> subprocess.Popen[bytes]:
    quiet = subprocess.DEVNULL
    return subprocess.Popen(f"exec {command}", shell=True, stdin=quiet, stdout=quiet, stderr=quiet)
