"""When pictures are late, and when they are on time again."""

from ingestd.delivery.congestion import (
    ESTIMATE_SETTLES_S,
    MAX_FREEZE_S,
    MAX_GOOD_DELAY_S,
    MAX_LATE_START_S,
    Congestion,
)


def late(congestion: Congestion, send_delay_s: float) -> None:
    congestion.read(0.0, send_delay_s, 1.5e6, 5e6)


def test_both_waits_count_together() -> None:
    congestion = Congestion(max_backlog_s=0.5)
    congestion.read(0.4, 0.05, 1.5e6, 5e6)
    assert not congestion.congested
    congestion.read(0.4, 0.15, 1.5e6, 5e6)
    assert congestion.congested


def test_it_ends_when_pictures_are_on_time_again() -> None:
    congestion = Congestion(max_backlog_s=0.5)
    late(congestion, 0.6)
    late(congestion, MAX_GOOD_DELAY_S + 0.01)
    assert congestion.congested
    late(congestion, MAX_GOOD_DELAY_S - 0.01)
    assert not congestion.congested


def test_what_waited_is_gone_with_the_track() -> None:
    congestion = Congestion(max_backlog_s=0.5)
    late(congestion, 0.6)
    congestion.begin_track(10.0)
    assert not congestion.congested
    late(congestion, 0.6)
    assert not congestion.cuts(0.5, 10.0)


def test_while_webrtc_finds_out_what_the_link_carries_nothing_is_cut() -> None:
    congestion, now = Congestion(max_backlog_s=0.5), 10.0
    congestion.begin_track(now)
    late(congestion, 0.6)
    assert not congestion.cuts(0.5, now + ESTIMATE_SETTLES_S), "late from the beginning"
    late(congestion, 0.0)
    assert not congestion.cuts(0.5, now + ESTIMATE_SETTLES_S)
    late(congestion, 0.6)
    assert congestion.cuts(0.5, now + ESTIMATE_SETTLES_S)


def test_pictures_that_stay_late_from_the_beginning_are_cut_in_the_end() -> None:
    congestion = Congestion(max_backlog_s=0.5)
    congestion.begin_track(10.0)
    late(congestion, 0.6)
    assert not congestion.cuts(0.5, 10.0 + MAX_LATE_START_S - 0.1)
    assert congestion.cuts(0.5, 10.0 + MAX_LATE_START_S)


def test_a_cut_needs_a_keyframe_soon() -> None:
    congestion = Congestion(max_backlog_s=0.5)
    late(congestion, 0.6)
    assert not congestion.cuts(None, 10.0)
    assert not congestion.cuts(MAX_FREEZE_S + 0.1, 10.0)
    assert congestion.cuts(MAX_FREEZE_S, 10.0)
    assert not congestion.cuts(MAX_FREEZE_S, 10.0), "once for each reading"


def test_the_newest_picture_of_a_growing_queue_waits_longer_than_the_oldest_has() -> None:
    congestion = Congestion(max_backlog_s=0.5)
    congestion.read(0.0, 0.3, 1.1e6, 1e6)
    assert not congestion.cuts(0.0, 10.0)
    congestion.read(0.0, 0.3, 2.2e6, 1e6)
    assert congestion.cuts(0.0, 10.0)
    assert not congestion.congested, "what leaves is not late yet"


def test_the_queue_has_left_when_what_leaves_came_after_the_cut() -> None:
    congestion = Congestion(max_backlog_s=0.5)
    late(congestion, 0.6)
    assert congestion.cuts(0.5, 10.0)
    assert not congestion.drained(0.7, 10.5)
    assert congestion.drained(0.5, 10.6)


def test_what_was_submitted_before_a_cut_is_no_reason_for_another() -> None:
    congestion = Congestion(max_backlog_s=0.5)
    late(congestion, 0.6)
    assert congestion.cuts(0.5, 10.0)
    assert congestion.drained(0.6, 10.7)
    late(congestion, 0.6)
    assert not congestion.cuts(0.5, 10.8)
    late(congestion, 0.6)
    assert congestion.cuts(0.5, 11.4)
