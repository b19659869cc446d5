"""The link that the tracks of a connection share, and what WebRTC is told of it through the relay.

WebRTC has one estimate of what the link carries, and one pacer, for all of them.
"""

import time
from collections.abc import Collection, Coroutine
from math import inf
from typing import Any, Protocol

from ingestd.publish.estimate_bounds import EstimateBounds, bounds_for
from ingestd.publish.estimate_floor import LONG_WAIT_S, EstimateFloor
from ingestd.publish.estimate_probing import EstimateProbing
from ingestd.publish.link_health import LinkReading
from ingestd.publish.loss_ceiling import LossCeiling
from ingestd.publish.signal_relay import Route, SignalRelay
from ingestd.tasks import Tasks


class Sender(Protocol):
    """A track on the link; `TrackKeeper` but in tests."""

    @property
    def running(self) -> bool:
        """Whether WebRTC encodes it."""
        ...

    @property
    def bitrates_bps(self) -> tuple[float, float | None]:
        """What it sends now, and at most by the configuration, in bit/s; None: auto."""
        ...

    @property
    def misses_packets(self) -> bool:
        """Whether the server has missed packets of it of late."""
        ...


class SharedLink:
    """The link of one participant to the server at ``url``; ``tracks``: those that it publishes at the time.

    ``relay``: through which the SDK's signalling goes; None has the SDK join directly, and WebRTC is told
    nothing. ``name`` is that of the tasks.
    """

    def __init__(
        self, url: str, relay: SignalRelay | None, tracks: Collection[Sender], tasks: Tasks, name: str
    ) -> None:
        self.route: Route | None = relay.route(url, self._bounds) if relay is not None else None
        self._tracks = tracks
        self._tasks = tasks
        self._name = name
        self._probing = EstimateProbing()
        self._floor = EstimateFloor()
        self._loss_ceiling = LossCeiling()

    @property
    def server_protocol(self) -> int | None:
        """The version of the protocol that the server speaks; None if it is not known."""
        return self.route.server_protocol if self.route is not None else None

    @property
    def relay_failure(self) -> str | None:
        """Why the room was joined without the relay, in words; None where it was not, or there is none."""
        if self.route is None or (self.route.reached and self.route.failure is None):
            return None
        return str(self.route.failure or "the SDK does not reach it; is HTTP_PROXY set?")

    def joined(self) -> None:
        """The room has been joined: WebRTC knows nothing of the link yet."""
        self._probing = EstimateProbing()
        self._floor = EstimateFloor()
        self._loss_ceiling = LossCeiling()

    def read(self, reading: LinkReading) -> bool:
        """Take in a reading of a track's statistics; return whether the next should come soon.

        WebRTC is made to find out whether the link carries what the tracks need, where it believes in less,
        and to search no further after losses.
        """
        if self.route is None:
            return False
        now, needed_bps = time.monotonic(), self._needed_bps()
        slow = reading.available_bps < needed_bps or reading.wait_s > LONG_WAIT_S or self._floor.bps > 0
        self._read_floor(needed_bps, reading, slow, now)
        if self.route.can_probe and not self._floor.bps:
            self._read_ceiling(needed_bps, reading, now)
        return slow

    def _read_floor(self, needed_bps: float, reading: LinkReading, slow: bool, now: float) -> None:
        assert self.route is not None
        pings, before_bps = self.route.pings, self._floor.bps
        if slow or pings.shortest_s == inf:
            self._tasks.start(f"ping from {self._name}", self.route.ping())
        if len(self._tracks) == 1 and self.route.can_set_floor:
            self._floor.read(needed_bps, reading, pings.queued_s(now), pings.shortest_s, now)
        else:
            self._floor = EstimateFloor()
        if self._floor.bps == before_bps:
            return
        if self._floor.bps:
            setting = self.route.set_floor(round(self._floor.bps))
        else:
            max_bps = min(before_bps, self._loss_ceiling.bps)
            self._probing.limited(max_bps)
            setting = self.route.end_floor(round(max_bps))
        self._tasks.start(f"floor for {self._name}", setting)

    def _read_ceiling(self, needed_bps: float, reading: LinkReading, now: float) -> None:
        assert self.route is not None
        missed = any(track.misses_packets for track in self._tracks)
        max_bps = self._loss_ceiling.max_bps(needed_bps, reading.available_bps, missed, now)
        if max_bps is not None:
            if self._loss_ceiling.bps == inf:
                self._probing.limited(max_bps)
            self._tasks.start(f"limit {self._name}", self.route.limit(round(max_bps)))
        elif not (reading.full or self._floor.rests(now)):
            probe_bps = self._probing.probe_bps(needed_bps, reading.available_bps, reading.wait_s, now)
            if probe_bps is not None and self._loss_ceiling.bps > reading.available_bps:
                probe_bps = min(probe_bps, self._loss_ceiling.bps)
                self._tasks.start(f"probe for {self._name}", self.route.probe(round(probe_bps)))

    def flush(self) -> Coroutine[Any, Any, None] | None:
        """Return what has WebRTC throw away what waits in it; None where that cannot be, or costs others."""
        if self.route is None or not self.route.can_probe or len(self._tracks) > 1:
            return None
        return self.route.flush()

    def close(self) -> None:
        """The participant has left for good."""
        if self.route is not None:
            self.route.close()

    def _bounds(self) -> EstimateBounds | None:
        return bounds_for([track.bitrates_bps for track in self._tracks])

    def _needed_bps(self) -> float:
        return sum(now_bps for now_bps, _ in (track.bitrates_bps for track in self._tracks if track.running))
