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


def track(*entries: Any, takes_s: float = 0.0, error: Exception | None = None) -> rtc.LocalVideoTrack:
    async def get_stats() -> list[Any]:
        await asyncio.sleep(takes_s)
        if error is not None:
            raise error
        return list(entries)

    return cast(rtc.LocalVideoTrack, SimpleNamespace(get_stats=get_stats))


async def test_before_webrtc_has_something_to_say_all_is_zero() -> None:
    stats = await read(track())
    assert stats == SendStats("", 0, 0, None, stats.at)


async def test_the_outbound_stream_is_counted_and_its_codec_named() -> None:
    codecs = codec("a", "video/VP8"), codec("b", "video/H264")
    before = time.monotonic()
    stats = await read(track(*codecs, outbound(encoded=7, sent=5, target_bps=1e6, codec_id="b")))
    assert stats == SendStats("video/H264", 7, 5, 1e6, stats.at)
    assert before - 1 < stats.at < time.monotonic() + 1


async def test_what_the_server_asks_for_and_what_the_link_carries_is_read() -> None:
    pair = SimpleNamespace(
        WhichOneof=lambda _: "candidate_pair",
        candidate_pair=SimpleNamespace(candidate_pair=SimpleNamespace(available_outgoing_bitrate=3e6)),
    )
    stats = await read(track(outbound(requests=2, nacks=4), pair))
    assert (stats.keyframe_requests, stats.nacks, stats.link_bitrate_bps) == (2, 4, 3e6)


async def test_webrtc_that_does_not_answer_is_an_error() -> None:
    with pytest.raises(RoomError, match="the room is left") as caught:
        await read(track(error=RuntimeError("the room is left")))
    assert caught.value.reason == "no_statistics"


async def test_the_first_reading_comes_at_once_and_the_next_after_the_interval() -> None:
    statistics, begin = Statistics(track()), time.monotonic()
    await statistics.next(0.1)
    assert time.monotonic() - begin < 0.1
    await statistics.next(0.1)
    assert time.monotonic() - begin >= 0.1


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
