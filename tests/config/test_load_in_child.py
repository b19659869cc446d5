"""A configuration read in a child process: what comes back, and what ends a child that takes too long."""

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from ingestd.config import load
from ingestd.config.load_in_child import load_in_child
from ingestd.errors import ConfigError
from tests.config.support import LIVEKIT, ONE_STREAM
from tests.support.wait import eventually


async def test_the_same_comes_back_as_from_load(tmp_path: Path) -> None:
    path = tmp_path / "ingestd.yaml"
    path.write_text(LIVEKIT + ONE_STREAM)
    environ = {**os.environ, "INGESTD_LOG__LEVEL": "error"}
    assert await load_in_child(path, environ) == load(path, environ)


async def test_so_does_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "ingestd.yaml"
    path.write_text(LIVEKIT)
    with pytest.raises(ConfigError, match=r"ingestd.yaml:1: streams: is missing or empty"):
        await load_in_child(path, os.environ)


async def test_the_loop_turns_while_a_large_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "ingestd.yaml"
    streams = (
        f"- {{name: s{i}, room: r, source: {{listen: 'tcp://127.0.0.1:{i + 1}'}}}}\n" for i in range(3000)
    )
    path.write_text(LIVEKIT + "streams:\n" + "".join(streams))
    began = time.thread_time()
    config = await load_in_child(path, os.environ)
    on_the_loop_s = time.thread_time() - began
    assert len(config.streams) == 3000
    began = time.thread_time()
    load(path, os.environ)
    assert on_the_loop_s < (time.thread_time() - began) / 10


async def test_a_child_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    path = tmp_path / "ingestd.yaml"
    os.mkfifo(path)  # which is opened when somebody writes
    with pytest.raises(ConfigError, match=r"not read within 0.5 s; make it smaller"):
        await load_in_child(path, os.environ, timeout_s=0.5)
    assert children() == []


async def test_a_child_that_is_killed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ingestd.yaml"
    os.mkfifo(path)
    reading = asyncio.get_running_loop().create_task(load_in_child(path, os.environ))
    await eventually(children, "start the child")
    os.kill(children()[-1], signal.SIGKILL)
    with pytest.raises(ConfigError, match=r"the process that read it ended with status -9"):
        await reading


def children() -> list[int]:
    """The processes that read a configuration for this one."""
    me = os.getpid()
    pids = [int(pid) for pid in Path(f"/proc/{me}/task/{me}/children").read_text().split()]
    return [pid for pid in pids if b"load_in_child" in Path(f"/proc/{pid}/cmdline").read_bytes()]
