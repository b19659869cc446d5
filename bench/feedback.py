"""A link that dips, with an encoder that obeys the feedback and without feedback (docs/feedback.md)."""

import argparse
import itertools
import json
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from bench.plot import Line, Panel, page
from ingestd.devserver.livekit_server import LiveKitServer
from tests.support.daemon import Daemon, Metrics, stream
from tests.support.disturbance import Reached, progress
from tests.support.link import FAR, GOOD, Link, Quality
from tests.support.viewer import Picture, Viewer
from tests.support.wait import PATIENCE_S

FULL_BPS, LOW_BPS = 4_000_000, 600_000  # of the link
ENCODER_BPS = 3_500_000  # at most; the rest is RTP's, and retransmissions'
SETTLING_S = 8.0
SHOWN_BEFORE_S = 5.0
SAMPLE_INTERVAL_S = 0.1
PLOT_STEP_S = 0.2
LONGEST_SHOWN_S = 3.0
GOOD_DELAY_S = 0.3
DOCS = Path(__file__).parents[1] / "docs"
COLUMNS = (
    "link | feedback | told after | bitrate to target after 3 s | viewer's delay below 300 ms after | "
    "above it for | longest freeze | bitrate after recovery: 5, 10, 20 s | lost | replayed"
)


@dataclass(frozen=True, slots=True)
class Step:
    """What the link is like from ``at_s`` on, counted from the end of the settling."""

    at_s: float
    quality: Quality


def rate(bps: float) -> Quality:
    return Quality(rate=bps, delay=0.01)


@dataclass(frozen=True, slots=True)
class Scenario:
    """Steps of the link, the first at 0; ``good_at_s``: when it is as good again as before."""

    name: str
    title: str
    steps: Sequence[Step]
    good_at_s: float
    seconds: float


SCENARIOS = (
    Scenario(
        "cut",
        "cut to 600 kbit/s for 15 s",
        (Step(0, rate(LOW_BPS)), Step(15, rate(FULL_BPS))),
        good_at_s=15,
        seconds=36,
    ),
    Scenario(
        "decline",
        "down to 600 kbit/s within 15 s, and back",
        (
            *(Step(s, rate(FULL_BPS - (FULL_BPS - LOW_BPS) * s / 15)) for s in range(16)),
            Step(20, rate(FULL_BPS)),
        ),
        good_at_s=20,
        seconds=41,
    ),
    Scenario(
        "loss",
        "2 % loss for 15 s",
        (Step(0, Quality(rate=FULL_BPS, delay=0.01, loss=0.02)), Step(15, rate(FULL_BPS))),
        good_at_s=15,
        seconds=36,
    ),
)


class Encoder:
    """The encoder's process, and what it has said."""

    def __init__(self, address: Path) -> None:
        self._command = ["/usr/bin/python3", str(Path(__file__).parent / "obedient_encoder.py"), str(address)]
        self._command += [f"--kbps={ENCODER_BPS // 1000}"]
        self.said: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self._read, name="encoder", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.said.append(json.loads(line))


@dataclass(slots=True)
class Course:
    """What happened; times are seconds since the first step of the scenario."""

    scenario: Scenario
    told: list[tuple[float, float]] = field(default_factory=list)  # (time, bit/s)
    written: list[tuple[float, float]] = field(default_factory=list)  # (time, bytes)
    seen: list[tuple[float, float]] = field(default_factory=list)  # (time, delay from the daemon on)
    samples: list[tuple[float, Metrics]] = field(default_factory=list)

    def bitrate_bps(self, at: float, over_s: float = 1.0) -> float:
        """Of the encoder, in the time before."""
        return sum(size for when, size in self.written if at - over_s <= when < at) * 8 / over_s

    def target_bps(self, at: float) -> float:
        """What the encoder was told last; nan: nothing yet."""
        return next((bps for when, bps in reversed(self.told) if when <= at), float("nan"))

    def link_bps(self, at: float) -> float:
        rates = [step.quality.rate for step in self.scenario.steps if step.at_s <= at]
        return (rates[-1] if rates else None) or FULL_BPS

    def age_s(self, at: float) -> float:
        """How old what the viewer sees is: the delay of the newest picture, and how long that was shown."""
        return next((at - when + delay for when, delay in reversed(self.seen) if when <= at), float("nan"))

    @property
    def told_after_s(self) -> float:
        """When the encoder was first told of a lower bitrate."""
        before = self.target_bps(0)
        return next((at for at, bps in self.told if at > 0 and bps < before), float("nan"))

    @property
    def late_until_s(self) -> float:
        """Until when what the viewer sees is old, after the first step and before the link is good again."""
        return max(self._late_at, default=0.0)

    @property
    def late_s(self) -> float:
        """For how long in all."""
        return len(self._late_at) / 10

    @property
    def _late_at(self) -> list[float]:
        tenths = [number / 10 for number in range(int(self.scenario.good_at_s * 10))]
        return [at for at in tenths if self.age_s(at) > GOOD_DELAY_S]

    @property
    def longest_freeze_s(self) -> float:
        times = [at for at, _ in self.seen if at > -1]
        return max(later - sooner for sooner, later in itertools.pairwise(times))

    def count(self, name: str) -> int:
        """By how much a metric rose from the first step on."""
        first = next(metrics for at, metrics in self.samples if at >= 0)
        return int(self.samples[-1][1].total(name) - first.total(name))


