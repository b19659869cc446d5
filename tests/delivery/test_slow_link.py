"""What a slow link makes of pictures, told as events and what follows from them."""

from typing import Any

import pytest

from ingestd.delivery.accounting import Drop
from ingestd.delivery.congestion import ESTIMATE_SETTLES_S, MAX_FREEZE_S, PACING_RATIO
from ingestd.delivery.gop import HELD_LIMITS
from ingestd.delivery.pacer import RELAXED_SPACING_S
from ingestd.delivery.replays import Replay
from ingestd.delivery.states import State
from tests.delivery.transcript import CALL, FRAME, Transcript, access_unit

# When pictures wait in WebRTC.


def congested(names: str = "K1 d2 d3 K4 d5", *, link_good: bool = False, **options: Any) -> Transcript:
    """A keyframe every 100 ms, and pictures that have waited for 0.6 s in WebRTC."""
    script = Transcript.running(names, **options)
    script.pass_time(ESTIMATE_SETTLES_S)
    script.read_statistics(0.0)
    script.receive("K6")
    script.pass_time(3 * FRAME)
    script.receive("K7")
    assert script.drain(0.05) == "K6 K7"
    script.read_statistics(0.6, link_good=link_good)
    return script


def test_what_waits_too_long_in_webrtc_is_cut_up_to_the_next_keyframe() -> None:
    script = congested()
    assert script.delivery.slow_link.congested
    assert script.receive("d8 d9") == [Drop.CONGESTED] * 2
    assert script.receive("K10 d11") == [None, None]
    assert script.drain(0.3) == "", "what was submitted before has yet to leave"
    script.read_statistics(0.6)
    assert script.drain(0.3) == ""
    script.read_statistics(0.3)
    assert script.drain() == "K10 d11"
    assert script.dropped() == {"congested": 2}


def test_a_file_that_waits_for_its_own_pace_is_not_late() -> None:
    script = Transcript.running("K1", live=False)
    script.receive(" ".join(f"d{number}" for number in range(3, 60)))
    script.pass_time(0.7)
    assert script.delivery.pace is not None
    assert script.delivery.backlog_s(script.now) > 0.5
    script.read_statistics(0.0)
    assert not script.delivery.slow_link.congested
    script.pass_time(ESTIMATE_SETTLES_S)
    script.read_statistics(0.0)
    script.receive("K60 d61")
    script.read_statistics(0.6)
    assert script.dropped() == {}, "it comes whole, however long its first pictures wait in WebRTC"


def test_a_link_that_is_good_again_brings_every_picture() -> None:
    script = congested(link_good=True)
    assert script.delivery.slow_link.congested
    assert script.receive("d8 d9") == [None, None]
    assert script.drain() == "d8 d9"


def test_only_the_newest_keyframe_waits_for_webrtc() -> None:
    script = congested()
    script.receive("K8 d9 K10 d11")
    script.pass_time(1)
    script.read_statistics(0.0)
    assert script.drain() == "K10 d11"
    assert script.dropped() == {"congested": 2}
    script.read_statistics(0.0)
    assert not script.delivery.slow_link.congested


def test_where_the_next_keyframe_is_far_away_late_pictures_are_better_than_none() -> None:
    script = Transcript.running("K1 d2")
    script.pass_time(2 * MAX_FREEZE_S)
    script.read_statistics(0.0)
    script.receive("K3")
    assert script.drain(0.01) == "K3"
    script.read_statistics(5.0)
    assert script.receive("d4") == [None]
    assert script.drain(MAX_FREEZE_S + 3 * FRAME) == "d4"
    script.read_statistics(5.0)
    assert script.receive("d5") == [Drop.CONGESTED]


def test_while_webrtc_finds_out_what_the_link_carries_nothing_is_cut() -> None:
    script = Transcript.running("K1 d2 d3 K4 d5")
    script.read_statistics(1.5)
    assert script.receive("d6") == [None]
    assert script.drain(ESTIMATE_SETTLES_S) == "d6"
    script.receive("K7")
    script.read_statistics(1.5)
    assert script.drain() == "K7", "late from the beginning: it is still finding out"


