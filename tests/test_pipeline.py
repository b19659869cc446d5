"""From access units to a track that the test plays, without an encoder's connection."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from ingestd.delivery.accounting import Drop
from ingestd.errors import StreamError
from tests.support.encoded import encode, resized
from tests.support.pipeline import DELTA, KEYFRAME, VIDEO, Played
from tests.support.wait import eventually

WITH_B_PYRAMID = encode(
    "h264", frames=8, gop=8, bframes=2, b_pyramid=True, profile="main", size=(160, 120), seed=4
)
WITH_B_FRAMES = encode("h264", frames=8, gop=8, bframes=2, profile="main", size=(160, 120), seed=4)


@pytest.fixture
def options() -> dict[str, Any]:
    return {}


@pytest.fixture
async def played(options: dict[str, Any]) -> AsyncIterator[Played]:
    played = Played(**options)
    yield played
    await played.close()


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


async def test_the_pictures_of_a_file_are_said_as_they_are_played(played: Played) -> None:
    played.submit(KEYFRAME)
    played.room.track.publish()
    await eventually(lambda: played.pipeline.submitted == 1, "submit it")
    assert played.played_bytes == []
    played.until_full()
    await eventually(lambda: played.played_bytes, "play")
    assert set(played.played_bytes) <= {len(KEYFRAME), len(DELTA)}


@pytest.mark.parametrize("options", [{"b_frames": "reject"}])
async def test_b_frames_are_refused_where_they_are_to_be(played: Played) -> None:
    with pytest.raises(StreamError, match="b_frames: reject") as refused:
        played.submit_all(WITH_B_FRAMES)
    assert refused.value.reason == "b_frames"


async def test_a_picture_larger_than_any_viewer_decodes_is_refused(played: Played) -> None:
    with pytest.raises(StreamError, match="VP8: pictures of 16000x16000") as refused:
        played.submit(resized(KEYFRAME, 16000, 16000))
    assert refused.value.reason == "picture_size"
    assert played.pipeline.figures("cam").frames_received == {"key": 0, "delta": 0}
    assert played.submit(KEYFRAME) is None


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


@pytest.mark.parametrize("options", [{"b_frames": "auto"}, {"b_frames": "warn"}], ids=["auto", "warn"])
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
