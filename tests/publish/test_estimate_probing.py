"""When WebRTC is to probe: for streams that have grown, not on links that have shrunk."""

from dataclasses import dataclass, field

from ingestd.publish.estimate_probing import MAX_INTERVAL_S, EstimateProbing

M = 1_000_000


@dataclass
class Link:
    """A connection whose streams need so much, looked at twice a second."""

    needed_bps: float = 2 * M
    now: float = 100.0
    probed_at: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.probing = EstimateProbing(
            lambda: self.needed_bps, lambda: self.probed_at.append(self.now), clock=lambda: self.now
        )

    def look(self, available_bps: float, times: int = 1) -> int:
        """Return how many probes there were."""
        before = len(self.probed_at)
        for _ in range(times):
            self.probing.estimated(available_bps)
            self.now += 0.5
        return len(self.probed_at) - before


def test_a_stream_that_grows_is_probed_for_at_once() -> None:
    link = Link()
    assert link.look(7 * M, 10) == 0
    link.needed_bps = 12 * M
    assert link.look(7 * M) == 1
    assert link.look(30 * M, 10) == 0
    link.needed_bps = 50 * M
    assert link.look(40 * M) == 1


def test_a_link_that_shrinks_is_not_probed() -> None:
    link = Link()
    link.look(7 * M)
    assert link.look(0.7 * M, 100) == 0
    link.needed_bps = 2.4 * M  # as streams vary
    assert link.look(0.7 * M, 100) == 0


def test_a_link_that_was_too_slow_from_the_start_is_not_probed() -> None:
    assert Link().look(1 * M, 100) == 0


def test_a_link_that_does_not_carry_what_has_grown_is_probed_less_and_less() -> None:
    link = Link()
    link.look(7 * M)
    link.needed_bps = 12 * M
    probes = link.look(7 * M, 2 * 300)
    assert 5 <= probes <= 18
    assert link.probed_at[-1] - link.probed_at[-2] >= MAX_INTERVAL_S / 2
