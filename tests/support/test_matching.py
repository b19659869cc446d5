"""The judge of all end-to-end tests must itself be able to say no."""

import pytest

from tests.support.matching import Push, assert_pictures_match
from tests.support.viewer import Picture

PUSHED = [Push(f"p{n}", keyframe=n % 4 == 0, at=float(n)) for n in range(12)]


def view(*seen: tuple[float, str]) -> list[Picture]:
    return [Picture(at, name, "cam", "TR_1", (16, 16), 0, None, None, None) for at, name in seen]


def live(first: int, last: int = 11) -> list[tuple[float, str]]:
    return [(n + 0.1, f"p{n}") for n in range(first, last + 1)]


def test_a_view_of_everything_matches() -> None:
    assert_pictures_match(view(*live(0)), PUSHED)


def test_a_view_may_begin_with_a_gop_that_is_handed_over_again() -> None:
    assert_pictures_match(view((2.5, "p0"), (2.6, "p2"), (2.7, "p0"), (2.8, "p2"), *live(3)), PUSHED)


def test_a_view_may_end_early_where_the_test_broke_something() -> None:
    assert_pictures_match(view(*live(0, last=7)), PUSHED, until=8.0)


@pytest.mark.parametrize(
    ("seen", "complaint"),
    [
        ([], "no picture arrived"),
        ([*live(0, 5), (6.1, "green"), *live(7)], "never pushed"),
        ([*live(0, 5), *live(7)], r"1 of 11 pictures since 1 are missing: \[6\]"),
        (live(0, last=10), r"missing: \[11\]"),
        ([*live(0, 5), (5.5, "p3"), *live(6)], "picture 3 came after 5"),
        ([(99.0, "p11")], "nothing was pushed after"),
    ],
    ids=["nothing", "corrupt", "gap", "cut short", "backwards", "too late"],
)
def test_a_faulty_view_is_told(seen: list[tuple[float, str]], complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        assert_pictures_match(view(*seen), PUSHED)


def test_what_the_receiver_left_out_to_go_on_with_a_keyframe_is_excused() -> None:
    assert_pictures_match(view(*live(0, 5), *live(8)), PUSHED, left_out=lambda: 2)


@pytest.mark.parametrize(
    ("seen", "left_out"),
    [([*live(0, 5), *live(8)], 1), ([*live(0, 4), *live(6)], 9), (live(0, 10), 9)],
    ids=["more than it left out", "not before a keyframe", "the last"],
)
def test_nothing_else_is_excused(seen: list[tuple[float, str]], left_out: int) -> None:
    with pytest.raises(AssertionError, match="missing"):
        assert_pictures_match(view(*seen), PUSHED, left_out=lambda: left_out)