def test_what_waits_in_webrtc_behind_a_replay_is_not_cut() -> None:
    script = Transcript.running("K1 d2 d3 K4 d5")
    script.pass_time(ESTIMATE_SETTLES_S)
    script.receive("K6")
    script.read_statistics(0.0)
    assert script.drain(0.01) == "K6"
    script.ask_for_keyframe()
    assert script.drain(0.01) == "(K6)"
    script.pass_time(FRAME)
    script.receive("K7 d8")
    script.read_statistics(0.6)
    assert script.drain() == "K7 d8"
    script.receive("K9")
    script.read_statistics(0.6)
    assert script.drain() == "K9", "the replay is still on its way"


def test_a_keyframe_that_waits_is_near_however_far_apart_they_are() -> None:
    script = Transcript.running("K1 d2")
    script.pass_time(4 * MAX_FREEZE_S)
    script.read_statistics(0.0)
    script.receive("K3")
    assert script.drain(4 * MAX_FREEZE_S) == "K3"
    script.receive("K4")
    script.read_statistics(5.0)
    assert script.delivery.slow_link.draining


def test_what_waits_with_us_alone_is_no_sign_of_a_slow_link() -> None:
    script = Transcript.running("K1 d2 d3 K4 d5")
    script.pass_time(ESTIMATE_SETTLES_S)
    script.read_statistics(0.0)
    script.receive("K6")
    script.pass_time(0.6)
    script.read_statistics(0.05)
    assert script.drain() == "K6"


def test_a_picture_late_in_a_queue_that_grows_is_cut_before_it_leaves() -> None:
    script = Transcript.running("K1 d2 d3 K4 d5 d6 K7")
    script.pass_time(ESTIMATE_SETTLES_S - FRAME)
    script.read_statistics(0.0)
    for name in ("K8", "K9"):
        script.pass_time(FRAME)
        script.delivery.receive(access_unit(name, size=25_000), script.now, 0)
    assert script.drain(0.05) == "K8 K9"
    script.read_statistics(0.3, available_bps=1e6)
    assert script.receive("d10") == [None]
    script.read_statistics(0.3, available_bps=1e5)
    assert script.receive("d11") == [Drop.CONGESTED]


# When WebRTC leaves out pictures.

SLOW_BPS, GOOD_BPS = 1, 10_000_000


def held_back(names: str = "K1 d2 d3") -> Transcript:
    """WebRTC has left out some of these, and the link carries next to nothing."""
    script = Transcript.running(names)
    script.read_statistics(0.0, available_bps=SLOW_BPS)
    script.delivery.slow_link.held_back(script.now, keyframe_left_out=False)
    return script


def test_what_webrtc_holds_back_on_a_slow_link_waits_for_a_keyframe() -> None:
    script = held_back()
    assert script.receive("d4 d5") == [None, None]
    assert script.drain(1) == ""
    script.receive("K6 d7")
    assert script.drain() == "K6 d7"
    assert script.dropped() == {"backlog": 2}


def test_what_is_held_back_begins_with_the_keyframe() -> None:
    script = Transcript.running("K1 d2 d3")
    assert script.delivery.slow_link.held_back_s(script.now) == 0.0
    script.delivery.slow_link.held_back(script.now, keyframe_left_out=False)
    assert script.delivery.slow_link.held_back_s(script.now) == pytest.approx(3 * FRAME, abs=3 * CALL)


