"""Prints the table of `make bench`: `python -m bench.delivery PEER STREAMS…`."""

import contextlib
import os
import pickle
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml
from livekit import api

from bench.delivery.pictures import RATE, Picture, encode
from bench.delivery.pusher import Pusher
from ingestd.devserver.livekit_server import LiveKitServer

# The Python SDK shows its third keyframe first, and 32 connections take some seconds to be made.
WARM_UP_S, WINDOW_S = 12.0, 10.0
LONG_GOP_S = 10
LONG_RUN_S = 2 * LONG_GOP_S + 4.0  # the Python SDK's first picture is its third keyframe
IDR = "5"  # nal_unit_type
CONTESTANTS = ("ingestd", "Go SDK", "Python SDK")


class Result(NamedTuple):
    delays: list[float]  # ms, sorted
    first: float | None  # ms, the median of the streams; None where one never showed a keyframe
    cpu: float  # % of a core, per stream
    memory: float  # MB, per stream
    lost: int
    pushed: int


class Bench:
    def __init__(self, server: LiveKitServer, peer: str, directory: Path) -> None:
        self._server, self._peer, self._directory = server, peer, directory
        self._runs = 0

    def run(self, contestant: str, streams: int, pictures: list[Picture], seconds: float) -> Result:
        self._runs += 1
        room, tracks = f"bench-{self._runs}", [f"track-{n}" for n in range(streams)]
        watcher = subprocess.Popen(
            [self._peer, "watch", self._server.url, self._token(room, "viewer")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert watcher.stdout is not None
        assert watcher.stdout.readline() == "joined\n"
        pusher = Pusher(tracks if contestant != "Python SDK" else [], pictures)
        with self._publisher(contestant, room, tracks, pictures, pusher) as process:
            time.sleep(seconds - WINDOW_S)
            begin, cpu = time.monotonic_ns(), _cpu_seconds(process.pid)
            time.sleep(WINDOW_S)
            end, cpu = time.monotonic_ns(), _cpu_seconds(process.pid) - cpu
            memory = _pss_bytes(process.pid)
            time.sleep(1.0)  # what was pushed in the window arrives
            assert process.poll() is None, f"{contestant} has left"
        pusher.close()
        stamps = pusher.stamps or pickle.loads(self._stamps.read_bytes())
        said, _ = watcher.communicate()
        return _result(stamps, said, pictures, (begin, end), cpu, memory)

    @property
    def _stamps(self) -> Path:
        return self._directory / "stamps"

    def _token(self, room: str, identity: str) -> str:
        grants = api.VideoGrants(room_join=True, room=room)
        token = api.AccessToken(self._server.api_key, self._server.api_secret)
        return token.with_identity(identity).with_grants(grants).to_jwt()

    @contextlib.contextmanager
    def _publisher(
        self, contestant: str, room: str, tracks: list[str], pictures: list[Picture], pusher: Pusher
    ) -> Iterator[subprocess.Popen[bytes]]:
        url, tokens = self._server.url, {track: self._token(room, track) for track in tracks}
        if contestant == "ingestd":
            streams = [
                {
                    "name": track,
                    "room": room,
                    "source": {"connect": f"tcp://{pusher.address(track)}"},
                }
                for track in tracks
            ]
            keys = {"url": url, "api_key": self._server.api_key, "api_secret": self._server.api_secret}
            config = self._directory / "ingestd.yaml"
            config.write_text(
                yaml.safe_dump({"livekit": keys, "http": {"listen": "127.0.0.1:0"}, "streams": streams})
            )
            command = [sys.executable, "-m", "ingestd", "run", "--config", str(config)]
        elif contestant == "Go SDK":
            command = [self._peer, "publish", url, *(f"{t}={pusher.address(t)}={tokens[t]}" for t in tracks)]
        else:
            (self._directory / "pictures").write_bytes(pickle.dumps(pictures))
            files = [str(self._directory / "pictures"), str(self._stamps)]
            named = [f"{track}={token}" for track, token in tokens.items()]
            command = [sys.executable, "-m", "bench.delivery.bare", url, *files, *named]
        with (self._directory / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(10)


def _result(
    stamps: dict[str, list[int]],
    said: str,
    pictures: list[Picture],
    window: tuple[int, int],
    cpu: float,
    memory: float,
) -> Result:
    seen: dict[tuple[str, int], int] = {}
    keyframes: dict[str, int] = {}
    for line in said.splitlines():
        track, crc, kind, arrived_at = line.split()
        seen.setdefault((track, int(crc)), int(arrived_at))
        if kind == IDR:
            keyframes.setdefault(track, int(arrived_at))
    delays, firsts, lost = [], [], 0
    for track, (dialled, *pushes) in stamps.items():
        if track in keyframes:
            firsts.append((keyframes[track] - dialled) / 1e6)
        for picture, at in zip(pictures, pushes, strict=False):
            if window[0] <= at < window[1]:
                if (arrived := seen.get((track, picture.crc))) is None:
                    lost += 1
                else:
                    delays.append((arrived - at) / 1e6)
    streams = len(stamps)
    return Result(
        sorted(delays),
        statistics.median(firsts) if len(firsts) == streams else None,
        100 * cpu / ((window[1] - window[0]) / 1e9) / streams,
        memory / 1e6 / streams,
        lost,
        lost + len(delays),
    )


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _pss_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no Pss")


def main() -> None:
    peer, *counts = sys.argv[1:]
    short = encode(int((WARM_UP_S + WINDOW_S + 5) * RATE), 2)
    long = encode(int((LONG_RUN_S + 5) * RATE), LONG_GOP_S)
    with LiveKitServer() as server, tempfile.TemporaryDirectory() as directory:
        bench = Bench(server, peer, Path(directory))
        print("delay: from the encoder's write to the last packet at the viewer; CPU, memory: per stream")
        print(
            f"{'streams':>7}  {'':12}{'delay p50':>9}{'p99':>11}{'first picture':>15}"
            f"{'CPU':>7}{'memory':>10}{'lost':>14}"
        )
        for count in map(int, counts):
            for name in CONTESTANTS:
                r = bench.run(name, count, short, WARM_UP_S + WINDOW_S)
                p50, p99 = (
                    r.delays[int(len(r.delays) * q)] if r.delays else float("nan") for q in (0.5, 0.99)
                )
                print(
                    f"{count:7}  {name:12}{p50:6.2f} ms{p99:8.2f} ms{_milliseconds(r.first):>15}"
                    f"{r.cpu:6.1f}%{r.memory:7.1f} MB{r.lost:5} of {r.pushed}",
                    flush=True,
                )
        print(f"\nfirst picture of one stream with a keyframe every {LONG_GOP_S} s:")
        for name in CONTESTANTS:
            print(f"  {name:12}{_milliseconds(bench.run(name, 1, long, LONG_RUN_S).first)}", flush=True)


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[int(len(ordered) * share)] if ordered else float("nan")


def _milliseconds(value: float | None) -> str:
    return "not all" if value is None else f"{value:.0f} ms"


if __name__ == "__main__":
    main()
