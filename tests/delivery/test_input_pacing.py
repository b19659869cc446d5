"""Files are held to their own pace, and live sources never are, whatever the network and their headers do."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise

import pytest

from ingestd.delivery.accounting import Drop
from ingestd.delivery.delivery import Delivery
from ingestd.delivery.frame_interval import FrameInterval
from ingestd.delivery.gop import HELD_LIMITS
from ingestd.delivery.input_pacing import FASTEST_INTERVAL_S, FIRST_CREDIT_S, READ_AHEAD_RATIO, InputPacing
from ingestd.media.access_unit import AccessUnit
from tests.delivery.transcript import INFO, Transcript

NOW = 1000.0
# Pictures of a file that are not held up, before it is known for one.
AT_ONCE = round(FIRST_CREDIT_S / FASTEST_INTERVAL_S)
READ_AHEAD = round(HELD_LIMITS.max_pictures * READ_AHEAD_RATIO)


def picture(timestamp_s: float | None = None, declared_fps: float | None = None) -> AccessUnit:
    """One with a time of the container's, or of a stream that declares its rate."""
    timestamp_us = None if timestamp_s is None else round(timestamp_s * 1e6)
    return AccessUnit(b"d", False, replace(INFO, frame_rate_fps=declared_fps), timestamp_us)


class Input:
    """Pictures on their way to an `InputPacing`."""

    def __init__(self, live: bool | None = None, framerate_fps: float | None = None) -> None:
        self.pacing = InputPacing(live)
        self.interval = FrameInterval(framerate_fps)

    def receive(self, unit: AccessUnit, now: float) -> float:
        self.interval.receive(unit, now)
        return self.pacing.receive(self.interval, now)

    @property
    def paced(self) -> bool:
        return self.pacing.paced


def spacing(dues: list[float]) -> list[float]:
    return [later - due for due, later in pairwise(dues)]


@pytest.mark.parametrize(
    ("unit", "framerate_fps", "rate"),
    [
        (lambda _: picture(), None, 25),
        (lambda _: picture(declared_fps=30), None, 30),
        (lambda n: picture(n / 24), None, 24),
        (lambda n: picture(n / 24, declared_fps=30), None, 24),
        (lambda n: picture(n / 24, declared_fps=30), 50, 50),
        (lambda _: picture(declared_fps=1000), None, 25),
    ],
    ids=["unstated", "declared", "timestamps", "timestamps before declared", "configured", "nonsense"],
)
def test_a_file_is_handed_over_at_its_own_pace(
    unit: Callable[[int], AccessUnit], framerate_fps: float | None, rate: float
) -> None:
    real_time = Input(framerate_fps=framerate_fps)
    dues = [real_time.receive(unit(n), NOW) for n in range(300)]
    assert dues.count(0) == pytest.approx(AT_ONCE, abs=1)
    assert real_time.paced
    assert spacing(dues[AT_ONCE + 1 :]) == pytest.approx([1 / rate] * (299 - AT_ONCE - 1), abs=1e-5)


def test_what_is_said_to_be_a_file_has_its_own_pace_from_the_first_picture() -> None:
    real_time = Input(live=False)
    dues = [real_time.receive(picture(declared_fps=50), NOW + n) for n in range(3)]
    assert dues == [NOW, NOW + 1, NOW + 2], "no sooner than it comes"
    dues = [real_time.receive(picture(declared_fps=50), NOW + 2) for _ in range(200)]
    assert spacing(dues) == pytest.approx([1 / 50] * 199)


def test_what_is_said_to_be_live_is_never_paced() -> None:
    real_time = Input(live=True)
    assert {real_time.receive(picture(declared_fps=25), NOW) for _ in range(5000)} == {0}
    assert not real_time.pacing.full(NOW, 0.9)


# Live, whatever headers and the network say.

STATED: list[Callable[[float], AccessUnit]] = [
    lambda _: picture(),
    lambda _: picture(declared_fps=1),
    lambda _: picture(declared_fps=30),
    lambda _: picture(declared_fps=1000),
    lambda captured_s: picture(captured_s * 2),
    lambda captured_s: picture(captured_s * 8, declared_fps=15),
    lambda captured_s: picture(captured_s / 1000),
    lambda captured_s: picture(-captured_s),
]


