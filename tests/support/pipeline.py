"""A pipeline whose room, track and encoder the test plays."""

import time
from dataclasses import dataclass, field
from typing import Literal

import structlog

from ingestd.control.messages import Message, OnResult, Result
from ingestd.delivery.accounting import Drop
from ingestd.delivery.delivery import Delivery
from ingestd.media.access_unit import Codec
from ingestd.media.formats.framed import FramedReader
from ingestd.pipeline import EncoderCallbacks, TrackPipeline
from ingestd.publish.track import TrackOptions
from ingestd.tasks import Tasks
from ingestd.wiring import build_pipeline
from tests.support.encoded import EncodedStream, encode
from tests.support.track import Room, Track

VIDEO = encode("vp8", frames=8, gop=4, size=(160, 120))
KEYFRAME, DELTA, *_ = VIDEO.access_units
MAX_FRAMERATE = 25.0


class Sink:
    """An encoder that hears everything."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def send(self, message: Message, on_result: OnResult) -> None:
        self.messages.append(message)
        on_result(Result.SENT)


@dataclass
class Played:
    """A pipeline, and all that is around it."""

    b_frames: Literal["auto", "warn", "reject"] = "auto"
    room: Room = field(default_factory=Room)
    sink: Sink = field(default_factory=Sink)
    full: list[bool] = field(default_factory=list)
    played_bytes: list[int] = field(default_factory=list)
    no_keyframes: int = 0
    defects: int = 0

    def __post_init__(self) -> None:
        self.failures: list[str] = []
        self._framed = FramedReader()
        self.tasks = Tasks(lambda name, error: self.failures.append(f"{name}: {error!r}"))
        self.pipeline: TrackPipeline = build_pipeline(
            TrackOptions("cam", "cam", 8_000_000, MAX_FRAMERATE, frame_metadata=True),
            Delivery(0.5, leave_out_b_frames=self.b_frames == "auto"),
            self.room,
            [self.sink],
            self.tasks,
            structlog.get_logger(),
            EncoderCallbacks(self._defect, self.full.append, self._no_keyframe, self.played_bytes.append),
            reject_b_frames=self.b_frames == "reject",
            make_track=Track,
        )
        self.pipeline.open()

    def _no_keyframe(self) -> None:
        self.no_keyframes += 1

    def _defect(self) -> None:
        self.defects += 1

    def submit(self, data: bytes, codec: str = "vp8") -> Drop | None:
        unit = self._framed.read(data, Codec(codec))
        dropped = self.pipeline.receive(unit, time.monotonic(), time.time_ns() // 1000)
        self.pipeline.pump()
        return dropped

    def submit_all(self, video: EncodedStream) -> None:
        for data in video.access_units:
            self.submit(data, video.codec)

    def until_full(self, limit: int = 1200) -> None:
        for _ in range(limit):
            if self.pipeline.full:
                return
            self.submit(DELTA)
        raise AssertionError("it is never full")

    async def close(self) -> None:
        await self.pipeline.close()
        await self.tasks.close()
        assert self.failures == []
