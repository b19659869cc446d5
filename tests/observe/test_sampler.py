"""The sampler: what it makes of readings a second apart, and what it remembers."""

import math
from array import array
from dataclasses import replace

from ingestd.observe.history import COLUMNS
from ingestd.observe.sampler import Sample, Sampler
from ingestd.observe.stream_state import State
from tests.observe.staged import Stage, StagedStream


def after(stream: StagedStream, seconds: int) -> list[Sample]:
    """The samples of that many seconds."""
    stage = Stage(stream)
    sampler = Sampler(stage.figures)
    found = []
    for second in range(seconds):
        sampler.look(1000.0 + second)
        found.append(sampler.samples[stream.name])
    return found


def states(samples: list[Sample]) -> list[State]:
    """Each state as it came."""
    return [
        sample.state
        for place, sample in enumerate(samples)
        if not place or samples[place - 1].state != sample.state
    ]


def test_a_stream_that_is_well_is_live_and_has_its_figures_in_the_sample() -> None:
    sample = after(StagedStream("cam"), 20)[-1]
    assert sample.state is State.LIVE
    values = dict(zip(COLUMNS, sample.values, strict=True))
    assert values["frame_rate_fps"] == sample.figures.frame_rate
    assert values["lost_pictures"] == 0
    assert 0.001 < values["delay_s"] < 0.05


def test_keyframes_are_told_in_the_second_in_which_they_came() -> None:
    sizes = [
        dict(zip(COLUMNS, sample.values, strict=True))["key_bytes"]
        for sample in after(StagedStream("cam"), 9)
    ]
    assert [size > 0 for size in sizes[1:]] == [True, False] * 4
    assert all(sample.keyframe_bytes > 0 for sample in after(StagedStream("cam"), 9)[1:])


def test_webrtc_that_sends_nothing_freezes_the_stream_and_an_encoder_that_leaves_lets_it_wait() -> None:
    assert states(after(StagedStream("cam", "frozen", since=10), 20)) == [
        State.STARTING,
        State.LIVE,
        State.FROZEN,
    ]
    left = states(after(StagedStream("cam", "waiting", since=10), 20))
    assert left == [State.STARTING, State.LIVE, State.WAITING]


def test_a_stream_is_frozen_for_as_long_as_webrtc_sends_nothing() -> None:
    samples = after(StagedStream("cam", "frozen", since=10), 200)
    assert {sample.state for sample in samples[20:]} == {State.FROZEN}


def test_an_encoder_that_falls_silent_leaves_the_stream_live_and_the_reason_says_for_how_long() -> None:
    samples = after(StagedStream("cam", "silent", since=10), 60)
    assert {sample.state for sample in samples[5:]} == {State.LIVE}
    assert samples[-1].reason == "the encoder has sent nothing for 51 s"


def test_a_picture_every_five_seconds_is_no_hang() -> None:
    samples = after(StagedStream("cam", "slow", since=0), 100)
    assert {sample.state for sample in samples[30:]} == {State.LIVE}


def test_one_picture_that_waits_in_webrtc_after_a_silence_is_no_slow_link() -> None:
    stage = Stage(StagedStream("cam", "slow", since=0))
    sampler = Sampler(lambda: [replace(one, send_delay_s=0.9) for one in stage.figures()])
    for second in range(60):
        sampler.look(float(second))
        assert sampler.samples["cam"].state is not State.DEGRADED
    stage.streams = [StagedStream("cam")]
    for second in range(60, 70):
        sampler.look(float(second))
    assert (
        sampler.samples["cam"].reason == "pictures wait 900 ms in WebRTC: the link is slower than the stream"
    )


def test_losses_degrade_it_for_ten_seconds() -> None:
    stream = StagedStream("cam", "degraded", since=10)
    samples = after(stream, 13)
    assert samples[-1].state is State.DEGRADED
    assert "pictures" in samples[-1].reason


def test_a_stream_that_goes_and_one_that_is_made_again_count_from_nothing() -> None:
    stage = Stage(StagedStream("one"), StagedStream("two"))
    sampler = Sampler(stage.figures)
    for second in range(20):
        sampler.look(float(second))
    stage.streams = [StagedStream("two")]
    sampler.look(20.0)
    assert list(sampler.samples) == ["two"]
    assert sampler.samples["two"].state is State.LIVE
    assert sampler.history("one") == b""
    lost = array("f", sampler.history("two"))[-1]
    assert lost == 0


def test_the_state_between_two_looks_is_that_of_the_reading() -> None:
    stage = Stage(StagedStream("cam"))
    sampler = Sampler(stage.figures)
    (unknown,) = sampler.between_looks(0.0)
    assert unknown.state is State.STARTING, "never looked at"
    for second in range(20):
        sampler.look(float(second))
    assert sampler.between_looks(19.5)[0].state is State.LIVE
    assert sampler.between_looks(40.0)[0].reason == "the encoder has sent nothing for 21 s"


def test_what_is_not_known_is_not_a_number() -> None:
    values = dict(
        zip(COLUMNS, after(StagedStream("cam", "waiting", connections=0), 3)[-1].values, strict=True)
    )
    assert math.isnan(values["target_bitrate_bps"])
    assert math.isnan(values["send_delay_s"])
    assert math.isnan(values["delay_s"])
