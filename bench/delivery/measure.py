"""Runs a publisher between encoders and the viewer of all contestants, and measures it from outside."""

import contextlib
import os
import pickle
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml
from livekit import api

from bench.delivery.pictures import Picture
from bench.delivery.pusher import Pusher
from ingestd.devserver.livekit_server import LiveKitServer

KEYFRAMES = {"5", "19", "20", "21"}  # nal_unit_type: IDR of H.264; IDR and CRA of H.265


class Result(NamedTuple):
    delays_ms: list[float]  # sorted
    first_ms: float | None  # the median of the streams; None where one never showed a keyframe
    cpu_percent: float  # of a core, per stream
    memory_mb: float  # per stream
    descriptors: float  # open files and sockets, per stream
    lost: int
    pushed: int

    def delay_ms(self, share: float) -> float:
        """The delay that this share of the pictures does not exceed."""
        return self.delays_ms[int(len(self.delays_ms) * share)] if self.delays_ms else float("nan")


class Bench:
    def __init__(self, server: LiveKitServer, peer: str, directory: Path) -> None:
        self._server, self._peer, self._directory = server, peer, directory
        self._runs = 0

    def run(
        self,
        contestant: str,
        streams: int,
        pictures: list[Picture],
        seconds: float,
        window_s: float,
        *,
        shared: bool = False,
        max_bitrate: str = "8Mbps",
        after_first_s: tuple[float, float] | None = None,
    ) -> Result:
        """Measure the last ``window_s`` of ``seconds``; the delays ``after_first_s``, if that is given.

        ``shared``: all streams on one connection to the room. ``after_first_s``: from and to, after the
        first picture at the viewer.
        """
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
        with self._publisher(contestant, room, tracks, pictures, pusher, shared, max_bitrate) as process:
            time.sleep(seconds - window_s)
            begin, cpu = time.monotonic_ns(), _cpu_seconds(process.pid)
            time.sleep(window_s)
            end, cpu = time.monotonic_ns(), _cpu_seconds(process.pid) - cpu
            memory, descriptors = _pss_bytes(process.pid), len(os.listdir(f"/proc/{process.pid}/fd"))
            time.sleep(1.0)  # what was pushed in the window arrives
            assert process.poll() is None, f"{contestant} has left"
        pusher.close()
        stamps = pusher.stamps or pickle.loads(self._stamps.read_bytes())
        said, _ = watcher.communicate()
        arrivals = _Arrivals(said)
        firsts = [arrivals.first_ms(track, times[0]) for track, times in stamps.items()]
        windows = dict.fromkeys(stamps, (begin, end))
        if after_first_s is not None:
            windows = {track: arrivals.after_first(track, *after_first_s) for track in stamps}
        delays = arrivals.delays_ms(stamps, pictures, windows)
        known = sorted(delay for delay in delays if delay is not None)
        first = None if None in firsts else statistics.median(f for f in firsts if f is not None)
        return Result(
            known,
            first,
            100 * cpu / ((end - begin) / 1e9) / streams,
            memory / 1e6 / streams,
            descriptors / streams,
            len(delays) - len(known),
            len(delays),
        )

    @property
    def _stamps(self) -> Path:
        return self._directory / "stamps"

    def _token(self, room: str, identity: str) -> str:
        grants = api.VideoGrants(room_join=True, room=room)
        token = api.AccessToken(self._server.api_key, self._server.api_secret)
        return token.with_identity(identity).with_grants(grants).to_jwt()

    @contextlib.contextmanager
    def _publisher(
        self,
        contestant: str,
        room: str,
        tracks: list[str],
        pictures: list[Picture],
        pusher: Pusher,
        shared: bool,
        max_bitrate: str,
    ) -> Iterator[subprocess.Popen[bytes]]:
        url, tokens = self._server.url, {track: self._token(room, track) for track in tracks}
        if contestant == "ingestd":
            streams = [
                {
                    "name": track,
                    "room": room,
                    "identity": "all" if shared else track,
                    "max_bitrate": max_bitrate,
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


class _Arrivals:
    """What the viewer said: when it had which slice; times are nanoseconds on the monotonic clock."""

    def __init__(self, said: str) -> None:
        self._seen: dict[tuple[str, int], int] = {}
        self._keyframes: dict[str, int] = {}
        for line in said.splitlines():
            track, crc, kind, arrived_at = line.split()
            self._seen.setdefault((track, int(crc)), int(arrived_at))
            if kind in KEYFRAMES:
                self._keyframes.setdefault(track, int(arrived_at))

    def first_ms(self, track: str, dialled: int) -> float | None:
        return (self._keyframes[track] - dialled) / 1e6 if track in self._keyframes else None

    def after_first(self, track: str, from_s: float, to_s: float) -> tuple[int, int]:
        first = self._keyframes.get(track, 0)
        return first + int(from_s * 1e9), first + int(to_s * 1e9)

    def delays_ms(
        self, stamps: dict[str, list[int]], pictures: list[Picture], windows: dict[str, tuple[int, int]]
    ) -> list[float | None]:
        """Of each picture that was pushed in its track's window; None where it was not seen."""
        delays: list[float | None] = []
        for track, (_dialled, *pushes) in stamps.items():
            begin, end = windows[track]
            for picture, at in zip(pictures, pushes, strict=False):
                if begin <= at < end:
                    arrived = self._seen.get((track, picture.crc))
                    delays.append(None if arrived is None else (arrived - at) / 1e6)
        return delays


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _pss_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no Pss")
