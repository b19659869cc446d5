"""Whether WebRTC has encoded what it was given, and whether it still encodes."""

from dataclasses import replace

import pytest

from ingestd.publish.encoder_watch import (
    ENCODER_STALL_S,
    HELD_BACK_S,
    HOLDS_BACK_TARGET_RATIO,
    KEYFRAME_ENCODED_S,
    MAX_RECENT_PICTURES,
    READINGS,
    STALL_PICTURES,
    EncoderReport,
    EncoderWatch,
)
from ingestd.publish.send_stats import SendStats

FRAME_S = 1 / 30
PICTURE_BYTES = 6250  # 1.5 Mbit/s
COUNTED_AFTER_S = 0.002  # from a submission until it is counted
FAST_BPS, SLOW_BPS = 5e6, 2e5


def stats(encoded: int, at: float, target_bps: float | None = FAST_BPS) -> SendStats:
    return SendStats("video/H264", encoded, encoded, 0, 0.0, target_bps, None, at)


class Transcript:
    """Submits 30 pictures per second and reads the statistics after each second."""

    def __init__(self) -> None:
        self.watch = EncoderWatch(0)
        self.now = 100.0
        self.counted: list[float] = []  # when

    def second(
        self, *, lost: range = range(0), counted_after_s: float = COUNTED_AFTER_S, counting_s: float = 0.0
    ) -> int:
        """A second in which the pictures ``lost`` are; return what the reading at its end tells.

        ``counting_s``: how long WebRTC takes for that.
        """
        for number in range(30):
            self.watch.submitted(PICTURE_BYTES, False, self.now)
            if number not in lost:
                self.counted.append(self.now + counted_after_s)
            self.now += FRAME_S
        return self.read(counting_s=counting_s)

    def read(self, wait_s: float = 0.0, *, counting_s: float = 0.0) -> int:
        self.now += wait_s
        told = stats(sum(at <= self.now for at in self.counted), self.now - counting_s)
        return self.watch.read(replace(told, counted_by=self.now), self.now).lost


def test_what_is_encoded_is_no_loss() -> None:
    t = Transcript()
    assert [t.second() for _ in range(20)] == [0] * 20


def test_a_machine_that_is_busy_for_a_moment_loses_nothing() -> None:
    t = Transcript()
    late = (COUNTED_AFTER_S, 0.2, COUNTED_AFTER_S, 0.3, 0.3, COUNTED_AFTER_S)
    assert [t.second(counted_after_s=after_s) for after_s in late] == [0] * 6


def test_a_picture_that_is_encoded_while_webrtc_counts_makes_no_other_one_a_loss() -> None:
    t = Transcript()
    t.second()
    found = [t.second(counting_s=2.5 * FRAME_S), *(t.second() for _ in range(9))]
    assert found == [0] * 10
    assert sum([t.second(lost=range(3)), *(t.second() for _ in range(4))]) == 3


def test_what_is_submitted_before_the_first_reading_is_no_loss() -> None:
    t = Transcript()
    assert [t.second(lost=range(25)), *(t.second() for _ in range(9))] == [0] * 10


def test_a_loss_is_told_once_when_it_is_sure() -> None:
    t = Transcript()
    t.second()
    found = [t.second(lost=range(10, 13)), *(t.second() for _ in range(9))]
    assert found == [0] * (READINGS - 1) + [3] + [0] * (10 - READINGS)


def test_one_picture_is_a_loss() -> None:
    t = Transcript()
    t.second()
    assert sum([t.second(lost=range(7, 8)), *(t.second() for _ in range(4))]) == 1


def test_the_last_pictures_before_a_pause_are_missed_too() -> None:
    t = Transcript()
    t.second()
    t.second(lost=range(28, 30))
    assert sum(t.read(wait_s=1.0) for _ in range(READINGS)) == 2


def test_no_more_pictures_are_remembered_than_there_is_memory_for() -> None:
    t = Transcript()
    t.second()
    count = 3 * MAX_RECENT_PICTURES
    for _ in range(count):
        t.watch.submitted(PICTURE_BYTES, False, t.now)
    # They have just been submitted: of those that are remembered none is sure to be in the count.
    assert sum(t.read() for _ in range(READINGS + 1)) == pytest.approx(count - MAX_RECENT_PICTURES, abs=1)


def test_it_runs_from_the_first_picture_on_and_knows_of_no_loss_before() -> None:
    watch = EncoderWatch(100)
    submit(watch, 0.0, 20)
    assert watch.read(stats(100, 1.0), 1.0) == EncoderReport(lost=0, stalled=False)
    assert not watch.running
    assert watch.read(stats(0, 1.1), 1.1) == EncoderReport(lost=0, stalled=False)  # a new transport
    assert not watch.running
    assert watch.read(stats(1, 1.2), 1.2) == EncoderReport(lost=0, stalled=False)
    assert watch.running


def submit(watch: EncoderWatch, begin: float, count: int, *, keyframe: bool = False) -> float:
    """Pictures of 1.5 Mbit/s; the first is a keyframe if ``keyframe`` says so."""
    for number in range(count):
        watch.submitted(PICTURE_BYTES, keyframe and number == 0, begin + number * FRAME_S)
    return begin + count * FRAME_S


