"""What systemd is told of a daemon's life."""

import asyncio
import os
import time
from pathlib import Path

import pytest
import structlog

from ingestd.service.movement import STUCK_S, Motion
from ingestd.service.sd_notify import Notifier
from ingestd.service.service_manager import ServiceManager
from tests.service.support import Manager
from tests.support.wait import eventually

MOVING = Motion(1, 0.0, False)


async def test_a_life(tmp_path: Path) -> None:
    status = "0 of 1 streams up"
    with Manager(tmp_path) as manager:
        service = ServiceManager(Notifier(manager.address), watchdog_s=0.3)
        keeping = asyncio.get_running_loop().create_task(service.keep(lambda: status, dict))
        await eventually(lambda: manager.values("EXTEND_TIMEOUT_USEC"), "ask for time while it starts")
        service.reloading()
        service.ready(status)
        await eventually(lambda: manager.values("READY"), "be ready")
        status = "1 of 1 streams up"
        await eventually(lambda: manager.values("STATUS")[-1] == status, "tell the status")
        count = len(manager.values("STATUS"))
        alive = len(manager.values("WATCHDOG"))
        await eventually(lambda: len(manager.values("WATCHDOG")) > alive + 2, "be alive")
        assert len(manager.values("STATUS")) == count, "a status is told when it has changed"
        service.reloading()
        service.ready(status)
        service.stopping(4.0)
        service.ready("a reload that is cut short")
        await eventually(lambda: manager.values("STOPPING"), "stop")
        keeping.cancel()
    assert manager.values("RELOADING") == ["1"], "before it was ready it told of none"
    [reloading] = [told for told in manager.told if "RELOADING" in told]
    assert 0 <= time.clock_gettime(time.CLOCK_MONOTONIC) - int(reloading["MONOTONIC_USEC"]) / 1e6 < 30
    assert manager.values("READY") == ["1", "1"]
    assert manager.values("EXTEND_TIMEOUT_USEC")[-1] == "4000000"


async def test_nobody_is_told_that_it_lives_while_no_picture_moves(tmp_path: Path) -> None:
    motion = Motion(1, STUCK_S, False)
    with Manager(tmp_path) as manager, structlog.testing.capture_logs() as lines:
        service = ServiceManager(Notifier(manager.address), watchdog_s=0.1)
        service.ready("")
        keeping = asyncio.get_running_loop().create_task(service.keep(str, lambda: {"cam": motion}))
        await eventually(lambda: lines, "say so")
        assert manager.values("WATCHDOG") == []
        motion = Motion(2, 0.0, False)
        await eventually(lambda: manager.values("WATCHDOG"), "live again")
        keeping.cancel()
    [line] = lines
    assert (line["log_level"], line["streams"], line["watchdog_withheld"]) == ("critical", ["cam"], True)


async def test_without_a_service_manager_nothing_is_kept() -> None:
    await ServiceManager(Notifier(None), 0.1).keep(str, dict)


@pytest.mark.parametrize(
    ("environ", "watchdog_s"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "9" * 5000}, None),
        ({}, None),
    ],
)
def test_the_environment_says_how_often(environ: dict[str, str], watchdog_s: float | None) -> None:
    assert ServiceManager.taken_from(environ)._watchdog_s == watchdog_s
    assert environ == {}
