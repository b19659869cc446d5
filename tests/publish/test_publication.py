"""One track, through all that can happen to its room, with a real server."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from livekit import rtc

from ingestd.demo.server import LiveKitServer
from ingestd.publish.publication import Publication
from ingestd.publish.token import mint
from ingestd.tasks import Tasks
from tests.publish.support import (
    OPTIONS,
    Stream,
    eventually,
    hand_over_until,
    info,
    own_tasks,
    tracks_become,
    video,
)


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
async def publication(stream: Stream, tasks: Tasks) -> AsyncIterator[Publication]:
    publication = Publication(OPTIONS, stream, tasks)
    yield publication
    await publication.close()


async def test_from_a_description_to_pictures_sent_to_the_end(
    livekit: LiveKitServer, room: str, joined: rtc.Room, publication: Publication, stream: Stream
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
    await hand_over_until(publication, video(), lambda: publication.target_bitrate)
    await tracks_become(livekit, room, {"cam": ["video/vp8"]})

    sent = publication.frames_sent
    await publication.close()
    await publication.close()
    assert stream.events == ["opened", "running", "closed"]
    assert (publication.open, publication.target_bitrate) == (False, None)
    assert publication.frames_sent >= sent
    await tracks_become(livekit, room, {"cam": []})


async def test_a_running_encoder_says_what_it_wants(
    joined: rtc.Room, publication: Publication, stream: Stream
) -> None:
    assert not publication.take_feedback()
    publication.describe(info())
    publication.room_joined(joined)
    await eventually(lambda: publication.open, "publish")
    feedback = publication.take_feedback()
    assert not feedback
    await hand_over_until(publication, video(), lambda: publication.take_feedback())
    await hand_over_until(publication, video(), lambda: publication.take_feedback().bitrate_bps)


async def test_another_size_keeps_the_track_and_another_codec_replaces_it(
    livekit: LiveKitServer, room: str, joined: rtc.Room, publication: Publication, stream: Stream
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
    livekit: LiveKitServer, room: str, joined: rtc.Room, publication: Publication, stream: Stream
) -> None:
    pictures = video()
    publication.describe(info())
    publication.room_joined(joined)
    await eventually(lambda: publication.open, "publish")
    await hand_over_until(publication, pictures, lambda: publication.frames_sent > 0)
    sent = publication.frames_sent
    publication.room_lost()
    assert stream.events == ["opened", "running", "closed"]
    assert not publication.hand_over(
        pictures.access_units[0], info(), keyframe=True, timestamp_us=1, frame_id=0, user_timestamp_us=0
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
    livekit: LiveKitServer, room: str, joined: rtc.Room, publication: Publication, stream: Stream
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


async def test_a_codec_the_server_does_not_offer_is_said_and_tried_again(room: str, tasks: Tasks) -> None:
    offered = ("audio/opus", "video/vp8", "video/rtx")
    no_vp9 = {"room": {"enabled_codecs": [{"mime": mime} for mime in offered]}}
    stream = Stream()
    publication = Publication(OPTIONS, stream, tasks)
    with LiveKitServer(config_overrides=no_vp9) as server:
        joined = await join(server, room)
        publication.room_joined(joined)
        publication.describe(info("vp9"))
        await eventually(lambda: "room.enabled_codecs" in (publication.problem or ""), "say why not")
        assert stream.events == []
        publication.describe(info("vp8"))
        await eventually(lambda: publication.open, "publish what is offered")
        await tracks_become(server, room, {"cam": ["video/vp8"]})
        await publication.close()
        await joined.disconnect()


LEFT_BEHIND = "publish_track goes on in the SDK when we cancel it, and nobody takes the track out again"


@pytest.mark.xfail(reason=LEFT_BEHIND)
@pytest.mark.parametrize("seconds", [0.0, 0.02, 0.05])
async def test_a_description_that_changes_while_the_track_is_published_leaves_one_track(
    livekit: LiveKitServer, room: str, joined: rtc.Room, publication: Publication, seconds: float
) -> None:
    publication.room_joined(joined)
    publication.describe(info("vp8"))
    await asyncio.sleep(seconds)  # somewhere in the middle of it
    publication.describe(info("vp9"))
    await eventually(lambda: publication.open, "publish")
    await tracks_become(livekit, room, {"cam": ["video/vp9"]})
    await publication.close()
    await tracks_become(livekit, room, {"cam": []})


@pytest.mark.xfail(reason=LEFT_BEHIND)
async def test_a_track_that_is_being_published_at_the_end_does_not_stay(
    livekit: LiveKitServer, room: str, joined: rtc.Room, publication: Publication
) -> None:
    publication.room_joined(joined)
    publication.describe(info("vp8"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await publication.close()
    # What was on its way arrives before this does, and stays.
    second = Publication(OPTIONS, Stream(), publication._tasks)
    second.room_joined(joined)
    second.describe(info("vp9"))
    await eventually(lambda: second.open, "publish")
    await second.close()
    await tracks_become(livekit, room, {"cam": []})


@pytest.mark.xfail(
    reason="a description that changes while the SDK reconnects is published late or not at all"
)
async def test_a_codec_that_changes_during_an_interruption_leaves_one_track(
    livekit: LiveKitServer, room: str, joined: rtc.Room, publication: Publication, stream: Stream
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
        assert len(publication._tasks._tasks) == 1
        await hand_over_until(publication, video("vp9"), lambda: "running" in stream.events)
    finally:
        await publication._tasks.close()
