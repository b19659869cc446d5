from ingestd.delivery.frame_interval import MAX_JITTER_S
from ingestd.delivery.timestamps import Timestamps


def test_a_picture_that_goes_straight_through_keeps_its_capture_time() -> None:
    assert Timestamps().next_us(4.98, now=5.0, lead_s=0.01) == 4_980_000


def test_what_waited_is_stamped_by_its_hand_over() -> None:
    assert Timestamps().next_us(3.0, now=5.0, lead_s=0.01) == round((5 - MAX_JITTER_S) * 1e6)


def test_what_was_given_out_before_gets_the_time_at_which_live_pictures_go_on() -> None:
    timestamps = Timestamps()
    timestamps.next_us(4.98, now=5.0, lead_s=0.01)
    assert timestamps.next_us(None, now=5.02, lead_s=0.01) == 5_010_000


def test_a_picture_captured_before_the_one_shown_last_gets_a_later_time() -> None:
    timestamps = Timestamps()
    timestamps.next_us(None, now=5.0, lead_s=0.01)
    assert timestamps.next_us(4.97, now=5.003, lead_s=0.01) == 4_993_000
    assert timestamps.next_us(4.9935, now=5.006, lead_s=0.01) == 4_996_000


def test_times_rise_even_when_the_clock_stands_still() -> None:
    timestamps = Timestamps()
    assert [timestamps.next_us(5.0, 5.0, 0.0) for _ in range(3)] == [5_000_000, 5_001_000, 5_002_000]
    assert timestamps.next_us(6.0, 6.0, 0.0) == 6_000_000