def test_a_picture_is_risked_where_a_keyframe_is_near_and_the_encoder_does_not_answer() -> None:
    script = Transcript.running("K1 d2 d3")
    slow_link = script.delivery.slow_link
    assert not slow_link.may_risk(script.now), "there was one alone"
    deltas = (f"d{number}" for number in range(11, 100))
    script = Transcript.running(" ".join(["K10", *deltas, "K100"]))
    next_keyframe_s = script.delivery.rates.next_keyframe_s(script.now)
    assert next_keyframe_s is not None
    assert next_keyframe_s > MAX_FREEZE_S
    keyframe_at = script.now + next_keyframe_s
    assert not script.delivery.slow_link.may_risk(keyframe_at - 1.1 * MAX_FREEZE_S)
    near = keyframe_at - 0.9 * MAX_FREEZE_S
    assert script.delivery.slow_link.may_risk(near)
    script.delivery.encoder_response.asked(script.now, FRAME)
    script.delivery.encoder_response.keyframe(script.now + FRAME, in_turn=False)
    assert script.delivery.encoder_response.answers
    assert not script.delivery.slow_link.may_risk(near)


def test_what_webrtc_holds_back_is_made_up_for_when_the_link_is_good_again() -> None:
    script = held_back()
    script.receive("d4")
    script.read_statistics(0.0, available_bps=GOOD_BPS)
    script.receive("d5")
    assert script.drain() == "(K1) (d2) (d3) d4 d5"
    assert script.dropped() == {}


def test_while_nothing_is_sent_the_keyframe_alone_has_webrtc_find_out_what_the_link_carries() -> None:
    script = held_back()
    script.receive("d4")
    script.read_statistics(0.0, available_bps=SLOW_BPS, link_idle=True)
    assert script.drain(1) == "(K1)"
    script.read_statistics(0.0, available_bps=SLOW_BPS)
    assert script.drain(1) == ""
    script.read_statistics(0.0, available_bps=GOOD_BPS)
    assert script.drain() == "(K1) (d2) (d3) d4"


def test_a_keyframe_that_webrtc_leaves_out_is_submitted_again_with_all_that_refers_to_it() -> None:
    script = Transcript.running("K1 d2 d3")
    script.read_statistics(0.0, available_bps=GOOD_BPS / 10)
    script.receive("d4")
    script.delivery.slow_link.held_back(script.now, keyframe_left_out=True)
    assert script.drain() == "(K1) (d2) (d3) d4"


def test_a_replay_that_webrtc_holds_back_begins_again() -> None:
    script = held_back()
    script.read_statistics(0.0, available_bps=GOOD_BPS)
    assert script.take() == "(K1)"
    script.pass_time(FRAME)
    assert script.take() == "(d2)"
    script.delivery.slow_link.held_back(script.now, keyframe_left_out=True)
    assert script.drain() == "(K1) (d2) (d3)"


def held_back_far_from_a_keyframe() -> tuple[Transcript, float]:
    """A script and the bits per second that its link carries: half of what its stream needs."""
    script = Transcript.running(" ".join(["K10", *(f"d{number}" for number in range(11, 100))]))
    carried_bps = script.delivery.rates.bitrate_bps(script.now) / 2
    script.read_statistics(0.0, available_bps=carried_bps)
    script.delivery.slow_link.held_back(script.now, keyframe_left_out=False)
    return script, carried_bps


def test_far_from_a_keyframe_viewers_see_in_slow_motion_what_webrtc_holds_back() -> None:
    script, carried_bps = held_back_far_from_a_keyframe()
    assert script.delivery.slow_link.waited_for, "the encoder is to be asked for a keyframe"
    script.handed_over_at.clear()
    script.drain(2.0)
    assert len(script.handed_over_at) == pytest.approx(2.0 * carried_bps * PACING_RATIO / 24, rel=0.1)


def test_slow_motion_ends_with_the_next_keyframe() -> None:
    script, _ = held_back_far_from_a_keyframe()
    script.receive("d100 d101")
    script.drain(1.0)
    script.receive("K102 d103")
    assert script.drain(0.5) == "K102 d103"
    assert script.dropped() == {"backlog": 2}


def test_slow_motion_catches_up_when_the_link_is_good_again() -> None:
    script, _ = held_back_far_from_a_keyframe()
    script.receive("d100")
    script.drain(1.0)
    script.read_statistics(0.0, available_bps=GOOD_BPS)
    assert script.drain(1.0).endswith(" (d99) d100")


