from types import SimpleNamespace
from typing import Any, cast

import pytest
from livekit import rtc

from ingestd.errors import RoomError
from ingestd.media.access_unit import Codec
from ingestd.publish import pass_through
from ingestd.publish.pass_through import start_pass_through

NOTHING = SimpleNamespace(keyframe_requested=False, rate_control=None)
KEYFRAME = SimpleNamespace(keyframe_requested=True, rate_control=None)
RATE = SimpleNamespace(keyframe_requested=False, rate_control=SimpleNamespace(target_bitrate_bps=1))


class Source:
    """Stands in for the SDK's: answers one look after the other, and then nothing."""

    def __init__(self, *answers: object) -> None:
        self.frames: list[rtc.EncodedVideoFrame] = []
        self._answers = list(answers)

    def take_feedback(self) -> object:
        return self._answers.pop(0) if self._answers else NOTHING

    def capture_frame(self, frame: rtc.EncodedVideoFrame) -> bool:
        self.frames.append(frame)
        return True


async def started(*answers: object) -> list[rtc.EncodedVideoFrame]:
    source = Source(*answers)
    await start_pass_through(cast(rtc.EncodedVideoSource, source), Codec.VP9)
    return source.frames


@pytest.mark.parametrize("asked", [KEYFRAME, RATE], ids=["keyframe", "rate"])
async def test_pictures_go_in_until_webrtc_asks_for_something(asked: Any) -> None:
    before = NOTHING
    frames = await started(before, NOTHING, NOTHING, asked)
    assert [frame.timestamp_us for frame in frames] == [1000, 2000, 3000]
    assert {frame.codec for frame in frames} == {rtc.VideoCodec.VP9}


async def test_they_are_tiny_and_no_keyframes() -> None:
    [frame] = await started(NOTHING, KEYFRAME)
    assert (frame.width, frame.height) == (pass_through.WIDTH, pass_through.HEIGHT)
    assert frame.frame_type == rtc.EncodedFrameType.ENCODED_FRAME_DELTA


async def test_what_was_asked_for_before_is_no_sign() -> None:
    assert len(await started(KEYFRAME, KEYFRAME)) == 1


async def test_where_webrtc_never_takes_one_it_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pass_through, "TIMEOUT_S", 0.05)
    with pytest.raises(RoomError, match="WebRTC takes no pictures within") as error:
        await started()
    assert error.value.reason == "silent"
