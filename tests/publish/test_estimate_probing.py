"""When WebRTC is to probe, and for how much: while its estimate is less than the streams need."""

from dataclasses import dataclass, field

from ingestd.publish.estimate_bounds import MAX_RATIO
from ingestd.publish.estimate_probing import (
    FALL_S,
    FULL_S,
    LEAST_MAX_RATIO,
    MAX_INTERVAL_S,
    MEMORY_S,
    SETTLES_S,
    STEP_RATIO,
    EstimateProbing,
)

M = 1_000_000
READING_S = 0.1


@dataclass
class Connection:
    """Streams that need so much, over a link that carries so much; WebRTC believes in what it has found."""

    needed_bps: float = 2 * M
    carried_bps: float = 20 * M
    available_bps: float = 7 * M
    send_delay_s: float = 0.0
    now: float = 100.0
    probing: EstimateProbing = field(default_factory=EstimateProbing)

    def __post_init__(self) -> None:
        self.probing.probe_bps(0.0, 1 * M, 0.0, self.now - SETTLES_S)

    def probes(self, seconds: float) -> list[float]:
        """What is probed for meanwhile, in bit/s."""
        begin, probes = self.now, []
        while self.now < begin + seconds:
            probe_bps = self.probing.probe_bps(
                self.needed_bps, self.available_bps, self.send_delay_s, self.now
            )
            if probe_bps is not None:
                probes.append(probe_bps)
                self.available_bps = min(probe_bps, self.carried_bps)
            self.now += READING_S
        return probes


def test_an_estimate_that_suffices_is_left_alone() -> None:
    assert Connection().probes(60) == []


def test_a_stream_that_grows_is_probed_for_at_once() -> None:
    connection = Connection(needed_bps=12 * M)
    assert connection.probes(READING_S) == [STEP_RATIO * 7 * M]


def test_a_link_that_is_good_again_is_known_to_be_after_a_few_steps() -> None:
    connection = Connection(available_bps=0.5 * M)
    assert connection.probes(FALL_S + 1) == [2 * M, 10 * M]
    assert connection.available_bps == 10 * M, "the maximum leaves room for keyframes"
    assert connection.probes(60) == []


def test_a_link_that_remains_too_slow_is_probed_seldom_and_for_little() -> None:
    connection = Connection(available_bps=0.7 * M, carried_bps=0.8 * M)
    connection.probes(10)
    probes = connection.probes(60)
    assert 60 / MAX_INTERVAL_S <= len(probes) <= 2 * 60 / MAX_INTERVAL_S
    assert max(probes) <= STEP_RATIO * 0.8 * M


def test_the_maximum_grows_with_the_streams() -> None:
    connection = Connection(available_bps=0.5 * M)
    connection.probes(5)
    connection.needed_bps = 6 * M
    assert connection.probes(5) == [30 * M]


def test_a_maximum_that_was_lowered_for_another_reason_is_raised_where_it_is_in_the_way() -> None:
    connection = Connection()
    connection.probes(1)
    connection.probing.limited(3 * M)
    assert connection.probes(5) == [MAX_RATIO * 2 * M]


def test_an_estimate_that_has_just_fallen_is_not_contradicted() -> None:
    connection = Connection()
    connection.probes(1)
    connection.available_bps = 0.7 * M
    assert connection.probes(FALL_S) == []
    assert connection.probes(1) != []


def test_an_encoder_that_sends_less_as_it_was_told_is_to_get_back_what_it_had() -> None:
    connection = Connection(carried_bps=0.6 * M)
    connection.probes(1)
    connection.needed_bps, connection.available_bps = 0.4 * M, 0.6 * M
    connection.probes(15)
    connection.carried_bps = 20 * M
    connection.probes(5)
    assert connection.available_bps >= 2 * M


def test_what_was_needed_once_is_not_probed_for_for_ever() -> None:
    connection = Connection()
    connection.probes(1)
    connection.needed_bps, connection.available_bps, connection.carried_bps = 0.4 * M, 0.6 * M, 0.6 * M
    connection.probes(MEMORY_S)
    assert len(connection.probes(60)) <= 1  # one raises the maximum


def test_what_waits_is_to_leave_soon_too() -> None:
    connection = Connection(available_bps=2.5 * M, send_delay_s=1.0)
    assert connection.probes(READING_S) == [STEP_RATIO * 2.5 * M]


def test_a_link_that_is_no_longer_full_is_probed_at_once() -> None:
    connection = Connection(available_bps=0.7 * M, carried_bps=0.8 * M)
    connection.probes(20)
    connection.now += FULL_S + READING_S  # nothing was asked for
    assert connection.probes(READING_S) != []


def test_for_what_waits_long_no_more_is_probed_for_than_some_times_the_need() -> None:
    connection = Connection(available_bps=2.5 * M, send_delay_s=9.0)
    connection.probes(2)
    assert connection.available_bps == 10 * M
    assert connection.probes(60) == []


def test_a_maximum_that_was_lowered_is_raised_when_the_estimate_suffices() -> None:
    connection = Connection()
    assert connection.probes(1) == []
    connection.probing.limited(LEAST_MAX_RATIO * 2 * M)
    assert connection.probes(1) == []
    connection.probing.limited(0.9 * LEAST_MAX_RATIO * 2 * M)
    assert connection.probes(1) == [MAX_RATIO * 2 * M]
