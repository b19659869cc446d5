"""The soak's judges notice what they are there for."""

from collections.abc import Callable

import pytest

from tests.soak.audience import View
from tests.soak.ledger import AFTER_THE_NEXT_S, Ledger
from tests.soak.vitals import FILES_ONCE, MEMORY_ONCE_BYTES, THREADS_ONCE, Vitals, growth
from tests.support.viewer import Picture


@pytest.fixture
def ledger() -> Ledger:
    """A GOP of four pictures, one a second, and the next keyframe."""
    ledger = Ledger()
    for number, name in enumerate("KabcL"):
        ledger.push(name, name in "KL", float(number))
    return ledger


@pytest.fixture
def findings() -> list[str]:
    return []


@pytest.fixture
def see(ledger: Ledger, findings: list[str]) -> Callable[..., View]:
    view = View("view", ledger, 0, findings.append)

    def see(*pictures: tuple[str, int | None], at: float = 5.0) -> View:
        for name, frame_id in pictures:
            view.see(Picture(at, name, "cam", "TR_1", (160, 120), 0, None, frame_id, None))
        return view

    return see


def test_what_was_pushed_may_be_seen_and_seen_again_from_the_keyframe_on(
    see: Callable[..., View], findings: list[str]
) -> None:
    view = see(("K", 0), ("a", 1), ("K", 0), ("a", 1), ("b", 2), ("c", 3), ("L", 4))
    assert (findings, view.seen, view.missing) == ([], 7, 0)


def test_a_gap_is_missing_until_a_replay_fills_it(see: Callable[..., View], findings: list[str]) -> None:
    see(("K", 0), at=0.5)
    assert see(("c", 3)).missing == 2
    assert see(("K", 0), ("a", 1), ("b", 2)).missing == 0
    assert findings == []


def test_what_was_pushed_before_it_watched_is_not_missing(see: Callable[..., View]) -> None:
    see(("K", 0), at=1.5)
    assert see(("c", 3)).missing == 1


def test_a_picture_that_was_never_pushed_is_found(see: Callable[..., View], findings: list[str]) -> None:
    see(("K", 0), ("x", 1))
    assert findings == ["view: a picture that was never pushed, number 1"]


def test_a_picture_before_it_was_pushed_is_found(see: Callable[..., View], findings: list[str]) -> None:
    see(("c", 3), at=2.5)
    assert len(findings) == 1


def test_behind_a_keyframe_whose_id_is_not_known_any_step_may_be_one_back(
    see: Callable[..., View], findings: list[str]
) -> None:
    see(("K", None), ("a", 1), ("b", 2), ("K", None), ("a", 1))
    assert findings == []


def test_a_step_back_to_a_delta_is_found(see: Callable[..., View], findings: list[str]) -> None:
    see(("K", 0), ("a", 1), ("b", 2), ("a", 1))
    assert findings == ["view: from id 2 back to 1, no keyframe"]


def test_numbers_that_do_not_follow_the_pictures_are_found(
    see: Callable[..., View], findings: list[str]
) -> None:
    see(("b", 0), ("a", 1))
    assert findings == ["view: picture 2 had id 0, picture 1 has 1"]


def test_torn_pictures_are_expected_from_the_tear_until_others_have_come_through(ledger: Ledger) -> None:
    ledger.spoil(10.0)
    assert not ledger.spoilt(8.0)
    assert ledger.spoilt(100.0)
    ledger.push("M", True, 101.0)
    assert ledger.spoilt(101.0 + AFTER_THE_NEXT_S)
    assert not ledger.spoilt(101.1 + AFTER_THE_NEXT_S)


@pytest.mark.parametrize(
    ("more", "found"),
    [
        (Vitals(MEMORY_ONCE_BYTES, THREADS_ONCE, FILES_ONCE), 0),
        (Vitals(2 * MEMORY_ONCE_BYTES, 0, 0), 1),
        (Vitals(0, THREADS_ONCE + 1, 0), 1),
        (Vitals(0, 0, FILES_ONCE + 1), 1),
    ],
)
def test_what_grows_after_the_first_round_is_found(more: Vitals, found: int) -> None:
    small, usual = Vitals(1 << 20, 5, 20), Vitals(100 << 20, 40, 60)
    grown = Vitals(usual.memory + more.memory, usual.threads + more.threads, usual.files + more.files)
    assert len(growth([small, usual, grown])) == found
    assert growth([small, grown]) == [], "the first round is for warming up"
