"""One track, through all that can happen to its room, with a real server."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from livekit import rtc
from structlog.testing import capture_logs

from ingestd.devserver.livekit_server import LiveKitServer
from ingestd.errors import RoomError
from ingestd.media.access_unit import FrameMetadata, StreamInfo
from ingestd.publish.frame_metadata import STRIPPING_PROTOCOL
from ingestd.publish.link_health import LinkReading
from ingestd.publish.send_stats import SendStats
from ingestd.publish.token import mint
from ingestd.publish.track import PublishedTrack, TrackOptions
from ingestd.publish.track_keeper import (
    CLOSE_TIMEOUT_S,
    CONGESTED_POLL_S,
    RUNNING_POLL_S,
    STARTING_POLL_S,
    TrackKeeper,
)
from ingestd.tasks import Tasks
from tests.publish.support import (
    OPTIONS,
    Publisher,
    Stream,
    hand_over_until,
    info,
    own_tasks,
    played_source,
    submit,
    tracks_become,
    video,
)
from tests.support.wait import eventually

NOISE_S = 1.0  # seconds by which a busy machine may be late


async def join(server: LiveKitServer, name: str) -> rtc.Room:
    room = rtc.Room()
    token = mint(key=server.api_key, secret=server.api_secret, room=name, identity="cam")
    await room.connect(server.url, token, rtc.RoomOptions(auto_subscribe=False))
    return room


@pytest.fixture
async def joined(livekit: LiveKitServer, room: str) -> AsyncIterator[rtc.Room]:
    joined = await join(livekit, room)
    yield joined
    await joined.disconnect()


@pytest.fixture
async def tasks() -> AsyncIterator[Tasks]:
    async with own_tasks() as tasks:
        yield tasks


@pytest.fixture
def stream() -> Stream:
    return Stream()


@pytest.fixture
def publisher() -> Publisher:
    return Publisher()


@pytest.fixture
async def publication(stream: Stream, tasks: Tasks, publisher: Publisher) -> AsyncIterator[TrackKeeper]:
    publication = TrackKeeper(OPTIONS, stream, tasks, publish=publisher.publish)
    yield publication
    await publication.close()


async def publish_nothing(*_: object) -> Any:
    """Where the statistics are made up no track is needed."""
    return SimpleNamespace(
        codec=info().codec,
        source=played_source(),
        track=None,
        publication=SimpleNamespace(sid="TR_1"),
    )


async def test_from_a_description_to_pictures_sent_to_the_end(
    livekit: LiveKitServer, room: str, joined: rtc.Room, publication: TrackKeeper, stream: Stream
) -> None:
    publication.room_joined(joined)
    assert publication.problem == "the track is not published"
    assert stream.events == []
    publication.describe(info())
    await eventually(lambda: publication.open, "publish")
    assert publication.problem is None
    assert stream.events == ["opened"]
    assert publication.frames_sent == 0
    await hand_over_until(publication, video(), lambda: publication.frames_sent > 0)
    assert stream.events == ["opened", "running"]
    await hand_over_until(publication, video(), lambda: publication.target_bitrate_bps)
    await tracks_become(livekit, room, {"cam": ["video/vp8"]})

    sent = publication.frames_sent
    await publication.close()
    await publication.close()
    assert stream.events == ["opened", "running", "closed"]
    assert (publication.open, publication.target_bitrate_bps) == (False, None)
    assert publication.frames_sent >= sent
    await tracks_become(livekit, room, {"cam": []})


async def test_what_waits_in_webrtc_is_thrown_away_where_the_room_can_do_that_and_is_told_of(
    joined: rtc.Room, publication: TrackKeeper, stream: Stream
) -> None:
    flushes: list[int] = []

    async def flush() -> None:
        flushes.append(1)

    publication.room_joined(joined, flush=flush)
    assert not publication.flush(), "nothing is published yet"
    publication.describe(info())
    await eventually(lambda: publication.open, "publish")
    await hand_over_until(publication, video(), lambda: publication.running)
    assert publication.flush()
    await eventually(lambda: stream.events[-1] == "flushed", "tell of it")
    assert flushes == [1]
    publication.room_interrupted()
    assert not publication.flush()


async def test_what_is_known_of_the_link_is_told_and_more_often_where_that_is_wanted(
    joined: rtc.Room, publication: TrackKeeper, stream: Stream
) -> None:
    readings: list[tuple[float, LinkReading]] = []

    def read(reading: LinkReading) -> bool:
        readings.append((time.monotonic(), reading))
        return len(readings) > 3

    publication.room_joined(joined, on_link=read)
    publication.describe(info())
    await eventually(lambda: publication.open, "publish")
    await hand_over_until(publication, video(), lambda: len(readings) == 7)
    (first_at, first), (third_at, _), (fifth_at, _), (seventh_at, last) = readings[::2]
    assert third_at - first_at > 2 * RUNNING_POLL_S - 0.1
    assert seventh_at - fifth_at < third_at - first_at
    assert last.packets_sent > first.packets_sent
    assert last.available_bps > 0


@pytest.mark.alone
async def test_what_webrtc_takes_and_does_not_encode_is_told_as_lost(
    joined: rtc.Room, publication: TrackKeeper, stream: Stream
) -> None:
    publication.room_joined(joined)
    publication.describe(info())
    await eventually(lambda: publication.open, "publish")
    await hand_over_until(publication, video(), lambda: publication.frames_sent > 20)
    assert stream.lost == 0
    sent = publication.frames_sent
    for _ in range(30):  # without a pause, it keeps the newest alone of those that have come meanwhile
        submit(publication, video())
    await eventually(lambda: stream.lost > 0, "tell of the loss")
    await eventually(lambda: stream.lost + publication.frames_sent - sent >= 30, "account for each")
    assert stream.lost < 30


@pytest.mark.alone
async def test_a_track_that_falls_silent_is_noticed_within_3_s_and_published_anew(
    livekit: LiveKitServer,
    room: str,
    joined: rtc.Room,
    publication: TrackKeeper,
    stream: Stream,
    publisher: Publisher,
) -> None:
    publication.room_joined(joined)
    publication.describe(info())
    await eventually(lambda: publication.open, "publish")
    await hand_over_until(publication, video(), lambda: publication.running)
    publisher.deafen()
    silent_at = time.monotonic()
    await hand_over_until(publication, video(), lambda: "silent" in stream.events)
    assert time.monotonic() - silent_at < 3 + NOISE_S
    await eventually(lambda: publication.open, "publish anew")
    await hand_over_until(publication, video(), lambda: publication.running)
    assert stream.events == ["opened", "running", "closed", "silent", "opened", "running"]
    await tracks_become(livekit, room, {"cam": ["video/vp8"]})


async def test_a_running_encoder_says_what_it_wants(
    joined: rtc.Room, publication: TrackKeeper, stream: Stream
) -> None:
    assert not publication.take_feedback()
    publication.describe(info())
    publication.room_joined(joined)
    await eventually(lambda: publication.open, "publish")
    feedback = publication.take_feedback()
    assert not feedback
    await hand_over_until(publication, video(), lambda: publication.take_feedback())
    await hand_over_until(publication, video(), lambda: publication.take_feedback().bitrate_bps)


async def test_requests_in_silence_and_packets_missed_are_read_from_the_statistics(
    stream: Stream, tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = time.monotonic()
    readings = [
        SendStats("video/VP8", 0, 0, 0, 0.0, None, None, at),
        SendStats("video/VP8", 1, 1, 1, 0.0, 1e6, 3e6, at),
        SendStats("video/VP8", 1, 1, 2, 0.0, 1e6, 3e6, at + 1, keyframe_requests=1),
        SendStats("video/VP8", 1, 1, 3, 0.0, 1e6, 3e6, at + 2, 0.01, keyframe_requests=1, nacks=2),
    ]

    async def next_reading(*_: object) -> SendStats:
        await asyncio.sleep(0 if readings else 3600)
        return readings.pop(0)

    monkeypatch.setattr(
        "ingestd.publish.track_keeper.Statistics", lambda *_: SimpleNamespace(next=next_reading)
    )
    keeper = TrackKeeper(OPTIONS, stream, tasks, publish=publish_nothing)
    keeper.describe(info())
    told: list[LinkReading] = []

    def read(reading: LinkReading) -> bool:
        told.append(reading)
        return False

    keeper.room_joined(rtc.Room(), on_link=read)
    await eventually(lambda: not readings and keeper.misses_packets, "read all")
    assert [reading.available_bps for reading in told] == [3e6] * 3
    assert [reading.full for reading in told] == [True, True, False], "reports say that it is full"
    assert [reading.packets_sent for reading in told] == [1, 2, 3]
    assert [reading.packets_missed for reading in told] == [False, False, True]
    assert stream.asked_for_keyframe == 1
    assert stream.available_bps == 3e6
    keeper.room_lost()


async def test_on_a_link_that_carries_less_than_the_stream_the_statistics_are_read_more_often(
    stream: Stream, tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = time.monotonic()
    available_bps = [None, 0.9 * stream.needed_bitrate_bps(), 2 * stream.needed_bitrate_bps()]
    intervals_s: list[float] = []

    async def next_reading(interval_s: float, *_: object) -> SendStats:
        intervals_s.append(interval_s)
        await asyncio.sleep(0 if available_bps else 3600)
        number = len(intervals_s)
        return SendStats("video/VP8", number, number, number, 0.0, 1e6, available_bps.pop(0), at + number)

    monkeypatch.setattr(
        "ingestd.publish.track_keeper.Statistics", lambda *_: SimpleNamespace(next=next_reading)
    )
    keeper = TrackKeeper(OPTIONS, stream, tasks, publish=publish_nothing)
    keeper.describe(info())
    keeper.room_joined(rtc.Room())
    await eventually(lambda: len(intervals_s) == 4, "read all")
    assert intervals_s[1:] == [STARTING_POLL_S, CONGESTED_POLL_S, RUNNING_POLL_S]
    keeper.room_lost()


async def test_a_keyframe_that_webrtc_leaves_out_on_a_slow_link_is_told_of(
    monkeypatch: pytest.MonkeyPatch, tasks: Tasks, stream: Stream
) -> None:
    encoded = 1
    submitted: list[rtc.EncodedVideoFrame] = []

    async def next_reading(*_: object) -> SendStats:
        await asyncio.sleep(0.02)
        return SendStats("video/VP8", encoded, encoded, encoded, 0.0, 1000.0, 3e6, time.monotonic())

    async def publish_it(*_: object) -> Any:
        return SimpleNamespace(
            codec=info().codec,
            source=SimpleNamespace(take_feedback=lambda: None, capture_frame=submitted.append),
            track=None,
            publication=SimpleNamespace(sid="TR_1"),
        )

    monkeypatch.setattr(
        "ingestd.publish.track_keeper.Statistics", lambda *_: SimpleNamespace(next=next_reading)
    )
    keeper = TrackKeeper(OPTIONS, stream, tasks, publish=publish_it)
    keeper.describe(info())
    keeper.room_joined(rtc.Room())
    await eventually(lambda: keeper.open, "open")
    encoded = 2
    await eventually(lambda: keeper.running, "encode")
    data = video().access_units[0]
    keeper.submit(data, info(), keyframe=True, timestamp_us=1_000_000, metadata=FrameMetadata())
    keeper.submit(b"delta", info(), keyframe=False, timestamp_us=1_033_000, metadata=FrameMetadata())
    await eventually(lambda: stream.held_back != [], "tell of it")
    encoded = 3
    assert stream.held_back[0], "the keyframe was left out"
    assert len(submitted) == 2, "what is submitted is the listener's to decide"
    keeper.room_lost()


async def test_another_size_keeps_the_track_and_another_codec_replaces_it(
    livekit: LiveKitServer, room: str, joined: rtc.Room, publication: TrackKeeper, stream: Stream
) -> None:
    publication.room_joined(joined)
    publication.describe(info("vp8"))
    await eventually(lambda: publication.open, "publish")
    publication.describe(info("vp8", 320, 240))
    assert stream.events == ["opened"]
    publication.describe(info("vp9"))
    assert stream.events == ["opened", "closed"]
    await eventually(lambda: publication.open, "publish anew")
    assert stream.events == ["opened", "closed", "opened"]
    await tracks_become(livekit, room, {"cam": ["video/vp9"]})
    await hand_over_until(publication, video("vp9"), lambda: "running" in stream.events)


async def test_without_a_room_nothing_is_accepted_and_the_next_room_gets_the_track(
    livekit: LiveKitServer, room: str, joined: rtc.Room, publication: TrackKeeper, stream: Stream
) -> None:
    pictures = video()
    publication.describe(info())
    publication.room_joined(joined)
    await eventually(lambda: publication.open, "publish")
    await hand_over_until(publication, pictures, lambda: publication.frames_sent > 0)
    sent = publication.frames_sent
    publication.room_lost()
    assert stream.events == ["opened", "running", "closed"]
    assert not publication.submit(
        pictures.access_units[0], info(), keyframe=True, timestamp_us=1, metadata=FrameMetadata()
    )
    assert not publication.take_feedback()

    other = await join(livekit, f"{room}-2")
    publication.room_joined(other)
    await eventually(lambda: publication.open, "publish in the next room")
    await hand_over_until(publication, pictures, lambda: publication.frames_sent > sent)
    assert stream.events[3:] == ["opened", "running"]
    await publication.close()
    await other.disconnect()


async def test_an_interruption_keeps_the_track_and_counts_nothing_twice(
    livekit: LiveKitServer, room: str, joined: rtc.Room, publication: TrackKeeper, stream: Stream
) -> None:
    pictures = video()
    publication.room_joined(joined)
    publication.describe(info())
    await eventually(lambda: publication.open, "publish")
    await hand_over_until(publication, pictures, lambda: publication.frames_sent > 5)
    publication.room_interrupted()
    assert not publication.open
    sent = publication.frames_sent
    publication.room_resumed()
    await eventually(lambda: publication.open, "watch the track again")
    await hand_over_until(publication, pictures, lambda: stream.events[-1] == "running")
    assert stream.events == ["opened", "running", "closed", "opened", "running"]
    await tracks_become(livekit, room, {"cam": ["video/vp8"]})
    # The transport is the same, and goes on counting; some may have been sent since the last reading.
    publication.room_interrupted()
    assert publication.frames_sent < 2 * sent + 5


@pytest.fixture
def no_vp9() -> Iterator[LiveKitServer]:
    offered = ("audio/opus", "video/vp8", "video/rtx")
    only = {"room": {"enabled_codecs": [{"mime": mime} for mime in offered]}}
    with LiveKitServer(config_overrides=only) as server:
        yield server


async def test_a_codec_the_server_does_not_offer_is_said_and_tried_again(
    no_vp9: LiveKitServer, room: str, publication: TrackKeeper, stream: Stream
) -> None:
    joined = await join(no_vp9, room)
    publication.room_joined(joined)
    publication.describe(info("vp9"))
    await eventually(lambda: stream.events == ["codec_refused"] * 2, "try again")
    assert publication.problem is not None
    assert "room.enabled_codecs" in publication.problem
    publication.describe(info("vp8"))
    await eventually(lambda: publication.open, "publish what is offered")
    assert set(stream.events[:-1]) == {"codec_refused"}
    await tracks_become(no_vp9, room, {"cam": ["video/vp8"]})
    await publication.close()
    await joined.disconnect()


async def test_a_track_that_was_refused_does_not_stay_until_the_next_try(
    no_vp9: LiveKitServer, room: str, stream: Stream, tasks: Tasks
) -> None:
    publication = TrackKeeper(OPTIONS, stream, tasks, first_retry_delay_s=600.0)
    joined = await join(no_vp9, room)
    publication.room_joined(joined)
    publication.describe(info("vp9"))
    await eventually(lambda: stream.events == ["codec_refused"], "be refused")
    await tracks_become(no_vp9, room, {"cam": []})
    await publication.close()
    await joined.disconnect()


@pytest.mark.parametrize("seconds", [0.0, 0.02, 0.05])
async def test_a_description_that_changes_while_the_track_is_published_leaves_one_track(
    livekit: LiveKitServer, room: str, joined: rtc.Room, publication: TrackKeeper, seconds: float
) -> None:
    publication.room_joined(joined)
    publication.describe(info("vp8"))
    await asyncio.sleep(seconds)  # somewhere in the middle of it
    publication.describe(info("vp9"))
    await eventually(lambda: publication.open, "publish")
    await tracks_become(livekit, room, {"cam": ["video/vp9"]})
    await publication.close()
    await tracks_become(livekit, room, {"cam": []})


async def test_a_track_that_is_being_published_at_the_end_does_not_stay(
    livekit: LiveKitServer,
    room: str,
    joined: rtc.Room,
    publication: TrackKeeper,
    tasks: Tasks,
    caplog: pytest.LogCaptureFixture,
) -> None:
    publication.room_joined(joined)
    publication.describe(info("vp8"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await publication.close()
    # What was on its way arrives before this does, and stays.
    second = TrackKeeper(OPTIONS, Stream(), tasks)
    second.room_joined(joined)
    second.describe(info("vp9"))
    await eventually(lambda: second.open, "publish")
    await second.close()
    await tracks_become(livekit, room, {"cam": []})
    assert not [line for line in caplog.records if line.exc_info], "the SDK met a track it did not know of"


async def test_nothing_is_begun_while_the_sdk_reconnects(
    joined: rtc.Room, publication: TrackKeeper, tasks: Tasks
) -> None:
    publication.room_joined(joined)
    publication.room_interrupted()
    publication.describe(info("vp8"))
    assert not tasks.names
    publication.room_resumed()
    await eventually(lambda: publication.open, "publish")


async def test_an_interruption_while_the_track_is_published_leaves_one_track(
    livekit: LiveKitServer,
    room: str,
    joined: rtc.Room,
    publication: TrackKeeper,
    stream: Stream,
    publisher: Publisher,
) -> None:
    publication.room_joined(joined)
    publication.describe(info("vp8"))
    await eventually(lambda: publisher.begun, "begin to publish")
    publication.room_interrupted()
    publication.room_resumed()
    await eventually(lambda: publication.open, "publish")
    await tracks_become(livekit, room, {"cam": ["video/vp8"]})
    assert stream.events == ["opened"]


async def test_the_end_does_not_wait_for_a_server_that_hangs_and_leaves_no_track_when_it_comes_back(
    own_livekit: LiveKitServer, room: str, publication: TrackKeeper, publisher: Publisher, tasks: Tasks
) -> None:
    joined = await join(own_livekit, room)
    publication.room_joined(joined)
    os.kill(own_livekit.pid, signal.SIGSTOP)
    try:
        publication.describe(info("vp8"))
        await eventually(lambda: publisher.begun, "begin to publish")
        async with asyncio.timeout(CLOSE_TIMEOUT_S + 1):
            await publication.close()
    finally:
        os.kill(own_livekit.pid, signal.SIGCONT)
    await eventually(lambda: not tasks.names, "have published and withdrawn")
    await tracks_become(own_livekit, room, {"cam": []})
    await joined.disconnect()


async def test_a_codec_that_changes_during_an_interruption_leaves_one_track(
    livekit: LiveKitServer,
    room: str,
    joined: rtc.Room,
    publication: TrackKeeper,
    stream: Stream,
    tasks: Tasks,
) -> None:
    publication.room_joined(joined)
    publication.describe(info("vp8"))
    await eventually(lambda: publication.open, "publish")
    publication.room_interrupted()
    publication.describe(info("vp9"))
    publication.room_resumed()
    try:
        await eventually(lambda: publication.open, "publish anew")
        await tracks_become(livekit, room, {"cam": ["video/vp9"]})
        assert len(tasks.names) == 1
        await hand_over_until(publication, video("vp9"), lambda: "running" in stream.events)
    finally:
        await tasks.close()


async def test_a_track_that_the_sdk_has_published_again_can_be_replaced(
    livekit: LiveKitServer, room: str, joined: rtc.Room, publication: TrackKeeper, stream: Stream
) -> None:
    joined.on("reconnecting", publication.room_interrupted)
    joined.on("reconnected", publication.room_resumed)
    publication.room_joined(joined)
    publication.describe(info("vp8"))
    await eventually(lambda: publication.open, "publish")
    await joined.simulate_scenario(rtc.SimulateScenarioKind.SIMULATE_FULL_RECONNECT)
    await eventually(lambda: stream.events == ["opened", "closed", "opened"], "reconnect")
    publication.describe(info("vp9"))
    await eventually(lambda: publication.open, "publish anew")
    await tracks_become(livekit, room, {"cam": ["video/vp9"]})


class Curious(Stream):
    """Asks for feedback at the first moment."""

    publication: TrackKeeper
    feedback: bool = False

    def track_opened(self) -> None:
        super().track_opened()
        self.feedback = bool(self.publication.take_feedback())


async def test_what_webrtc_asked_for_before_an_interruption_is_not_asked_for_after_it(
    joined: rtc.Room, tasks: Tasks
) -> None:
    stream = Curious()
    stream.publication = publication = TrackKeeper(OPTIONS, stream, tasks)
    publication.room_joined(joined)
    publication.describe(info())
    await eventually(lambda: publication.open, "publish")
    await hand_over_until(publication, video(), lambda: "running" in stream.events)
    publication.room_interrupted()
    publication.room_resumed()
    await eventually(lambda: publication.open, "watch the track again")
    assert not stream.feedback
    await publication.close()


async def test_frame_metadata_is_left_out_where_the_server_leaves_it_in_and_that_is_said_once(
    tasks: Tasks, stream: Stream
) -> None:
    asked: list[bool | None] = []

    async def publish(_room: rtc.Room, options: TrackOptions, _info: StreamInfo) -> PublishedTrack:
        asked.append(options.frame_metadata)
        raise RoomError("not_published", "this is a test")

    options = replace(OPTIONS, frame_metadata=None)
    keeper = TrackKeeper(options, stream, tasks, publish=publish, first_retry_delay_s=60.0)
    keeper.describe(info("vp9"))
    with capture_logs() as logged:
        for server_protocol in (STRIPPING_PROTOCOL - 1, None, STRIPPING_PROTOCOL):
            keeper.room_joined(rtc.Room(), server_protocol=server_protocol)
            await eventually(lambda: "not_published" in stream.events, "fail to publish")
            keeper.room_lost()
            stream.events.clear()
    await keeper.close()
    assert asked == [False, False, True]
    [said] = [line for line in logged if "metadata" in line["event"]]
    assert (said["codec"], said["server_protocol"]) == ("vp9", STRIPPING_PROTOCOL - 1)
