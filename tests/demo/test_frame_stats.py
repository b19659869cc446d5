import pytest

from ingestd.demo.frame_stats import FrameStats, percentile


def connected(*, written: int) -> FrameStats:
    """An encoder that connected at 10 s and wrote a picture of 1000 bytes every 0.1 s from then on."""
    stats = FrameStats()
    stats.connected_at = 10.0
    for number in range(written):
        stats.written(number, 10.0 + number / 10, 1000)
    return stats


def test_nothing_seen_is_nothing_claimed() -> None:
    stats = connected(written=3)
    assert (stats.decoded, stats.lost, stats.seconds) == (0, 0, 0.0)
    assert stats.time_to_first_picture_s is None
    assert stats.delay_s(50) is None
    assert stats.live(11.0).fps == 0


def test_the_first_picture_counts_from_the_connection() -> None:
    stats = connected(written=5)
    stats.seen(3, 10.4)
    assert stats.time_to_first_picture_s == pytest.approx(0.4)
    assert stats.lost == 0, "what was before the first picture is not lost"


def test_gaps_are_lost_until_they_are_filled() -> None:
    stats = connected(written=9)
    for number, lost in ((0, 0), (4, 3), (2, 2), (5, 2)):
        assert stats.seen(number, 11.0)
        assert stats.lost == lost


def test_pictures_handed_over_again_count_once() -> None:
    stats = connected(written=9)
    assert [stats.seen(number, 11.0) for number in (3, 4, 0, 3, 4, 5)] == [
        True,
        True,
        False,
        False,
        False,
        True,
    ]
    assert (stats.decoded, stats.lost) == (3, 0)


def test_the_delay_leaves_out_what_waited_for_the_track() -> None:
    stats = connected(written=5)
    stats.seen(0, 10.15)
    stats.seen(1, 10.16)  # written at 10.1, before anything was seen
    stats.seen(2, 10.203)
    assert stats.delay_s(50) == pytest.approx(0.003)
    assert stats.delay_s(99) == pytest.approx(0.003)


def test_the_viewer_may_be_heard_before_the_encoder() -> None:
    stats = connected(written=1)
    stats.seen(0, 10.05)
    stats.seen(1, 10.107)
    stats.written(1, 10.1, 1000)
    assert stats.delay_s(50) == pytest.approx(0.007)


def test_live_figures_are_of_the_last_second() -> None:
    stats = connected(written=50)
    for number in range(50):
        stats.seen(number, 10.005 + number / 10)
    live = stats.live(15.0)
    assert live.fps == 10
    assert live.bitrate_bps == 80_000
    assert live.delay_s == pytest.approx(0.005)
    assert stats.live(17.0).fps == 0


@pytest.mark.parametrize(("percent", "value"), [(0, 1), (50, 3), (99, 4), (100, 4)])
def test_percentiles(percent: float, value: float) -> None:
    assert percentile([4, 1, 3, 2], percent) == value
