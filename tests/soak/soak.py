"""The soak: rounds of a storm, in which anything may break, and a calm, in which everything must be right."""

import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from ingestd.devserver.livekit_server import LiveKitServer
from tests.conftest import SHOW_AT_ONCE
from tests.soak import vitals
from tests.soak.audience import Watcher
from tests.soak.rig import ROOM, Rig
from tests.soak.trouble import Storm
from tests.support.daemon import Daemon, Metrics
from tests.support.viewer import Viewer

STORM_S, CALM_S = 35.0, 12.0
# After the last fault: the SDKs of the daemon and of the viewer wait several seconds between their attempts,
# a dialler up to ten.
RECOVERY_S = 60.0
LOOK_S, REPORT_S = 1.0, 10.0
TICK_S = 0.1
# What viewers have yet to decode of what was pushed last.
IN_FLIGHT_S = 5.0
# Pictures decoded, and more than what was under way: the viewer's SDK shows none of them.
MANY = 90
MOST_FINDINGS = 50
LOG_LINES = 15


class Soak:
    """One run. `findings` are all the things that were not as they should be."""

    def __init__(
        self, minutes: float, seed: int, directory: Path, say: Callable[[str], None], verbose: bool
    ) -> None:
        self.findings: list[str] = []
        self._began = time.monotonic()
        self._end = self._began + minutes * 60
        self._random = random.Random(seed)
        self._seed = seed
        self._directory = directory
        self._say = say
        self._verbose = verbose
        self._calms: list[vitals.Vitals] = []
        self._accounted: Counter[str] = Counter()  # dropped and lost, by stream, over all its lives
        self._last: dict[str, int] = {}
        self._looked_at = self._reported_at = 0.0

    def run(self) -> None:
        """From nothing to nothing."""
        with ExitStack() as stack:
            self._server = stack.enter_context(LiveKitServer(config_overrides=SHOW_AT_ONCE))
            self._rig = Rig(self._directory)
            self._rig.open_links(stack)
            self._daemon = stack.enter_context(Daemon(self._server, self._directory, *self._rig.streams()))
            self._rig.open_encoders(self._daemon, self._seed, self._find)
            ledgers = {name: encoder.ledger for name, encoder in self._rig.encoders.items()}
            viewer = stack.enter_context(Viewer(self._server, ROOM, "stays"))
            self._watcher = Watcher(viewer, ledgers, self._find)
            self._storm = Storm(
                self._random, self._server, self._daemon, self._rig, ledgers, self._find, self._happen
            )
            stack.callback(self._storm.end)
            try:
                self._rounds()
            finally:
                for encoder in self._rig.encoders.values():
                    encoder.rest()
                for encoder in self._rig.encoders.values():
                    encoder.end()
            took = self._daemon.stop()
            self._say(f"{self._at()}  ingestd has stopped in {took:.1f} s")
        self.findings += vitals.growth(self._calms)

    def summary(self) -> str:
        """One line."""
        encoders = self._rig.encoders.values()
        pushed = sum(encoder.ledger.count for encoder in encoders)
        connections = sum(encoder.connections for encoder in encoders)
        exact = sum(encoder.exact for encoder in encoders)
        return (
            f"soak: {len(self._calms)} rounds, seed {self._seed}: {pushed} pictures pushed on {connections} "
            f"connections, {exact} of these counted to the picture; {self._watcher.seen} seen, "
            f"{self._watcher.missing} missing and in the books, {self._watcher.spoilt} torn, "
            f"{self._watcher.unnumbered} unnumbered; "
            f"{self._storm.summary()}; "
            f"{self._calms[0] if self._calms else '?'} → {self._calms[-1] if self._calms else '?'}; "
            f"{len(self.findings)} findings"
        )

    def _find(self, what: str) -> None:
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(what)
            self._say(f"{self._at()}  FOUND: {what}")

    def _happen(self, what: str) -> None:
        if self._verbose:
            self._say(f"{self._at()}  {what}")

    def _rounds(self) -> None:
        encoders = self._rig.encoders.values()
        while not self._calms or time.monotonic() + (STORM_S + CALM_S) / 2 < self._end:
            for encoder in encoders:
                encoder.work()
            left = self._end - time.monotonic() - CALM_S
            self._turn(self._storm.rage, min(STORM_S, max(left, STORM_S / 2)))
            self._storm.calm()
            self._recover()
            self._calm()

    def _recover(self) -> None:
        """All connections end as they should and are made again; all streams are seen again."""
        encoders = self._rig.encoders
        for encoder in encoders.values():
            encoder.rest()
        self._until(
            lambda: all(encoder.resting.is_set() for encoder in encoders.values()), "encoders have not ended"
        )
        self._watcher.begin()
        since = {name: encoder.ledger.count for name, encoder in encoders.items()}
        for encoder in encoders.values():
            encoder.work()
        began = time.monotonic()
        viewer = self._watcher.viewer
        decoded = {name: viewer.decoded(name) for name in encoders}

        def shown() -> bool:
            numbers = self._watcher.numbers
            return all(
                max(numbers[name], default=-1) >= since[name] or viewer.decoded(name) > decoded[name] + MANY
                for name in encoders
            )

        self._until(shown, "not all streams are seen again")
        self._say(f"{self._at()}  calm: all streams seen {time.monotonic() - began:.1f} s after the storm")

    def _calm(self) -> None:
        """Nothing breaks: each picture is seen, none is dropped."""
        encoders = self._rig.encoders
        self._look()
        self._watcher.settle(self._accounted)
        self._storm.settle(self._accounted)
        self._watcher.begin()
        first = {name: encoder.ledger.count for name, encoder in encoders.items()}
        booked = self._accounted.copy()
        viewer = self._watcher.viewer
        decoded = {name: viewer.decoded(name) for name in encoders}
        self._turn(lambda: None, CALM_S)
        self._calms.append(vitals.read(self._daemon.pid))
        for encoder in encoders.values():
            encoder.rest()
        self._until(
            lambda: all(encoder.resting.is_set() for encoder in encoders.values()), "encoders have not ended"
        )

        def missing() -> dict[str, list[int]]:
            numbers = self._watcher.numbers
            gone = {
                name: [entry.number for entry in encoder.ledger.since(first[name])]
                for name, encoder in encoders.items()
            }
            return {
                name: rest
                for name, pushed in gone.items()
                if (rest := [number for number in pushed if number not in numbers[name]])
            }

        deadline = time.monotonic() + IN_FLIGHT_S
        while missing() and time.monotonic() < deadline:
            self._turn(lambda: None, LOOK_S)
        for name, rest in missing().items():
            dropped = self._accounted[name] - booked[name]
            left_out = viewer.left_out(viewer.tracks(name)[-1].sid)
            begin, end = first[name], encoders[name].ledger.count
            shown = viewer.decoded(name) - decoded[name]
            if shown >= end - begin:
                # They came through; the SDK's VideoStream at the viewer ends at times, and says nothing.
                self._say(
                    f"{self._at()}  calm: {name}: the viewer decoded {shown}, and did not show {len(rest)}"
                )
            elif len(rest) > dropped + left_out:
                self._find(
                    f"{name}: in the calm {len(rest)} of {end - begin} pictures were not seen, {rest[:10]} … "
                    f"of {begin} to {end}; the daemon booked {dropped}, the viewer left out {left_out}; "
                    f"{viewer.accounts(name)[-2:]}"
                )
                self._tell(name)
            else:
                self._say(f"{self._at()}  calm: {name}: {len(rest)} not seen, {dropped} booked")
        metrics = self._look()
        if held := metrics.total("ingestd_frames_held"):
            self._find(f"{held:.0f} pictures are still held after all encoders have ended")

    def _tell(self, name: str) -> None:
        """What the daemon itself says of the stream: its counts, and the end of its log."""
        for sample, labels, value in self._daemon.metrics().samples:
            if labels.get("stream") == name and value and not sample.startswith("ingestd_frame_delay"):
                self._say(f"{'':10}{sample} {labels} {value:g}")
        about = [r for r in self._daemon.records if name in (r.get("stream"), r.get("identity"))]
        for record in about[-LOG_LINES:]:
            self._say(f"{'':10}{dict(record)}")

    def _turn(self, act: Callable[[], None], seconds: float) -> None:
        """Go on for so long."""
        until = time.monotonic() + seconds
        while (now := time.monotonic()) < until:
            act()
            if now > self._looked_at + LOOK_S:
                self._looked_at = now
                metrics = self._look()
                if now > self._reported_at + REPORT_S:
                    self._reported_at = now
                    self._report(metrics)
            time.sleep(TICK_S)

    def _until(self, condition: Callable[[], bool], complaint: str) -> None:
        deadline = time.monotonic() + RECOVERY_S
        while not condition():
            if time.monotonic() > deadline:
                up = self._daemon.metrics().by("ingestd_stream_up", "stream")
                working = {n: not e.resting.is_set() for n, e in self._rig.encoders.items()}
                self._find(f"{complaint} after {RECOVERY_S:g} s: up {up}, working {working}")
                return
            self._turn(lambda: None, TICK_S)

    def _look(self) -> Metrics:
        """Scrape, which checks the books, and take in what the viewers saw."""
        metrics = self._daemon.metrics()
        for name in self._rig.encoders:
            lost = metrics.total("ingestd_frames_lost_total", stream=name)
            booked = int(lost + metrics.total("ingestd_frames_dropped_total", stream=name))
            before = self._last.get(name, 0)
            # A stream whose configuration changed begins at 0.
            self._accounted[name] += booked - before if booked >= before else booked
            self._last[name] = booked
        self._watcher.look(self._accounted)
        self._storm.look(self._accounted)
        return metrics

    def _report(self, metrics: Metrics) -> None:
        total = metrics.total
        self._say(
            f"{self._at()}  received {total('ingestd_frames_received_total'):.0f}, "
            f"submitted {total('ingestd_frames_submitted_total'):.0f}, "
            f"dropped {total('ingestd_frames_dropped_total'):.0f}, held {total('ingestd_frames_held'):.0f}, "
            f"replayed {total('ingestd_frames_replayed_total'):.0f}, "
            f"lost {total('ingestd_frames_lost_total'):.0f}, up {total('ingestd_stream_up'):.0f}; "
            f"{vitals.read(self._daemon.pid)}; {self._storm.latest}"
        )

    def _at(self) -> str:
        return f"{time.monotonic() - self._began:6.1f} s"
