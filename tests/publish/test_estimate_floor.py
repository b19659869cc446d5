"""What WebRTC's estimate is to be at least: step by step, while the link is empty and pictures wait."""

from dataclasses import dataclass, field

from ingestd.publish.estimate_floor import (
    CALM_S,
    EMPTY_S,
    FULL_S,
    GOAL_RATIO,
    HOLD_S,
    LEAST_PACKETS,
    LONG_WAIT_S,
    MAX_INTERVAL_S,
    REST_S,
    SETTLES_S,
    STEP_RATIO,
    STEP_S,
    EstimateFloor,
)
from ingestd.publish.link_health import LinkReading

M = 1_000_000
READING_S = 0.1


@dataclass
class Connection:
    """A stream of 2 Mbit/s that waits, as WebRTC believes that the link carries a quarter of that."""

    needed_bps: float = 2 * M
    available_bps: float = 0.5 * M
    wait_s: float = 1.0
    queued_s: float = 0.0
    round_trip_s: float = 0.0
    packets_missed: bool = False
    may_risk: bool = True
    sends: bool = True
    now: float = 100.0
    packets_sent: int = 0
    floor: EstimateFloor = field(default_factory=EstimateFloor)

    def __post_init__(self) -> None:
        self.read()
        self.now += SETTLES_S

    def read(self) -> None:
        self.packets_sent += LEAST_PACKETS if self.sends else 0
        reading = LinkReading(
            self.available_bps,
            self.wait_s,
            packets_sent=self.packets_sent,
            packets_missed=self.packets_missed,
            may_risk=self.may_risk,
        )
        self.floor.read(self.needed_bps, reading, self.queued_s, self.round_trip_s, self.now)

    def floors(self, seconds: float) -> list[float]:
        """What the estimate is at least meanwhile, each once, in bit/s."""
        begin, floors = self.now, [self.floor.bps]
        while self.now < begin + seconds:
            self.read()
            if self.floor.bps != floors[-1]:
                floors.append(self.floor.bps)
            self.now += READING_S
        return floors


def test_a_link_that_is_empty_again_is_used_step_by_step_and_in_the_end_left_to_webrtc() -> None:
    connection = Connection()
    assert connection.floors(1.0) == [0, 1 * M, 2 * M, 4 * M, GOAL_RATIO * 2 * M]
    connection.available_bps = GOAL_RATIO * 2 * M
    assert connection.floors(HOLD_S) == [GOAL_RATIO * 2 * M, 0]
    assert connection.floors(60.0) == [0]


def test_nothing_is_done_while_webrtc_begins() -> None:
    connection = Connection()
    connection.floor = EstimateFloor()
    assert connection.floors(SETTLES_S) == [0]
    assert len(connection.floors(READING_S)) > 1


def test_nothing_is_done_where_no_picture_waits_and_the_estimate_suffices() -> None:
    connection = Connection(available_bps=2 * M, wait_s=LONG_WAIT_S)
    assert connection.floors(60.0) == [0]
    connection.wait_s = 2 * LONG_WAIT_S
    assert len(connection.floors(READING_S)) > 1


def test_nothing_is_risked_where_a_picture_that_is_lost_would_freeze_viewers_for_long() -> None:
    connection = Connection(may_risk=False)
    assert connection.floors(60.0) == [0]
    connection.may_risk = True
    assert len(connection.floors(READING_S)) > 1


def test_an_estimate_that_is_high_enough_is_left_alone() -> None:
    assert Connection(available_bps=GOAL_RATIO * 2 * M).floors(60.0) == [0]


def test_nothing_is_done_while_something_waits_on_the_way_nor_just_after() -> None:
    connection = Connection(queued_s=1.1 * EMPTY_S)
    assert connection.floors(60.0) == [0]
    connection.queued_s = 0.9 * EMPTY_S
    assert connection.floors(CALM_S) == [0]
    assert len(connection.floors(2 * READING_S)) > 1


def test_as_soon_as_the_link_is_full_it_is_left_to_webrtc_for_a_while() -> None:
    connection = Connection()
    connection.floors(READING_S)
    connection.queued_s = 0.9 * FULL_S
    assert 0 not in connection.floors(STEP_S)
    connection.queued_s = 1.1 * FULL_S
    connection.read()
    assert connection.floor.bps == 0
    assert connection.floor.rests(connection.now)
    assert not connection.floor.rests(connection.now + REST_S)


def test_on_a_link_that_stays_slow_it_is_tried_again_about_once_a_second() -> None:
    connection = Connection()
    tries = 0
    for _ in range(600):
        connection.queued_s = 2 * FULL_S if connection.floor.bps else 0.0
        before_bps = connection.floor.bps
        connection.read()
        tries += not before_bps and connection.floor.bps > 0
        connection.now += READING_S
    assert 40 < tries < 60 / (MAX_INTERVAL_S / 2)


def test_losses_that_go_on_end_it_and_one_of_before_does_not() -> None:
    connection = Connection()
    connection.floors(READING_S)
    connection.packets_missed = True
    connection.read()
    connection.packets_missed = False
    connection.read()
    assert connection.floor.bps > 0
    connection.packets_missed = True
    connection.read()
    connection.read()
    assert connection.floor.bps == 0


def test_each_step_waits_until_something_was_sent_in_the_last_and_a_round_trip_has_passed() -> None:
    connection = Connection()
    connection.read()
    for steps in (1, 2):
        connection.sends = False
        assert connection.floors(0.5) == [STEP_RATIO**steps * 0.5 * M]
        connection.sends = True
        while connection.floor.bps == STEP_RATIO**steps * 0.5 * M:
            connection.now += READING_S
            connection.read()
    connection.round_trip_s = 1.0
    assert connection.floors(STEP_S + 0.9) == [STEP_RATIO**3 * 0.5 * M]


def test_it_ends_where_nothing_is_sent_any_more() -> None:
    connection = Connection()
    connection.floors(READING_S)
    connection.sends, connection.wait_s, connection.needed_bps = False, 0.0, 0.0
    assert connection.floors(HOLD_S + 2 * READING_S)[-1] == 0
    assert connection.floors(60.0) == [0]
