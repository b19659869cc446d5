"""What is read from WebRTC's statistics, and how often."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any, cast

import pytest
from livekit import rtc

from ingestd.errors import RoomError
from ingestd.publish.send_stats import REST_RATIO, SendStats, Statistics, read
from tests.publish.support import outbound
from tests.support.wait import PATIENCE_S


def codec(codec_id: str, mime_type: str) -> Any:
    entry = SimpleNamespace(rtc=SimpleNamespace(id=codec_id), codec=SimpleNamespace(mime_type=mime_type))
    return SimpleNamespace(WhichOneof=lambda _: "codec", codec=entry)


def reported(outbound_id: str, lost_packets: int) -> Any:
    report = SimpleNamespace(
        local_id=outbound_id, round_trip_time=0.02, fraction_lost=0.5, round_trip_time_measurements=1
    )
    entry = SimpleNamespace(remote_inbound=report, received=SimpleNamespace(packets_lost=lost_packets))
    return SimpleNamespace(WhichOneof=lambda _: "remote_inbound_rtp", remote_inbound_rtp=entry)


PAIR = SimpleNamespace(
    WhichOneof=lambda _: "candidate_pair",
    candidate_pair=SimpleNamespace(
        candidate_pair=SimpleNamespace(nominated=True, available_outgoing_bitrate=8e5, bytes_received=900)
    ),
)


def track(*entries: Any, takes_s: float = 0.0, error: Exception | None = None) -> rtc.LocalVideoTrack:
    async def get_stats() -> list[Any]:
        await asyncio.sleep(takes_s)
        if error is not None:
            raise error
        return list(entries)

    return cast(rtc.LocalVideoTrack, SimpleNamespace(get_stats=get_stats))


async def test_before_webrtc_has_something_to_say_all_is_zero() -> None:
    stats = await read(track())
    assert stats == SendStats("", 0, 0, 0, 0.0, None, None, stats.at, counted_by=stats.counted_by)


async def test_the_outbound_stream_is_counted_and_its_codec_named() -> None:
    codecs = codec("a", "video/VP8"), codec("b", "video/H264")
    before = time.monotonic()
    said = outbound(encoded=7, sent=5, packets=30, packet_delays_s=0.6, target_bps=1e6, codec_id="b")
    stats = await read(track(*codecs, said, PAIR))
    assert stats == SendStats(
        "video/H264", 7, 5, 30, 0.6, 1e6, 8e5, stats.at, bytes_received=900, counted_by=stats.counted_by
    )
    assert before - 1 < stats.at < time.monotonic() + 1
    assert before < stats.counted_by < time.monotonic()


async def test_what_the_server_asks_for_is_read() -> None:
    stats = await read(track(outbound(requests=2, nacks=4)))
    assert (stats.keyframe_requests, stats.nacks) == (2, 4)


async def test_what_the_server_misses_of_another_track_of_the_connection_is_not_ours() -> None:
    stats = await read(
        track(outbound(outbound_id="a"), reported("b", lost_packets=9), reported("a", lost_packets=2))
    )
    assert (stats.lost_packets, stats.lost_ratio, stats.round_trip_s) == (2, 0.5, 0.02)
    stats = await read(track(outbound(outbound_id="a"), reported("b", lost_packets=9)))
    assert (stats.lost_packets, stats.lost_ratio, stats.round_trip_s) == (0, 0.0, None)


async def test_webrtc_that_does_not_answer_is_an_error() -> None:
    with pytest.raises(RoomError, match="the room is left") as caught:
        await read(track(error=RuntimeError("the room is left")))
    assert caught.value.reason == "no_statistics"


async def test_the_first_reading_comes_at_once_and_the_next_after_the_interval() -> None:
    statistics, begin = Statistics(track()), time.monotonic()
    await statistics.next(PATIENCE_S)
    assert time.monotonic() - begin < PATIENCE_S / 2
    begin = time.monotonic()
    await statistics.next(0.1)
    assert time.monotonic() - begin >= 0.09


async def test_the_next_reading_comes_at_once_where_that_is_wished() -> None:
    statistics, sooner, begin = Statistics(track()), asyncio.Event(), time.monotonic()
    await statistics.next(PATIENCE_S, sooner)
    asyncio.get_running_loop().call_later(0.05, sooner.set)
    await statistics.next(PATIENCE_S, sooner)
    assert time.monotonic() - begin < PATIENCE_S / 2


async def test_webrtc_that_takes_long_to_count_is_asked_less_often() -> None:
    takes_s = 0.05
    statistics = Statistics(track(takes_s=takes_s))
    await statistics.next(0.01)
    begin = time.monotonic()
    await statistics.next(0.01)
    assert time.monotonic() - begin >= 0.9 * (REST_RATIO + 1) * takes_s


class Connection:
    """A room with tracks in it, which counts how often WebRTC is asked."""

    def __init__(self, *names: str) -> None:
        self.sent = dict.fromkeys(names, 0)
        self.asked = 0

    def isconnected(self) -> bool:
        return True

    def entries(self) -> list[Any]:
        return [outbound(sent=sent, outbound_id=name) for name, sent in self.sent.items()]

    async def get_rtc_stats(self) -> Any:
        self.asked += 1
        await asyncio.sleep(0.01)
        return SimpleNamespace(publisher_stats=self.entries())

    def track(self, name: str) -> rtc.LocalVideoTrack:
        async def get_stats() -> list[Any]:
            self.asked += 1
            return [outbound(sent=self.sent[name], outbound_id=name)]

        return cast(rtc.LocalVideoTrack, SimpleNamespace(get_stats=get_stats))

    def statistics(self, name: str) -> Statistics:
        return Statistics(self.track(name), cast(rtc.Room, self))


async def test_tracks_of_one_connection_share_its_readings() -> None:
    connection = Connection("a", "b", "c")
    statistics = [connection.statistics(name) for name in connection.sent]
    for each in statistics:
        await each.next(0.1)
    assert connection.asked == 3  # each finds out what WebRTC calls it
    connection.sent = {"a": 1, "b": 2, "c": 3}
    for turn in (1, 2, 3):
        read = await asyncio.gather(*(each.next(0.1) for each in statistics))
        assert [stats.frames_sent for stats in read] == [1, 2, 3]
        assert connection.asked == 3 + turn


async def test_a_shared_reading_says_when_it_was_taken() -> None:
    connection = Connection("a", "b")
    a, b = connection.statistics("a"), connection.statistics("b")
    await a.next(0.05)
    await b.next(0.05)
    before = time.monotonic()
    first = await a.next(0.05)
    assert before < first.counted_by < time.monotonic()
    assert (await b.next(0.05)).counted_by == first.counted_by


async def test_a_reading_is_not_given_to_the_same_track_twice_nor_when_it_is_old() -> None:
    connection = Connection("a", "b")
    a, b = connection.statistics("a"), connection.statistics("b")
    await a.next(0.05)
    await b.next(0.05)
    await a.next(0.05)
    connection.sent["a"] = connection.sent["b"] = 7
    assert (await a.next(0.05)).frames_sent == 7
    connection.sent["b"] = 8
    await asyncio.sleep(0.1)
    assert (await b.next(0.05)).frames_sent == 8


async def test_a_track_that_the_sdk_has_published_again_is_found_again() -> None:
    connection = Connection("a")
    a = connection.statistics("a")
    await a.next(0.01)
    await a.next(0.01)
    connection.entries = lambda: [outbound(sent=5, outbound_id="a2")]  # type: ignore[method-assign]
    connection.sent["a"] = 5
    assert (await a.next(0.01)).frames_sent == 5


async def test_a_connection_that_does_not_answer_is_an_error_for_each_of_its_tracks() -> None:
    connection = Connection("a", "b")
    a, b = connection.statistics("a"), connection.statistics("b")
    await a.next(0.01)
    await b.next(0.01)

    async def gone() -> Any:
        raise RuntimeError("the room is left")

    connection.get_rtc_stats = gone  # type: ignore[method-assign]
    for each in (a, b):
        with pytest.raises(RoomError, match="is left"):
            await each.next(0.01)
