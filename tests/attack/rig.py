"""One attack beside two good streams: a real server, the daemon, and what the subscribers of the two saw."""

import contextlib
import copy
import secrets
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.attack.attacked_daemon import AttackedDaemon
from tests.attack.catalogue import Attack, Guard
from tests.attack.probes import (
    HEALTH_EVERY_S,
    LOOK_EVERY_S,
    SCRAPE_EVERY_S,
    Answers,
    Repeated,
    Vitals,
    unbalanced,
)
from tests.attack.storms import LOG_DISK
from tests.attack.target import Target
from tests.support.certificates import make_ca, sign
from tests.support.daemon import ROOT, Metrics, clean_environment, stream
from tests.support.encoded import EncodedStream, encode
from tests.support.matching import Push
from tests.support.push import Encoder
from tests.support.small_disk import small_disk
from tests.support.viewer import Picture, Server, Viewer

GOOD = ("good-1", "good-2")
GOOD_BPS = 1_500_000
GOOD_PICTURES = 1200  # 40 s, longer than any run
FIRST_PICTURE_TIMEOUT_S = 30.0
CALM_S = 1.0  # before the attack
AFTER_S = 3.0
# What was pushed then is seen, or lost.
ARRIVAL_S = 1.0
ATTACKER_GRACE_S = 8.0  # a reload, or a write to a daemon that does not read
NEXT_ENCODER_TIMEOUT_S = 6.0
RETRY_S = 0.1
LOG_DISK_BYTES = 64 << 10  # a log's worth of the calm before
HEAD_START_S = 0.5  # of attackers who keep the next encoder out


@dataclass(slots=True)
class Row:
    """What one attack did; times in seconds."""

    attack: str
    at_once: int
    pushed: int = 0  # pictures of both good streams, from the attack on
    lost: int = 0  # … that their subscribers did not see
    p50_s: float = 0.0  # from the encoder's write to the subscriber's sight: pushed during the attack
    p99_s: float = 0.0
    after_p50_s: float = 0.0  # … and in the three seconds behind it
    after_p99_s: float = 0.0
    memory_bytes: int = 0  # the most, over what it was before the attack
    descriptors: int = 0  # the most, over what they were
    lines_per_s: float = 0.0
    health_gap_s: float = 0.0
    metrics_gap_s: float = 0.0
    longest_turn_s: float | None = None  # of the loop: CPU time without a look at its timers; None: not known
    next_encoder_s: float | None = (
        None  # from its first try to its first picture at a subscriber; None: never
    )
    unbalanced: int = 0  # streams at scrapes
    dropped: dict[str, int] = field(default_factory=dict)  # pictures of the good streams, by reason
    trouble: list[str] = field(default_factory=list)  # died, did not stop, a traceback


def good_streams() -> list[EncodedStream]:
    """Two streams of 1.5 Mbit/s at 30 pictures a second that share no picture."""
    return [encode("h264", frames=GOOD_PICTURES, gop=30, bit_rate=GOOD_BPS, seed=seed) for seed in (1, 2)]


def next_stream() -> EncodedStream:
    """What the encoder sends that comes after an attack."""
    return encode("h264", frames=600, gop=30, size=(160, 120), seed=9)


