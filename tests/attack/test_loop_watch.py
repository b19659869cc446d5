"""How long a loop is kept at a time is seen, and that it waits is not counted."""

import asyncio
import time
from pathlib import Path

import pytest
import uvloop

from tests.attack.loop_watch import longest_s, watch

KEPT_S = 0.05


def keep_for(seconds: float) -> None:
    end_s = time.thread_time() + seconds
    while time.thread_time() < end_s:
        pass


async def keep_twice() -> None:
    for seconds in (KEPT_S, KEPT_S / 2):
        await asyncio.sleep(0.01)
        keep_for(seconds)
    await asyncio.sleep(0.01)
    time.sleep(4 * KEPT_S)  # noqa: ASYNC251 - as one waits for a core
    await asyncio.sleep(0.01)


def test_the_longest_round_of_a_loop_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uvloop, "new_event_loop", uvloop.new_event_loop)
    path = tmp_path / "loop"
    watch(str(path))
    loop = uvloop.new_event_loop()
    began = time.monotonic()
    loop.run_until_complete(keep_twice())
    ended = time.monotonic()
    loop.close()
    assert KEPT_S <= longest_s(path, began, ended) < 1.5 * KEPT_S
    assert longest_s(path, ended, ended + 1) == 0.0
