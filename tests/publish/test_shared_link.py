"""What WebRTC is told of the link: by a relay that the test plays, and with a real server."""

import asyncio
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ingestd.devserver.livekit_server import LiveKitServer
from ingestd.publish import shared_link
from ingestd.publish.estimate_bounds import MAX_RATIO
from ingestd.publish.estimate_floor import CALM_S, FULL_S
from ingestd.publish.estimate_probing import FALL_S, MAX_INTERVAL_S, SETTLES_S, STEP_RATIO
from ingestd.publish.link_health import LinkReading
from ingestd.publish.loss_ceiling import CLEAN_S, DIP_S, LOSSY_MAX_RATIO
from ingestd.publish.room_connection import RoomConnection
from ingestd.publish.shared_link import Sender, SharedLink
from ingestd.publish.signal_pings import SignalPings
from ingestd.publish.signal_relay import SignalRelay
from ingestd.publish.track_keeper import TrackKeeper
from ingestd.tasks import Tasks
from tests.publish.support import OPTIONS, Stream, address, hand_over_until, info, own_tasks, video
from tests.support.wait import eventually

M = 1_000_000
URL = "ws://127.0.0.1:7880"


@dataclass
class Track:
    """One that sends so much."""

    needed_bps: float
    running: bool = True
    misses_packets: bool = False

    @property
    def bitrates_bps(self) -> tuple[float, float | None]:
        return self.needed_bps, None


class Route:
    """The way to a server through the relay, which counts what WebRTC is told."""

    def __init__(self, bounds: Any) -> None:
        self.bounds = bounds
        self.can_probe = self.reached = True
        self.failure: Exception | None = None
        self.server_protocol = 16
        self.probes: list[int] = []
        self.limits: list[int] = []
        self.floors: list[int] = []
        self.can_set_floor = False
        self.pings = SignalPings()
        self.closed = False

    async def probe(self, bps: int) -> None:
        self.probes.append(bps)

    async def limit(self, bps: int) -> None:
        self.limits.append(bps)

    async def set_floor(self, bps: int) -> None:
        self.floors.append(bps)

    async def end_floor(self, ceiling_bps: int) -> None:
        self.floors.append(-ceiling_bps)

    async def ping(self) -> None:
        payload = self.pings.next(0.0)
        assert payload is not None
        self.pings.answered(payload, 0.0)

    async def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


class Relay:
    """Stands in for a `SignalRelay`."""

    def route(self, url: str, bounds: Any) -> Route:
        assert url == URL
        return Route(bounds)


def link_of(tracks: list[Sender], tasks: Tasks) -> tuple[SharedLink, Any]:
    link = SharedLink(URL, cast("SignalRelay", Relay()), tracks, tasks, "cam@lobby")
    return link, link.route


async def test_without_a_relay_webrtc_is_told_nothing() -> None:
    async with own_tasks() as tasks:
        link = SharedLink(URL, None, [Track(5 * M)], tasks, "cam@lobby")
        link.joined()
        assert not link.read(LinkReading(1 * M))
        assert link.route is None
        assert link.flush() is None
        assert link.server_protocol is None
        assert link.relay_failure is None
        link.close()


async def test_the_estimate_has_room_for_all_tracks_that_there_are_at_the_time() -> None:
    async with own_tasks() as tasks:
        tracks: list[Sender] = []
        _, route = link_of(tracks, tasks)
        assert route.bounds() is None
        tracks += [Track(10 * M), Track(20 * M)]
        assert route.bounds().max_bps == MAX_RATIO * 30 * M


