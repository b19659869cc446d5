import pytest

from ingestd.delivery.rates import DEFAULT_FRAME_INTERVAL_S, MAX_FRAME_INTERVAL_S, WINDOW_S, Rates


def test_rates_of_a_steady_stream() -> None:
    rates = Rates()
    for i in range(200):
        rates.receive(1000, i % 25 == 0, 10 + i / 50)
    now = 10 + 199 / 50
    assert rates.frame_rate_fps(now) == pytest.approx(50, abs=1)
    assert rates.bitrate_bps(now) == pytest.approx(50 * 8000, rel=0.02)
    assert rates.frame_interval_s == pytest.approx(1 / 50)
    assert rates.keyframe_interval_s == pytest.approx(0.5)


def test_rates_fall_to_nothing_when_the_encoder_stops() -> None:
    rates = Rates()
    for i in range(60):
        rates.receive(1000, False, i / 30)
    later = 2 + WINDOW_S + 0.1
    assert (rates.frame_rate_fps(later), rates.bitrate_bps(later)) == (0, 0)
    assert rates.frame_interval_s == DEFAULT_FRAME_INTERVAL_S


def test_a_change_of_rate_is_followed_within_the_window() -> None:
    rates = Rates()
    for i in range(300):
        rates.receive(100, False, i / 100)
    for i in range(61):
        rates.receive(100, False, 3 + i / 30)
    assert rates.frame_rate_fps(5.0) == pytest.approx(30, abs=1)
    assert rates.frame_interval_s == pytest.approx(1 / 30, rel=0.02)


def test_a_burst_says_nothing_about_the_rate() -> None:
    rates = Rates()
    assert rates.frame_interval_s == DEFAULT_FRAME_INTERVAL_S
    for _ in range(100):
        rates.receive(1000, False, 5.0)
    assert rates.frame_interval_s == DEFAULT_FRAME_INTERVAL_S


def test_stills_are_paced_like_a_slow_stream() -> None:
    rates = Rates()
    rates.receive(1, True, 0.0)
    rates.receive(1, True, 1.9)
    assert rates.frame_interval_s == MAX_FRAME_INTERVAL_S


def test_one_keyframe_has_no_distance() -> None:
    rates = Rates()
    rates.receive(1, True, 0.0)
    assert rates.keyframe_interval_s is None


def test_the_largest_keyframe_and_the_largest_other_picture_of_the_window() -> None:
    rates = Rates()
    assert rates.largest_bytes(0.0) == (0, 0)
    for number, size_bytes in enumerate((9000, 500, 800, 600)):
        rates.receive(size_bytes, number == 0, number / 10)
    assert rates.largest_bytes(0.4) == (9000, 800)
    assert rates.largest_bytes(2.05) == (0, 800), "the keyframe came longer ago"
