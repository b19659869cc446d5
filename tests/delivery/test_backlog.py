"""The queue of pictures that wait: their order, and how much memory they take."""

from hypothesis import given
from hypothesis import strategies as st

from ingestd.delivery.backlog import Backlog
from ingestd.delivery.gop import HeldLimits
from ingestd.delivery.picture import Picture
from tests.delivery.transcript import access_unit

LIMITS = HeldLimits(max_bytes=100, max_pictures=5)


def picture(name: str, size: int = 0) -> Picture:
    return Picture(access_unit(name, size), 0, 0.0, 0.0, 0.0, 0)


def test_the_fuller_of_both_limits_counts() -> None:
    backlog = Backlog(LIMITS)
    assert backlog.used_ratio() == 0
    backlog.append(picture("K", 10))
    assert backlog.used_ratio() == 1 / 5
    backlog.append(picture("d", 90))
    assert backlog.used_ratio() == 1
    backlog.append(picture("d", 1))
    assert backlog.used_ratio() > 1


def test_streams_that_share_the_memory_share_bytes() -> None:
    backlog = Backlog(LIMITS)
    backlog.append(picture("K", 50))
    assert backlog.used_ratio(4) == 2


def test_what_waits_before_keyframes_is_counted() -> None:
    backlog = Backlog()
    for name, newest, oldest in (("d", 0, 1), ("d", 0, 2), ("K", 2, 2), ("d", 2, 2), ("K", 4, 2)):
        backlog.append(picture(name))
        assert backlog.before_newest_keyframe() == newest
        assert backlog.before_oldest_keyframe() == oldest


STEPS = st.tuples(st.sampled_from(["append", "append", "replace", "pop"]), st.sampled_from([1, 10, 60, 101]))


@given(st.lists(STEPS, max_size=40))
def test_the_size_is_that_of_all_pictures(steps: list[tuple[str, int]]) -> None:
    backlog, sizes = Backlog(LIMITS), list[int]()
    for step, size in steps:
        if step == "append":
            backlog.append(picture("d", size))
            sizes.append(size)
        elif sizes and step == "replace":
            backlog.replace_last(access_unit("d", size))
            sizes[-1] = size
        elif sizes:
            assert len(backlog.pop().access_unit.data) == sizes.pop(0)
        assert (len(backlog), backlog.size_bytes) == (len(sizes), sum(sizes))
