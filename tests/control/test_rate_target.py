"""Links that dip, recover and carry replays, as the encoder's target follows them."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ingestd.control.rate_target import DIVE_RATIO, FALL_WINDOW_S, REPLAY_WINDOW_S, RateTarget

MIN_BPS, MAX_BPS = 100_000, 4_000_000
ANSWER_RATIO = 1.2  # libwebrtc's EncoderBitrateAdjuster, until it has seen 30 pictures


def test_nothing_is_asked_for_before_webrtc_knows_the_link() -> None:
    target = RateTarget(MIN_BPS, MAX_BPS)
    target.delayed(3.0)
    assert target.bps(0.0) is None


def test_on_a_link_that_carries_the_stream_it_is_what_webrtc_allots() -> None:
    target = RateTarget(MIN_BPS, None)
    target.allotted(5_000_000, 0.0)
    assert target.bps(0.0) == 5_000_000


def test_a_link_that_dips_is_left_room_at_once_and_given_back_what_it_carries() -> None:
    target = RateTarget(MIN_BPS, MAX_BPS)
    target.allotted(4_000_000, 0.0)
    target.allotted(4_000_000, 9.0)
    target.allotted(3_000_000, 9.2)
    assert target.bps(9.2) == 3_000_000 * (3 / 4) ** 2
    target.allotted(1_000_000, 9.4)
    assert target.bps(9.4) == DIVE_RATIO * 1_000_000
    assert target.bps(9.5 + FALL_WINDOW_S) == 1_000_000


def test_what_webrtc_leaves_free_for_a_second_after_an_answer_is_no_dip() -> None:
    target = RateTarget(MIN_BPS, MAX_BPS)
    target.allotted(4_000_000, 0.0)
    target.allotted(4_000_000, 9.0)
    target.allotted(4_000_000 / ANSWER_RATIO, 9.2)
    assert target.bps(9.2) == round(4_000_000 / ANSWER_RATIO)
    assert not target.dips(9.2)


def test_what_webrtc_takes_back_of_its_first_guess_is_no_dip() -> None:
    target = RateTarget(MIN_BPS, MAX_BPS)
    target.allotted(3_000_000, 0.0)
    target.allotted(1_800_000, 0.4)
    assert target.bps(0.4) == 1_800_000


def test_a_dip_is_over_once_when_webrtc_falls_no_more_and_nothing_waits() -> None:
    target = RateTarget(MIN_BPS, MAX_BPS)
    target.allotted(4_000_000, 0.0)
    target.allotted(4_000_000, 9.0)
    assert not target.dipped
    target.allotted(1_000_000, 9.4)
    assert target.dipped
    target.delayed(1.0)
    later = 9.5 + FALL_WINDOW_S
    target.allotted(1_000_000, later)
    assert not target.dip_over(later)
    target.delayed(0.0)
    assert [target.dip_over(later), target.dip_over(later)] == [True, False]
    assert not target.dipped


def test_a_slow_decline_is_followed_step_by_step() -> None:
    target = RateTarget(MIN_BPS, MAX_BPS)
    for second in range(20):
        target.allotted(4_000_000 * 0.95**second, float(second))
        assert target.bps(float(second)) == round(4_000_000 * 0.95**second)


def test_a_fall_above_the_maximum_is_none() -> None:
    target = RateTarget(MIN_BPS, MAX_BPS)
    target.allotted(40_000_000, 0.0)
    target.allotted(5_000_000, 0.1)
    assert target.bps(0.1) == MAX_BPS


def test_the_longer_pictures_wait_in_webrtc_the_less_is_asked_for() -> None:
    target, asked = RateTarget(MIN_BPS, MAX_BPS), list[int]()
    target.allotted(1_000_000, 0.0)
    for send_delay_s in (0.0, 0.03, 0.1, 0.5, 1.0):
        target.delayed(send_delay_s)
        asked.append(target.bps(0.0) or 0)
    assert asked[:2] == [1_000_000, 1_000_000]
    assert all(later < sooner for sooner, later in pairwise(asked[1:]))


def test_a_replay_is_taken_off_while_it_is_on_its_way() -> None:
    target = RateTarget(MIN_BPS, MAX_BPS)
    target.allotted(1_000_000, 0.0)
    target.replayed(50_000, 0.0)
    assert target.bps(0.0) == 1_000_000 - 50_000 * 8 / REPLAY_WINDOW_S
    assert target.bps(1.1 * REPLAY_WINDOW_S) == 1_000_000


def test_what_a_lost_track_was_allotted_says_nothing_of_the_next() -> None:
    target = RateTarget(MIN_BPS, MAX_BPS)
    target.allotted(1_000_000, 0.0)
    target.new_track()
    assert target.bps(0.1) is None


EVENTS = st.lists(
    st.tuples(
        st.floats(0, 2), st.sampled_from(["allotted", "delayed", "replayed"]), st.integers(0, 10_000_000)
    )
)


@given(EVENTS, st.integers(10_000, 1_000_000), st.none() | st.integers(10_000, 10_000_000))
def test_it_stays_between_minimum_and_maximum_and_is_never_more_than_webrtc_allots(
    events: list[tuple[float, str, int]], min_bps: int, max_bps: int | None
) -> None:
    target, now, allotted = RateTarget(min_bps, max_bps), 0.0, None
    for pause_s, event, size in events:
        now += pause_s
        match event:
            case "allotted":
                target.allotted(size, now)
                allotted = size
            case "delayed":
                target.delayed(size / 1e6)
            case "replayed":
                target.replayed(size, now)
        asked = target.bps(now)
        assert (asked is None) == (allotted is None)
        if asked is not None and allotted is not None:
            least = min_bps if max_bps is None else min(min_bps, max_bps)
            assert least <= asked <= (max_bps or 10**9)
            assert asked <= max(allotted, least)
