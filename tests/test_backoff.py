from ingestd.backoff import Backoff


def test_delays_double_up_to_the_longest_each_shortened_by_up_to_half() -> None:
    for _ in range(50):
        backoff = Backoff(0.2, 3.0)
        for whole in (0.2, 0.4, 0.8, 1.6, 3.0, 3.0, 3.0):
            assert whole / 2 <= backoff.next_s() <= whole


def test_delays_differ_from_one_daemon_to_the_next() -> None:
    assert len({Backoff(1.0, 10.0).next_s() for _ in range(20)}) > 10


def test_a_success_begins_anew() -> None:
    backoff = Backoff(0.2, 60.0)
    for _ in range(10):
        backoff.next_s()
    backoff.reset()
    assert backoff.next_s() <= 0.2