def stalled(watch: EncoderWatch, encoded: int, now: float, target_bps: float | None = FAST_BPS) -> bool:
    return watch.read(stats(encoded, now, target_bps), now).stalled


def test_pictures_go_in_and_none_is_encoded() -> None:
    watch = EncoderWatch(100)
    submit(watch, 0.0, 90)
    assert not stalled(watch, 100, ENCODER_STALL_S - 0.01)
    assert stalled(watch, 100, ENCODER_STALL_S + 0.01)
    assert watch.unencoded == 90


def test_a_stall_begins_behind_the_last_picture_that_was_encoded() -> None:
    watch = EncoderWatch(0)
    now = submit(watch, 0.0, 60)
    assert not stalled(watch, 60, now)
    submit(watch, now, 60)
    assert not stalled(watch, 60, now + ENCODER_STALL_S - 0.01)
    assert stalled(watch, 60, now + ENCODER_STALL_S + 0.01)


def test_a_stream_that_pauses_is_not_taken_for_a_track_that_is_silent() -> None:
    watch = EncoderWatch(0)
    submit(watch, 0.0, 60)
    assert not stalled(watch, 60, 3.0)
    assert not stalled(watch, 60, 60.0)
    # What has come at once after the pause is not counted yet.
    submit(watch, 60.0, 30)
    assert not stalled(watch, 60, 61.0)


def test_a_few_pictures_prove_nothing() -> None:
    watch = EncoderWatch(0)
    submit(watch, 0.0, STALL_PICTURES)
    assert not stalled(watch, 0, 60.0)


def test_one_encoded_picture_ends_a_stall_and_so_does_a_new_count() -> None:
    watch = EncoderWatch(0)
    submit(watch, 0.0, 60)
    assert not stalled(watch, 1, 10.0)
    submit(watch, 10.0, 60)
    assert stalled(watch, 1, 12.5)
    assert not stalled(watch, 0, 13.0)


def test_on_a_link_too_slow_only_a_keyframe_tells_since_webrtc_holds_back_what_follows_a_loss() -> None:
    watch = EncoderWatch(0)
    now = submit(watch, 0.0, 240)
    assert not stalled(watch, 0, now, SLOW_BPS)
    given_bps = 240 * PICTURE_BYTES * 8 / now
    assert not stalled(watch, 0, now, 0.99 * HOLDS_BACK_TARGET_RATIO * given_bps)
    assert stalled(watch, 0, now, 1.01 * HOLDS_BACK_TARGET_RATIO * given_bps)
    submit(watch, now, 90, keyframe=True)
    assert not stalled(watch, 0, now + ENCODER_STALL_S - 0.01, SLOW_BPS)
    assert stalled(watch, 0, now + ENCODER_STALL_S + 0.01, SLOW_BPS)
    assert stalled(watch, 0, now, None)


def test_a_keyframe_that_is_left_out_is_told_soon_and_until_one_is_encoded() -> None:
    watch = EncoderWatch(0)
    now = submit(watch, 0.0, 15, keyframe=True)
    assert watch.read(stats(0, now, SLOW_BPS), now).keyframe_left_out
    assert not watch.read(stats(0, now, FAST_BPS), now).keyframe_left_out
    watch.submitted(PICTURE_BYTES, True, now)
    assert not watch.read(stats(1, now, SLOW_BPS), now).keyframe_left_out
    submit(watch, now, 15)  # these are held back, up to the next
    assert not watch.read(stats(1, now + 0.5, SLOW_BPS), now + 0.5).keyframe_left_out
    watch.submitted(PICTURE_BYTES, True, now + 0.5)
    soon = now + 0.5 + KEYFRAME_ENCODED_S
    assert not watch.read(stats(1, soon - 0.01, SLOW_BPS), soon - 0.01).keyframe_left_out
    assert watch.read(stats(1, soon + 0.01, SLOW_BPS), soon + 0.01).keyframe_left_out


def test_pictures_that_are_held_back_are_told_of_whatever_webrtc_believes_of_the_link_by_then() -> None:
    watch = running_watch()
    now = submit(watch, 100.0, 15)
    soon = 100.0 + HELD_BACK_S
    assert not watch.read(stats(1, soon - 0.01, FAST_BPS), soon - 0.01).held_back
    report = watch.read(stats(1, soon + 0.01, FAST_BPS), soon + 0.01)
    assert report.held_back
    assert not report.keyframe_left_out
    assert not watch.read(stats(2, now + 1, FAST_BPS), now + 1).held_back, "it encodes again"


def test_an_encoder_that_is_given_nothing_has_not_stalled() -> None:
    watch = running_watch()
    submit(watch, 100.0, 2 * STALL_PICTURES)
    assert not watch.read(stats(1, 110.0, FAST_BPS), 110.0).stalled


def running_watch() -> EncoderWatch:
    watch = EncoderWatch(0)
    watch.submitted(PICTURE_BYTES, True, 99.0)
    watch.read(stats(1, 99.1, FAST_BPS), 99.1)
    return watch
