"""What is handed over and when, told as events and what follows from them."""

from dataclasses import replace
from itertools import pairwise

import pytest

from ingestd.delivery.accounting import Drop
from ingestd.delivery.audience import Audience
from ingestd.delivery.delivery import ONE_WRITE_S, PAUSE_S, PROBE_INTERVAL_S, SILENCE_S
from ingestd.delivery.encoder_response import FIRST_PATIENCE_S
from ingestd.delivery.frame_interval import MAX_JITTER_S
from ingestd.delivery.gop import HeldLimits
from ingestd.delivery.intake import MAX_BURST_PICTURES
from ingestd.delivery.pacer import HURRIED_SPACING_S, LONG_QUEUE_PICTURES, MIN_SPACING_S, RELAXED_SPACING_S
from ingestd.delivery.replays import (
    CALM_S,
    FIRST_COOLDOWN_S,
    GATHER_S,
    MAX_COOLDOWN_S,
    OVERDUE_COOLDOWNS,
    START_S,
    Replay,
)
from ingestd.media.access_unit import AccessUnit
from tests.delivery.transcript import CALL, FRAME, INFO, Transcript, access_unit

# Before the track is there.


def test_nothing_passes_before_a_keyframe() -> None:
    script = Transcript()
    script.open()
    assert script.receive("d1 d2") == [Drop.BEFORE_KEYFRAME] * 2
    assert script.drain() == ""
    assert script.receive("K3") == [None]
    assert script.take() == "K3"


def test_a_keyframe_without_parameter_sets_is_none() -> None:
    script = Transcript.running("K1 d2")
    bare = AccessUnit(b"K3", True, None, lacks_parameter_sets=True)
    assert script.delivery.receive(bare, script.now, 0) is Drop.NO_PARAMETER_SETS
    assert script.receive("d4") == [Drop.BEFORE_KEYFRAME]
    assert script.receive("K5 d6") == [None, None]
    assert script.drain() == "K5 d6"


def test_without_a_track_nothing_is_handed_over_and_nothing_is_due() -> None:
    script = Transcript()
    script.receive("K1 d2")
    assert script.delivery.due_at() is None
    assert script.take() is None
    assert script.delivery.held == 2


def test_without_a_track_a_newer_keyframe_replaces_what_waits() -> None:
    script = Transcript()
    script.receive("K1 d2 d3")
    script.pass_time(ONE_WRITE_S + FRAME)
    script.receive("K4 d5")
    assert script.dropped() == {"no_room": 3}
    script.open()
    assert script.take() == "K4"
    script.run()
    assert script.drain() == "d5"


def test_without_a_track_what_comes_at_once_is_kept() -> None:
    script = Transcript()
    script.receive("K1 d2 K3 d4")
    script.open()
    assert script.take() == "K1"
    script.run()
    assert script.drain() == "d2 K3 d4"
    assert script.dropped() == {}


# While WebRTC has yet to encode.


def test_the_keyframe_alone_is_tried_until_webrtc_encodes() -> None:
    script = Transcript()
    script.receive("K1 d2 d3")
    script.open()
    assert script.delivery.probing
    assert script.drain(3.5 * PROBE_INTERVAL_S) == "K1 (K1) (K1) (K1)"
    script.run()
    assert not script.delivery.probing
    assert script.drain() == "d2 d3"
    assert (script.delivery.accounting.submitted, script.delivery.accounting.replayed) == (3, 3)


def test_a_keyframe_that_comes_during_the_trial_is_tried_instead() -> None:
    script = Transcript()
    script.receive("K1 d2")
    script.open()
    assert script.take() == "K1"
    script.pass_time(ONE_WRITE_S + FRAME)
    script.receive("d3 K4 d5")
    assert script.drain(1.5 * PROBE_INTERVAL_S) == "K4 (K4)"
    assert script.dropped() == {"no_room": 2}
    script.run()
    assert script.drain() == "d5"


def test_a_track_that_opens_before_the_first_keyframe_waits_for_it() -> None:
    script = Transcript()
    script.open()
    assert script.delivery.due_at() is None
    script.pass_time(1)
    script.receive("K1")
    assert script.take() == "K1"


def test_running_is_said_once() -> None:
    script = Transcript.running("K1 d2 d3")
    script.run()
    assert script.drain() == ""


def test_running_means_nothing_without_a_track() -> None:
    script = Transcript()
    script.receive("K1")
    script.run()
    assert script.take() is None


# When the track comes back.


def test_after_a_reconnection_the_gop_is_handed_over_again_and_then_what_waited() -> None:
    script = Transcript.running("K1 d2 d3")
    script.delivery.closed()
    script.receive("d4 d5")
    assert script.drain() == ""
    script.open()
    assert script.drain(1.5 * PROBE_INTERVAL_S) == "(K1) (K1)"
    script.run()  # the keyframe has just been encoded, so the rest follows it
    assert script.drain() == "(d2) (d3) d4 d5"
    assert script.dropped() == {}


def test_after_a_reconnection_a_keyframe_that_came_meanwhile_is_all_that_counts() -> None:
    script = Transcript.running("K1 d2")
    script.delivery.closed()
    script.pass_time(ONE_WRITE_S)
    script.receive("d3 K4 d5")
    script.open()
    assert script.take() == "K4"
    script.run()
    assert script.drain() == "d5"
    assert script.dropped() == {"no_room": 1}


