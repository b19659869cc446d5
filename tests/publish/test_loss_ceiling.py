"""How far WebRTC's estimate may grow while packets are lost."""

from dataclasses import dataclass, field
from math import inf

import pytest

from ingestd.publish.estimate_bounds import MAX_RATIO
from ingestd.publish.estimate_probing import MEMORY_S, STEP_RATIO
from ingestd.publish.loss_ceiling import (
    AMPLE_RATIO,
    CLEAN_S,
    DIP_S,
    LOSSY_MAX_RATIO,
    RAISE_RATIO,
    SETTLES_S,
    LossCeiling,
)

M = 1_000_000
READING_S = 0.5


@dataclass
class Connection:
    """Streams that need so much, over a link of which WebRTC believes so much."""

    needed_bps: float = 3 * M
    available_bps: float = 5 * M
    now: float = 100.0
    ceiling: LossCeiling = field(default_factory=LossCeiling)

    def maxima(self, seconds: float, *, missed: bool) -> list[float]:
        """What WebRTC's maximum is changed to meanwhile, in bit/s."""
        maxima = []
        for _ in range(round(seconds / READING_S)):
            self.now += READING_S
            max_bps = self.ceiling.max_bps(self.needed_bps, self.available_bps, missed, self.now)
            if max_bps is not None:
                maxima.append(max_bps)
        return maxima


@pytest.fixture
def connection() -> Connection:
    connection = Connection()
    assert connection.maxima(2 * SETTLES_S, missed=False) == [], "nothing is lost"
    return connection


def test_while_packets_are_lost_the_maximum_is_a_little_above_what_is_needed(connection: Connection) -> None:
    assert connection.maxima(20, missed=True) == [LOSSY_MAX_RATIO * 3 * M]
    assert connection.ceiling.bps == LOSSY_MAX_RATIO * 3 * M
    connection.available_bps = LOSSY_MAX_RATIO * 3 * M
    assert connection.maxima(CLEAN_S - READING_S, missed=False) == []
    assert connection.maxima(1, missed=False) == [STEP_RATIO * connection.available_bps]
    assert connection.ceiling.bps == inf
    assert connection.maxima(20, missed=False) == []


def test_what_is_needed_does_not_sink_with_an_encoder_that_is_told_less(connection: Connection) -> None:
    connection.maxima(2, missed=True)
    connection.needed_bps = connection.available_bps = 1 * M
    assert connection.maxima(MEMORY_S / 2, missed=True) == []


def test_a_link_that_dips_is_bounded_by_the_estimate(connection: Connection) -> None:
    assert connection.maxima(DIP_S, missed=True) == []
    connection.needed_bps = connection.available_bps = 0.5 * M
    assert connection.maxima(10, missed=True) == []
    connection.needed_bps, connection.available_bps = 1 * M, 4 * M
    assert connection.maxima(READING_S, missed=True) == [LOSSY_MAX_RATIO * 3 * M], "it has recovered"


def test_a_maximum_that_is_lifted_in_a_dip_is_no_larger_probe_than_others(connection: Connection) -> None:
    connection.maxima(2, missed=True)
    connection.needed_bps = connection.available_bps = 0.5 * M
    assert connection.maxima(2 * CLEAN_S, missed=False) == [STEP_RATIO * 0.5 * M]


def test_a_maximum_that_is_lifted_has_room_for_what_was_needed(connection: Connection) -> None:
    connection.maxima(2, missed=True)
    connection.needed_bps, connection.available_bps = 1 * M, 4 * M
    assert connection.maxima(2 * CLEAN_S, missed=False) == [MAX_RATIO * 3 * M]


def test_a_stream_that_grows_has_it_raised_in_steps(connection: Connection) -> None:
    connection.maxima(2, missed=True)
    connection.needed_bps *= (1 + RAISE_RATIO) / 2
    assert connection.maxima(2, missed=True) == []
    connection.needed_bps = RAISE_RATIO * 3 * M
    assert connection.maxima(2, missed=True) == [LOSSY_MAX_RATIO * connection.needed_bps]


def test_a_link_that_was_found_to_carry_twice_of_it_has_room_for_the_padding(connection: Connection) -> None:
    connection.available_bps = AMPLE_RATIO * connection.needed_bps
    connection.maxima(1, missed=False)
    connection.available_bps = connection.needed_bps
    assert connection.maxima(20, missed=True) == [], "it falls with losses, whatever the link carries"
    connection.maxima(2 * CLEAN_S, missed=False)
    assert connection.maxima(2, missed=True) != [], "it has not been found again"


def test_what_was_needed_long_ago_is_forgotten(connection: Connection) -> None:
    connection.needed_bps = 1 * M
    connection.available_bps = 1.5 * M
    connection.maxima(2 * MEMORY_S, missed=False)
    assert connection.maxima(2, missed=True) == [LOSSY_MAX_RATIO * 1 * M]


def test_webrtc_probes_by_itself_at_first() -> None:
    connection = Connection()
    assert connection.maxima(SETTLES_S, missed=True) == []
    assert connection.maxima(2, missed=True) != []
