"""Captures told from arrivals: encoders of every kind, seen through a link that jitters."""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingestd.delivery.capture_clock import CaptureClock
from ingestd.delivery.frame_interval import MAX_JITTER_S, FrameInterval
from ingestd.media.access_unit import AccessUnit
from tests.delivery.transcript import INFO

JITTER = 0.010
DELAY = 0.020  # of the link
DRIFTING_S = 1800  # a clock that is off by 200 millionths is off by 0.36 s then, far more than the jitter
STEADY = 0.003  # seconds that spacing may be off, and 1 in 100 may be off by more

RATES = [25, Fraction(30000, 1001), 30, 60]
SPOKEN = ["timestamps", "rate", "nothing"]  # what the stream says of its steps


@dataclass(frozen=True)
class Seen:
    """What became of one picture; seconds."""

    arrived_at: float
    captured_at: float


def watch(
    captures: Iterable[float],
    spoken: str,
    *,
    rate: float | Fraction = 30,
    jitter: float = JITTER,
    held_up: Callable[[float], float] = lambda capture: capture,
    says: Callable[[float], float] = lambda capture: capture,
    seed: int = 1,
) -> list[Seen]:
    """Let pictures of these captures arrive.

    `held_up` is when the link takes one on, `says` is what the encoder's own timestamps make of its capture.
    """
    rng = random.Random(seed)
    clock, interval = CaptureClock(), FrameInterval()
    info = replace(INFO, frame_rate_fps=float(rate) if spoken == "rate" else None)
    seen: list[Seen] = []
    for capture in captures:
        arrived = held_up(capture) + DELAY + rng.uniform(-jitter, jitter)
        if seen:
            arrived = max(arrived, seen[-1].arrived_at)  # TCP keeps the order
        timestamp_us = int(says(capture) * 1e6) if spoken == "timestamps" else None
        unit = AccessUnit(b"", False, info, timestamp_us)
        interval.receive(unit, arrived)
        seen.append(Seen(arrived, clock.captured_at(interval, arrived)))
    return seen


def steady(fps: float | Fraction, seconds: float = 60.0, drift: float = 0.0) -> list[float]:
    """Captures by an encoder whose clock is off by `drift`."""
    return [1000 + i / float(fps) * (1 + drift) for i in range(int(seconds * fps))]


def unsteadiness(seen: Sequence[Seen], interval: float) -> float:
    """The seconds that 1 in 100 spacings is off by more than."""
    off = sorted(abs(b.captured_at - a.captured_at - interval) for a, b in pairwise(seen))
    return off[int(len(off) * 0.99)]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("spoken", SPOKEN)
@pytest.mark.parametrize("fps", RATES, ids=lambda fps: f"{float(fps):.2f}")
def test_spacing_is_steady_where_arrivals_jitter(fps: float | Fraction, spoken: str, seed: int) -> None:
    seen = watch(steady(fps), spoken, rate=fps, seed=seed)
    assert unsteadiness(seen, 1 / float(fps)) < STEADY
    assert all(0 <= picture.arrived_at - picture.captured_at < 2 * JITTER + STEADY for picture in seen)
    arrivals = [Seen(picture.arrived_at, picture.arrived_at) for picture in seen]
    assert unsteadiness(arrivals, 1 / float(fps)) > 4 * STEADY, "nothing was to be steadied"


@pytest.mark.parametrize("drift", [-200e-6, 200e-6])
@pytest.mark.parametrize("spoken", SPOKEN)
def test_a_clock_that_drifts_leads_to_neither_lag_nor_lead(spoken: str, drift: float) -> None:
    captures = steady(30, DRIFTING_S, drift)
    says = dict(zip(captures, steady(30, DRIFTING_S), strict=True))
    seen = watch(captures, spoken, says=says.__getitem__)
    late = [picture.captured_at - capture - DELAY for capture, picture in zip(captures, seen, strict=True)]
    assert max(late[64:]) < 0, "or it would come after its arrival, where that is early"
    assert min(late[64:]) > -2 * JITTER
    assert unsteadiness(seen, (1 + drift) / 30) < STEADY


@pytest.mark.parametrize("spoken", SPOKEN)
def test_stalls_are_not_taken_for_the_encoder(spoken: str) -> None:
    def held_up(capture: float) -> float:
        for begin, end in [(1020.0, 1021.0), *((1030.0 + i, 1030.2 + i) for i in range(20))]:
            if begin < capture < end:
                return end
        return capture

    captures = steady(30)
    seen = watch(captures, spoken, held_up=held_up)
    assert unsteadiness(seen, 1 / 30) < STEADY
    assert max(abs(b.captured_at - a.captured_at - 1 / 30) for a, b in pairwise(seen[100:])) < 2 * STEADY


