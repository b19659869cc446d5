import asyncio
import gc
from typing import Any

import pytest

from ingestd.tasks import Tasks, outcome


class Owner:
    def __init__(self) -> None:
        self.failures: list[tuple[str, str]] = []
        self.tasks = Tasks(lambda name, error: self.failures.append((name, repr(error))))


async def forever(log: list[str]) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)  # cleaning up takes a moment
        log.append("cleaned up")


async def fail() -> None:
    raise ValueError("broken")


async def test_a_task_has_its_name_and_is_forgotten_when_it_ends() -> None:
    owner = Owner()
    done = asyncio.Event()

    async def work() -> None:
        done.set()

    task = owner.tasks.start("work", work())
    assert task.get_name() == "work"
    await task
    assert done.is_set()
    await asyncio.sleep(0)
    assert owner.tasks.names == []
    assert owner.failures == []


async def test_a_failure_is_heard_of() -> None:
    owner = Owner()
    task = owner.tasks.start("work", fail())
    await asyncio.wait([task])
    await asyncio.sleep(0)
    assert owner.failures == [("work", "ValueError('broken')")]
    assert owner.tasks.names == []


async def test_closing_cancels_and_waits_until_all_have_cleaned_up() -> None:
    owner = Owner()
    log: list[str] = []
    for name in ("a", "b"):
        owner.tasks.start(name, forever(log))
    await asyncio.sleep(0)
    await owner.tasks.close()
    assert log == ["cleaned up"] * 2
    assert owner.failures == []
    await owner.tasks.close()


async def test_a_task_that_fails_while_it_is_closed_is_heard_of_and_hinders_nobody() -> None:
    owner = Owner()
    log: list[str] = []

    async def fail_at_the_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("broken")

    owner.tasks.start("bad", fail_at_the_end())
    owner.tasks.start("good", forever(log))
    await asyncio.sleep(0)
    await owner.tasks.close()
    assert log == ["cleaned up"]
    assert owner.failures == [("bad", "ValueError('broken')")]


async def test_a_task_that_is_cancelled_has_not_failed() -> None:
    owner = Owner()
    escaped: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: escaped.append(context))
    task = owner.tasks.start("work", forever([]))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    await asyncio.sleep(0)
    assert owner.failures == []
    assert escaped == []


async def test_a_task_is_kept_although_nobody_else_does() -> None:
    owner = Owner()
    log: list[str] = []
    owner.tasks.start("work", forever(log))
    await asyncio.sleep(0)
    gc.collect()
    assert owner.tasks.names == ["work"]
    await owner.tasks.close()
    assert log == ["cleaned up"]


async def test_what_was_begun_goes_on_when_the_one_who_waits_is_cancelled() -> None:
    owner = Owner()
    may_end = asyncio.Event()

    async def work() -> str:
        await may_end.wait()
        return "done"

    begun = owner.tasks.begin("work", work())
    waiting = owner.tasks.begin("wait", outcome(begun))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    may_end.set()
    assert await outcome(begun) == "done"
    assert owner.tasks.names == []


async def test_what_was_begun_raises_where_its_outcome_is_awaited_and_nowhere_else() -> None:
    owner = Owner()
    escaped: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: escaped.append(context))
    with pytest.raises(ValueError, match="broken"):
        await outcome(owner.tasks.begin("heard", fail()))
    await asyncio.wait([owner.tasks.begin("unheard", fail())])
    gc.collect()
    assert owner.failures == []
    assert escaped == []


async def test_closing_cancels_what_was_begun() -> None:
    owner = Owner()
    log: list[str] = []
    begun = owner.tasks.begin("work", forever(log))
    await asyncio.sleep(0)
    await owner.tasks.close()
    assert begun.cancelled()
    assert log == ["cleaned up"]
