"""What the tests of publishing share: a listener to tracks, SDK calls that are kept, the server's view."""

import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, cast

from livekit import api, rtc

from ingestd.devserver.livekit_server import LiveKitServer
from ingestd.media.access_unit import Codec, Format, FrameMetadata, StreamInfo
from ingestd.publish.room_join import RoomAddress, connect
from ingestd.publish.signal_relay import Route
from ingestd.publish.track import PublishedTrack, TrackOptions, publish
from ingestd.publish.track_keeper import TrackKeeper
from ingestd.tasks import Tasks
from tests.support.encoded import EncodedStream, encode
from tests.support.wait import PATIENCE_S, eventually

OPTIONS = TrackOptions("cam", "camera", 1_000_000, 30, frame_metadata=True)


def info(codec: str = "vp8", width: int = 160, height: int = 120) -> StreamInfo:
    return StreamInfo(Codec(codec), Format.IVF, width, height, "", "", "4:2:0", 8, None)


def video(codec: str = "vp8") -> EncodedStream:
    return encode(codec, frames=30, gop=30, size=(160, 120))


def address(server: LiveKitServer, room: str, identity: str = "cam") -> RoomAddress:
    return RoomAddress(server.url, server.api_key, server.api_secret, room, identity)


@dataclass
class Stream:
    """Writes down what becomes of the publication."""

    events: list[str] = field(default_factory=list)
    lost: int = 0
    send_delays_s: list[float] = field(default_factory=list)
    available_bps: float | None = None
    link_good: bool = False
    link_idle: bool = False
    asked_for_keyframe: int = 0
    packets_lost: int = 0
    held_back: list[bool] = field(default_factory=list)

    def track_opened(self) -> None:
        self.events.append("opened")

    def track_running(self) -> None:
        self.events.append("running")

    def track_closed(self) -> None:
        self.events.append("closed")

    def track_lost(self, count: int) -> None:
        self.lost += count

    def track_packets_lost(self) -> None:
        self.packets_lost += 1

    def track_flushed(self) -> None:
        self.events.append("flushed")

    def track_held_back(self, keyframe_left_out: bool) -> None:
        self.held_back.append(keyframe_left_out)

    def may_risk(self) -> bool:
        return True

    def held_back_s(self) -> float:
        return 0.0

    def track_send_delay(
        self, delay_s: float, available_bps: float | None, link_good: bool, link_idle: bool
    ) -> None:
        self.send_delays_s.append(delay_s)
        self.available_bps = available_bps
        self.link_good, self.link_idle = link_good, link_idle

    def needed_bitrate_bps(self) -> float:
        return 500_000

    def track_asked_for_keyframe(self) -> None:
        self.asked_for_keyframe += 1

    def track_failed(self, reason: str) -> None:
        self.events.append(reason)


@contextlib.asynccontextmanager
async def own_tasks() -> AsyncIterator[Tasks]:
    """Tasks of which none may fail, and none may be left by the test."""
    failures: list[str] = []
    tasks = Tasks(lambda name, error: failures.append(f"{name}: {error!r}"))
    try:
        yield tasks
        await eventually(lambda: not tasks.names, "end every task", patience_s=5)
    finally:
        await tasks.close()
    assert failures == []


def submit(publication: TrackKeeper, stream: EncodedStream) -> None:
    """The keyframe."""
    assert publication.submit(
        stream.access_units[0],
        info(stream.codec),
        keyframe=True,
        timestamp_us=time.monotonic_ns() // 1000,
        metadata=FrameMetadata(),
    )


async def hand_over_until(
    publication: TrackKeeper, stream: EncodedStream, done: Callable[[], object]
) -> None:
    """The keyframe, again and again."""

    def reached() -> object:
        if not (reached := done()):
            submit(publication, stream)
        return reached

    await eventually(reached, "change by pictures", every_s=0.03)


class Rooms:
    """Joins rooms as usual, and keeps them."""

    def __init__(self) -> None:
        self.joined: list[rtc.Room] = []

    async def connect(self, room: rtc.Room, address: RoomAddress, _route: Route | None) -> None:
        self.joined.append(room)
        await connect(room, address)


class Source:
    """Passes everything on to another source, which may be exchanged."""

    def __init__(self, source: rtc.EncodedVideoSource) -> None:
        self.source = source

    def capture_frame(self, frame: rtc.EncodedVideoFrame) -> bool:
        return self.source.capture_frame(frame)

    def take_feedback(self) -> Any:
        return self.source.take_feedback()


def played_source() -> Any:
    """A source whose pass-through is in place, and asks for a keyframe whenever it is looked at."""
    asked = SimpleNamespace(keyframe_requested=True, rate_control=None)
    return SimpleNamespace(capture_frame=lambda _: True, take_feedback=lambda: asked)


class Publisher:
    """Publishes as usual, and keeps what was published."""

    def __init__(self) -> None:
        self.begun = 0
        self.published: list[PublishedTrack] = []
        self._source: Source | None = None

    async def publish(self, room: rtc.Room, options: TrackOptions, info: StreamInfo) -> PublishedTrack:
        self.begun += 1
        published = await publish(room, options, info)
        self.published.append(published)
        self._source = Source(published.source)
        return replace(published, source=cast(rtc.EncodedVideoSource, self._source))

    def deafen(self) -> None:
        """WebRTC takes pictures from now on, and encodes none of them: no track belongs to this source."""
        assert self._source is not None
        self._source.source = rtc.EncodedVideoSource(160, 120)


def outbound(
    *,
    encoded: int = 0,
    sent: int = 0,
    packets: int = 0,
    packet_delays_s: float = 0.0,
    target_bps: float = 0.0,
    codec_id: str = "",
    outbound_id: str = "OT01V1",
    requests: int = 0,
    nacks: int = 0,
) -> Any:
    """An entry of WebRTC's statistics, as the SDK gives it, counted now."""
    rtp = SimpleNamespace(
        outbound=SimpleNamespace(
            frames_encoded=encoded,
            frames_sent=sent,
            target_bitrate=target_bps,
            total_packet_send_delay=packet_delays_s,
            pli_count=requests,
            fir_count=0,
            nack_count=nacks,
        ),
        sent=SimpleNamespace(packets_sent=packets),
        stream=SimpleNamespace(codec_id=codec_id),
        rtc=SimpleNamespace(id=outbound_id, timestamp=time.time_ns() // 1000),
    )
    return SimpleNamespace(WhichOneof=lambda _: "outbound_rtp", outbound_rtp=rtp)


async def tracks(server: LiveKitServer, room: str) -> dict[str, list[str]]:
    """Who is in the room by the server's account, and the MIME types of what they publish."""
    async with api.LiveKitAPI(server.http_url, server.api_key, server.api_secret) as client:
        answer = await client.room.list_participants(api.ListParticipantsRequest(room=room))
    return {p.identity: [track.mime_type.lower() for track in p.tracks] for p in answer.participants}


async def tracks_become(server: LiveKitServer, room: str, expected: dict[str, list[str]]) -> None:
    async def become() -> bool:
        return await tracks(server, room) == expected

    await eventually(become, f"have {expected} on the server", PATIENCE_S / 4, every_s=0.05)
