"""A link that dips, with an encoder that obeys the feedback and with one that does not (docs/feedback.md)."""

import argparse
import json
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from ingestd.devserver.livekit_server import LiveKitServer
from tests.support.daemon import Daemon, Metrics, stream
from tests.support.disturbance import Reached, progress
from tests.support.link import FAR, GOOD, Link, Quality
from tests.support.viewer import Viewer
from tests.support.wait import PATIENCE_S

FULL_BPS, LOW_BPS = 4_000_000, 600_000
SETTLING_S = 10.0
SAMPLE_INTERVAL_S = 0.1


@dataclass(frozen=True, slots=True)
class Step:
    """What the link is like from ``at_s`` on, counted from the end of the settling."""

    at_s: float
    quality: Quality


def _rate(bps: float) -> Quality:
    return Quality(rate=bps, delay=0.01)


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    title: str
    steps: Sequence[Step]
    seconds: float


SCENARIOS = (
    Scenario(
        "cut",
        "4 Mbit/s, cut to 600 kbit/s and back",
        (Step(0, _rate(LOW_BPS)), Step(20, _rate(FULL_BPS))),
        50,
    ),
    Scenario(
        "decline",
        "4 Mbit/s, declining to 600 kbit/s within 20 s, and back",
        (
            *(Step(s, _rate(FULL_BPS - (FULL_BPS - LOW_BPS) * s / 20)) for s in range(21)),
            Step(30, _rate(FULL_BPS)),
        ),
        50,
    ),
    Scenario(
        "loss",
        "4 Mbit/s with 2 % loss",
        (Step(0, Quality(rate=FULL_BPS, delay=0.01, loss=0.02)), Step(20, _rate(FULL_BPS))),
        35,
    ),
)


class Encoder:
    """The encoder's process, and what it has said."""

    def __init__(self, address: Path, *options: str) -> None:
        self._command = ["/usr/bin/python3", str(Path(__file__).parent / "obedient_encoder.py"), str(address)]
        self._command += options
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
    keyframes: list[float] = field(default_factory=list)  # asked for
    written: list[tuple[float, float]] = field(default_factory=list)  # (time, bytes)
    delays: list[tuple[float, float]] = field(default_factory=list)  # at the viewer: (time, seconds)
    samples: list[tuple[float, Metrics]] = field(default_factory=list)

    def bitrate_bps(self, at: float, over_s: float = 1.0) -> float:
        return sum(size for when, size in self.written if at - over_s <= when < at) * 8 / over_s

    def target_bps(self, at: float) -> float | None:
        known = [bps for when, bps in self.told if when <= at]
        return known[-1] if known else None

    def metric(self, name: str) -> list[tuple[float, float]]:
        return [(at, metrics.total(name)) for at, metrics in self.samples]


def run(scenario: Scenario, directory: Path, *options: str, **keys: Any) -> Course:
    """Play ``scenario`` with an encoder of these options."""
    addresses = {
        "bind_addresses": ["127.0.0.1", FAR],
        "room": {"playout_delay": {"enabled": True, "min": 0, "max": 1}},
    }
    address = directory / "encoder.sock"
    with ExitStack() as stack:
        link = stack.enter_context(Link())
        link.quality = _rate(FULL_BPS)
        with link.far.entered():
            server = stack.enter_context(LiveKitServer(node_ip=FAR, config_overrides=addresses))
            viewer = stack.enter_context(Viewer(server, "feedback"))
        reached = Reached(f"ws://{FAR}:{server.port}", server.api_key, server.api_secret)
        stack.enter_context(link.near.entered())
        config = stream(
            "cam",
            "feedback",
            source={"listen": f"unix://{address}"},
            feedback={"inline": True},
            **{"max_bitrate": FULL_BPS, **keys},
        )
        daemon = stack.enter_context(Daemon(reached, directory, config, level="debug"))
        encoder = stack.enter_context(Encoder(address, *options))
        viewer.wait_for_first_picture(timeout=PATIENCE_S)
        begin = time.monotonic() + SETTLING_S
        samples: list[tuple[float, Metrics]] = []
        for step in scenario.steps:
            _sample(daemon, samples, begin + step.at_s)
            link.quality = step.quality
        _sample(daemon, samples, begin + scenario.seconds)
        link.quality = GOOD
        (directory / "daemon.log").write_text(daemon.log)
        wall_s = time.time() - time.monotonic()
        course = Course(scenario, samples=[(at - begin, metrics) for at, metrics in samples])
        pictures = viewer.pictures()
        newest = {number for number, _ in progress(pictures)}
        course.delays = [
            (picture.at - begin, picture.at + wall_s - picture.user_timestamp / 1e6)
            for picture in pictures
            if picture.user_timestamp is not None and picture.frame_id in newest
        ]
        for said in list(encoder.said):
            at = said["at"] - begin
            if said["event"] == "picture":
                course.written.append((at, said["bytes"]))
            elif said["message"]["type"] == "rate":
                course.told.append((at, said["message"]["bitrate_bps"]))
            elif said["message"]["type"] == "keyframe":
                course.keyframes.append(at)
        return course


def _sample(daemon: Daemon, samples: list[tuple[float, Metrics]], until: float) -> None:
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(SAMPLE_INTERVAL_S, left))
        samples.append((time.monotonic(), daemon.metrics()))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    parser.add_argument("--deaf", action="store_true")
    parser.add_argument("--save", default="")
    arguments = parser.parse_args()
    for scenario in (s for s in SCENARIOS if arguments.only in s.name):
        with tempfile.TemporaryDirectory() as directory:
            course = run(scenario, Path(directory), *(["--deaf"] if arguments.deaf else []))
            log = (Path(directory) / "daemon.log").read_text()
        print(scenario.title)
        delay = course.metric("ingestd_send_delay_seconds")
        target = course.metric("ingestd_target_bitrate_bps")
        for second in range(-8, int(scenario.seconds)):
            seen = [d for at, d in course.delays if second <= at < second + 1]
            sent = [d for at, d in delay if second <= at < second + 1]
            tg = [d for at, d in target if second <= at < second + 1]
            print(
                f"{second:4d} s told {(course.target_bps(second + 1) or 0) / 1e3:6.0f} webrtc {max(tg or [0]) / 1e3:6.0f} "
                f"encoder {course.bitrate_bps(second + 1) / 1e3:6.0f} send delay {max(sent or [0]) * 1e3:5.0f} ms "
                f"seen {len(seen):3d} delay {max(seen, default=-1) * 1e3:6.0f} ms"
            )
        print("told", [(round(a, 2), int(b / 1000)) for a, b in course.told])
        print("keyframes", [round(a, 2) for a in course.keyframes])
        last = course.samples[-1][1]
        print(
            "lost",
            last.total("ingestd_frames_lost_total"),
            "replayed",
            last.total("ingestd_frames_replayed_total"),
            last.by("ingestd_frames_dropped_total", "reason"),
        )
        if arguments.save:
            Path(arguments.save).write_text(log)


if __name__ == "__main__":
    main()
