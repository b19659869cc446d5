"""The Python SDK alone: the same access units from memory, at the same pace, a connection for each track.

`python -m bench.delivery.bare URL PICTURES STAMPS TRACK=TOKEN…`; both files are pickles. Until SIGTERM.
"""

import asyncio
import pickle
import signal
import sys
import time
from pathlib import Path

import uvloop
from livekit import rtc

from bench.delivery.pictures import INFO, RATE, Picture
from ingestd.publish.track import TrackOptions, publish

KEY, DELTA = rtc.EncodedFrameType.ENCODED_FRAME_KEY, rtc.EncodedFrameType.ENCODED_FRAME_DELTA


async def feed(
    room: rtc.Room, name: str, offset: float, pictures: list[Picture], stamps: dict[str, list[int]]
) -> None:
    stamps[name] = [time.monotonic_ns()]  # the moment an encoder would have connected, then of each picture
    options = TrackOptions(name, name, max_bitrate_bps=8_000_000, max_framerate_fps=60, frame_metadata=True)
    source = (await publish(room, options, INFO)).source  # the options that ingestd gives the SDK
    start = time.monotonic() + offset
    for n, picture in enumerate(pictures):
        await asyncio.sleep(max(0.0, start + n / RATE - time.monotonic()))
        stamps[name].append(time.monotonic_ns())
        now_us = time.monotonic_ns() // 1000
        frame = rtc.EncodedVideoFrame(
            data=picture.data,
            width=INFO.width,
            height=INFO.height,
            codec=rtc.VideoCodec.H264,
            frame_type=KEY if picture.keyframe else DELTA,
            timestamp_us=now_us,
            metadata=rtc.FrameMetadata(user_timestamp=now_us, frame_id=n, user_data=b""),
        )
        source.capture_frame(frame)
        source.take_feedback()


async def main(url: str, pictures: list[Picture], tracks: list[str]) -> dict[str, list[int]]:
    stamps: dict[str, list[int]] = {}
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with asyncio.TaskGroup() as group:
        feeds = []
        for n, track in enumerate(tracks):
            name, _, token = track.partition("=")
            room = rtc.Room()
            await room.connect(url, token, rtc.RoomOptions(auto_subscribe=False, dynacast=False))
            offset = n / len(tracks) / RATE
            feeds.append((room, group.create_task(feed(room, name, offset, pictures, stamps))))
        await stop.wait()
        for room, running in feeds:
            running.cancel()
            await room.disconnect()
    return stamps


if __name__ == "__main__":
    url, pictures_path, stamps_path, *tracks = sys.argv[1:]
    pictures = pickle.loads(Path(pictures_path).read_bytes())
    Path(stamps_path).write_bytes(pickle.dumps(uvloop.run(main(url, pictures, tracks))))
