from typing import Any

import pytest

from ingestd.delivery.congestion import MAX_FREEZE_S, PACING_RATIO
from ingestd.delivery.gop import Gop
from ingestd.delivery.pacer import HURRIED_SPACING_S
from ingestd.delivery.picture import Picture
from ingestd.delivery.replays import (
    CALM_S,
    FIRST_COOLDOWN_S,
    GATHER_S,
    GUESSED_TARGET_S,
    MAX_SENDING_S,
    MAX_SUBMITTING_S,
    OVERDUE_COOLDOWNS,
    SHORT_WAIT_S,
    SLOW_MOTION_INTERVAL_S,
    SLOW_MOTION_RATIO,
    START_S,
    WORTH_RATIO,
    Replay,
    Replays,
)
from tests.delivery.transcript import access_unit

LIVE_BPS = 1e6
LATER = GUESSED_TARGET_S + START_S


def gop(pictures: int, size: int = 1) -> Gop:
    held = Gop()
    for number in range(pictures):
        held.append(Picture(access_unit("d" if number else "K", size), number, 0.0, 0.0, 0.0, 0))
    return held


def replays(policy: Replay = Replay.ALWAYS, target_bps: float | None = None) -> Replays:
    made = Replays(policy, 8e6)
    made.begin_track(0.0)
    made.set_target(target_bps)
    return made


@pytest.mark.parametrize(
    ("policy", "at_first", "later"),
    [
        (Replay.AUTO, True, True),
        (Replay.ALWAYS, True, True),
        (Replay.START, True, False),
        (Replay.NEVER, False, False),
    ],
)
def test_when_the_policy_allows_replays(policy: Replay, at_first: bool, later: bool) -> None:
    made = replays(policy)
    assert made.does_good(gop(2), None, LIVE_BPS, START_S / 2) is at_first
    assert made.does_good(gop(2), None, LIVE_BPS, LATER) is later


def test_without_a_gop_there_is_nothing_to_replay() -> None:
    assert not replays().does_good(Gop(), None, LIVE_BPS, LATER)


def test_a_gop_that_takes_too_long_to_submit_is_not_replayed() -> None:
    most = int(MAX_SUBMITTING_S / HURRIED_SPACING_S)
    assert replays().does_good(gop(most), None, LIVE_BPS, LATER)
    assert not replays().does_good(gop(most + 1), None, LIVE_BPS, LATER)


def test_a_gop_that_takes_too_long_to_send_is_not_replayed() -> None:
    size = 1_000_000
    target = size * 8 / PACING_RATIO / MAX_SENDING_S
    assert replays(target_bps=target * 1.001).does_good(gop(1, size), None, LIVE_BPS, LATER)
    assert not replays(target_bps=target * 0.999).does_good(gop(1, size), None, LIVE_BPS, LATER)
    assert target == pytest.approx(size * 8 / 5), "five seconds at the rate of the link"


def test_a_keyframe_that_comes_before_much_is_sent_is_better_than_a_replay() -> None:
    made, held = replays(target_bps=2e6), gop(1, 500_000)
    assert made.does_good(held, None, LIVE_BPS, LATER)
    assert made.does_good(held, 0.81, LIVE_BPS, LATER)
    assert not made.does_good(held, 0.79, LIVE_BPS, LATER)


def test_a_congested_link_is_spared_and_a_first_estimate_is_trusted_less() -> None:
    made = replays(target_bps=0.5 * LIVE_BPS)
    assert made.does_good(gop(2), None, LIVE_BPS, GUESSED_TARGET_S / 2)
    assert made.suits_new_track(LIVE_BPS, 0.0)
    assert not made.does_good(gop(2), None, LIVE_BPS, LATER)
    made.set_target(0.2 * LIVE_BPS)
    assert not made.suits_new_track(LIVE_BPS, 0.0)


def test_every_replay_doubles_the_pause_before_the_next_until_requests_stop() -> None:
    made = replays()
    for n in range(3):
        made.end(10.0)
        assert made.ready_at == pytest.approx(10 + FIRST_COOLDOWN_S * 2**n)
    made.request(11 + CALM_S, 0.0)
    made.end(20.0)
    assert made.ready_at == pytest.approx(20 + FIRST_COOLDOWN_S)


