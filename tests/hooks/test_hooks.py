"""All hooks: who is told of what, at the start, at a reload, at the end."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from ingestd.config import HookConfig, HookEvent
from ingestd.hooks.hooks import Hooks
from ingestd.hooks.stream_watch import Reading
from ingestd.tasks import Tasks
from tests.hooks.support import Receiver
from tests.support.wait import eventually


class Camera:
    """A stream, as its watch reads it."""

    def __init__(self, hooks: Hooks, name: str) -> None:
        self.reading = Reading(True, 0, 0, None)
        self.watch = hooks.watch(name, "lobby", lambda: self.reading)

    def come(self) -> None:
        self.watch.encoder_connected(0.0)
        pictures = self.reading.submitted + 1
        self.reading = Reading(True, pictures, pictures, None)
        self.watch.look(0.5)

    def go(self) -> None:
        self.watch.encoder_gone("closed", 1.0)


@pytest.fixture
async def receivers() -> AsyncIterator[list[Receiver]]:
    receivers = [Receiver(), Receiver()]
    for receiver in receivers:
        await receiver.start()
    yield receivers
    for receiver in receivers:
        await receiver.stop()


async def test_each_hook_hears_what_it_wants_to(tasks: Tasks, receivers: list[Receiver]) -> None:
    everything, downs = receivers
    hooks = Hooks()
    hooks.configure(
        [HookConfig(url=everything.url), HookConfig(url=downs.url, events=(HookEvent.DOWN,))], tasks
    )
    camera = Camera(hooks, "cam")
    camera.come()
    camera.go()
    assert [told["event"] for told in await everything.until(2)] == ["up", "down"]
    [told] = await downs.until(1)
    assert (told["event"], told["stream"], told["room"], told["reason"]) == ("down", "cam", "lobby", "closed")
    await hooks.close()
    assert hooks.counts == {("cam", "up", "sent"): 1, ("cam", "down", "sent"): 2}


async def test_a_reload_keeps_what_waits_at_hooks_that_stay(tasks: Tasks, receivers: list[Receiver]) -> None:
    stays, goes = receivers
    hooks = Hooks()
    stays.free.clear()
    hooks.configure([HookConfig(url=stays.url), HookConfig(url=goes.url)], tasks)
    camera = Camera(hooks, "cam")
    camera.come()
    await stays.until(1)
    camera.go()
    hooks.configure([HookConfig(url=stays.url)], tasks)
    stays.free.set()
    assert [told["event"] for told in await stays.until(2)] == ["up", "down"]
    assert [told["event"] for told in await goes.until(2)] == ["up", "down"], "before it goes"
    camera.come()
    await stays.until(3)
    await eventually(lambda: not [name for name in tasks.names if "close" in name], "close the other")
    assert len(goes.requests) == 2
    await hooks.close()


async def test_streams_are_looked_at_until_they_are_forgotten(
    tasks: Tasks, receivers: list[Receiver]
) -> None:
    hooks = Hooks()
    hooks.configure([HookConfig(url=receivers[0].url)], tasks)
    looking = tasks.start("watch", hooks.look_on())
    camera = Camera(hooks, "cam")
    camera.watch.encoder_connected(asyncio.get_running_loop().time())
    camera.reading = Reading(True, 1, 1, None)
    await receivers[0].until(1)
    hooks.forget(camera.watch)
    hooks.forget(camera.watch)
    looking.cancel()
    await hooks.close()
