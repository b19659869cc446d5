import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from ingestd.demo.child_process import ChildProcess
from ingestd.tasks import Tasks
from tests.support.wait import eventually

Run = Callable[..., Awaitable[ChildProcess]]


@pytest.fixture
def heard() -> list[str]:
    return []


@pytest.fixture
async def run(tmp_path: Path, heard: list[str]) -> AsyncIterator[Run]:
    """Start a process that runs this Python code."""
    failures: list[BaseException] = []
    tasks = Tasks(lambda _name, error: failures.append(error))

    async def start(code: str, **options: float) -> ChildProcess:
        child = ChildProcess("the child", tmp_path / "log", tasks, heard.append, **options)
        await child.start([sys.executable, "-u", "-c", code], os.environ)
        return child

    yield start
    await tasks.close()
    assert failures == []


async def test_each_line_is_heard_and_standard_error_is_kept(run: Run, heard: list[str]) -> None:
    child = await run("import sys; print('one'); print('two', file=sys.stderr); sys.exit(3)")
    assert str(await child.failure()) == "the child left with status 3"
    assert sorted(heard) == ["one", "two"]
    assert child.tail == "two"
    assert child.log.read_text() == "two\n"


async def test_the_tail_is_the_end_of_the_log(run: Run) -> None:
    child = await run("import sys\nfor n in range(100): print(n, file=sys.stderr)")
    await child.failure()
    assert child.tail.splitlines() == [str(n) for n in range(85, 100)]
    assert len(child.log.read_text().splitlines()) == 100


async def test_a_line_beyond_all_bounds_is_left_out_and_the_next_is_heard(run: Run, heard: list[str]) -> None:
    child = await run("print('x' * (3 << 20)); print('next')")
    await child.failure()
    assert heard[-1] == "next"
    assert all(len(line) < 2 << 20 for line in heard)


async def test_one_that_does_not_leave_when_asked_is_ended(run: Run, heard: list[str]) -> None:
    child = await run(
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); time.sleep(60)",
        stop_timeout_s=0.1,
    )
    await eventually(lambda: heard, "begin")
    async with asyncio.timeout(10):
        await child.stop()
    assert str(await child.failure()) == f"the child left with status {-signal.SIGKILL}"


async def test_what_it_says_on_leaving_is_heard(run: Run, heard: list[str]) -> None:
    child = await run(
        "import signal, sys, time\n"
        "def leave(*_): print('bye'); sys.exit()\n"
        "signal.signal(signal.SIGTERM, leave); print('up'); time.sleep(60)"
    )
    await eventually(lambda: heard, "begin")
    await child.stop()
    assert heard == ["up", "bye"]


async def test_what_was_never_started_need_not_be_stopped(tmp_path: Path) -> None:
    tasks = Tasks(lambda _name, _error: None)
    await ChildProcess("the child", tmp_path / "log", tasks, print).stop()
    await tasks.close()