def run(scenario: Scenario, directory: Path, *, feedback: bool) -> Course:
    """Play ``scenario``, with or without feedback to the encoder."""
    addresses = {
        "bind_addresses": ["127.0.0.1", FAR],
        "room": {"playout_delay": {"enabled": True, "min": 0, "max": 1}},
    }
    address = directory / "encoder.sock"
    with ExitStack() as stack:
        link = stack.enter_context(Link())
        link.quality = rate(FULL_BPS)
        with link.far.entered():
            server = stack.enter_context(LiveKitServer(node_ip=FAR, config_overrides=addresses))
            viewer = stack.enter_context(Viewer(server, "feedback"))
        reached = Reached(f"ws://{FAR}:{server.port}", server.api_key, server.api_secret)
        stack.enter_context(link.near.entered())
        config = stream(
            "cam",
            "feedback",
            source={"listen": f"unix://{address}"},
            feedback={"inline": feedback},
            max_bitrate=ENCODER_BPS,
        )
        daemon = stack.enter_context(Daemon(reached, directory, config, level="debug"))
        encoder = stack.enter_context(Encoder(address))
        viewer.wait_for_first_picture(timeout=PATIENCE_S)
        begin = time.monotonic() + SETTLING_S
        samples: list[tuple[float, Metrics]] = []
        first, *later = scenario.steps
        _sample(daemon, samples, begin)
        link.quality, begin = first.quality, time.monotonic()  # a sample takes its time
        for step in later:
            _sample(daemon, samples, begin + step.at_s)
            link.quality = step.quality
        _sample(daemon, samples, begin + scenario.seconds)
        link.quality = GOOD
        (directory / "daemon.log").write_text(daemon.log)
        return _course(scenario, viewer.pictures(), list(encoder.said), samples, begin)


def _course(
    scenario: Scenario,
    pictures: Sequence[Picture],
    said: Sequence[dict[str, Any]],
    samples: Sequence[tuple[float, Metrics]],
    begin: float,
) -> Course:
    course = Course(scenario, samples=[(at - begin, metrics) for at, metrics in samples])
    wall_s = time.time() - time.monotonic()
    newest = dict(progress(pictures))
    course.seen = [
        (picture.at - begin, picture.at + wall_s - picture.user_timestamp / 1e6)
        for picture in pictures
        if picture.user_timestamp is not None and newest.get(picture.frame_id or 0) == picture.at
    ]
    for line in said:
        at = line["at"] - begin
        if line["event"] == "picture":
            course.written.append((at, line["bytes"]))
        elif line["message"]["type"] == "rate":
            course.told.append((at, line["message"]["bitrate_bps"]))
    return course


def _sample(daemon: Daemon, samples: list[tuple[float, Metrics]], until: float) -> None:
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(SAMPLE_INTERVAL_S, left))
        samples.append((time.monotonic(), daemon.metrics()))


def told(course: Course) -> tuple[str, ...]:
    """What the encoder was told, and how it obeyed."""
    return f"{course.told_after_s:.2f} s", f"{course.bitrate_bps(3.5) / course.target_bps(3):.2f}"


def seen(course: Course) -> tuple[str, ...]:
    """What the viewer saw, and the bitrate when the link was good again."""
    after = (course.scenario.good_at_s + s for s in (5, 10, 20))
    return (
        f"{course.late_until_s:.1f} s",
        f"{course.late_s:.1f} s",
        f"{course.longest_freeze_s:.1f} s",
        ", ".join(f"{course.bitrate_bps(at, 2) / 1e6:.1f}" for at in after) + " Mbit/s",
    )


def row(course: Course, *, feedback: bool) -> str:
    return " | ".join(
        (
            course.scenario.title,
            "yes" if feedback else "no",
            *(told(course) if feedback else ("", "")),
            *seen(course),
            f"{course.count('ingestd_frames_lost_total')}",
            f"{course.count('ingestd_frames_replayed_total')}",
        )
    )


def panels(course: Course, title: str) -> tuple[Panel, Panel]:
    steps = int((course.scenario.seconds + SHOWN_BEFORE_S) / PLOT_STEP_S)
    times = [number * PLOT_STEP_S - SHOWN_BEFORE_S for number in range(steps)]
    waits = [(at, metrics.total("ingestd_send_delay_seconds")) for at, metrics in course.samples]
    return (
        Panel(
            f"{title}: bitrate, Mbit/s",
            FULL_BPS / 1e6 * 1.25,
            [
                Line("link", "#9aa0a6", [(at, course.link_bps(at) / 1e6) for at in times]),
                Line("encoder", "#e8710a", [(at, course.bitrate_bps(at) / 1e6) for at in times]),
                Line("target", "#1a73e8", [(at, course.target_bps(at) / 1e6) for at in times]),
            ],
        ),
        Panel(
            f"{title}: delay, s",
            LONGEST_SHOWN_S,
            [
                Line("age of what the viewer sees", "#188038", [(at, course.age_s(at)) for at in times]),
                Line("send delay", "#d93025", [(at, s) for at, s in waits if at >= -SHOWN_BEFORE_S]),
            ],
        ),
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="", help="links whose name holds this: cut, decline, loss")
    parser.add_argument("--runs", type=int, default=1, help="of each with feedback; plots the first")
    parser.add_argument("--write", action="store_true", help="the plots into docs/")
    arguments = parser.parse_args()
    print(f"| {COLUMNS} |\n|{'---|' * len(COLUMNS.split('|'))}")
    for scenario in (s for s in SCENARIOS if arguments.only in s.name):
        columns = []
        for number, feedback in enumerate((*[True] * arguments.runs, False)):
            with tempfile.TemporaryDirectory() as directory:
                course = run(scenario, Path(directory), feedback=feedback)
            print(f"| {row(course, feedback=feedback)} |", flush=True)
            if number == 0 or not feedback:
                columns.append(panels(course, "with feedback" if feedback else "without"))
        if arguments.write:
            (DOCS / f"feedback-{scenario.name}.svg").write_text(page(scenario.title, columns))


if __name__ == "__main__":
    main()
