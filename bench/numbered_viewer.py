"""A viewer of pictures with numbers drawn in; says as JSON lines which it sees, until it is ended.

It takes pictures as `tests.support.viewer` does, which knows them by the metadata that the daemon sends.
"""

import asyncio
import contextlib
import json
import os
import sys
import time

from livekit import api, rtc

from bench.numbered import read
from ingestd.publish.sdk.unbounded_video_stream import UnboundedVideoStream


async def watch(url: str, room_name: str, key: str, secret: str) -> None:
    """Say the pictures of the first video track in the room."""
    room = rtc.Room()
    track: asyncio.Future[rtc.Track] = asyncio.get_running_loop().create_future()

    def on_subscribed(subscribed: rtc.Track, *_: object) -> None:
        if subscribed.kind == rtc.TrackKind.KIND_VIDEO and not track.done():
            track.set_result(subscribed)

    room.on("track_subscribed", on_subscribed)
    grants = api.VideoGrants(room_join=True, room=room_name, can_publish=False)
    token = api.AccessToken(key, secret).with_identity("viewer").with_grants(grants).to_jwt()
    await room.connect(url, token)
    say("joined")
    async for event in UnboundedVideoStream(await track, format=rtc.VideoBufferType.I420):
        say("seen", number=read(event.frame.data, event.frame.width))


def say(event: str, **fields: object) -> None:
    sys.stdout.write(json.dumps({"event": event, "at": time.monotonic(), **fields}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    with contextlib.suppress(PermissionError):  # root may: who looks late misses pictures
        os.nice(-10)
    asyncio.run(watch(*sys.argv[1:]))
