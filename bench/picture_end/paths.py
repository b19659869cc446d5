"""What becomes of an encoder's writes on their way to the daemon: networks, proxies, busy machines."""

import itertools
import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

from bench.picture_end.sources import Source, Write

ETHERNET_MSS = 1448
TUNNEL_MSS = 1348
TLS_RECORD_BYTES = 16384  # RFC 8446 5.1
PAUSE_RANGE_S = (0.02, 0.2)
STALL_EVERY_S = 0.3
CUT_EVERY_S = 10.0

Stage = Callable[[Sequence[Write], random.Random], list[Write]]
Times = list[tuple[float, float]]  # begin and end of each, seconds


class Path(NamedTuple):
    """Stages in turn, and what the daemon knows and does at the end of them."""

    stages: tuple[Stage, ...] = ()
    segment_bytes: int = 0  # as TCP_INFO has it; 0 where the connection does not come from a network
    busy: tuple[float, tuple[float, float]] | None = None  # the loop: every how many seconds, for how long
    times_as_long: int = 1  # where what happens is rare


def times(every: float, length: tuple[float, float], until: float, rng: random.Random) -> Times:
    """Return times that come at random, on average ``every`` seconds, and do not overlap."""
    found, at = [], 1.0
    while at < until:
        at += rng.expovariate(1 / every)
        found.append((at, at + rng.uniform(*length)))
        at = found[-1][1]
    return found


class _Pauses:
    """Moves what is due in one of several times to its end; asked in order of time."""

    def __init__(self, times: Times) -> None:
        self._times = times
        self._next = 0

    def after(self, at: float) -> float:
        while self._next < len(self._times) and self._times[self._next][1] <= at:
            self._next += 1
        if self._next < len(self._times) and self._times[self._next][0] <= at:
            return self._times[self._next][1]
        return at


def link(bits_per_second: float, mss: int, *, stalls: bool = False) -> Stage:
    """TCP: full segments as long as there is enough to send, the rest as soon as it is written."""

    def stage(writes: Sequence[Write], rng: random.Random) -> list[Write]:
        pauses = _Pauses(times(STALL_EVERY_S, PAUSE_RANGE_S, writes[-1].at, rng) if stalls else [])
        arrivals = []
        now, queued, index = 0.0, 0, 0
        while index < len(writes) or queued:
            if not queued:
                now = max(now, writes[index].at)
            while index < len(writes) and writes[index].at <= now:
                queued += writes[index].size
                index += 1
            size = min(queued, mss)
            now = pauses.after(now + size * 8 / bits_per_second)
            arrivals.append(Write(now, size))
            queued -= size
        return arrivals

    return stage


def relay(buffer_bytes: int, *, pauses: tuple[float, tuple[float, float]] | None = None) -> Stage:
    """A process that reads what is there, at most a buffer full, and writes it; now and then it must wait."""

    def stage(writes: Sequence[Write], rng: random.Random) -> list[Write]:
        held = _Pauses(times(*pauses, writes[-1].at, rng) if pauses is not None else [])
        passed_on = []
        now, queued, index = 0.0, 0, 0
        while index < len(writes) or queued:
            now += rng.uniform(0.00002, 0.0001)
            if not queued:
                now = max(now, writes[index].at)
            now = held.after(now)
            while index < len(writes) and writes[index].at <= now:
                queued += writes[index].size
                index += 1
            size = min(queued, buffer_bytes)
            passed_on.append(Write(now, size))
            queued -= size
        return passed_on

    return stage


def tls(below: Stage) -> Stage:
    """Records, each of which arrives as a whole, with its last byte."""

    def stage(writes: Sequence[Write], rng: random.Random) -> list[Write]:
        cut = [
            Write(write.at, min(TLS_RECORD_BYTES, write.size - begin))
            for write in writes
            for begin in range(0, write.size, TLS_RECORD_BYTES)
        ]
        arrivals = iter(below(cut, rng))
        records, arrived, end = [], Write(0.0, 0), 0
        behind = 0  # position behind `arrived`
        for record in cut:
            end += record.size
            while behind < end:
                arrived = next(arrivals)
                behind += arrived.size
            records.append(Write(arrived.at, record.size))
        return records

    return stage


