"""WebRTC's send statistics of a track: the only count of sent pictures that can be believed."""

import asyncio
import contextlib
import time
from collections.abc import Collection, Coroutine
from dataclasses import dataclass
from math import inf
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from livekit import rtc

from ingestd.errors import RoomError

# It takes milliseconds; a transport that is being torn down may never answer.
STATISTICS_TIMEOUT_S = 5.0
# Between two readings WebRTC rests this many times as long as it took to count. Else many tracks that begin
# at once would take each other's time for that.
REST_RATIO = 4

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SendStats:
    """One reading for one track; zeros and None until WebRTC has something to say."""

    mime_type: str  # of the negotiated codec, e.g. "video/H264"; "" until negotiated
    frames_encoded: int
    frames_sent: int
    packets_sent: int
    packet_delays_s: float  # how long those packets waited in WebRTC before they left, in sum
    target_bitrate_bps: float | None
    available_bps: float | None  # what WebRTC believes the link of this connection carries
    at: float  # when WebRTC began to count, seconds on the monotonic clock
    round_trip_s: float | None = None  # by the receiver's last report
    lost_ratio: float = 0.0  # of the packets, by the same report; below 1/256 it says 0
    lost_packets: int = 0  # of all so far, by the same report; fewer again where some come late
    keyframe_requests: int = 0  # that have arrived, whether or not WebRTC has passed them on
    nacks: int = 0  # of the server, for packets that it misses
    bytes_received: int = 0  # from the server on this connection: reports of what has arrived, mostly
    counted_by: float = inf  # when it had counted, on the same clock: on a busy machine much later than `at`


async def read(track: rtc.LocalVideoTrack) -> SendStats:
    """Read the statistics of ``track``. Raises RoomError where WebRTC does not answer."""
    entries = await _answer(track.get_stats())
    return _send_stats(entries, time.monotonic())


async def _answer(question: Coroutine[Any, Any, T]) -> T:
    try:
        async with asyncio.timeout(STATISTICS_TIMEOUT_S):
            return await question
    except Exception as error:  # the SDK raises no narrower one
        raise RoomError("no_statistics", f"WebRTC does not answer for the track: {error!r}") from None


def _send_stats(entries: Collection[Any], counted_by: float) -> SendStats:
    mime_types: dict[str, str] = {}
    codec_id, encoded, sent, packets, target_bps, at_us = "", 0, 0, 0, 0.0, time.time_ns() // 1000
    delays_s, available_bps, requests, nacks = 0.0, 0.0, 0, 0
    round_trip_s, lost_ratio, lost_packets, received = 0.0, 0.0, 0, 0
    outbound_ids = _outbound_ids(entries)
    for entry in entries:
        match entry.WhichOneof("stats"):
            case "codec":
                mime_types[entry.codec.rtc.id] = entry.codec.codec.mime_type
            case "outbound_rtp":
                outbound = entry.outbound_rtp.outbound
                codec_id = entry.outbound_rtp.stream.codec_id
                encoded += outbound.frames_encoded
                sent += outbound.frames_sent
                packets += entry.outbound_rtp.sent.packets_sent
                delays_s += outbound.total_packet_send_delay
                target_bps += outbound.target_bitrate
                requests += outbound.pli_count + outbound.fir_count
                nacks += outbound.nack_count
                at_us = entry.outbound_rtp.rtc.timestamp
            case "remote_inbound_rtp":
                report = entry.remote_inbound_rtp.remote_inbound
                if report.round_trip_time_measurements and report.local_id in outbound_ids:
                    round_trip_s, lost_ratio = report.round_trip_time, report.fraction_lost
                    lost_packets = entry.remote_inbound_rtp.received.packets_lost
            case "candidate_pair" if entry.candidate_pair.candidate_pair.nominated:
                pair = entry.candidate_pair.candidate_pair
                available_bps, received = pair.available_outgoing_bitrate, pair.bytes_received
    at = time.monotonic() - (time.time_ns() // 1000 - at_us) / 1e6
    return SendStats(
        mime_type=mime_types.get(codec_id, ""),
        frames_encoded=encoded,
        frames_sent=sent,
        packets_sent=packets,
        packet_delays_s=delays_s,
        target_bitrate_bps=target_bps or None,
        available_bps=available_bps or None,
        at=at,
        round_trip_s=round_trip_s or None,
        lost_ratio=lost_ratio,
        lost_packets=lost_packets,
        keyframe_requests=requests,
        nacks=nacks,
        bytes_received=received,
        counted_by=counted_by,
    )


def _outbound_ids(entries: Collection[Any]) -> set[str]:
    return {e.outbound_rtp.rtc.id for e in entries if e.WhichOneof("stats") == "outbound_rtp"}


@dataclass(frozen=True, slots=True)
class _Reading:
    entries: Collection[Any]
    took_s: float
    at: float


class _Connection:
    """The statistics of all tracks of a connection: WebRTC counts as long for one of them as for all."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._last: _Reading | None = None

    async def read(self, room: rtc.Room, newer_than: float, max_age_s: float) -> _Reading:
        """Return the last reading, if it fits, or a new one. Raises RoomError."""
        return await _answer(self._read(room, newer_than, max_age_s))

    async def _read(self, room: rtc.Room, newer_than: float, max_age_s: float) -> _Reading:
        async with self._lock:
            began_at, last = time.monotonic(), self._last
            if last is not None and last.at > newer_than and began_at - last.at < max_age_s:
                return last
            entries = (await room.get_rtc_stats()).publisher_stats
            self._last = _Reading(entries, time.monotonic() - began_at, time.monotonic())
            return self._last


_connections: WeakKeyDictionary[rtc.Room, _Connection] = WeakKeyDictionary()


class Statistics:
    """Reads the statistics of a track repeatedly, less often where the machine is busy.

    Tracks for which the same ``room`` is named share its readings.
    """

    def __init__(self, track: rtc.LocalVideoTrack, room: rtc.Room | None = None) -> None:
        self._track = track
        self._room = room
        self._last: _Reading | None = None
        self._outbound: set[str] = set()  # what WebRTC calls the track's part of the connection

    async def next(self, interval_s: float, sooner: asyncio.Event | None = None) -> SendStats:
        """Return a reading, at least ``interval_s`` seconds after the last one. Raises like `read`.

        Or when ``sooner`` is set, if that is earlier.
        """
        if self._last is not None:
            due_at = self._last.at + interval_s
            await asyncio.sleep(REST_RATIO * self._last.took_s)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, due_at - time.monotonic())):
                    await (sooner or asyncio.Event()).wait()
        hurried = sooner is not None and sooner.is_set()
        self._last = await self._shared(0.0 if hurried else interval_s) or await self._own()
        return _send_stats(self._last.entries, self._last.at)

    async def _shared(self, max_age_s: float) -> _Reading | None:
        """The track's part of a reading of the connection; None where it is not known, or is not there."""
        if self._room is None or not self._room.isconnected() or self._last is None or not self._outbound:
            return None
        connection = _connections.setdefault(self._room, _Connection())
        reading = await connection.read(self._room, self._last.at, max_age_s)
        if not self._outbound <= _outbound_ids(reading.entries):
            return None  # the SDK has published the track again, on another transport
        own = [entry for entry in reading.entries if not _outbound_ids([entry]) - self._outbound]
        return _Reading(own, reading.took_s, reading.at)

    async def _own(self) -> _Reading:
        began_at = time.monotonic()
        entries = await _answer(self._track.get_stats())
        self._outbound = _outbound_ids(entries)
        return _Reading(entries, time.monotonic() - began_at, time.monotonic())
