from dataclasses import replace
from itertools import pairwise

import pytest

from ingestd.delivery.accounting import Drop
from ingestd.delivery.b_frames import BFrames
from ingestd.delivery.delivery import Delivery
from ingestd.delivery.picture import Submission
from ingestd.media.access_unit import AccessUnit
from tests.delivery.transcript import INFO

FRAME_S = 1 / 30


def picture(kind: str) -> AccessUnit:
    """K: keyframe; P: in order, referred to; p: in order, not so; B: out of order, referred to; b: not so."""
    return AccessUnit(kind.encode(), kind == "K", INFO, reordered=kind in "Bb", discardable=kind in "pb")


def sent(kinds: str, *, leave_out: bool = True) -> str:
    b_frames = BFrames(leave_out=leave_out)
    return "".join(kind for kind in kinds if not b_frames.leaves_out(picture(kind)))


def test_b_frames_that_nothing_refers_to_are_left_out() -> None:
    assert sent("KPbbPbbKPbb") == "KPPKP"


def test_pictures_in_order_stay_though_nothing_refers_to_them() -> None:
    assert sent("KpPpPpP") == "KpPpPpP"
    assert sent("KpPbpP") == "KpPpP"


def test_nothing_is_left_out_where_the_order_stays_wrong() -> None:
    assert sent("KPBbbPBbb") == "KPBbbPBbb"


def test_up_to_the_first_that_others_refer_to_a_gop_is_in_order() -> None:
    assert sent("KPbPBbbPb KPbb KPbb".replace(" ", "")) == "KPPBbbPbKPKP"


def test_nothing_is_left_out_where_none_is_to_be() -> None:
    assert sent("KPbbPBbb", leave_out=False) == "KPbbPBbb"


def test_what_remains_is_counted_from_the_first_that_is_left_out() -> None:
    b_frames = BFrames(leave_out=True)
    for kind in "KPPPbbPbb":
        b_frames.leaves_out(picture(kind))
    assert (b_frames.pictures, b_frames.left_out) == (5, 4)


def play(kinds: str, *, leave_out: bool = True) -> tuple[Delivery, list[Submission]]:
    """Have them come in real time, and submit what is due."""
    delivery = Delivery(0.5, leave_out_b_frames=leave_out)
    delivery.opened(1000.0)
    submissions = []
    for n, kind in enumerate(kinds):
        now = 1000.0 + n * FRAME_S
        delivery.receive(picture(kind), now, 0)
        while (submission := delivery.take(now)) is not None:
            delivery.submitted(submission, True, now)
            delivery.running(now)
            submissions.append(submission)
            now += 0.002
    return delivery, submissions


def test_the_books_balance_and_nothing_is_frozen() -> None:
    delivery, submissions = play("KPbbPbbPbb")
    books = delivery.accounting
    assert [submission.picture.access_unit.data for submission in submissions] == [b"K", b"P", b"P", b"P"]
    assert books.received.total() == books.submitted + books.dropped[Drop.B_FRAME] == 10
    assert (books.dropped.total(), delivery.held, books.frozen_s) == (6, 0, 0.0)


def test_the_timestamps_of_what_remains_are_as_far_apart_as_the_pictures() -> None:
    _, submissions = play("K" + "Pbb" * 30)
    times = [submission.timestamp_us for submission in submissions[8:]]
    steps = [after - before for before, after in pairwise(times)]
    assert steps == pytest.approx([3 * FRAME_S * 1e6] * len(steps), abs=1000)


def in_decoding_order(gops: list[str]) -> list[tuple[AccessUnit, int]]:
    """What an encoder makes of GOPs in the order of showing: pictures, and the number of each in it."""
    coded: list[tuple[AccessUnit, int]] = []
    for gop in gops:
        first, waiting = len(coded), []
        for n, kind in enumerate(gop):
            if kind == "b":
                waiting.append(n)
                continue
            coded += [(replace(picture(gop[m]), picture_order=2 * m), first + m) for m in [n, *waiting]]
            waiting = []
    return coded


@pytest.mark.parametrize(
    "gops", [["KbbPbbPbbPbP"] * 9, ["KbbbPbPPbbP", "KPbbbPbbbPbP"] * 5], ids=["fixed", "adaptive"]
)
@pytest.mark.parametrize("live", [True, False], ids=["live", "file"])
def test_what_remains_is_shown_as_far_apart_as_it_was_captured(gops: list[str], live: bool) -> None:
    delivery = Delivery(0.5, live=live, framerate_fps=30.0)
    delivery.opened(1000.0)
    shown: list[tuple[int, int]] = []  # number, timestamp
    coded = in_decoding_order(gops)
    for n, (access_unit, _) in enumerate(coded):
        now = 1000.0 + n * FRAME_S
        delivery.receive(access_unit, now, 0)
        while (submission := delivery.take(now)) is not None:
            delivery.submitted(submission, True, now)
            delivery.running(now)
            shown.append((coded[submission.picture.number][1], submission.timestamp_us))
            now += 0.002
    settled = [seen for seen in shown if seen[0] > 2 * len(gops[0])]
    assert len(settled) > 20
    for (before, before_us), (after, after_us) in pairwise(settled):
        assert (after_us - before_us) / 1e6 == pytest.approx((after - before) * FRAME_S, abs=0.012)


def test_a_request_for_a_keyframe_raises_no_replay_while_the_order_stays_wrong() -> None:
    delivery, _ = play("KPBbbPBbb")
    now = 1000.0 + 9 * FRAME_S
    for _ in range(10):
        delivery.keyframe_requested(now)
        now += 0.5
        delivery.receive(picture("b"), now, 0)
        while (submission := delivery.take(now)) is not None:
            assert not submission.replayed
            delivery.submitted(submission, True, now)


def test_a_request_raises_one_where_b_frames_are_left_out() -> None:
    delivery, _ = play("KPbbPbb")
    now = 1000.0 + 7 * FRAME_S
    delivery.keyframe_requested(now)
    replayed = delivery.take(now + 1)
    assert replayed is not None
    assert replayed.replayed


@pytest.mark.parametrize("leave_out", [True, False], ids=["auto", "warn"])
def test_what_mends_nothing_is_known_up_to_one_gop_behind(leave_out: bool) -> None:
    b_frames = BFrames(leave_out=leave_out)

    def after(kinds: str) -> tuple[bool, bool]:
        for kind in kinds:
            b_frames.leaves_out(picture(kind))
        return b_frames.beyond_cure, b_frames.referred_to

    assert after("KP") == (False, False)
    assert after("b") == (False, False)
    assert after("PBb") == (leave_out, True)
    assert after("KP") == (leave_out, True)
    assert after("KP") == (False, False)


def test_picture_order_counts_that_grow_by_more_are_followed_one_gop_behind() -> None:
    b_frames = BFrames(leave_out=True)
    later: list[float] = []
    for step in (1, 1, 2, 2, 2):
        for unit, number in in_decoding_order(["KbbPbbP"]):
            if not b_frames.leaves_out(replace(unit, picture_order=step * number)):
                later.append(b_frames.later_pictures)
    assert later[-3:] == later[3:6] == [0, 2, 2]


def test_another_encoder_begins_from_nothing() -> None:
    delivery, _ = play("KPBbb")
    assert delivery.b_frames.beyond_cure
    delivery.new_encoder()
    assert not delivery.b_frames.beyond_cure
