from ingestd.log_limiter import LogLimiter


def test_a_repeating_line_is_let_through_once_a_second_with_the_number_of_those_held_back() -> None:
    now = 100.0
    limited = LogLimiter(clock=lambda: now)

    assert limited.due("full") == 0
    assert limited.due("full") is None
    assert limited.due("other") == 0
    now = 100.9
    assert limited.due("full") is None
    now = 101.0
    assert limited.due("full") == 2
    assert limited.due("full") is None