def test_a_reconnection_during_a_trial_begins_the_trial_anew() -> None:
    script = Transcript()
    script.receive("K1 d2")
    script.open()
    assert script.take() == "K1"
    script.delivery.closed()
    assert script.drain() == ""
    script.open()
    assert script.take() == "(K1)"
    script.run()
    assert script.drain() == "d2"


def test_a_reconnection_ends_a_replay() -> None:
    script = Transcript.running("K1 d2 d3")
    script.ask_for_keyframe()
    assert script.take() == "(K1)"
    script.delivery.closed()
    assert script.drain() == ""
    script.open()
    assert script.take() == "(K1)"
    script.run()
    assert script.drain() == "(d2) (d3)"


def test_what_waited_for_the_room_is_not_late() -> None:
    script = Transcript.running("K1 d2", max_backlog_s=0.5)
    script.receive("d3 K4 d5")
    script.delivery.closed()
    script.pass_time(10)
    script.open()
    assert script.take() == "(K1)"
    script.run()
    assert script.drain() == "(d2) d3 K4 d5"
    assert script.dropped() == {}


# Keyframe requests.


def test_a_keyframe_request_is_answered_with_the_whole_gop() -> None:
    script = Transcript.running("K1 d2 d3")
    script.ask_for_keyframe()
    assert script.drain() == "(K1) (d2) (d3)"
    assert script.drain(10) == ""


def test_a_loss_behind_which_nothing_comes_is_mended_by_the_gop() -> None:
    script = Transcript.running("K1 d2 d3")
    script.pass_time(PAUSE_S)
    script.delivery.lost(1, script.now)
    assert script.drain() == "(K1) (d2) (d3)"


def test_a_loss_behind_which_pictures_come_is_left_to_webrtc_to_ask_for() -> None:
    script = Transcript.running("K1 d2 d3")
    script.delivery.lost(1, script.now)
    assert script.drain() == ""


@pytest.mark.parametrize("replay", [Replay.START, Replay.NEVER])
def test_a_request_is_left_to_the_encoder_where_replays_are_not_wanted(replay: Replay) -> None:
    script = Transcript.running("K1 d2 d3", replay=replay)
    script.pass_time(START_S)
    script.receive("d4")
    assert script.drain() == "d4"
    script.ask_for_keyframe()
    assert script.drain(1) == ""
    script.receive("d5")
    assert script.drain() == "d5"


def test_at_the_start_a_request_is_answered_also_where_later_ones_are_not() -> None:
    script = Transcript.running("K1 d2 d3", replay=Replay.START)
    script.ask_for_keyframe()
    assert script.drain(1) == "(K1) (d2) (d3)"


def test_a_new_track_begins_with_the_gop_unless_nothing_is_ever_handed_over_again() -> None:
    for replay, then in ((Replay.START, "(d2) (d3) d4 K5"), (Replay.NEVER, "K5")):
        script = Transcript.running("K1 d2 d3", replay=replay)
        script.delivery.closed()
        script.open()
        assert script.take() == "(K1)"
        script.receive("d4")
        script.run()
        script.receive("K5")
        assert script.drain() == then


def test_a_new_track_on_a_link_that_is_far_too_slow_begins_with_the_next_keyframe() -> None:
    script = Transcript.running("K1")
    for n in range(2, 60):
        script.delivery.receive(access_unit(f"d{n}", 6000), script.now, 0)
        script.drain(FRAME)
    script.delivery.closed()
    script.open()
    assert script.take() == "(K1)"
    script.delivery.slow_link.set_target(0.16e6)  # for 1.4 Mbit/s
    script.run()
    assert script.receive("d60 K61") == [Drop.AFTER_LOSS, None]
    assert script.drain() == "K61"


def test_a_request_just_before_a_keyframe_is_answered_by_it() -> None:
    gop = [f"d{n}" for n in range(59)]
    script = Transcript.running(" ".join(["K1", *gop, "K2", *gop]))
    script.ask_for_keyframe()
    assert script.drain(FRAME) == ""
    script.receive("K3")
    assert script.drain(1) == "K3"


def test_a_gop_that_takes_too_long_to_send_is_not_handed_over_again() -> None:
    script = Transcript.running("K1")
    for n in range(2, 100):
        script.delivery.receive(access_unit(f"d{n}", 6000), script.now, 0)
        script.drain(FRAME)
    script.delivery.slow_link.set_target(0.5e6)
    script.ask_for_keyframe()
    assert script.drain(1) == ""
    script.delivery.slow_link.set_target(5e6)
    script.ask_for_keyframe()
    assert script.drain(1).startswith("(K1)")


def test_where_the_link_is_too_slow_for_what_is_live_nothing_is_sent_twice() -> None:
    script = Transcript.running("K1")
    for n in range(2, 400):
        keyframe = n % 100 == 0
        name = f"{'K' if keyframe else 'd'}{n}"
        script.delivery.receive(access_unit(name, 6000), script.now, 0)
        script.drain(FRAME)
    script.delivery.slow_link.set_target(0.6e6)  # for 1.4 Mbit/s
    script.pass_time(1)
    script.ask_for_keyframe()
    assert script.drain(1) == ""


def test_only_the_newest_gop_is_handed_over_again() -> None:
    script = Transcript.running("K1 d2 K3 d4")
    script.pass_time(0.2)
    script.ask_for_keyframe()
    assert script.drain() == "(K3) (d4)"


