"""What an open page is sent: histories, then every sample; who does not read is let go."""

import asyncio
import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from ingestd.observe import live_updates
from ingestd.observe.figures import StreamFigures
from ingestd.observe.history import COLUMNS
from ingestd.observe.live_updates import STREAMS_PER_STEP, LiveUpdates
from ingestd.observe.sampler import Sampler
from tests.observe.staged import Stage, StagedStream
from tests.support.wait import PATIENCE_S, eventually


class Page:
    """A response that keeps what is written; ``reads`` off, it takes nothing."""

    def __init__(self, reads: bool = True) -> None:
        self.reads = reads
        self.said: list[tuple[str, Any]] = []
        self.changed = asyncio.Event()

    async def write(self, data: bytes) -> None:
        if not self.reads:
            await asyncio.Event().wait()
        kind, _, what = data.decode().strip().partition("\ndata: ")
        self.said.append((kind.removeprefix("event: "), json.loads(what) if what else None))
        self.changed.set()

    async def until(self, number: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.said) < number:
                self.changed.clear()
                await self.changed.wait()


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_updates, "SAMPLE_INTERVAL_S", 0.02)


def updates(*streams: StagedStream) -> LiveUpdates:
    sampler = Sampler(Stage(*streams).figures)
    return LiveUpdates(sampler, lambda: {"look": sampler.looks})


async def test_a_page_gets_the_history_of_each_stream_and_then_each_sample() -> None:
    live, page = updates(StagedStream("one"), StagedStream("two")), Page()
    live.start()
    serving = asyncio.create_task(live.serve(page))  # type: ignore[arg-type] # noqa: TID251
    await page.until(5)
    live.stop()
    await asyncio.gather(serving, return_exceptions=True)

    assert [kind for kind, _ in page.said[:4]] == ["retry: 2000", "history", "history", "sample"]
    history = page.said[1][1]
    assert history["stream"] == "one"
    assert len(base64.b64decode(history["packed"])) == history["look"] * len(COLUMNS) * 4
    looks = [what["look"] for kind, what in page.said if kind == "sample"]
    assert looks == sorted(set(looks)), "each is newer than the one before"


async def test_one_that_does_not_read_is_dropped_and_holds_no_one_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_updates, "SLOW_CLIENT_S", 0.2)
    live, page = updates(StagedStream("one")), Page()
    live.start()
    serving = asyncio.create_task(live.serve(page))  # type: ignore[arg-type] # noqa: TID251
    with pytest.raises(TimeoutError):
        await live.serve(Page(reads=False))  # type: ignore[arg-type]
    await page.until(4)
    live.stop()
    with pytest.raises(asyncio.CancelledError):
        await serving
    live.stop()


async def test_nothing_is_described_while_no_page_is_open() -> None:
    asked: list[int] = []
    sampler = Sampler(Stage(StagedStream("one")).figures)
    live = LiveUpdates(sampler, lambda: asked.append(1))
    live.start()
    await eventually(lambda: sampler.looks >= 5, "look five times")
    live.stop()
    assert asked == []


async def test_others_have_the_loop_while_many_streams_are_looked_at() -> None:
    stage = Stage(*[StagedStream(f"s{number}") for number in range(3 * STREAMS_PER_STEP)])
    turns: list[int] = []
    turn = 0

    def figures() -> Iterator[StreamFigures]:
        for one in stage.figures():
            turns.append(turn)
            yield one

    sampler = Sampler(figures)
    live = LiveUpdates(sampler, lambda: None)
    live.start()
    while sampler.looks == 0:
        turn += 1
        await asyncio.sleep(0)
    live.stop()
    assert max(turns.count(turn) for turn in turns) == STREAMS_PER_STEP
    assert len(sampler.samples) == 3 * STREAMS_PER_STEP
