"""The links of `bench.feedback` with GStreamer's `livekitwebrtcsink`, where it is (docs/feedback.md)."""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from bench.feedback import (
    ENCODER_BPS,
    FULL_BPS,
    SCENARIOS,
    SETTLING_S,
    Course,
    Scenario,
    Step,
    rate,
    seen,
    told,
)
from ingestd.devserver.livekit_server import LiveKitServer
from tests.support.link import FAR, GOOD, Link
from tests.support.wait import wait_until

ROOT = Path(__file__).parents[1]
ROOM = "feedback"
SYSTEM_PYTHON = "/usr/bin/python3"
ELEMENTS = ("livekitwebrtcsink", "rtpgccbwe", "nicesink")  # the second adapts the bitrate, the third sends
COLUMNS = (
    "link | set after | bitrate to target after 3 s | viewer's delay below 300 ms after | "
    "above it for | longest freeze | bitrate after recovery: 5, 10, 20 s | broken"
)


def missing() -> list[str]:
    """The elements that are needed and that GStreamer does not find."""
    commands = (["gst-inspect-1.0", element] for element in ELEMENTS)  # --exists is only for GStreamer's own
    found = [
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode
        == 0
        for command in commands
    ]
    return [element for element, there in zip(ELEMENTS, found, strict=True) if not there]


class Said:
    """A process, and the lines of JSON that it has said."""

    def __init__(self, *command: str) -> None:
        self._command = command
        self.lines: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        threading.Thread(target=self._read, name=self._command[2], daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def wait_for(self, event: str) -> None:
        wait_until(lambda: any(line["event"] == event for line in self.lines), f"say {event}")

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(json.loads(line))


def run(scenario: Scenario) -> tuple[Course, int]:
    """Play ``scenario``; say also how many pictures were seen whose number was broken."""
    addresses = {
        "bind_addresses": ["127.0.0.1", FAR],
        "room": {"playout_delay": {"enabled": True, "min": 0, "max": 1}},
    }
    with ExitStack() as stack:
        link = stack.enter_context(Link())
        link.quality = rate(FULL_BPS)
        with link.far.entered():
            server = stack.enter_context(LiveKitServer(node_ip=FAR, config_overrides=addresses))
            keys = server.api_key, server.api_secret
            viewer = stack.enter_context(
                Said(sys.executable, "-m", "bench.numbered_viewer", server.url, ROOM, *keys)
            )
            viewer.wait_for("joined")
        stack.enter_context(link.near.entered())
        publisher = stack.enter_context(
            Said(
                *(SYSTEM_PYTHON, "-m", "bench.livekitwebrtcsink_publisher"),
                *(f"ws://{FAR}:{server.port}", *keys, ROOM, f"--kbps={ENCODER_BPS // 1000}"),
            )
        )
        viewer.wait_for("seen")
        time.sleep(SETTLING_S)
        begin = time.monotonic()
        for step in (*scenario.steps, Step(scenario.seconds, GOOD)):
            time.sleep(max(0.0, begin + step.at_s - time.monotonic()))
            link.quality = step.quality
        watched = [line for line in viewer.lines if line["event"] == "seen"]
        broken = sum(line["at"] > begin and line["number"] is None for line in watched)
        return course(scenario, list(publisher.lines), watched, begin), broken


def course(
    scenario: Scenario, sent: Sequence[dict[str, Any]], watched: Sequence[dict[str, Any]], begin: float
) -> Course:
    """Join what publisher and viewer said."""
    result = Course(scenario)
    encoded_at: dict[int, float] = {}
    for line in sent:
        at = line["at"] - begin
        if line["event"] == "told":
            result.told.append((at, line["bps"]))
        elif line["event"] == "picture":
            result.written.append((at, line["bytes"]))
            encoded_at[line["number"]] = at
    newest = -1
    for line in watched:
        number = line["number"]
        if number in encoded_at and number > newest:
            newest, at = number, line["at"] - begin
            result.seen.append((at, at - encoded_at[number]))
    return result


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="", help="links whose name holds this: cut, decline, loss")
    arguments = parser.parse_args()
    if without := missing():
        print(f"livekitwebrtcsink is not measured: GStreamer has no {', '.join(without)} (docs/feedback.md)")
        return
    print(f"| {COLUMNS} |\n|{'---|' * len(COLUMNS.split('|'))}")
    for scenario in (s for s in SCENARIOS if arguments.only in s.name):
        result, broken = run(scenario)
        print(f"| {' | '.join((scenario.title, *told(result), *seen(result), str(broken)))} |", flush=True)


if __name__ == "__main__":
    main()
