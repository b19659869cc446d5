"""From access units to a track that the test plays, without an encoder's connection."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
import structlog

from ingestd.control.messages import Message, OnResult, Result
from ingestd.delivery.accounting import Drop
from ingestd.delivery.delivery import Delivery
from ingestd.errors import StreamError
from ingestd.media.access_unit import Codec
from ingestd.media.formats.framed import FramedReader
from ingestd.pipeline import TrackPipeline
from ingestd.publish.track import TrackOptions
from ingestd.tasks import Tasks
from ingestd.wiring import build_pipeline
from tests.support.encoded import EncodedStream, encode
from tests.support.track import Room, Track
from tests.support.wait import eventually

VIDEO = encode("vp8", frames=8, gop=4, size=(160, 120))
WITH_B_PYRAMID = encode(
    "h264", frames=8, gop=8, bframes=2, b_pyramid=True, profile="main", size=(160, 120), seed=4
)
WITH_B_FRAMES = encode("h264", frames=8, gop=8, bframes=2, profile="main", size=(160, 120), seed=4)
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
            on_defect=self._defect,
            on_full=self.full.append,
            on_no_keyframe=self._no_keyframe,
            b_frames=self.b_frames,
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

    def until_full(self, limit: int = 1000) -> None:
        for _ in range(limit):
            if self.pipeline.full:
                return
            self.submit(DELTA)
        raise AssertionError("it is never full")


@pytest.fixture
def options() -> dict[str, Any]:
    return {}


@pytest.fixture
async def played(options: dict[str, Any]) -> AsyncIterator[Played]:
    played = Played(**options)
    yield played
    await played.pipeline.close()
    await played.tasks.close()
    assert played.failures == []


async def test_that_it_is_full_is_said_once_and_to_the_next_encoder_again(played: Played) -> None:
    played.submit(KEYFRAME)
    played.room.track.publish()
    played.until_full()
    played.submit(DELTA)
    assert played.full == [True]
    played.pipeline.new_encoder()  # what waits makes way for it
    played.submit(KEYFRAME)
    played.submit(DELTA)
    assert played.full == [True]
    played.until_full()
    played.submit(DELTA)
    assert played.full == [True, True]


async def test_that_it_is_full_no_more_is_said_once(played: Played) -> None:
    played.submit(KEYFRAME)
    played.room.track.publish()
    played.until_full()
    await eventually(lambda: played.full[-1:] == [False], "play what was read ahead")
    assert played.full == [True, False]


@pytest.mark.parametrize("options", [{"b_frames": "reject"}])
async def test_b_frames_are_refused_where_they_are_to_be(played: Played) -> None:
    with pytest.raises(StreamError, match="b_frames: reject") as refused:
        played.submit_all(WITH_B_FRAMES)
    assert refused.value.reason == "b_frames"


@pytest.mark.parametrize("options", [{"b_frames": "warn"}])
async def test_b_frames_are_a_problem_where_they_are_published(played: Played) -> None:
    played.submit_all(WITH_B_FRAMES)
    (problem,) = played.pipeline.stream_problems
    assert problem.startswith("the stream has B-frames, and WebRTC shows pictures in the order")


async def test_b_frames_are_left_out_and_it_is_said_what_remains(played: Played) -> None:
    played.submit_all(WITH_B_FRAMES)
    (problem,) = played.pipeline.stream_problems
    assert "are left out, and" in problem
    assert "remain; expected" in problem
    assert played.pipeline.figures("room").frames_dropped[Drop.B_FRAME] > 0


async def test_b_frames_that_others_refer_to_are_a_problem(played: Played) -> None:
    played.submit_all(WITH_B_PYRAMID)
    (problem,) = played.pipeline.stream_problems
    assert "b-pyramid" in problem
    assert played.pipeline.figures("room").frames_dropped[Drop.B_FRAME] == 0


async def test_what_refers_to_a_lost_picture_is_dropped_and_a_keyframe_asked_for(played: Played) -> None:
    assert played.submit(KEYFRAME) is None
    played.pipeline.picture_lost()
    assert played.submit(DELTA) is Drop.BEFORE_KEYFRAME
    assert [message["type"] for message in played.sink.messages] == ["keyframe"]
    assert played.submit(KEYFRAME) is None


async def test_a_defect_while_submitting_is_said_and_the_next_picture_tried(played: Played) -> None:
    played.submit(KEYFRAME)
    played.room.track.broken = True
    played.room.track.publish()
    assert played.pipeline.errors["internal"] == played.defects == 1
    played.room.track.broken = False
    played.submit(KEYFRAME)
    await eventually(lambda: KEYFRAME in played.room.track.taken, "go on")
    assert played.defects == 1


async def test_a_defect_while_feedback_is_taken_behind_the_pictures_is_said(played: Played) -> None:
    played.submit(KEYFRAME)
    played.room.track.publish()
    await eventually(lambda: played.room.track.taken == [KEYFRAME], "submit it")
    played.room.track.feedback_broken = True
    await eventually(lambda: played.defects == 1, "say so")
    assert played.pipeline.errors["internal"] == 1


async def test_a_keyframe_request_of_webrtc_is_passed_on_though_no_picture_comes(played: Played) -> None:
    played.submit(KEYFRAME)
    played.room.track.publish()
    await eventually(lambda: played.room.track.taken == [KEYFRAME], "submit it")
    played.room.track.ask(keyframe=True, bitrate_bps=1_200_000)
    await eventually(lambda: len(played.sink.messages) == 2, "ask the encoder")
    assert [message["type"] for message in played.sink.messages] == ["keyframe", "rate"]
    assert played.pipeline.figures("lobby").keyframe_requests == 1


async def test_a_keyframe_that_is_asked_for_in_silence_is_wanted_of_the_encoder(played: Played) -> None:
    played.submit_all(VIDEO)
    await eventually(lambda: played.room.track.at_rest, "submit all")
    played.pipeline.track_asked_for_keyframe()
    assert played.sink.messages[-1]["type"] == "keyframe"
    assert played.pipeline.figures("lobby").keyframe_requests == 1


async def test_requests_in_silence_that_come_too_soon_make_one_more_message_when_it_is_time(
    played: Played,
) -> None:
    played.submit_all(VIDEO)
    await eventually(lambda: played.room.track.at_rest, "submit all")
    for _ in range(3):
        played.pipeline.track_asked_for_keyframe()
    assert [message["type"] for message in played.sink.messages] == ["keyframe"]
    await eventually(lambda: len(played.sink.messages) == 2, "ask once more")
    assert played.pipeline.figures("lobby").keyframe_requests == 3


async def test_an_answer_is_measured_and_a_request_that_it_overtakes_is_left_alone(played: Played) -> None:
    played.submit_all(VIDEO)
    await eventually(lambda: played.room.track.at_rest, "submit all")
    played.pipeline.track_asked_for_keyframe()
    played.submit(KEYFRAME)
    figures = played.pipeline.figures("lobby")
    assert (figures.keyframe_answer.count, figures.keyframe_requests_unanswered) == (1, 0)
    played.pipeline.track_asked_for_keyframe()  # made before the keyframe was seen
    await eventually(lambda: played.room.track.at_rest, "be done")
    assert [message["type"] for message in played.sink.messages] == ["keyframe"]
    assert played.pipeline.figures("lobby").frames_replayed == 0


async def test_what_is_asked_for_follows_the_queue_behind_us_and_not_the_estimate_alone(
    played: Played,
) -> None:
    played.submit(KEYFRAME)
    played.room.track.publish()
    played.room.track.ask(bitrate_bps=1_000_000)
    await eventually(lambda: played.sink.messages, "tell the encoder")
    played.pipeline.track_send_delay(1.0, 1_000_000, True)
    played.pipeline.track_send_delay(0.0, 1_000_000, True)
    told = [message["bitrate_bps"] for message in played.sink.messages]
    assert told == [1_000_000, 333_333, 1_000_000]


async def test_where_no_picture_comes_no_bitrate_is_told(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestd.pipeline.PICTURES_FLOW_S", 0.0)
    played.submit(KEYFRAME)
    played.room.track.publish()
    played.room.track.ask(bitrate_bps=1_000_000)
    await eventually(lambda: played.sink.messages, "tell the encoder")
    played.pipeline.track_send_delay(1.0, 1_000_000, True)
    assert len(played.sink.messages) == 1


async def test_after_a_dip_of_the_link_the_encoder_is_asked_for_a_keyframe(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestd.control.rate_target.GUESS_S", 0.0)
    monkeypatch.setattr("ingestd.control.rate_target.FALL_WINDOW_S", 0.0)
    played.submit(KEYFRAME)
    played.room.track.publish()
    for bitrate_bps in (1_000_000, 300_000):
        played.room.track.ask(bitrate_bps=bitrate_bps)
        await eventually(lambda: played.room.track.at_rest, "take it in")
        played.submit(DELTA)
    await eventually(lambda: played.room.track.at_rest, "take it in")
    assert "keyframe" not in [message["type"] for message in played.sink.messages]
    played.pipeline.track_send_delay(0.0, 300_000, True)
    assert played.sink.messages[-1]["type"] == "keyframe"


async def test_an_encoder_that_sends_no_keyframe_after_a_loss_is_to_connect_again(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestd.delivery.keyframe_wait.PATIENCE_S", 0.0)
    played.submit(KEYFRAME)
    played.room.track.publish()
    played.submit(DELTA)
    played.pipeline.picture_lost()
    played.submit(DELTA)
    assert played.no_keyframes == 1
    played.submit(DELTA)
    assert played.no_keyframes == 1, "once"
    played.room.track.open = False
    played.pipeline.new_encoder()
    played.submit(KEYFRAME)
    played.pipeline.picture_lost()
    played.submit(DELTA)
    assert played.no_keyframes == 1, "no keyframe helps without a room"


async def test_closing_drops_what_waits(played: Played) -> None:
    played.submit_all(VIDEO)
    track = played.room.track
    await played.pipeline.close()
    assert track.closed
    assert played.room.tracks == []
    assert played.pipeline.figures("lobby").frames_dropped["stopped"] == 8