def held_up(writes: Sequence[Write], rng: random.Random) -> list[Write]:
    """The encoder's process has to wait between two writes, as another has the processor."""
    pauses = _Pauses(times(CUT_EVERY_S, PAUSE_RANGE_S, writes[-1].at, rng))
    return [Write(pauses.after(at), size) for at, size in writes]


def cut_once(source: Source, rng: random.Random) -> list[Write]:
    """The writes of ``source``, held up once, at any byte of its last third."""
    first, last = source.ends[len(source.ends) * 2 // 3], source.ends[-2]
    ends = list(itertools.accumulate(write.size for write in source.writes))
    cut, late = rng.randrange(first, last), 0.0
    arrivals: list[Write] = []
    for (at, size), end in zip(source.writes, ends, strict=True):
        begin = end - size
        if begin < cut < end:
            arrivals.append(Write(at, cut - begin))
            late = at + rng.uniform(*PAUSE_RANGE_S)
            arrivals.append(Write(late, end - cut))
        else:
            arrivals.append(Write(max(at, late), size))
    return arrivals


def cut_anywhere(writes: Sequence[Write], rng: random.Random) -> list[Write]:
    """What carries the bytes pauses at any of them, as tunnels and full buffers of any size do."""
    cuts = [(at, end - at) for at, end in times(CUT_EVERY_S, PAUSE_RANGE_S, writes[-1].at, rng)]
    cut, late = [], 0.0
    for at, size in writes:
        late = max(late, at)
        if cuts and cuts[0][0] <= at and size > 1:
            first = rng.randrange(1, size)
            cut += [Write(late, first), Write(late + cuts[0][1], size - first)]
            late += cuts.pop(0)[1]
        else:
            cut.append(Write(late, size))
    return cut


def jitter(seconds: float) -> Stage:
    """Every write comes up to so much later than it should; the order stays."""

    def stage(writes: Sequence[Write], rng: random.Random) -> list[Write]:
        late, last = [], 0.0
        for at, size in writes:
            last = max(last, at + rng.uniform(0, seconds))
            late.append(Write(last, size))
        return late

    return stage


_BUSY = (0.1, (0.002, 0.02))
_STALLING = link(12e6, ETHERNET_MSS, stalls=True)
_IN_A_TUNNEL = link(12e6, TUNNEL_MSS, stalls=True)
_FULL = link(2.6e6, ETHERNET_MSS, stalls=True)  # hardly more than most of the sources need

PATHS = {
    "same machine": Path(),
    "network": Path((link(12e6, ETHERNET_MSS),), ETHERNET_MSS),
    "jitter": Path((jitter(0.025), link(12e6, ETHERNET_MSS)), ETHERNET_MSS),
    "busy daemon": Path((link(12e6, ETHERNET_MSS),), ETHERNET_MSS, _BUSY),
    "writer held up": Path((held_up,), times_as_long=3),
    "cut anywhere": Path((cut_anywhere,), times_as_long=3),
    "stalls": Path((_STALLING,), ETHERNET_MSS),
    "stalls in a tunnel": Path((_IN_A_TUNNEL,), TUNNEL_MSS),
    "stalls before a proxy of 4 KiB": Path((_STALLING, relay(4096))),
    "before a proxy of 16 KiB": Path((_STALLING, relay(16384))),
    "before a proxy of 64 KiB": Path((_STALLING, relay(65536))),
    "in a tunnel before a proxy": Path((_IN_A_TUNNEL, relay(16384))),
    "full link before a proxy": Path((_FULL, relay(16384))),
    "busy proxy of 16 KiB": Path((link(12e6, ETHERNET_MSS), relay(16384, pauses=_BUSY))),
    "stalls, TLS": Path((tls(_STALLING),)),
}
