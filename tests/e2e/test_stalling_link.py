"""Pictures that the network holds up in the middle, over real TCP: they leave whole, and at once."""

import asyncio
import random
import socket
import statistics
import time
from ipaddress import ip_network
from itertools import pairwise
from typing import Any

import pytest

from ingestd.config import Address, SourceConfig, StreamConfig
from ingestd.source.connection import EncoderConnection
from ingestd.stream import Stream
from ingestd.tasks import Tasks
from ingestd.wiring import build_stream
from tests.media.vectors_h26x import annexb, pps, slice, sps
from tests.support.link import FAR, Link, Quality, unavailable
from tests.support.track import Room, Track
from tests.support.wait import eventually

FRAME_INTERVAL_S = 1 / 15
STALL_S = 0.06
PICTURES, LEARNING, EVERY = 50, 15, 4
SIZES_BYTES = 20_000, 30_000
STALLED_SIZE_BYTES, STALLED_AT_BYTES = (
    40_000,
    22_000,
)  # what has arrived by then is larger than many a whole picture
MTU_BYTES = 1400  # as through a tunnel
FULL_SEGMENT_BYTES = MTU_BYTES - 20 - 20  # with timestamps 12 less
USUAL = Quality(rate=8e6)

UNAVAILABLE = unavailable()


class WatchedTrack(Track):
    """Notes when pictures are submitted."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.times: list[float] = []

    def submit(self, data: bytes, *arguments: Any, **options: Any) -> bool:
        self.times.append(time.monotonic())
        return super().submit(data, *arguments, **options)


class Watch:
    """Stands before a stream and notes when bytes arrive."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.reads = [(0, 0.0)]  # bytes so far, when
        self.segments: set[int] = set()

    def encoder_connected(self, connection: EncoderConnection) -> None:
        self._stream.encoder_connected(connection)

    def encoder_data(self, connection: EncoderConnection, data: memoryview) -> None:
        self._stream.encoder_data(connection, data)
        self.reads.append((self.reads[-1][0] + len(data), connection.arrived_at))
        self.segments.add(connection.segment_bytes)

    def encoder_gone(self, connection: EncoderConnection, reason: str, error: str | None) -> None:
        self._stream.encoder_gone(connection, reason, error)

    async def until(self, received: int) -> None:
        await eventually(lambda: self.reads[-1][0] >= received, every_s=0.001)


def pictures() -> list[bytes]:
    rng = random.Random(4)
    made = []
    for n in range(PICTURES):
        size = STALLED_SIZE_BYTES if stalled(n) else rng.randrange(*SIZES_BYTES)
        payload = rng.randbytes(size).replace(b"\0", b"\1")
        body = slice(idr=n == 0, frame_num=n % 16, poc_lsb=2 * n % 16, payload=payload)
        made.append(annexb(sps(), pps(), body) if n == 0 else annexb(body))
    return made


def stalled(number: int) -> bool:
    return number > LEARNING and number % EVERY == 0


@pytest.mark.alone
@pytest.mark.skipif(UNAVAILABLE is not None, reason=str(UNAVAILABLE))
async def test_pictures_cut_by_a_network_leave_whole_and_with_their_last_byte() -> None:
    failures: list[str] = []
    tasks = Tasks(lambda name, error: failures.append(f"{name}: {error!r}"))
    # Its own source is not opened: that would be in this namespace.
    source = SourceConfig(listen=Address("tcp", "127.0.0.1", 0), allow=(ip_network("0.0.0.0/0"),))
    tracks: list[WatchedTrack] = []

    def make_track(*arguments: Any) -> Track:
        tracks.append(WatchedTrack(*arguments))
        return tracks[-1]

    config = StreamConfig(name="cam", room="lobby", source=source)
    stream = build_stream(config, Room(), tasks, make_track=make_track)
    watch = Watch(stream)
    stream.admission.attach(watch)
    [track] = tracks
    loop, sent, ends = asyncio.get_running_loop(), pictures(), [0]
    with Link(MTU_BYTES) as link:
        link.quality = USUAL
        with link.far.entered():
            listener = socket.create_server((FAR, 0))
        with link.near.entered():
            encoder = socket.create_connection(listener.getsockname())
        server = await loop.create_server(stream.admission.new_connection, sock=listener)
        encoder.setblocking(False)
        for number, data in enumerate(sent):
            due = loop.time() + FRAME_INTERVAL_S
            await loop.sock_sendall(encoder, data)
            if stalled(number):
                await watch.until(ends[-1] + STALLED_AT_BYTES)
                link.held_up = True
                await asyncio.sleep(STALL_S)
                link.held_up = False
            ends.append(ends[-1] + len(data))
            await watch.until(ends[-1])
            if number == 1:
                track.publish()
            await asyncio.sleep(max(0.0, due - loop.time()))
        encoder.close()
        await eventually(lambda: stream.admission.current is None and len(track.taken) == PICTURES)
        server.close()
    await tasks.close()

    assert track.taken == sent, "each picture once, whole and in order"
    assert not stream.figures().stream_errors
    assert max(watch.segments) in (FULL_SEGMENT_BYTES, FULL_SEGMENT_BYTES - 12)
    pauses = [longest_pause_inside(watch, *ends[n : n + 2]) for n in range(PICTURES) if stalled(n)]
    assert statistics.median(pauses) > STALL_S / 2, "the line was to be held up inside of pictures"
    delays = [
        submitted - next(at for position, at in watch.reads if position >= end)
        for submitted, end in zip(track.times[LEARNING:], ends[LEARNING + 1 :], strict=True)
    ]
    assert statistics.median(delays) < FRAME_INTERVAL_S / 10
    assert failures == []


def longest_pause_inside(watch: Watch, begin: int, end: int) -> float:
    inside = [at for position, at in watch.reads if begin < position <= end]
    return max(later - at for at, later in pairwise(inside))