def test_what_arrives_while_a_request_has_to_wait_is_not_held_up() -> None:
    script = Transcript.running("K1 d2")
    script.ask_for_keyframe()
    assert script.drain(0.03) == "(K1) (d2)"
    script.ask_for_keyframe()
    script.receive("d3")
    assert script.take() == "d3"
    assert script.drain() == "(K1) (d2) (d3)"


def test_on_a_new_track_requests_are_answered_at_once_again() -> None:
    script = Transcript.running("K1")
    for _ in range(200):
        script.ask_for_keyframe()
        script.drain(0.05)
    script.delivery.closed()
    script.open()
    assert script.take() == "(K1)"
    script.run()
    for _ in range(2):
        script.ask_for_keyframe()
        assert script.drain(FIRST_COOLDOWN_S + 0.05) == "(K1)"


def test_what_arrives_during_a_replay_follows_it() -> None:
    script = Transcript.running("K1 d2 d3")
    script.ask_for_keyframe()
    assert script.take() == "(K1)"
    script.receive("d4")
    assert script.drain() == "(d2) (d3) d4"


def watched_by_another(script: Transcript) -> Audience:
    """The second viewer has just come."""
    audience = Audience()
    audience.counted(2, script.now)
    audience.present("watcher")
    audience.counted(3, script.now)
    return audience


def test_where_others_watch_those_who_come_share_one_replay() -> None:
    script = Transcript.running(f"K1 {'d ' * 120}", replay=Replay.AUTO)
    audience = watched_by_another(script)
    script.delivery.keyframe_requested(script.now, audience)
    assert script.drain(GATHER_S / 2) == ""
    script.delivery.keyframe_requested(script.now, audience)
    replayed = script.drain(1.5)
    assert replayed.count("(K1)") == 1
    assert replayed.count("(d)") == 120


def test_where_others_watch_a_keyframe_that_is_near_is_waited_for() -> None:
    script = Transcript.running(f"K1 {'d ' * 149}K2 {'d ' * 125}", replay=Replay.AUTO)
    script.delivery.keyframe_requested(script.now, watched_by_another(script))  # the next one is due in 0.8 s
    assert script.drain(GATHER_S + 0.1) == ""


def test_where_others_watch_a_request_that_no_arrival_explains_is_left_to_the_encoder() -> None:
    script = Transcript.running(f"K1 {'d ' * 120}", replay=Replay.AUTO)
    audience = Audience()
    for viewer in ("watcher", "hidden for a while"):
        audience.present(viewer)
    script.delivery.keyframe_requested(script.now, audience)
    assert script.drain(1) == ""
    script.delivery.keyframe_requested(script.now, audience, packets_lost=True)
    assert script.drain(1).startswith("(K1)")


def test_where_others_watch_a_loss_that_is_told_after_the_request_is_mended() -> None:
    script = Transcript.running(f"K1 {'d ' * 120}", replay=Replay.AUTO)
    audience = Audience()
    for viewer in ("watcher", "another"):
        audience.present(viewer)
    script.delivery.keyframe_requested(script.now, audience)
    script.delivery.lost(1, script.now)
    assert script.drain(1).startswith("(K1)")


def test_a_picture_that_all_miss_is_replayed_though_a_keyframe_is_near() -> None:
    script = Transcript.running(f"K1 {'d ' * 149}K2 {'d ' * 125}", replay=Replay.AUTO)
    script.delivery.keyframe_requested(script.now, watched_by_another(script))
    script.receive("d")
    script.rejecting = True
    script.take()
    script.rejecting = False
    assert script.drain(GATHER_S + 0.1).startswith("(K2)")


def test_in_silence_the_longest_gop_is_replayed_for_one_who_comes() -> None:
    for replay in (Replay.AUTO, Replay.ALWAYS, Replay.START):
        script = Transcript.running(f"K1 {'d ' * 800}", replay=replay)
        script.pass_time(SILENCE_S)
        script.delivery.keyframe_requested(script.now, watched_by_another(script))
        assert script.drain(10).count("(d)") == 800


def test_what_waits_for_a_replay_is_not_shed_as_late() -> None:
    script = Transcript.running(f"K1 {'d ' * 200}", max_backlog_s=0.1)
    script.ask_for_keyframe()
    assert script.take() == "(K1)"
    script.receive("d d d d")
    script.drain(0.3)
    script.receive("K2")
    assert script.drain(2).endswith("d d d d K2")
    assert script.dropped() == {}


@pytest.mark.parametrize(("link_bps", "spacing_s"), [(2e6, 0.0109), (0.1e6, FRAME / 2)])
def test_a_replay_is_no_faster_than_the_link_but_twice_as_fast_as_live_at_least(
    link_bps: float, spacing_s: float
) -> None:
    script = Transcript.running("K1")
    for _ in range(60):
        script.delivery.receive(access_unit("d", 3000), script.now, 0)
        script.drain(FRAME)
    script.ask_for_keyframe()
    assert script.take() == "(K1)"
    script.read_statistics(0.0, link_bps)
    begun = len(script.handed_over_at)
    seen = ""
    for _ in range(30):  # these wait behind it
        script.delivery.receive(access_unit("d", 3000), script.now, 0)
        seen += script.drain(FRAME) + " "
    assert (seen + script.drain(3)).split() == ["(d)"] * 60 + ["d"] * 30
    spacings_s = [after - before for before, after in pairwise(script.handed_over_at[begun + 1 : begun + 70])]
    assert spacings_s == pytest.approx([spacing_s + CALL] * 68, abs=0.0011)


