"""How many connections there may be, and how many new ones in a second."""

from ingestd.source.connection_limits import ConnectionCount, ConnectionRate


def test_an_address_may_come_so_often_in_a_second() -> None:
    now = [100.0]
    rate = ConnectionRate(2, clock=lambda: now[0])
    assert [rate.take("10.0.0.1") for _ in range(4)] == [True, True, False, False]
    assert rate.take("10.0.0.2"), "another address has its own"
    now[0] += 0.5
    assert [rate.take("10.0.0.1") for _ in range(2)] == [True, False]
    now[0] += 60
    assert [rate.take("10.0.0.1") for _ in range(3)] == [True, True, False], "nothing is saved up"


def test_of_masses_of_addresses_only_so_many_are_remembered() -> None:
    rate = ConnectionRate(1, clock=lambda: 0.0)
    for number in range(3 * ConnectionRate._MAX_ADDRESSES):
        assert rate.take(f"2001:db8::{number:x}")
    assert len(rate._left) == ConnectionRate._MAX_ADDRESSES


def test_a_count_is_full_above_its_limit() -> None:
    count = ConnectionCount(1)
    count.open = 1
    assert not count.full, "the one that asks is counted already"
    count.open = 2
    assert count.full
    assert not ConnectionCount().full