async def test_what_running_tracks_need_together_is_probed_for(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(shared_link, "time", SimpleNamespace(monotonic=lambda: now))
    async with own_tasks() as tasks:
        tracks: list[Sender] = [Track(3 * M), Track(3 * M), Track(50 * M, running=False)]
        link, route = link_of(tracks, tasks)
        link.read(LinkReading(4 * M, 0.0, full=False))
        now += SETTLES_S
        route.can_probe = False
        link.read(LinkReading(4 * M, 0.0, full=False))
        route.can_probe = True
        link.read(LinkReading(4 * M, 0.0, full=False))
        await asyncio.sleep(0)
        assert route.probes == [STEP_RATIO * 4 * M]
        link.joined()
        now += 1
        link.read(LinkReading(4 * M, 0.0, full=False))
        await asyncio.sleep(0)
        assert len(route.probes) == 1, "after a join WebRTC probes by itself"


async def test_a_track_that_webrtc_does_not_encode_needs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(shared_link, "time", SimpleNamespace(monotonic=lambda: now))
    async with own_tasks() as tasks:
        link, route = link_of([Track(3 * M), Track(50 * M, running=False)], tasks)
        link.read(LinkReading(4 * M, 0.0, full=False))
        now += SETTLES_S
        link.read(LinkReading(4 * M, 0.0, full=False))
        await asyncio.sleep(0)
        assert route.probes == []


async def test_a_link_that_is_full_is_not_probed(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(shared_link, "time", SimpleNamespace(monotonic=lambda: now))
    async with own_tasks() as tasks:
        link, route = link_of([Track(3 * M)], tasks)
        link.read(LinkReading(2 * M, 0.0, full=True))
        now += SETTLES_S
        link.read(LinkReading(2 * M, 0.0, full=True))
        await asyncio.sleep(0)
        assert route.probes == []


async def test_while_packets_of_a_track_are_lost_webrtc_finds_no_more_than_all_tracks_need(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(shared_link, "time", SimpleNamespace(monotonic=lambda: now))
    async with own_tasks() as tasks:
        lossy = Track(3 * M)
        link, route = link_of([lossy, Track(1 * M)], tasks)
        link.read(LinkReading(5 * M, 0.0, full=False))
        now += SETTLES_S
        lossy.misses_packets = True
        link.read(LinkReading(5 * M, 0.0, full=True))
        now += DIP_S
        link.read(LinkReading(5 * M, 0.0, full=True))
        await asyncio.sleep(0)
        capped_bps = round(LOSSY_MAX_RATIO * 4 * M)
        assert route.limits == [capped_bps]
        link.read(LinkReading(4.2 * M, 0.0, full=False))
        await asyncio.sleep(0)
        assert route.probes == [], "that is enough"
        link.read(LinkReading(2 * M, 0.0, full=False))
        now += FALL_S
        link.read(LinkReading(2 * M, 0.0, full=False))
        await asyncio.sleep(0)
        assert route.probes == [capped_bps], "a probe raises the maximum, too"
        now += MAX_INTERVAL_S
        link.read(LinkReading(capped_bps, 1.0, full=False))
        await asyncio.sleep(0)
        assert route.probes == [capped_bps], "there is nothing to find"
        lossy.misses_packets = False
        now += CLEAN_S
        link.read(LinkReading(capped_bps, 0.0, full=False))
        await asyncio.sleep(0)
        assert route.limits == [capped_bps, STEP_RATIO * capped_bps]


async def test_a_maximum_that_was_lifted_in_a_dip_is_raised_when_the_link_carries_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(shared_link, "time", SimpleNamespace(monotonic=lambda: now))
    async with own_tasks() as tasks:
        track = Track(1 * M)
        link, route = link_of([track], tasks)
        link.read(LinkReading(1 * M, 0.0, full=True))
        now += SETTLES_S
        track.misses_packets = True
        link.read(LinkReading(1 * M, 0.0, full=True))
        now += DIP_S
        link.read(LinkReading(1 * M, 0.0, full=True))
        now += CLEAN_S
        track.misses_packets = False
        link.read(LinkReading(0.5 * M, 0.0, full=True))
        await asyncio.sleep(0)
        assert route.limits[1:] == [STEP_RATIO * 0.5 * M]
        link.read(LinkReading(1.5 * M, 0.0, full=False))
        await asyncio.sleep(0)
        assert route.probes == [MAX_RATIO * 1 * M]


@pytest.mark.parametrize("alone", [True, False])
async def test_a_link_that_is_empty_though_pictures_wait_is_used_whatever_webrtc_believes(
    monkeypatch: pytest.MonkeyPatch, alone: bool
) -> None:
    now = 100.0
    monkeypatch.setattr(shared_link, "time", SimpleNamespace(monotonic=lambda: now))
    async with own_tasks() as tasks:
        link, route = link_of([Track(3 * M)] if alone else [Track(3 * M), Track(3 * M)], tasks)
        route.can_set_floor = True
        waits = LinkReading(1 * M, wait_s=1.0, full=True)
        for at in (100.0, 100.0 + SETTLES_S, 100.0 + SETTLES_S + CALM_S):
            now = at
            assert link.read(waits), "read again soon"
            await asyncio.sleep(0)
        assert route.floors == ([2 * M] if alone else [])
        assert route.probes == [], "reports say that it is full"
        link.read(replace(waits, full=False))
        now += SETTLES_S
        link.read(replace(waits, full=False))
        await asyncio.sleep(0)
        assert bool(route.probes) is not alone, "one thing at a time"


async def test_a_floor_that_ends_leaves_the_maximum_where_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(shared_link, "time", SimpleNamespace(monotonic=lambda: now))
    async with own_tasks() as tasks:
        link, route = link_of([Track(3 * M)], tasks)
        route.can_set_floor = True
        waits = LinkReading(1 * M, wait_s=1.0, full=True)
        for at in (100.0, 100.0 + SETTLES_S, 100.0 + SETTLES_S + CALM_S):
            now = at
            link.read(waits)
            await asyncio.sleep(0)
        route.pings.next(now - 2 * FULL_S)
        link.read(waits)
        await asyncio.sleep(0)
        assert route.floors == [2 * M, -2 * M]


async def test_only_what_waits_of_one_track_alone_is_thrown_away() -> None:
    async with own_tasks() as tasks:
        tracks: list[Sender] = [Track(1 * M)]
        link, route = link_of(tracks, tasks)
        flushing = link.flush()
        assert flushing is not None
        await flushing
        tracks.append(Track(1 * M))
        assert link.flush() is None
        tracks.pop()
        route.can_probe = False
        assert link.flush() is None


async def test_why_the_relay_was_gone_round_is_said() -> None:
    async with own_tasks() as tasks:
        link, route = link_of([], tasks)
        assert link.server_protocol == 16
        assert link.relay_failure is None
        route.reached = False
        assert link.relay_failure == "the SDK does not reach it; is HTTP_PROXY set?"
        route.failure = OSError("no route to host")
        assert link.relay_failure == "no route to host"
        route.reached = True
        assert link.relay_failure == "no route to host"
        link.close()
        assert route.closed


async def test_what_waits_in_webrtc_is_thrown_away_where_the_room_has_one_track_alone(
    livekit: LiveKitServer, room: str
) -> None:
    stream, relay = Stream(), SignalRelay()
    async with own_tasks() as tasks:
        connection = RoomConnection(address(livekit, room), tasks, relay=relay)
        connection.start()
        keeper, other = (TrackKeeper(OPTIONS, listener, tasks) for listener in (stream, Stream()))
        connection.add(keeper)
        keeper.describe(info())
        await eventually(lambda: keeper.open, "publish")
        await hand_over_until(keeper, video(), lambda: keeper.running)
        connection.add(other)
        assert not keeper.flush(), "the other would lose its pictures, too"
        connection.remove(other)
        assert keeper.flush()
        await eventually(lambda: stream.events[-1] == "flushed", "throw it away")
        await keeper.close()
        await connection.close()
    await relay.close()
