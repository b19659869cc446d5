"""The storm: what breaks, when, by the dice."""

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack

from ingestd.devserver.livekit_server import LiveKitServer
from tests.soak.audience import Watcher
from tests.soak.encoder import IDLE_TIMEOUT_S, Order
from tests.soak.ledger import Ledger
from tests.soak.rig import CHANGING, ROOM, Rig
from tests.support.daemon import Daemon
from tests.support.viewer import Viewer

# Seconds from one thing that breaks to the next.
SOONEST_S, LATEST_S = 0.3, 2.0
# Of 100 things that happen.
CHANCES = {
    "finish": 15,
    "kill": 12,
    "tear": 8,
    "garbage": 8,
    "stall": 8,
    "silence": 2,
    "link stalls": 15,
    "link is cut": 10,
    "reload": 4,
    "change": 4,
    "viewer": 8,
    "server dies": 6,
}
STALL_S = (0.2, 2.0)
SILENCE_S = (IDLE_TIMEOUT_S + 0.5, IDLE_TIMEOUT_S + 2.0)
OUTAGE_S = (0.3, 6.0)
MOST_VISITORS = 2


class Storm:
    """Breaks one thing after the other; to be called again and again from one thread."""

    def __init__(
        self,
        dice: random.Random,
        server: LiveKitServer,
        daemon: Daemon,
        rig: Rig,
        ledgers: Mapping[str, Ledger],
        finding: Callable[[str], None],
        happening: Callable[[str], None],
    ) -> None:
        self.latest = "nothing has happened yet"
        self._happened: Counter[str] = Counter()
        self._dice = dice
        self._server = server
        self._daemon = daemon
        self._rig = rig
        self._ledgers = ledgers
        self._finding = finding
        self._happening = happening
        self._next = 0.0
        self._back_at: float | None = None  # when the server comes back
        self._visitors: list[tuple[Watcher, ExitStack]] = []
        self._gone: list[Watcher] = []
        self._visits = 0
        self._accounted: Mapping[str, int] = {}

    def rage(self) -> None:
        """Let the next thing happen if it is time."""
        now = time.monotonic()
        if self._back_at is not None and now >= self._back_at:
            self._server.start()
            self._back_at = None
            self._happening("the server is back")
        if now >= self._next:
            self._next = now + self._dice.uniform(SOONEST_S, LATEST_S)
            [what] = self._dice.choices(list(CHANCES), list(CHANCES.values()))
            self._happen(what)

    def calm(self) -> None:
        """End it: the server is there, the visitors are gone, links work."""
        if self._back_at is not None:
            self._server.start()
            self._back_at = None
        while self._visitors:
            self._leave()
        for link in self._rig.links.values():
            link.stall(0.0)

    def end(self) -> None:
        """Leave no process behind."""
        self.calm()

    def look(self, accounted: Mapping[str, int]) -> None:
        """Take in what the visitors saw."""
        self._accounted = accounted
        for watcher, _ in self._visitors:
            watcher.look(accounted)

    def settle(self, accounted: Mapping[str, int]) -> None:
        """Hold what the visitors of this round saw against the books, where losses are by now."""
        while self._gone:
            self._gone.pop().settle(accounted)

    def summary(self) -> str:
        """How often what has happened."""
        return ", ".join(f"{what} {count}" for what, count in sorted(self._happened.items()))

    def _happen(self, what: str) -> None:
        # One stream has no link.
        name = self._dice.choice(sorted(self._rig.links if what.startswith("link") else self._rig.encoders))
        encoder = self._rig.encoders[name]
        match what:
            case "stall" | "silence":
                bounds = STALL_S if what == "stall" else SILENCE_S
                encoder.obey(Order("stall", self._dice.uniform(*bounds)))
            case "link stalls":
                self._rig.links[name].stall(self._dice.uniform(*STALL_S))
            case "link is cut":
                encoder.disturbed()
                self._rig.links[name].cut()
            case "reload":
                self._daemon.reconfigure()
            case "change":
                name = CHANGING
                self._rig.encoders[name].disturbed()
                self._rig.changes += 1
                self._daemon.reconfigure(streams=self._rig.streams())
                self._rig.encoders[name].disturbed()
            case "viewer":
                name = ROOM
                self._come_or_go()
            case "server dies":
                if self._back_at is not None:
                    return
                name = "all"
                self._server.kill()
                self._back_at = time.monotonic() + self._dice.uniform(*OUTAGE_S)
            case _:
                encoder.obey(Order(what))
        self._happened[what] += 1
        self.latest = f"{what}: {name}"
        self._happening(self.latest)

    def _come_or_go(self) -> None:
        if self._back_at is not None:
            return  # it could not join
        if len(self._visitors) == MOST_VISITORS or (self._visitors and self._dice.random() < 0.4):
            self._leave()
            return
        self._visits += 1
        stack = ExitStack()
        viewer = stack.enter_context(Viewer(self._server, ROOM, f"visitor-{self._visits}"))
        self._visitors.append((Watcher(viewer, self._ledgers, self._finding), stack))

    def _leave(self) -> None:
        watcher, stack = self._visitors.pop(0)
        watcher.look(self._accounted)
        stack.close()
        self._gone.append(watcher)
