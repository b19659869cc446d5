"""How many lines of a kind pass, and what is known of the others."""

from ingestd.log_limiter import LeftOut, LineLimiter, LogLimiter


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


def test_so_many_lines_of_a_kind_pass_in_an_interval_and_the_others_are_counted() -> None:
    now = 100.0
    limiter: LineLimiter[str] = LineLimiter(2, 10.0, clock=lambda: now)

    assert [limiter.admit("reset", line) for line in "abcd"] == [True, True, False, False]
    assert limiter.admit("refused", "e")
    assert limiter.ended() == []
    now = 110.0
    assert limiter.ended() == [LeftOut({None: (2, "d")})]
    assert limiter.ended() == []
    assert limiter.admit("refused", "f")


def test_a_kind_that_goes_on_and_on_has_one_line_in_an_interval_until_it_rests() -> None:
    now = 100.0
    limiter: LineLimiter[str] = LineLimiter(2, 10.0, clock=lambda: now)
    for line in "abcd":
        limiter.admit("reset", line)
    now = 110.0
    limiter.ended()

    assert not limiter.admit("reset", "e")
    now = 120.0
    assert limiter.ended() == [LeftOut({None: (1, "e")})]
    now = 130.0
    assert limiter.ended() == [], "it has rested"
    assert limiter.admit("reset", "f")


def test_what_was_left_out_by_now_is_known_at_the_end_too() -> None:
    limiter: LineLimiter[str] = LineLimiter(1, 10.0)
    for line in "abc":
        limiter.admit("reset", line)

    (left_out,) = limiter.ended(now=True)
    assert (left_out.number, left_out.last) == (2, "c")


def test_a_storm_about_many_streams_has_a_line_for_each_and_few_more() -> None:
    now = 100.0
    limiter: LineLimiter[str] = LineLimiter(3, 10.0, clock=lambda: now)
    passed = [
        limiter.admit("gone", f"{stream} {number}", stream) for number in range(100) for stream in "abcdefgh"
    ]
    assert sum(passed) == 8 + 2
    assert limiter.admit("gone", "i 0", "i"), "the first about another stream"
    (left_out,) = limiter.ended(now=True)
    assert (left_out.number, left_out.last) == (800 - 10, "h 99")
    assert left_out.by_subject["a"] == (98, "a 99")
    assert not limiter.admit("gone", "a 100", "a")
    assert limiter.admit("gone", "j 0", "j")


def test_kinds_without_end_are_forgotten_after_an_interval() -> None:
    now = 100.0
    limiter: LineLimiter[str] = LineLimiter(1, 10.0, clock=lambda: now)
    for number in range(1000):
        limiter.admit(number, "line")
    now = 110.0
    limiter.ended()

    assert all(limiter.admit(number, "line") for number in range(1000))