def test_where_others_watch_a_replay_does_not_begin_again_for_those_who_come_later() -> None:
    script = Transcript.running(f"K1 {'d ' * 120}", replay=Replay.AUTO)
    audience = watched_by_another(script)
    script.delivery.keyframe_requested(script.now, audience)
    script.read_statistics(0.0, 3e4)
    script.pass_time(GATHER_S)
    assert script.take() == "(K1)"
    script.pass_time(OVERDUE_COOLDOWNS * FIRST_COOLDOWN_S)
    script.delivery.keyframe_requested(script.now, audience)
    assert script.take() == "(d)"


def test_in_silence_no_keyframe_is_waited_for() -> None:
    script = Transcript.running(f"K1 {'d ' * 149}K2 {'d ' * 86}")
    script.pass_time(SILENCE_S)  # by the clock, the next is due just now
    script.delivery.keyframe_requested(script.now, watched_by_another(script))
    assert script.drain(1).startswith("(K2)")


def test_requests_during_a_replay_are_answered_by_it() -> None:
    script = Transcript.running("K1 d2 d3")
    script.ask_for_keyframe()
    assert script.take() == "(K1)"
    script.ask_for_keyframe()
    assert script.drain(10) == "(d2) (d3)"


def test_a_viewer_who_misses_the_keyframe_of_a_replay_has_it_begin_anew() -> None:
    script = Transcript.running("K1 d2 d3 d4 d5")
    script.ask_for_keyframe()
    assert script.take() == "(K1)"
    script.pass_time(OVERDUE_COOLDOWNS * FIRST_COOLDOWN_S)
    assert script.take() == "(d2)"
    script.receive("d6")
    script.ask_for_keyframe()
    script.pass_time(FRAME)
    assert script.take() == "(K1)"
    script.pass_time(OVERDUE_COOLDOWNS * FIRST_COOLDOWN_S)
    script.ask_for_keyframe()  # so soon again it is answered by what is under way
    assert script.take() == "(d2)"
    script.pass_time(OVERDUE_COOLDOWNS * FIRST_COOLDOWN_S)
    script.ask_for_keyframe()
    assert script.drain(10) == "(K1) (d2) (d3) (d4) (d5) d6"


def test_a_replay_does_not_begin_anew_just_before_a_keyframe() -> None:
    script = Transcript.running(f"K1 {'d ' * 29}K2 {'d ' * 16}")  # a keyframe each second
    script.ask_for_keyframe()
    assert script.take() == "(K2)"
    script.pass_time(OVERDUE_COOLDOWNS * FIRST_COOLDOWN_S)
    script.ask_for_keyframe()
    assert script.drain(10) == ("(d) " * 16).strip()


def test_a_keyframe_that_waits_answers_the_request_in_place_of_a_replay() -> None:
    script = Transcript.running("K1 d2 d3")
    script.ask_for_keyframe()
    script.receive("K4 d5")
    assert script.drain(10) == "K4 d5"


def test_a_keyframe_cuts_a_replay_short() -> None:
    script = Transcript.running("K1 d2 d3 d4")
    script.ask_for_keyframe()
    assert script.take() == "(K1)"
    script.receive("K5 d6")
    assert script.drain(10) == "K5 d6"


def test_an_encoder_that_answers_requests_is_given_the_time_to() -> None:
    script = Transcript.running("K1 d2 d3")
    script.ask_for_keyframe(encoder_asked=True)
    assert script.drain(0.04) == "", "it may"
    script.receive("K4")
    assert script.drain() == "K4"
    script.receive("d5")
    assert script.drain(CALM_S) == "d5"

    script.ask_for_keyframe(encoder_asked=True)
    assert script.drain(0.04) == ""
    script.receive("K6 d7")
    assert script.drain() == "K6 d7"


def test_an_encoder_that_does_not_answer_is_waited_for_once() -> None:
    script = Transcript.running("K1 d2")
    script.ask_for_keyframe(encoder_asked=True)
    assert script.take() is None
    script.pass_time(FIRST_PATIENCE_S)
    assert script.drain() == "(K1) (d2)"
    script.pass_time(CALM_S)

    script.ask_for_keyframe(encoder_asked=True)
    assert script.take() == "(K1)"


def test_an_encoder_that_answers_no_more_is_waited_for_once() -> None:
    script = Transcript.running("K1 d2")
    script.ask_for_keyframe(encoder_asked=True)
    script.pass_time(0.04)
    script.receive("K3")
    assert script.drain(CALM_S) == "K3"

    for answer in ("", "(K3)"):
        script.ask_for_keyframe(encoder_asked=True)
        assert script.take() == (answer or None)
        assert script.drain(CALM_S + MAX_COOLDOWN_S) == ("" if answer else "(K3)")


def test_requests_that_go_on_are_answered_ever_more_seldom() -> None:
    script = Transcript.running("K1")
    begun = []
    for _ in range(400):
        script.ask_for_keyframe()
        if script.drain(0.05):
            begun.append(script.handed_over_at[-1])
    gaps = [later - earlier for earlier, later in pairwise(begun)]
    expected = [FIRST_COOLDOWN_S * 2**i for i in range(6)] + [MAX_COOLDOWN_S] * 3
    assert gaps[: len(expected)] == pytest.approx(expected, abs=0.06)
    assert max(gaps) <= MAX_COOLDOWN_S + 0.06