@pytest.mark.parametrize("spoken", SPOKEN)
def test_a_pause_leaves_the_rate_as_it_was(spoken: str) -> None:
    captures = [capture + 5 * (capture > 1020) for capture in steady(30)]
    seen = watch(captures, spoken)
    settled = [picture for picture in seen if not 1025 < picture.arrived_at < 1025.4]
    off = [abs(b.captured_at - a.captured_at - 1 / 30) for a, b in pairwise(settled)]
    assert sum(o > STEADY for o in off[100:]) == 1, "the pause itself"
    assert all(picture.arrived_at - picture.captured_at <= 2 * MAX_JITTER_S for picture in settled)


@pytest.mark.parametrize("spoken", SPOKEN)
@pytest.mark.parametrize("fps", [15, 24, 60])
def test_a_change_of_rate_is_followed(spoken: str, fps: int) -> None:
    captures = steady(30, 20) + [1020 + i / fps for i in range(40 * fps)]
    seen = watch(captures, spoken)
    after = [picture for picture in seen if picture.arrived_at > 1026]
    assert unsteadiness(after, 1 / fps) < STEADY
    assert all(0 <= picture.arrived_at - picture.captured_at <= MAX_JITTER_S for picture in after)


def test_a_picture_left_out_by_the_encoder_leaves_a_gap_where_there_are_timestamps() -> None:
    seen = watch([c for i, c in enumerate(steady(30)) if i % 20], "timestamps")
    off = [
        abs((b.captured_at - a.captured_at) * 30 - round((b.captured_at - a.captured_at) * 30))
        for a, b in pairwise(seen)
    ]
    assert max(off[64:]) / 30 < STEADY
    assert sum(b.captured_at - a.captured_at > 1.5 / 30 for a, b in pairwise(seen)) == 1800 // 20 - 1


@pytest.mark.parametrize("spoken", ["rate", "nothing"])
def test_a_picture_left_out_now_and_then_is_made_up_for_gently_where_there_are_none(spoken: str) -> None:
    seen = watch([c for i, c in enumerate(steady(30)) if i % 300], spoken)
    assert unsteadiness(seen, 1 / 30) < STEADY
    assert all(picture.arrived_at - picture.captured_at < MAX_JITTER_S for picture in seen)


@pytest.mark.parametrize("jump", [-1000.0, -0.5, -1 / 30, 0.5, 1000.0])
def test_timestamps_that_jump_are_not_followed(jump: float) -> None:
    seen = watch(steady(30), "timestamps", says=lambda c: c + jump * (c > 1020))
    off = [abs(b.captured_at - a.captured_at - 1 / 30) for a, b in pairwise(seen)]
    assert max(off[64:]) < STEADY
    assert all(picture.arrived_at - picture.captured_at < 2 * JITTER + STEADY for picture in seen)


@pytest.mark.parametrize(
    "says",
    [lambda _: 7.0, lambda c: -c, lambda c: c * 3, lambda c: c / 3, lambda c: c * 90, lambda c: c * 1.1],
    ids=["stand-still", "run-backwards", "three-times", "a-third", "wrong-unit", "a-tenth-more"],
)
def test_timestamps_that_contradict_the_arrivals_are_not_believed(says: Callable[[float], float]) -> None:
    seen = watch(steady(30), "timestamps", says=says)[150:]
    assert unsteadiness(seen, 1 / 30) < STEADY
    assert all(0 <= picture.arrived_at - picture.captured_at <= MAX_JITTER_S for picture in seen)
    assert all(picture.arrived_at - picture.captured_at < 2 * JITTER + STEADY for picture in seen[-150:])


@pytest.mark.parametrize("rate", [1, 15, 25, 50, 60, 240])
def test_a_declared_rate_that_contradicts_the_arrivals_is_not_believed(rate: int) -> None:
    seen = watch(steady(30), "rate", rate=rate)[150:]
    assert unsteadiness(seen, 1 / 30) < STEADY
    assert all(0 <= picture.arrived_at - picture.captured_at <= MAX_JITTER_S for picture in seen)


@pytest.mark.parametrize("spoken", SPOKEN)
def test_a_file_pushed_at_four_times_its_pace_keeps_to_the_arrivals(spoken: str) -> None:
    captures = steady(30)
    pushed = watch(captures, spoken, held_up=lambda c: 1000 + (c - 1000) / 4)
    assert all(0 <= picture.arrived_at - picture.captured_at <= MAX_JITTER_S for picture in pushed)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.001, 0.01, 0.033, 0.04, 0.2, 3.0, 1e5]),
            st.none() | st.integers(-(2**63), 2**63 - 1),
            st.sampled_from([None, 0.001, 29.97, 30.0, 240.0]),
        )
    )
)
@example([(0.0, None, None), (0.001, None, 29.97)])  # where the sum of two floats is more than it should be
def test_whatever_a_stream_says_a_capture_is_never_after_its_arrival(
    pictures: list[tuple[float, int | None, float | None]],
) -> None:
    clock, interval, now = CaptureClock(), FrameInterval(), 0.0
    for waited, timestamp_us, rate in pictures:
        now += waited
        unit = AccessUnit(b"", False, replace(INFO, frame_rate_fps=rate), timestamp_us)
        interval.receive(unit, now)
        assert clock.captured_at(interval, now) <= now
        assert 0 <= clock.lead_s <= MAX_JITTER_S
