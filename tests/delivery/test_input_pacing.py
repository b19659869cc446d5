"""Files are held to their own pace, and nobody who is live ever is, whatever the network does to him."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from ingestd.delivery.frame_interval import FrameInterval
from ingestd.delivery.input_pacing import FIRST_CREDIT_S, MARGIN_RATIO, READ_AHEAD_S, InputPacing
from ingestd.media.access_unit import AccessUnit
from tests.delivery.transcript import INFO, Transcript

NOW = 1000.0


def picture(timestamp: float | None = None, declared: float | None = None) -> AccessUnit:
    """One with a time of the container's, in seconds, or of a stream that declares its rate."""
    timestamp_us = None if timestamp is None else round(timestamp * 1e6)
    return AccessUnit(b"d", False, replace(INFO, frame_rate_fps=declared), timestamp_us)


class Input:
    """Pictures on their way to an `InputPacing`."""

    def __init__(self) -> None:
        self.pacing = InputPacing(60)
        self.interval = FrameInterval()

    def receive(self, unit: AccessUnit, now: float) -> float:
        self.interval.receive(unit, now)
        return self.pacing.receive(self.interval, now)

    @property
    def paced(self) -> bool:
        return self.pacing.paced


@pytest.mark.parametrize(
    ("unit", "rate"),
    [
        (lambda _: picture(), 60),
        (lambda _: picture(declared=25), 25),
        (lambda n: picture(n / 24), 24),
        (lambda n: picture(n / 24, declared=30), 24),
    ],
    ids=["max_framerate", "declared", "timestamps", "timestamps before declared"],
)
def test_a_file_is_handed_over_at_its_own_pace(unit: Callable[[int], AccessUnit], rate: float) -> None:
    real_time = Input()
    dues = [real_time.receive(unit(n), NOW) for n in range(300)]
    at_once = dues.count(0)
    assert at_once <= FIRST_CREDIT_S * 60 * MARGIN_RATIO
    assert real_time.paced
    steps = [later - due for due, later in zip(dues[at_once:], dues[at_once + 1 :], strict=False)]
    assert steps == pytest.approx([1 / rate] * len(steps), abs=1e-5)


@pytest.mark.parametrize("framerate", [5, 30, 60])
def test_a_live_encoder_is_never_held_up(framerate: int) -> None:
    rng = random.Random(7)
    real_time = Input()
    for n in range(3600 * framerate // 10):
        real_time.receive(picture(n / framerate, 15), NOW + n / framerate + rng.uniform(0, 0.05))
        assert not real_time.paced


def test_nor_is_one_whose_clock_and_timebase_are_wrong() -> None:
    for timestamps, declared in ((n / 1000 for n in range(9000)), 120), ((n * 1.0 for n in range(9000)), 15):
        real_time = Input()
        for n, timestamp in enumerate(timestamps):
            real_time.receive(picture(timestamp, declared), NOW + n / 30)
            assert not real_time.paced


@pytest.mark.parametrize("stall", [0.2, 2.0, 20.0])
def test_nor_is_one_that_the_network_held_up(stall: float) -> None:
    real_time = Input()
    for n in range(3000):
        captured = n / 30
        arrived = max(captured, 50 + stall) if captured > 50 else captured
        real_time.receive(picture(captured, 30), NOW + arrived)
        assert not real_time.paced


def test_a_fast_stream_that_says_so_is_live() -> None:
    real_time = Input()
    for n in range(2400):
        real_time.receive(picture(declared=120), NOW + n / 120)
    assert not real_time.paced


def test_an_encoder_that_begins_with_a_whole_gop_is_live_after_all() -> None:
    real_time = Input()
    for _ in range(250):
        real_time.receive(picture(declared=30), NOW)
    assert real_time.paced
    for n in range(150):
        real_time.receive(picture(declared=30), NOW + n / 30)
    assert not real_time.paced


def test_a_file_that_is_read_bit_by_bit_stays_one() -> None:
    real_time = Input()
    now = NOW
    for _ in range(200):
        real_time.receive(picture(declared=10), now)
    for _ in range(100):
        for _ in range(10):
            real_time.receive(picture(declared=10), now)
        now += 1.0  # as much as was read ahead
    assert real_time.paced


# What becomes of it in the delivery.


def file(count: int, gop: int = 30) -> list[str]:
    return [f"{'K' if n % gop == 0 else 'd'}{n}" for n in range(count)]


def test_a_file_is_shown_from_the_first_to_the_last_picture() -> None:
    script = Transcript(max_framerate_fps=30)
    names = file(300)
    script.receive(" ".join(names))
    script.open()
    assert script.take() == "K0"
    script.pass_time(0.3)
    script.run()
    began = script.now
    shown = script.drain(20).split()
    assert [name for name in shown if not name.startswith("(")] == names[1:]
    assert script.dropped() == {}
    # What came before it was known for a file was not held up.
    seconds = (300 - FIRST_CREDIT_S * 30 * MARGIN_RATIO) / 30
    assert script.handed_over_at[-1] - began == pytest.approx(seconds, abs=0.2)


def test_a_file_waits_for_the_room_and_for_its_return() -> None:
    script = Transcript(max_framerate_fps=30)
    names = file(300)
    script.receive(" ".join(names))
    script.pass_time(5)
    script.open()
    assert script.take() == "K0"
    script.run()
    assert script.drain(3).split()[:5] == names[1:6]
    script.delivery.closed()
    script.pass_time(30)
    script.open()
    script.take()
    script.run()
    script.drain(20)
    assert script.dropped() == {}
    assert script.delivery.accounting.submitted == 300


def test_what_is_far_ahead_is_not_read() -> None:
    script = Transcript.running("K0", max_framerate_fps=30)
    read = 0
    for name in file(3000)[1:]:
        if script.delivery.full(script.now):
            break
        script.receive(name)
        read += 1
    assert read == pytest.approx(30 * READ_AHEAD_S + FIRST_CREDIT_S * 30 * MARGIN_RATIO, abs=5)
    script.drain(0.5)
    assert script.delivery.full(script.now), "not yet: little by little would cost more than it brings"
    script.drain(1)
    assert not script.delivery.full(script.now)


def test_who_is_live_after_all_is_caught_up_with() -> None:
    script = Transcript.running("K0", max_framerate_fps=30)
    script.receive(" ".join(file(250, gop=250)[1:]))
    assert script.delivery.pace is not None
    for n in range(250, 400):
        script.receive(f"{'K' if n == 250 else 'd'}{n}")
        script.drain(1 / 30)
    assert script.delivery.pace is None
    assert script.delivery.backlog_s(script.now) < 0.1
    assert script.drain(1) == ""
    assert set(script.dropped()) == {"backlog"}


def test_a_viewer_who_comes_while_a_file_is_shown_is_shown_the_gop() -> None:
    script = Transcript.running("K0", max_framerate_fps=30)
    script.receive(" ".join(file(200, gop=100)[1:]))
    script.drain(2)
    script.ask_for_keyframe()
    assert script.drain(0.1).startswith("(K0) (d1)")