def test_after_a_silence_requests_are_answered_at_once_again() -> None:
    script = Transcript.running("K1")
    for _ in range(200):
        script.ask_for_keyframe()
        script.drain(0.05)
    script.drain(MAX_COOLDOWN_S)  # the last request is still answered
    script.drain(MAX_COOLDOWN_S + CALM_S + 0.1)
    script.ask_for_keyframe()
    assert script.drain(0.02) == "(K1)"
    script.ask_for_keyframe()
    assert script.drain(FIRST_COOLDOWN_S + 0.05) == "(K1)"


def test_requests_without_a_running_track_are_not_remembered() -> None:
    script = Transcript()
    script.receive("K1")
    script.ask_for_keyframe()
    script.open()
    script.ask_for_keyframe()
    assert script.take() == "K1"
    script.run()
    assert script.drain(10) == ""


def test_a_gop_too_large_to_hold_is_not_handed_over_again() -> None:
    script = Transcript.running("K1 d2 d3 d4 d5", held_limits=HeldLimits(max_pictures=3))
    script.ask_for_keyframe()
    assert script.drain(10) == ""
    script.receive("K6")
    assert script.take() == "K6"
    script.ask_for_keyframe()
    assert script.drain(10) == "(K6)"


def test_a_new_track_begins_with_a_keyframe_where_the_gop_was_too_large_to_hold() -> None:
    script = Transcript.running("K1 d2 d3 d4 d5", held_limits=HeldLimits(max_pictures=3))
    script.delivery.closed()
    script.receive("d6")
    script.open()
    assert script.drain() == ""
    assert script.dropped() == {"queue_full": 1}
    assert script.receive("d7 K8 d9") == [Drop.QUEUE_FULL, None, None]
    assert script.take() == "K8"
    script.run()
    assert script.drain() == "d9"


def test_a_keyframe_that_waits_opens_a_new_track_where_the_gop_was_too_large_to_hold() -> None:
    script = Transcript.running("K1 d2 d3 d4 d5", held_limits=HeldLimits(max_pictures=3))
    script.receive("d6 K7 d8")
    script.delivery.closed()
    script.open()
    assert script.take() == "K7"
    script.run()
    assert script.drain() == "d8"
    assert script.dropped() == {"queue_full": 1}


def test_a_gop_of_too_many_bytes_is_not_handed_over_again() -> None:
    script = Transcript.running("K1 d2 d3", held_limits=HeldLimits(max_bytes=6))
    script.ask_for_keyframe()
    assert script.drain() == "(K1) (d2) (d3)"
    script.receive("d4")
    assert script.take() == "d4"
    script.ask_for_keyframe()
    assert script.drain(10) == ""


# What the SDK refuses.


def test_a_rejected_picture_is_dropped_and_the_gop_closes_the_gap() -> None:
    script = Transcript.running("K1 d2")
    script.rejecting = True
    script.receive("d3")
    assert script.take() == "d3"
    script.rejecting = False
    assert script.dropped() == {"rejected": 1}
    assert script.drain() == "(K1) (d2) (d3)"
    assert script.delivery.accounting.submitted == 2


def test_a_rejected_trial_is_repeated() -> None:
    script = Transcript()
    script.receive("K1 d2")
    script.open()
    script.rejecting = True
    assert script.take() == "K1"
    script.rejecting = False
    assert script.dropped() == {"rejected": 1}
    assert script.drain(1.5 * PROBE_INTERVAL_S) == "(K1)"
    script.run()
    assert script.drain(1) == "d2"


def test_a_rejected_replay_is_tried_again_after_a_pause() -> None:
    script = Transcript.running("K1 d2")
    script.rejecting = True
    script.ask_for_keyframe()
    assert script.drain(0.05) == "(K1) (d2)"
    script.rejecting = False
    assert script.drain(1) == "(K1) (d2)"
    assert script.dropped() == {}


def test_nothing_passes_behind_a_gap_that_no_replay_may_close() -> None:
    script = Transcript.running("K1 d2", replay=Replay.NEVER)
    script.receive("d3 d4")
    script.rejecting = True
    assert script.take() == "d3"
    script.rejecting = False
    assert script.drain() == ""
    assert script.receive("d5 K6 d7") == [Drop.AFTER_LOSS, None, None]
    assert script.drain() == "K6 d7"
    assert script.dropped() == {"rejected": 1, "after_loss": 2}


def test_nothing_passes_behind_a_gap_until_a_replay_may_close_it() -> None:
    script = Transcript.running("K1 d2")
    script.ask_for_keyframe()
    assert script.drain(0.03) == "(K1) (d2)"
    script.rejecting = True
    script.receive("d3")
    assert script.take() == "d3"
    script.rejecting = False
    script.receive("d4")
    assert script.drain(FIRST_COOLDOWN_S / 2) == ""
    assert script.drain() == "(K1) (d2) (d3) d4"


