"""The texts of a stream: units, what is not known, what never happened."""

from dataclasses import replace
from typing import Any

import pytest

from ingestd.media.access_unit import CODEC_NAMES
from ingestd.observe.sampler import Sample
from ingestd.observe.stream_state import WELL, State
from ingestd.observe.stream_view import bitrate, milliseconds, size, view
from tests.observe.support import figures

NAN = float("nan")


def sample(
    values: tuple[float, ...] = (5, 30, 1.5e6, NAN, 20e3, 4e3, 0.0045, 0.0012, 0), **changes: Any
) -> Sample:
    return Sample(figures(**changes), State.LIVE, WELL, values, 20e3)


@pytest.mark.parametrize("codec", CODEC_NAMES)
def test_a_codec_has_the_name_of_its_specification(codec: str) -> None:
    assert view(sample(codec=codec))["picture"] == f"{CODEC_NAMES[codec]} Constrained Baseline, 1280×720"


def test_what_is_not_known_is_a_dash() -> None:
    said = view(sample(codec="", size="", encoder="", keyframe_interval=None))
    for field in ("picture", "frame_rate", "bitrate", "target", "keyframes"):
        assert said[field] == "–", field


def test_reasons_stand_in_words_the_most_frequent_first() -> None:
    said = view(sample(frames_dropped={"no_room": 3, "before_keyframe": 0, "backlog": 1200}))
    assert (said["lost"], said["lost_why"]) == ("1,207", "backlog 1,200, in WebRTC 4, no room 3")


def test_values_have_the_unit_that_suits_them() -> None:
    assert [bitrate(64_400), bitrate(12_345_678)] == ["64 kbit/s", "12.35 Mbit/s"]
    assert [milliseconds(0.0045), milliseconds(0.412), milliseconds(None)] == ["4.5 ms", "412 ms", "–"]
    assert [size(0), size(4_321), size(1_234_567)] == ["–", "4.3 kB", "1.23 MB"]


def test_feedback_counts_what_reached_the_encoder() -> None:
    assert view(sample())["feedback"] == "5 messages sent, 6 lost"
    assert view(sample(feedback_messages={}))["feedback"] == "none"


def test_an_encoder_has_the_name_of_its_certificate_and_what_some_viewers_lack_is_a_remark() -> None:
    said = view(sample(encoder="10.0.0.7:4000", encoder_name="roof-camera", remarks=("it is AV1",)))
    assert (said["encoder"], said["remarks"]) == ("10.0.0.7:4000 roof-camera", "it is AV1")
    assert view(sample())["remarks"] == "none"


def test_a_live_stream_that_is_silent_says_so_beside_what_it_is() -> None:
    said = view(replace(sample(), reason="the encoder has sent nothing for 48 s"))
    assert said["silence"] == "the encoder has sent nothing for 48 s"
    assert view(sample())["silence"] == ""
