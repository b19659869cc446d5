from ingestd.delivery.audience import ARRIVAL_S, FRESH_S, NEWS_S, SETTLED_S, Audience


def watched_by(*identities: str, now: float = 0.0) -> Audience:
    audience = Audience()
    audience.counted(len(identities) + 1, now)
    for identity in identities:
        audience.present(identity)
    return audience


def test_one_who_is_alone_in_the_room_has_no_others() -> None:
    assert watched_by().others(0) <= 0
    assert watched_by("ann").others(0) == 0


def test_of_two_who_watch_one_is_the_other() -> None:
    assert watched_by("ann", "bob").others(0) == 1


def test_a_newcomer_has_all_who_watch_for_others() -> None:
    audience = watched_by("ann")
    assert audience.counted(3, 10)
    assert audience.newcomer(10)
    assert audience.others(10) == 1
    audience.came("bob", 10.5)
    assert audience.others(10 + FRESH_S) == 1, "bob does not watch yet"
    assert not audience.fresh(10 + FRESH_S)
    assert not audience.newcomer(10 + ARRIVAL_S)
    assert audience.others(10 + ARRIVAL_S) == 1


def test_an_arrival_that_was_counted_is_no_other_when_its_name_is_told() -> None:
    audience = watched_by("ann")
    audience.counted(3, 10)
    audience.came("bob", 13)
    assert audience.came_at == 10
    audience.came("eve", 10 + NEWS_S + 0.1)
    assert audience.came_at == 10 + NEWS_S + 0.1


def test_the_first_count_and_a_fall_tell_of_no_arrival() -> None:
    audience = Audience()
    assert not audience.counted(3, 10)
    assert not audience.counted(2, 11)
    assert not audience.newcomer(11)


def test_one_who_has_left_counts_while_its_last_request_may_be_on_the_way() -> None:
    audience = watched_by("ann", "bob")
    audience.left("bob", 10)
    audience.left("unknown", 10)
    assert audience.others(10) == 1
    assert audience.others(10 + NEWS_S) == 0


def test_one_who_leaves_and_comes_again_counts_once() -> None:
    audience = watched_by("ann", "bob")
    audience.left("bob", 10)
    audience.came("bob", 10.5)
    assert audience.others(10.5 + ARRIVAL_S) == 1
    assert SETTLED_S < ARRIVAL_S


def test_its_size_is_the_number_of_those_who_are_there() -> None:
    audience = watched_by("ann", "bob")
    audience.left("ann", 1.0)
    audience.came("eve", 2.0)
    assert audience.size == 2