def test_a_keyframe_that_comes_just_after_a_refused_picture_is_due_at_once() -> None:
    script = Transcript.running("K1 d2")
    script.ask_for_keyframe()
    assert script.drain(0.03) == "(K1) (d2)"  # no replay for a while from here on
    script.receive("d3")
    script.rejecting = True
    assert script.take() == "d3"
    script.rejecting = False
    script.receive("K4")
    assert script.take() is None, "so soon WebRTC would lose it"
    due_at = script.delivery.due_at()
    assert due_at is not None
    assert due_at - script.now <= RELAXED_SPACING_S


def test_a_gap_ends_with_the_keyframe_that_waits_behind_it() -> None:
    script = Transcript.running("K1 d2", replay=Replay.NEVER)
    script.receive("d3 d4 K5 d6")
    script.rejecting = True
    assert script.take() == "d3"
    script.rejecting = False
    assert script.drain() == "K5 d6"
    assert script.dropped() == {"rejected": 1, "after_loss": 1}


# More than the room takes.


def test_a_backlog_is_dropped_up_to_the_newest_keyframe_and_no_further() -> None:
    script = Transcript.running("K1", max_backlog_s=0.5)
    script.receive("d2 K3 d4 K5 d6 d7")
    script.pass_time(0.4)
    assert script.take() == "d2"
    script.pass_time(0.2)
    assert script.drain() == "K5 d6 d7"
    assert script.dropped() == {"backlog": 2}


def test_a_picture_that_was_known_to_be_whole_only_when_the_next_ones_came_is_not_late() -> None:
    script = Transcript.running("K1", max_backlog_s=0.5)
    script.pass_time(1)
    late = replace(access_unit("d2"), arrived_at=script.now - 1)
    script.delivery.receive(late, script.now, 0)
    script.receive("K3 d4")
    assert script.drain() == "d2 K3 d4"


def test_a_backlog_without_a_keyframe_is_worked_off() -> None:
    script = Transcript.running("K1", max_backlog_s=0.5)
    script.receive("d2 d3 d4")
    script.pass_time(10)
    assert script.delivery.backlog_s(script.now) == 10
    assert script.drain() == "d2 d3 d4"
    assert script.dropped() == {}
    assert script.delivery.backlog_s(script.now) == 0


def test_a_stall_behind_which_everything_comes_at_once_is_cut_short_at_the_newest_keyframe() -> None:
    names = [f"{'K' if n % 60 == 0 else 'd'}{n}" for n in range(200)]
    script = Transcript.running(" ".join(names[:70]), max_backlog_s=0.5)
    script.pass_time(5)
    script.receive(" ".join(names[70:]))
    began = script.now
    assert script.drain(2).split() == names[180:]
    assert script.handed_over_at[-1] - began < 0.3
    assert script.dropped() == {"backlog": 110}


def test_a_stall_shorter_than_the_backlog_allowed_costs_nothing() -> None:
    names = [f"{'K' if n % 6 == 0 else 'd'}{n}" for n in range(100)]
    script = Transcript.running(" ".join(names[:70]), max_backlog_s=0.5)
    script.pass_time(0.4)
    script.receive(" ".join(names[70:82]))
    assert script.drain(1).split() == names[70:82]
    assert script.dropped() == {}


@pytest.mark.parametrize("framerate", [30, 60, 120])
def test_who_writes_thirty_pictures_at_a_time_loses_none(framerate: int) -> None:
    script = Transcript.running("K0", max_backlog_s=0.5)
    for burst in range(10):
        names = " ".join(f"{'K' if n % 10 == 5 else 'd'}{burst}-{n}" for n in range(MAX_BURST_PICTURES))
        script.receive(names)
        assert script.drain(MAX_BURST_PICTURES / framerate) == names
    assert script.dropped() == {}


def test_too_many_waiting_pictures_are_dropped_up_to_the_next_keyframe() -> None:
    script = Transcript(held_limits=HeldLimits(max_pictures=3))
    assert script.receive("K1 d2 d3 d4 d5") == [None, None, None, Drop.QUEUE_FULL, Drop.QUEUE_FULL]
    assert script.delivery.held == 0
    assert script.dropped() == {"queue_full": 5}
    assert script.receive("K6") == [None]


def test_too_many_waiting_bytes_are_dropped_up_to_the_next_keyframe() -> None:
    script = Transcript(held_limits=HeldLimits(max_bytes=1000))

    def receive(name: str, size: int) -> Drop | None:
        return script.delivery.receive(access_unit(name, size), script.now, 0)

    assert receive("K1", 600) is None
    assert receive("d2", 400) is None
    assert receive("d3", 10) is Drop.QUEUE_FULL
    assert receive("d4", 10) is Drop.QUEUE_FULL
    # What was dropped no longer counts.
    assert receive("K5", 1000) is None
    assert script.dropped() == {"queue_full": 4}


def test_bytes_that_were_handed_over_or_shed_no_longer_count() -> None:
    script = Transcript.running("K1", max_backlog_s=0.5, held_limits=HeldLimits(max_bytes=1000))

    def receive(name: str, size: int) -> Drop | None:
        return script.delivery.receive(access_unit(name, size), script.now, 0)

    assert receive("d2", 900) is None
    assert script.take() == "d2"
    assert receive("d3", 500) is None
    assert receive("K4", 400) is None
    script.pass_time(1)
    assert script.take() == "K4"
    assert script.dropped() == {"backlog": 1}
    assert receive("d5", 1000) is None


# The rest of a picture that had been taken for whole.


