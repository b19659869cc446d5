"""The pictures held for a replay: which they are, and how much memory they take."""

from hypothesis import given
from hypothesis import strategies as st

from ingestd.delivery.gop import Gop, HeldLimits
from ingestd.delivery.picture import Picture
from tests.delivery.transcript import access_unit

LIMITS = HeldLimits(max_bytes=100, max_pictures=5)


def picture(name: str, size: int = 0) -> Picture:
    return Picture(access_unit(name, size), 0, 0.0, 0.0, 0.0, 0)


def names(gop: Gop) -> list[str]:
    return [gop[i].access_unit.data.decode().rstrip(".") for i in range(len(gop))]


def test_a_gop_begins_with_a_keyframe() -> None:
    gop = Gop()
    gop.append(picture("d1"))
    assert names(gop) == []
    for name in ("K2", "d3", "K4", "d5"):
        gop.append(picture(name))
    assert names(gop) == ["K4", "d5"]


def test_as_much_as_the_limits_is_held_and_no_more() -> None:
    for size, count in ((20, 5), (25, 4)):
        gop = Gop(LIMITS)
        gop.append(picture("K", size))
        for _ in range(count - 1):
            gop.append(picture("d", size))
        assert len(gop) == count
        gop.append(picture("d", size))
        assert (len(gop), gop.size_bytes) == (0, 0)


def test_streams_that_share_the_memory_hold_a_part_of_it_each() -> None:
    gop = Gop(LIMITS)
    gop.sharers = 4
    gop.append(picture("K", 25))
    assert len(gop) == 1
    gop.append(picture("d", 1))
    assert (len(gop), gop.size_bytes) == (0, 0)


def test_what_the_last_picture_is_replaced_by_takes_its_place() -> None:
    gop = Gop(LIMITS)
    for name, size in (("K1", 10), ("d2", 60)):
        gop.append(picture(name, size))
    gop.replace_last(access_unit("d2-whole", 90))
    assert (names(gop), gop.size_bytes) == (["K1", "d2-whole"], 100)
    gop.replace_last(access_unit("d2-whole", 91))
    assert (names(gop), gop.size_bytes) == ([], 0)


APPEND = st.tuples(st.just("append"), st.sampled_from("Kddd"), st.sampled_from([1, 5, 20, 101]))
REPLACE = st.tuples(st.just("replace"), st.just("d"), st.sampled_from([1, 5, 20, 101]))
CLEAR = st.just(("clear", "", 0))


@given(st.lists(st.one_of(APPEND, APPEND, REPLACE, CLEAR), max_size=40))
def test_the_size_is_that_of_all_pictures_and_within_the_limits(steps: list[tuple[str, str, int]]) -> None:
    gop = Gop(LIMITS)
    for step, name, size in steps:
        if step == "append":
            gop.append(picture(name, size))
        elif step == "clear":
            gop.clear()
        elif len(gop):
            gop.replace_last(access_unit("K" if len(gop) == 1 else name, size))
        assert (
            gop.size_bytes == sum(len(gop[i].access_unit.data) for i in range(len(gop))) <= LIMITS.max_bytes
        )
        assert len(gop) <= LIMITS.max_pictures