def live(
    rng: random.Random, fps: float, seconds: float, *, clumps: bool = True
) -> Iterator[tuple[float, float]]:
    """When pictures are captured and when they arrive: with jitter, stalls, and several in one write."""
    per_write = rng.choice([1, 1, 2, 5, 30] if clumps else [1, 2])
    jitter_s = rng.choice([0, 0.01, 0.3 if clumps else 0.02])
    stall_at, stall_s = rng.uniform(1, seconds), rng.choice([0, 0.3, 5, 60])
    written_at = 0.0
    for n in range(round(seconds * fps)):
        captured = n / fps
        sent = (n // per_write * per_write + per_write - 1) / fps + rng.uniform(0, jitter_s)
        if stall_at < sent < stall_at + stall_s:
            sent = stall_at + stall_s
        written_at = max(written_at, sent)
        yield captured, NOW + written_at


@pytest.mark.parametrize("seed", range(200))
def test_a_live_source_is_never_held_up(seed: int) -> None:
    rng = random.Random(seed)
    fps = rng.choice([1, 5, 24, 30, 60, 120, 240, rng.uniform(1, 240)])
    real_time, stated = Input(), rng.choice(STATED)
    for captured, arrived in live(rng, fps, seconds=max(8, 400 / fps)):
        assert real_time.receive(stated(captured), arrived) == 0


@pytest.mark.parametrize("seed", range(12))
def test_what_a_live_source_sends_is_submitted_at_once_again_three_seconds_after_a_stall(seed: int) -> None:
    rng = random.Random(seed)
    fps, stated = rng.choice([1, 15, 30, 60, 120, 240]), rng.choice(STATED)
    delivery = Delivery(0.5)
    delivery.opened(NOW)
    last_at, late_since = 0.0, NOW
    arrivals: dict[int, float] = {}
    for n, (captured, arrived) in enumerate(live(rng, fps, max(8, 400 / fps), clumps=False)):
        now = last_at
        while (due := delivery.due_at()) is not None and due < arrived:
            now = max(now, due)
            if (submission := delivery.take(now)) is not None:
                if delivery.probing:
                    delivery.running(now)
                number = submission.picture.number
                if not submission.replayed and number in arrivals and now - late_since > 3:
                    assert now - arrivals[number] < 0.05
                now += 0.0005
                delivery.submitted(submission, True, now)
        if arrived - last_at > max(0.1, 3 / fps):
            late_since = arrived  # a stall has ended
        arrivals[n] = last_at = arrived
        unit = replace(stated(captured), keyframe=n % round(max(fps, 2)) == 0)
        assert delivery.receive(unit, arrived, 0) in (None, Drop.QUEUE_FULL)
        assert not delivery.full(arrived)


def test_an_encoder_that_begins_with_a_whole_gop_is_live_after_all() -> None:
    for fps in (5, 30, 60, 120, 240):
        for stated in STATED:
            real_time = Input()
            for _ in range(300):
                real_time.receive(stated(0), NOW)
            assert real_time.paced
            for n in range(2 * fps):
                real_time.receive(stated(n / fps), NOW + n / fps)
            assert not real_time.paced


def test_a_file_that_is_read_bit_by_bit_stays_one() -> None:
    real_time = Input()
    now = NOW
    for _ in range(200):
        real_time.receive(picture(declared_fps=10), now)
    for _ in range(100):
        assert real_time.pacing.full(now, 0.9)
        now += 1.0
        assert not real_time.pacing.full(now, 0.6)
        for _ in range(10):
            real_time.receive(picture(declared_fps=10), now)
    assert real_time.paced


def test_a_file_from_far_away_stays_one_while_tcp_speeds_up() -> None:
    real_time, now, window = Input(), NOW, 40
    for _ in range(10):  # round trips, each with twice as many pictures
        for _ in range(window):
            real_time.receive(picture(declared_fps=25), now)
        now, window = now + 0.2, 2 * window
    assert real_time.paced


@pytest.mark.parametrize(
    ("burst_s", "fps"),
    [
        pytest.param(burst_s, fps, marks=pytest.mark.long if burst_s * fps > 300 else ())
        for burst_s in (0.1, 0.5, 1, 1.5, 2, 2.2, 3, 4)
        for fps in (1, 15, 25, 30, 60, 120, 200, 240)
    ],
)
def test_a_live_source_in_bursts_is_let_go_within_a_few_of_them(fps: int, burst_s: float) -> None:
    for stated in STATED:
        script = Transcript.running("K0")
        per_burst = max(1, round(fps * burst_s))
        for burst in range(8):
            for n in range(burst * per_burst, (burst + 1) * per_burst):
                unit = replace(stated(n / fps), keyframe=n % per_burst == 0)
                script.delivery.receive(unit, script.now, 0)
                script.drain(0)
                assert not script.delivery.full(script.now)
            script.drain(per_burst / fps)
            if burst >= 4:
                assert script.delivery.pace is None
                assert script.delivery.held == 0


@pytest.mark.parametrize("stall_s", [0.3, 1, 5, 30])
def test_what_a_file_has_piled_up_stays_paced_when_its_sender_stalls(stall_s: float) -> None:
    real_time, now = Input(), NOW

    def fill() -> None:
        for _ in range(900):
            real_time.receive(picture(declared_fps=25), now)
        assert real_time.pacing.full(now, 0.9)

    fill()
    for _ in range(10):
        now += 5
        assert not real_time.pacing.full(now, 0.6)
        now += stall_s
        fill()
        assert real_time.paced


def test_a_file_that_stalls_for_a_moment_before_it_was_ever_held_up_stays_one() -> None:
    real_time, now = Input(), NOW
    for pause_s in (0.5, 0, 0):
        for _ in range(200):
            real_time.receive(picture(declared_fps=25), now)
        now += pause_s
    assert real_time.paced


# What becomes of it in the delivery.


def file(count: int, gop: int = 30) -> list[str]:
    return [f"{'K' if n % gop == 0 else 'd'}{n}" for n in range(count)]


def test_a_file_is_shown_from_the_first_to_the_last_picture() -> None:
    script = Transcript(framerate_fps=30)
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
    assert script.handed_over_at[-1] - began == pytest.approx((300 - AT_ONCE) / 30, abs=0.3)


def test_a_file_waits_for_the_room_and_for_its_return() -> None:
    script = Transcript(framerate_fps=30)
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
    script = Transcript.running("K0", framerate_fps=30)
    names = iter(file(3000)[1:])

    def read() -> int:
        count = 0
        while not script.delivery.full(script.now):
            script.receive(next(names))
            count += 1
        return count

    assert read() == pytest.approx(READ_AHEAD, abs=2)
    script.drain(1)  # what is held back by nothing
    read()
    script.drain(0.5)
    assert script.delivery.full(script.now), "not yet: little by little would cost more than it brings"
    script.drain(2)
    assert not script.delivery.full(script.now)


def test_who_is_live_after_all_is_caught_up_with() -> None:
    script = Transcript.running("K0", framerate_fps=30)
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
    script = Transcript.running("K0", framerate_fps=30)
    script.receive(" ".join(file(250, gop=240)[1:]))
    script.drain(2)
    script.ask_for_keyframe()
    assert script.drain(0.1).startswith("(K0) (d1)")


# Every connection begins fresh.


def test_what_is_dropped_costs_nothing() -> None:
    script = Transcript.running("K0", framerate_fps=1)
    script.receive(" ".join(file(200, gop=500)[1:]))
    script.delivery.picture_lost()
    script.receive(" ".join(["d"] * 5000))
    assert script.dropped() == {"before_keyframe": 5000}
    script.receive("K200 " + " ".join(["d"] * 1500))
    assert script.delivery.held == 0, "more than may be held"
    script.receive("K201")
    assert script.drain(0.1) == "K201"


def test_a_file_plays_on_until_another_encoder_sends_a_picture_and_makes_way_for_it_then() -> None:
    script = Transcript.running("K0", framerate_fps=30)
    names = file(300)
    script.receive(" ".join(names[1:]))
    script.drain(2)
    script.delivery.new_encoder()
    assert not script.delivery.full(script.now)
    before = script.delivery.held
    script.receive("d300 d301")
    assert len(script.drain(1).split()) == pytest.approx(30, abs=2)
    waited = script.delivery.held
    assert 0 < waited < before
    script.receive("K302 d303")
    assert script.drain(0.1) == "K302 d303"
    assert script.dropped() == {"before_keyframe": 2, "no_room": waited}
    assert script.delivery.pace is None


def test_the_next_encoder_does_not_pay_for_what_one_before_it_sent() -> None:
    script = Transcript.running("K0")
    script.receive(" ".join(["K"] * 1100))
    assert script.delivery.pace is not None
    script.delivery.new_encoder()
    for n in range(90):
        script.receive(f"{'d' if n % 30 else 'K'}{n}")
        assert script.take() is not None
        script.pass_time(1 / 30)