def test_a_picture_that_waits_is_made_whole() -> None:
    script = Transcript.running("K1 d2")
    script.receive("d3 d4")
    script.correct("d4-whole")
    assert script.drain() == "d3 d4-whole"


def test_a_picture_that_was_handed_over_is_handed_over_again_whole() -> None:
    script = Transcript.running("K1 d2")
    script.correct("d2-whole")
    assert script.drain() == "(K1) (d2-whole)"


def test_the_rest_of_a_picture_that_was_dropped_goes_with_it() -> None:
    script = Transcript.running("K1")
    script.receive("d2")
    script.delivery.new_encoder()
    assert script.receive("d3") == [Drop.BEFORE_KEYFRAME]
    script.correct("d3-whole")
    assert script.drain() == "d2"
    assert script.receive("d4") == [Drop.BEFORE_KEYFRAME]
    script.correct("d4-whole")
    assert script.drain() == ""
    script.ask_for_keyframe()
    assert script.drain() == "(K1) (d2)"


def test_a_picture_too_large_when_whole_is_dropped_up_to_the_next_keyframe() -> None:
    script = Transcript(held_limits=HeldLimits(max_bytes=1000))
    script.receive("K1 d2")
    script.delivery.correct(access_unit("d2", 1000))
    assert script.dropped() == {"queue_full": 2}
    assert script.receive("d3") == [Drop.QUEUE_FULL]


def test_a_gop_too_large_when_whole_is_not_handed_over_again() -> None:
    script = Transcript.running("K1 d2", held_limits=HeldLimits(max_bytes=1000))
    script.delivery.correct(access_unit("d2", 1000))
    assert script.drain(10) == ""
    assert script.receive("d3 K4") == [Drop.AFTER_LOSS, None]
    assert script.drain() == "K4"


def test_a_gop_too_large_when_whole_leaves_nothing_to_try() -> None:
    script = Transcript.running("K1 d2", held_limits=HeldLimits(max_bytes=1000))
    script.delivery.closed()
    script.open()
    script.delivery.correct(access_unit("d2", 1000))
    assert script.receive("d3") == [Drop.QUEUE_FULL]
    assert script.drain(10) == ""


# Another encoder, another codec, another end.


def test_another_encoder_begins_with_a_keyframe() -> None:
    script = Transcript.running("K1 d2")
    script.receive("d3")
    script.delivery.new_encoder()
    assert script.receive("d4") == [Drop.BEFORE_KEYFRAME]
    script.receive("K5 d6")
    assert script.drain() == "d3 K5 d6"


def test_another_codec_leaves_nothing_of_the_one_before() -> None:
    script = Transcript()
    script.receive("K1 d2 d3")
    script.delivery.new_codec()
    assert script.dropped() == {"no_room": 3}
    assert script.receive("d4") == [Drop.BEFORE_KEYFRAME]
    assert script.delivery.held == 0
    script.open()
    assert script.drain() == "", "a track is tried with a keyframe of its own codec only"
    script.receive("K5 d6")
    assert script.take() == "K5"
    script.run()
    assert script.drain() == "d6"


def test_another_codec_ends_what_is_under_way() -> None:
    script = Transcript.running("K1 d2 d3")
    script.ask_for_keyframe()
    assert script.take() == "(K1)"
    script.receive("d4")
    script.delivery.new_codec()
    script.receive("K5 d6")
    assert script.drain(10) == "", "the track of the codec before is gone"
    script.open()
    assert script.take() == "K5"
    script.run()
    assert script.drain() == "d6"
    assert script.dropped() == {"no_room": 1}


def test_what_waits_at_the_end_is_counted_and_let_go() -> None:
    script = Transcript.running("K1 d2")
    script.receive("d3 d4")
    script.delivery.stop()
    assert script.dropped() == {"stopped": 2}
    assert script.delivery.held == 0
    script.open()
    assert script.drain() == ""
    assert script.receive("d5") == [Drop.BEFORE_KEYFRAME]


def test_what_can_never_be_published_is_counted() -> None:
    script = Transcript()
    script.delivery.refuse(AccessUnit(b"K1", True, INFO), script.now)
    script.delivery.refuse(AccessUnit(b"d2", False, INFO), script.now)
    assert script.delivery.accounting.received == {"key": 1, "delta": 1}
    assert script.dropped() == {"unsupported": 2}
    assert script.delivery.held == 0
    assert script.delivery.rates.frame_rate_fps(script.now) > 0


def test_pictures_are_numbered_as_they_arrive_whatever_becomes_of_them() -> None:
    script = Transcript()
    script.receive("d0 d1")
    script.delivery.refuse(access_unit("d2"), script.now)
    script.receive("K3")
    script.open()
    submission = script.delivery.take(script.now)
    assert submission is not None
    assert submission.picture.number == 3


# Spacing and time stamps.


def test_a_lone_picture_is_never_delayed() -> None:
    script = Transcript.running("K0")
    for i in range(1, 60):
        script.receive(f"d{i}")
        assert script.delivery.due_at() is not None
        assert script.take() == f"d{i}"
        assert script.take() is None
        script.pass_time(FRAME - CALL)


def test_a_short_burst_is_spaced_at_leisure() -> None:
    script = Transcript.running("K0")
    script.receive("d1 d2 d3 d4")
    assert script.drain() == "d1 d2 d3 d4"
    at = script.handed_over_at[-4:]
    gaps = [later - earlier - CALL for earlier, later in pairwise(at)]
    assert gaps == pytest.approx([RELAXED_SPACING_S] * 3)


