"""A rate that is wrong, or a stream over its limit, is found in seconds, and named with both figures."""

from ingestd.diagnose.rate_watch import CHECKS, RateWatch


def watched(
    *measured_fps: float,
    stated_fps: float | None = 30,
    bitrate_bps: float = 2e6,
    max_bitrate_bps: int | None = None,
) -> RateWatch:
    watch = RateWatch()
    for now, fps in enumerate(measured_fps):
        assert watch.due(now)
        watch.check(stated_fps, fps, bitrate_bps, max_bitrate_bps, now)
        assert not watch.due(now + 0.5)
    return watch


def test_a_rate_that_is_wrong_is_named_with_the_right_one() -> None:
    assert watched(*[120] * (CHECKS - 1)).wrong_rate is None
    issue = watched(*[120] * CHECKS).wrong_rate
    assert issue is not None
    assert issue.seen == "it states 30 pictures/s and sends 120"


def test_a_rate_that_is_right_or_unsteady_or_not_stated_is_not() -> None:
    assert watched(30, 29, 31, 30, 30, 33).wrong_rate is None
    assert watched(2, 9, 1, 4, 8, 2, 5).wrong_rate is None, "sent when something moves"
    assert watched(*[100] * 9, stated_fps=None).wrong_rate is None


def test_an_encoder_that_sends_less_often_than_it_states_is_well() -> None:
    for fps in (0.1, 0.5, 1, 2, 15):
        assert watched(*[fps] * 3 * CHECKS).wrong_rate is None


def test_a_rate_that_becomes_right_is_no_problem_any_more() -> None:
    assert watched(*[60] * CHECKS, 30).wrong_rate is None


def test_a_stream_over_its_limit_is_named_with_both_figures() -> None:
    issue = watched(*[30] * CHECKS, bitrate_bps=12_040_000, max_bitrate_bps=8_000_000).over_max_bitrate
    assert issue is not None
    assert issue.seen == "it sends 12Mbps, and max_bitrate is 8Mbps"
    assert watched(*[30] * CHECKS, bitrate_bps=8_400_000, max_bitrate_bps=8_000_000).over_max_bitrate is None
    assert watched(*[30] * CHECKS, bitrate_bps=50_000_000).over_max_bitrate is None


def test_an_encoder_that_sends_far_more_than_it_is_asked_for_is_told_after_a_while_and_until_it_obeys() -> (
    None
):
    watch = RateWatch()
    for second in range(CHECKS):
        assert watch.ignores_rate is None
        watch.check(None, 30.0, 4_000_000, None, float(second), target_bps=600_000)
    assert watch.ignores_rate is not None
    assert watch.ignores_rate.seen == "it is asked for 600kbps (feedback) and sends 4Mbps"
    watch.check(None, 30.0, 700_000, None, 9.0, target_bps=600_000)
    assert watch.ignores_rate is None


def test_an_encoder_that_is_asked_for_nothing_ignores_nothing() -> None:
    watch = RateWatch()
    for second in range(3 * CHECKS):
        watch.check(None, 30.0, 4_000_000, None, float(second), target_bps=None)
    assert watch.ignores_rate is None
