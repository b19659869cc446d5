"""The Python SDK alone: the same access units from memory, at the same pace, as many tracks in one room.

`python -m bench.delivery.bare URL TOKEN PICTURES STAMPS TRACK…`; both files are pickles. Until SIGTERM.
"""

import asyncio
import pickle
import signal
import sys
import time
from pathlib import Path

import uvloop
from livekit import rtc

from bench.delivery.pictures import RATE, SIZE, Picture
from ingestd.publish.track import SURVIVES_A_DIP


async def publish(room: rtc.Room, name: str) -> rtc.EncodedVideoSource:
    source = rtc.EncodedVideoSource(*SIZE)
    track = rtc.LocalVideoTrack.create_video_track(name, source)
    options = rtc.TrackPublishOptions(
        source=rtc.TrackSource.SOURCE_CAMERA,
        video_codec=rtc.VideoCodec.H264,
        video_encoder=rtc.VideoEncoderBackend.ENCODER_BACKEND_PRE_ENCODED,
        simulcast=False,
        video_encoding=rtc.VideoEncoding(max_bitrate=8_000_000, max_framerate=60),
        degradation_preference=SURVIVES_A_DIP,
    )
    await room.local_participant.publish_track(track, options)
    return source


async def feed(
    room: rtc.Room, name: str, offset: float, pictures: list[Picture], stamps: dict[str, list[int]]
) -> None:
    stamps[name] = [time.monotonic_ns()]  # the moment an encoder would have connected, then of each picture
    source = await publish(room, name)
    start = time.monotonic() + offset
    for n, picture in enumerate(pictures):
        await asyncio.sleep(max(0.0, start + n / RATE - time.monotonic()))
        kind = rtc.EncodedVideoFrameType.ENCODED_FRAME_KEY if picture.keyframe else rtc.EncodedVideoFrameType.ENCODED_FRAME_DELTA
        stamps[name].append(time.monotonic_ns())
        source.capture_frame(
            rtc.EncodedVideoFrame(
                data=picture.data,
                frame_type=kind,
                timestamp_us=time.monotonic_ns() // 1000,
                width=SIZE[0],
                height=SIZE[1],
            )
        )
        source.take_feedback()


async def main() -> None:
    url, token, pictures_path, stamps_path, *names = sys.argv[1:]
    pictures = pickle.loads(Path(pictures_path).read_bytes())
    stamps: dict[str, list[int]] = {}
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    room = rtc.Room()
    await room.connect(url, token, rtc.RoomOptions(auto_subscribe=False, dynacast=False))
    async with asyncio.TaskGroup() as group:
        feeds = [
            group.create_task(feed(room, name, n / len(names) / RATE, pictures, stamps))
            for n, name in enumerate(names)
        ]
        await stop.wait()
        for running in feeds:
            running.cancel()
    await room.disconnect()
    Path(stamps_path).write_bytes(pickle.dumps(stamps))


if __name__ == "__main__":
    uvloop.run(main())
