"""All hooks of the daemon: what happens to any stream goes to each hook that wants to hear of it."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from ingestd.config import HookConfig, HookEvent
from ingestd.hooks.event import Event
from ingestd.hooks.hook import Hook, Result
from ingestd.hooks.stream_watch import Reading, StreamWatch
from ingestd.tasks import Tasks

LOOK_INTERVAL_S = 0.5


class Hooks:
    """The hooks, which `configure` makes, and a watch over each stream, which `watch` begins."""

    def __init__(self) -> None:
        self._hooks: list[Hook] = []
        self._watches: set[StreamWatch] = set()
        self._counts: Counter[tuple[str, str, str]] = Counter()

    @property
    def counts(self) -> Mapping[tuple[str, str, str], int]:
        """How many events there were by stream, kind and result, counted once for each hook."""
        return self._counts

    def configure(self, configs: Iterable[HookConfig], tasks: Tasks) -> None:
        """Post to ``configs`` from now on: a hook that stays keeps what waits, one that goes is closed."""
        before = {hook.config: hook for hook in self._hooks}
        wanted = dict.fromkeys(configs)
        self._hooks = [before.get(config) or Hook(config, tasks, self._count) for config in wanted]
        for config, hook in before.items():
            if config not in wanted:
                tasks.start("close a hook", hook.close())

    async def look_on(self) -> None:
        """Look at all streams again and again."""
        while True:
            await asyncio.sleep(LOOK_INTERVAL_S)
            for watch in list(self._watches):
                watch.look(time.monotonic())

    def watch(self, stream: str, room: str, read: Callable[[], Reading]) -> StreamWatch:
        """Return a watch over the stream of that name, to be given back to `forget`."""

        def tell(kind: HookEvent, reason: str) -> None:
            self._tell(Event(kind, stream, room, reason, time.time_ns() // 1000))

        watch = StreamWatch(read, tell)
        self._watches.add(watch)
        return watch

    def forget(self, watch: StreamWatch) -> None:
        """The stream of ``watch`` is no more."""
        self._watches.discard(watch)

    async def close(self) -> None:
        """Try what waits once more, within a second, and stop."""
        hooks, self._hooks = self._hooks, []
        await asyncio.gather(*(hook.close() for hook in hooks))

    def _tell(self, event: Event) -> None:
        for hook in self._hooks:
            if event.kind in hook.config.events:
                hook.send(event)

    def _count(self, event: Event, result: Result) -> None:
        self._counts[event.stream, event.kind.value, result.value] += 1