def test_a_replay_waits_for_an_encoder_that_may_answer() -> None:
    made = replays()
    made.request(10.0, 0.2)
    assert made.ready_at == pytest.approx(10.2)


def test_pictures_come_in_order_from_the_keyframe_on() -> None:
    made, held = replays(), gop(3)
    made.begin(10.0)
    assert [made.next_picture(held).number for _ in range(made.left(held))] == [0, 1, 2]
    assert made.left(held) == 0
    made.begin(10.0, index=1)
    assert made.next_picture(held).number == 1


def test_who_asks_long_after_a_replay_began_has_missed_its_keyframe() -> None:
    made = replays()
    made.begin(10.0)
    assert not made.missed(10 + 0.9 * OVERDUE_COOLDOWNS * FIRST_COOLDOWN_S)
    late = 10 + 1.1 * OVERDUE_COOLDOWNS * FIRST_COOLDOWN_S
    assert made.missed(late)
    made.begin_again(late)
    assert not made.missed(late + 1.1 * OVERDUE_COOLDOWNS * FIRST_COOLDOWN_S), "only after twice as long"


def test_one_who_has_come_does_not_wait_because_of_replays_for_others() -> None:
    made = replays()
    for _ in range(6):
        made.end(10.0)
    made.request(10.5, 0.0)
    assert made.ready_at > 13
    made.request(10.5, 0.0, came_at=10.4)
    assert made.ready_at == 10.5
    made.end(10.6)
    assert made.ready_at == pytest.approx(10.6 + FIRST_COOLDOWN_S)


def test_where_others_watch_a_replay_waits_for_more_who_come_and_is_worth_what_it_costs() -> None:
    made, held = replays(), gop(1, 500_000)
    made.set_link(5e6)  # at 5.5 Mbit/s it is sent in 0.73 s
    made.request(10.0, 0.0, shared=True)
    assert made.ready_at == pytest.approx(10 + GATHER_S)
    assert not made.does_good(held, WORTH_RATIO * 0.7, LIVE_BPS, LATER)
    assert made.does_good(held, WORTH_RATIO * 0.75, LIVE_BPS, LATER)
    assert not made.does_good(gop(2), SHORT_WAIT_S * 0.9, LIVE_BPS, LATER)
    assert made.does_good(gop(2), SHORT_WAIT_S * 1.1, LIVE_BPS, LATER)
    made.request(11.0, 0.0)
    assert made.does_good(gop(2), SHORT_WAIT_S * 0.9, LIVE_BPS, LATER), "no one else watches"


def test_in_silence_the_start_policy_allows_a_replay_and_no_gop_is_too_long() -> None:
    held = gop(int(MAX_SUBMITTING_S / HURRIED_SPACING_S) + 1)
    assert replays(Replay.START).does_good(held, None, 0.0, LATER)
    assert not replays(Replay.NEVER).does_good(held, None, 0.0, LATER)


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({}, True),
        ({"next_keyframe_s": None}, True),
        ({"next_keyframe_s": MAX_FREEZE_S}, False),
        ({"policy": Replay.AUTO}, True),
        ({"policy": Replay.START}, False),
        ({"policy": Replay.NEVER}, False),
        ({"link_bps": None}, False),
        ({"link_bps": 0.9 * SLOW_MOTION_RATIO * LIVE_BPS}, False),
        ({"now": LATER + SLOW_MOTION_INTERVAL_S / 2}, False),
    ],
)
def test_slow_motion_is_better_than_a_long_freeze(change: dict[str, Any], shown: bool) -> None:
    case: dict[str, Any] = {
        "policy": Replay.ALWAYS,
        "link_bps": SLOW_MOTION_RATIO * LIVE_BPS,
        "next_keyframe_s": MAX_FREEZE_S + 0.1,
        "now": LATER + SLOW_MOTION_INTERVAL_S,
    } | change
    made = replays(case["policy"])
    made.begin(LATER, slow=True)
    made.set_link(case["link_bps"])
    assert made.shows_slowly(case["next_keyframe_s"], LIVE_BPS, case["now"]) is shown