def test_the_keyframe_alone_does_not_hold_up_what_comes_after_slow_motion() -> None:
    script, carried_bps = held_back_far_from_a_keyframe()
    script.drain(0.5)
    script.delivery.slow_link.held_back(script.now, keyframe_left_out=False)
    script.read_statistics(0.0, available_bps=carried_bps, link_idle=True)
    script.pass_time(0.1)  # the last picture is sent
    assert script.take() == "(K10)"
    script.receive("K100")
    assert script.drain(FRAME / 2 + CALL) == "K100"


@pytest.mark.parametrize("replay", [Replay.NEVER, Replay.START])
def test_what_viewers_would_see_once_more_is_not_made_up_for_where_they_are_not_to(replay: Replay) -> None:
    script = Transcript.running("K1 d2 d3", replay=replay)
    script.read_statistics(0.0, available_bps=SLOW_BPS)
    script.delivery.slow_link.held_back(script.now, keyframe_left_out=False)
    for number in range(4, 300):
        script.receive(f"d{number}")
        script.pass_time(FRAME)
    script.read_statistics(0.0, available_bps=100)
    assert script.drain() == ""


def test_a_gop_too_large_to_hold_is_not_made_up_for() -> None:
    script = held_back()
    script.delivery.correct(access_unit("d3", size=HELD_LIMITS.max_bytes + 1))
    script.read_statistics(0.0, available_bps=GOOD_BPS)
    script.receive("d4")
    assert script.drain() == ""
    script.receive("K5")
    assert script.drain() == "K5"


# When WebRTC throws away what waits in it.


def test_what_comes_while_webrtc_throws_away_what_waits_is_dropped_up_to_a_keyframe() -> None:
    script = Transcript.running("K0 d1")
    assert script.delivery.submits
    script.delivery.slow_link.flushing()
    assert not script.delivery.submits
    script.receive("d2 d3")
    assert script.drain() == ""
    script.delivery.flushed(script.now)
    script.receive("d4 K5")
    assert script.take() == "K5"
    assert script.dropped() == {"congested": 3}


def test_the_keyframe_is_tried_until_webrtc_encodes_again_and_then_followed_by_all() -> None:
    script = Transcript.running("K0 d1")
    script.delivery.slow_link.set_target(1.0)  # however slow the link is: nothing of it is on its way
    script.delivery.slow_link.flushing()
    script.receive("K2")
    script.delivery.flushed(script.now)
    assert script.take() == "K2"
    script.receive("d3")
    assert script.drain(0.05) == "(K2)"
    script.run()
    script.receive("d4")
    assert script.drain() == "d3 d4"


def test_a_track_that_is_lost_while_webrtc_throws_away_what_waits_is_begun_as_any_other() -> None:
    script = Transcript.running("K0 d1")
    script.delivery.slow_link.flushing()
    script.delivery.closed()
    script.delivery.flushed(script.now)
    assert script.delivery.state is State.NO_TRACK


def test_what_webrtc_has_thrown_away_is_late_no_more() -> None:
    script = congested()
    script.delivery.flushed(script.now)
    assert not script.delivery.slow_link.congested


# When another track is published.


def test_a_new_track_is_not_judged_by_the_target_of_the_one_before() -> None:
    script = Transcript.running("K1 d2 d3")
    script.delivery.slow_link.set_target(1.0)
    script.delivery.closed()
    script.open()
    assert script.take() == "(K1)"
    script.run()
    assert script.drain() == "(d2) (d3)"


def test_a_new_track_is_not_held_up_by_the_link_of_the_one_before() -> None:
    script = Transcript.running("K1 d2 d3")
    script.read_statistics(0.0, available_bps=1.0)
    script.delivery.closed()
    script.open()
    assert script.take() == "(K1)"
    script.run()
    assert script.drain(2.5 * RELAXED_SPACING_S) == "(d2) (d3)"
