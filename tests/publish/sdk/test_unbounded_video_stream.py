"""A viewer that is late sees every picture all the same."""

import asyncio
from typing import Any

import pytest
from livekit import api, rtc
from livekit.rtc._ffi_client import FfiClient

from ingestd.devserver.livekit_server import LiveKitServer
from ingestd.publish.room_join import connect
from ingestd.publish.sdk.unbounded_video_stream import UnboundedVideoStream
from ingestd.publish.track_keeper import TrackKeeper
from tests.publish.support import OPTIONS, Stream, address, hand_over_until, info, own_tasks, submit, video
from tests.support.wait import eventually

PICTURES = 20


async def test_its_queue_has_no_bound_and_every_picture_comes(
    livekit: LiveKitServer, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    grants = api.VideoGrants(room_join=True, room=room, can_publish=False)
    token = api.AccessToken(livekit.api_key, livekit.api_secret).with_identity("viewer").with_grants(grants)
    viewer, publisher, tracks = rtc.Room(), rtc.Room(), list[rtc.Track]()
    viewer.on("track_subscribed", lambda track: tracks.append(track))
    await viewer.connect(livekit.url, token.to_jwt())
    await connect(publisher, address(livekit, room))
    # What the SDK drops it drops only on a machine that is too busy: what is asked of it is looked at, too.
    requests: list[Any] = []
    request = FfiClient.instance.request

    def keep(asked: Any) -> Any:
        requests.append(asked)
        return request(asked)

    monkeypatch.setattr(FfiClient.instance, "request", keep)
    async with own_tasks() as tasks:
        keeper = TrackKeeper(OPTIONS, Stream(), tasks)
        keeper.room_joined(publisher)
        keeper.describe(info())
        await eventually(lambda: keeper.open and tracks, "subscribe")
        await hand_over_until(keeper, video(), lambda: keeper.running)
        stream = UnboundedVideoStream(tracks[0])
        [asked] = [asked.new_video_stream for asked in requests if asked.HasField("new_video_stream")]
        assert asked.HasField("queue_size_frames")
        assert asked.queue_size_frames == 0
        for _ in range(PICTURES):
            submit(keeper, video())
            await asyncio.sleep(0.03)
        async with asyncio.timeout(5.0):
            for _ in range(PICTURES):
                await anext(stream)
        await stream.aclose()
        await keeper.close()
    for each in (viewer, publisher):
        await each.disconnect()