def test_a_long_queue_is_hurried_until_it_is_short() -> None:
    script = Transcript.running("K0")
    names = [f"d{i}" for i in range(1, LONG_QUEUE_PICTURES + 5)]
    script.receive(" ".join(names))
    assert script.drain(1).split() == names
    at = script.handed_over_at[-len(names) :]
    gaps = [later - earlier - CALL for earlier, later in pairwise(at)]
    assert gaps == pytest.approx([HURRIED_SPACING_S] * 3 + [RELAXED_SPACING_S] * LONG_QUEUE_PICTURES)


def test_a_long_replay_is_hurried() -> None:
    names = ["K0"] + [f"d{i}" for i in range(1, LONG_QUEUE_PICTURES + 4)]
    script = Transcript.running(" ".join(names))
    script.ask_for_keyframe()
    assert script.drain(1).split() == [f"({name})" for name in names]
    at = script.handed_over_at[-len(names) :]
    assert at[1] - at[0] - CALL == pytest.approx(HURRIED_SPACING_S)


def test_a_burst_of_a_fast_stream_is_worked_off_before_the_next() -> None:
    interval = 1 / 120
    script = Transcript.running("K0")
    for i in range(120):  # so that the rate is known
        script.receive(f"d{i}")
        script.drain(interval)
    script.receive("d1 d2 d3")
    assert script.drain() == "d1 d2 d3"
    at = script.handed_over_at[-3:]
    assert at[1] - at[0] - CALL == pytest.approx(interval / 3, rel=0.05)


def test_no_stream_is_handed_over_faster_than_webrtc_takes_it_in() -> None:
    script = Transcript.running("K0")
    for i in range(2000):
        script.receive(f"d{i}")
        script.drain(1 / 1000)
    gaps = [b - a for a, b in pairwise(script.handed_over_at)]
    assert min(gaps) >= MIN_SPACING_S


# The capture times that WebRTC is given.


def test_live_pictures_get_the_time_of_their_capture() -> None:
    script = Transcript.running("K0 " + " ".join(f"d{i}" for i in range(1, 60)))
    late = [0, 0.003, -0.003, 0.006, -0.006, 0.002] * 10
    for i in range(60, 120):
        arrived = script.now
        script.pass_time(max(0, late[i - 60]))
        script.receive(f"d{i}")
        assert script.take() == f"d{i}"
        script.now = arrived + FRAME
    spacing = [b - a for a, b in pairwise(script.timestamps[64:])]
    assert max(spacing) - min(spacing) < 2000
    submitted = [b - a for a, b in pairwise(script.handed_over_at[64:])]
    assert max(submitted) - min(submitted) > 0.011, "nothing was to be steadied"


def test_a_replay_gets_times_of_its_own_and_live_pictures_go_on_at_their_pace_behind_it() -> None:
    script = Transcript.running("K0 " + " ".join(f"d{i}" for i in range(1, 60)))
    script.ask_for_keyframe()
    assert script.drain(FRAME).startswith("(K0) (d1)")
    for i in range(60, 110):
        script.receive(f"d{i}")
        script.drain(FRAME)
    assert script.delivery.accounting.submitted == 110
    assert all(b // 1000 > a // 1000 for a, b in pairwise(script.timestamps))
    replayed = slice(60, 60 + script.delivery.accounting.replayed)
    for stamp, at in list(zip(script.timestamps, script.handed_over_at, strict=True))[replayed]:
        assert at * 1e6 - 1 <= stamp <= at * 1e6, "as late as a picture that goes straight through"
    assert [b - a for a, b in pairwise(script.timestamps[-5:])] == pytest.approx([FRAME * 1e6] * 4, abs=1)


def test_a_replay_in_a_pause_is_as_late_as_what_goes_straight_through() -> None:
    script = Transcript.running("K0 d1 d2")
    script.pass_time(1)
    script.ask_for_keyframe()
    assert script.drain(FRAME) == "(K0) (d1) (d2)"
    for stamp, at in list(zip(script.timestamps, script.handed_over_at, strict=True))[-3:]:
        assert at * 1e6 - 1 <= stamp <= at * 1e6


def test_another_encoder_keeps_a_clock_of_its_own() -> None:
    script = Transcript.running("K0 " + " ".join(f"d{i}" for i in range(1, 60)))
    script.delivery.new_encoder()
    script.pass_time(0.015)
    script.receive("K60")
    assert script.take() == "K60"
    script.pass_time(0.050)
    script.receive("d61")
    assert script.take() == "d61"
    for stamp, at in zip(script.timestamps[-2:], script.handed_over_at[-2:], strict=True):
        assert at * 1e6 - 1 <= stamp <= at * 1e6, "no rate is known yet"


def test_capture_times_rise_by_whole_milliseconds_and_are_never_in_the_future() -> None:
    script = Transcript.running("K0")
    script.receive(" ".join(f"d{i}" for i in range(1, 50)))
    script.drain(1)
    assert len(script.timestamps) == 50
    assert all(b // 1000 > a // 1000 for a, b in pairwise(script.timestamps))
    for stamp, at in zip(script.timestamps, script.handed_over_at, strict=True):
        assert (at - MAX_JITTER_S) * 1e6 - 1 <= stamp <= at * 1e6