class Rig:
    """A server's rooms with a subscriber in each good one, for one attack after the other."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._stack = contextlib.ExitStack()
        self._run = 0

    def __enter__(self) -> Self:
        """Encode the good streams, and let their subscribers in."""
        self._videos = good_streams()
        self._viewers = [self._stack.enter_context(Viewer(self._server, name)) for name in GOOD]
        return self

    def __exit__(self, *_: object) -> None:
        """Let them leave."""
        self._stack.close()

    def measure(self, attack: Attack, at_once: int, seconds: float, *, verbose: bool = False) -> Row:
        """Run one attack with ``at_once`` attackers, each on a stream that is its own."""
        row = Row(attack.name, at_once)
        self._run += 1
        watched, crowd = f"bad-{self._run}", f"crowd-{self._run}"
        names = [f"bad-{number}" for number in range(at_once)]
        entries = [stream(name, name) for name in GOOD]
        if attack.shares_room:
            watched = GOOD[0]
            entries += [stream(name, GOOD[0], identity=GOOD[0]) for name in names]
        else:
            # One room is watched. The others are one, as what rooms cost is measured elsewhere.
            entries += [stream(name, crowd if number else watched) for number, name in enumerate(names)]
        for viewer in self._viewers:
            viewer.take_pictures()
        with contextlib.ExitStack() as stack:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ingestd-attack-")))
            keys, first, tls = _guarded(attack.guard, directory)
            for entry in entries:
                if entry["name"] in names and keys:
                    entry["source"] |= copy.deepcopy(keys)  # YAML would make aliases of what is shared
                    entry["source"]["listen"] = entry["source"]["listen"].replace(
                        "tcp:", "tls:" if tls else "tcp:"
                    )
            if attack.log == "full":
                (directory / LOG_DISK).mkdir()
                stack.enter_context(small_disk(directory / LOG_DISK, LOG_DISK_BYTES))
            daemon = stack.enter_context(
                _leaving(AttackedDaemon(self._server, directory, attack, *entries), row)
            )
            stack.callback(daemon.go_on_reading)
            next_viewer = stack.enter_context(Viewer(self._server, watched, "next-viewer"))
            aims = list(GOOD) * at_once if attack.aims_at_good else names
            targets = [
                Target(daemon.port(name), daemon.http_port, str(daemon.config_path), daemon.pid, seconds, n)
                for n, name in enumerate(aims[:at_once])
            ]
            attacker = stack.enter_context(_attacker(attack, targets))
            encoders = [
                stack.enter_context(Encoder(daemon.port(name), video))
                for name, video in zip(GOOD, self._videos, strict=True)
            ]
            for name, viewer in zip(GOOD, self._viewers, strict=True):
                viewer.wait_for_first_picture(timeout=FIRST_PICTURE_TIMEOUT_S, track=name)
            health, metrics = Answers(daemon, "/healthz"), Answers(daemon, "/metrics", keep=True)
            vitals = Vitals(daemon)
            with (
                Repeated(health.ask, HEALTH_EVERY_S),
                Repeated(metrics.ask, SCRAPE_EVERY_S),
                Repeated(vitals.look, LOOK_EVERY_S),
            ):
                time.sleep(CALM_S)
                began = time.monotonic()
                if attack.log == "unread":
                    daemon.stop_reading()
                attacker.begin()
                if attack.keeps_out:
                    time.sleep(HEAD_START_S)
                else:
                    attacker.wait(seconds + ATTACKER_GRACE_S)
                ended = time.monotonic()
                row.next_encoder_s = _next_encoder(daemon.port(names[0]), next_viewer, first, tls)
                if attack.keeps_out:
                    attacker.wait(seconds + ATTACKER_GRACE_S)
                    ended = time.monotonic()
                time.sleep(max(0.0, ended + AFTER_S - time.monotonic()))
                stopped = time.monotonic()
                time.sleep(ARRIVAL_S)
            if attack.log == "unread" and not daemon.log_waits:
                row.trouble.append("nothing of its log was unread")
            daemon.go_on_reading()
            sights = [
                Sight(encoder.pushed, viewer.pictures(name), viewer.left_out(viewer.tracks(name)[-1].sid))
                for name, encoder, viewer in zip(GOOD, encoders, self._viewers, strict=True)
            ]
            _see(row, sights, began, ended, stopped)
            before = vitals.at(began)
            row.memory_bytes = vitals.most_bytes(began, stopped) - before[1]
            row.descriptors = vitals.most_descriptors(began, stopped) - before[2]
            row.lines_per_s = vitals.lines_per_s(began, ended)
            row.health_gap_s = health.longest_gap_s(began, stopped)
            row.metrics_gap_s = metrics.longest_gap_s(began, stopped)
            row.longest_turn_s = daemon.longest_turn_s(began, stopped)
            wrong = unbalanced(metrics.texts)
            row.unbalanced = len(wrong)
            row.trouble += wrong[:2]
            if metrics.texts:
                row.dropped = _dropped(Metrics(metrics.texts[-1][1]))
            if verbose:
                sys.stderr.write(daemon.tail(40))
        return row


class _Attacker:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def begin(self) -> None:
        """Let it begin."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def wait(self, timeout_s: float) -> None:
        """Return when it has ended, or the time is over."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_s)


@contextlib.contextmanager
def _attacker(attack: Attack, targets: Sequence[Target]) -> Iterator[_Attacker]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.attack.attacker", attack.name],
        cwd=ROOT,
        env=clean_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(Target.to_json(list(targets)) + "\n")
        process.stdin.flush()
        said = process.stdout.readline()
        assert said == "armed\n", f"the attacker said {said!r}"
        yield _Attacker(process)
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


@contextlib.contextmanager
def _leaving(daemon: AttackedDaemon, row: Row) -> Iterator[AttackedDaemon]:
    """The daemon; that it died, or does not stop as it should, is a figure as others."""
    with daemon:
        yield daemon
        try:
            daemon.stop()
        except AssertionError as error:
            row.trouble.append(str(error).splitlines()[0][:200])
            row.trouble += [str(record)[-400:] for record in daemon.records if "Traceback" in str(record)][:1]
        if daemon.logs_to_disk and "log lines lost" not in daemon.log:
            row.trouble.append("its disk was not full")


def _guarded(guard: Guard | None, directory: Path) -> tuple[dict[str, Any], bytes, ssl.SSLContext | None]:
    """What a guarded source is configured with, what an encoder sends first, and what it does TLS with."""
    if guard == "token":
        token = secrets.token_hex(16)
        return {"token": token}, f"INGEST {token}\n".encode(), None
    if guard == "proxy":
        return {"proxy_protocol": True}, b"PROXY TCP4 127.0.0.1 127.0.0.1 1024 1025\r\n", None
    if guard == "tls":
        ca = make_ca(directory)
        ours = sign(ca, "localhost", file_name="server")
        keys = {"tls": {"cert": str(ours.cert), "key": str(ours.key)}}
        return keys, b"", ssl.create_default_context(cafile=ca.cert)
    return {}, b"", None


def _next_encoder(port: int, viewer: Viewer, first: bytes, tls: ssl.SSLContext | None) -> float | None:
    """Seconds until a perfect encoder, which tries again when it is refused, is seen; None: it never is."""
    wanted = set(next_stream().reference_hashes)
    began = time.monotonic()
    while (left := began + NEXT_ENCODER_TIMEOUT_S - time.monotonic()) > 0:
        with contextlib.suppress(OSError), Encoder(port, next_stream(), first=first, tls=tls) as encoder:
            while left > 0 and not encoder.broken:
                if seen := [picture.at for picture in viewer.pictures() if picture.hash in wanted]:
                    return seen[0] - began
                time.sleep(0.02)
                left = began + NEXT_ENCODER_TIMEOUT_S - time.monotonic()
        time.sleep(RETRY_S)
    return None


@dataclass(frozen=True, slots=True)
class Sight:
    """What one good stream's encoder pushed, and what its subscriber saw."""

    pushed: list[Push]
    pictures: list[Picture]
    left_out: int  # pictures that its WebRTC received and did not decode, as the next keyframe was there

    def lost(self, begin: float, end: float) -> tuple[int, int]:
        """How many of the pictures that were pushed in between were not seen, and how many were pushed."""
        seen = {picture.hash for picture in self.pictures}
        due = [push for push in self.pushed if begin <= push.at < end]
        return max(0, sum(push.hash not in seen for push in due) - self.left_out), len(due)

    def delays_s(self, begin: float, end: float) -> list[float]:
        """From the encoder's write to the subscriber's sight, of what was pushed in between and seen."""
        seen: dict[str, float] = {}
        for picture in self.pictures:
            seen.setdefault(picture.hash, picture.at)
        return [
            seen[push.hash] - push.at for push in self.pushed if begin <= push.at < end and push.hash in seen
        ]


def _see(row: Row, sights: Sequence[Sight], began: float, ended: float, stopped: float) -> None:
    for sight in sights:
        lost, pushed = sight.lost(began, stopped)
        row.lost += lost
        row.pushed += pushed
    row.p50_s, row.p99_s = _quantiles([delay for sight in sights for delay in sight.delays_s(began, ended)])
    row.after_p50_s, row.after_p99_s = _quantiles(
        [delay for sight in sights for delay in sight.delays_s(ended, stopped)]
    )


def _quantiles(delays: list[float]) -> tuple[float, float]:
    """Median and 99th percentile; 0 where nothing was seen."""
    delays = sorted(delays)
    if not delays:
        return 0.0, 0.0
    return delays[len(delays) // 2], delays[len(delays) * 99 // 100]


def _dropped(metrics: Metrics) -> dict[str, int]:
    found: dict[str, int] = {}
    for name in GOOD:
        for reason, count in metrics.by("ingestd_frames_dropped_total", "reason", stream=name).items():
            if count:
                found[reason] = found.get(reason, 0) + int(count)
    return found
