"""Who waits, and for how long, where streams cost more of the event loop than their bytes should."""

import pytest

from ingestd.loop_share import (
    HEAVY_RATIO,
    LIVE_BYTES_PER_S,
    MAX_AHEAD_BYTES,
    MAX_OWED_S,
    MAX_OWED_UNNOTICED_S,
    MAX_SHARERS,
    PARTING_WHILES,
    PLAIN_RATIO,
    PLAIN_S_PER_BYTE,
    SENDING_S_PER_BYTE,
    SHARER_FORGOTTEN_S,
    WHILE_S,
    LoopAccount,
    LoopShare,
)

STEP_S = 0.003
STEP_BYTES = 1024


class Loop:
    """An event loop whose streams do nothing but cost time; heavy ones always have more to read."""

    def __init__(self, heavy: int) -> None:
        self.share = LoopShare()
        self.now = 100.0
        self.heavy = [self.share.account() for _ in range(heavy)]
        self.used_s = dict.fromkeys(self.heavy, 0.0)
        self._turn_at = dict.fromkeys(self.heavy, 0.0)

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            account = min(self.heavy, key=lambda account: self._turn_at[account])
            self.now = max(self.now, self._turn_at[account]) + STEP_S
            self.used_s[account] += STEP_S
            self._turn_at[account] = self.now + account.charge(self.now, STEP_S, STEP_BYTES)


@pytest.mark.parametrize("streams", [1, 2, 8])
def test_all_heavy_streams_together_get_half_of_the_loop_each_as_much(streams: int) -> None:
    loop = Loop(streams)
    loop.run(10.0)  # until all are noticed
    begun, before = loop.now, dict(loop.used_s)
    loop.run(20.0)
    shares = [(loop.used_s[account] - before[account]) / (loop.now - begun) for account in loop.heavy]
    assert sum(shares) == pytest.approx(HEAVY_RATIO, abs=0.02)
    assert max(shares) - min(shares) < 0.02


def test_a_loop_that_is_late_does_not_run_the_turns_that_are_due_in_one_go() -> None:
    share, now = LoopShare(), 100.0
    accounts = [share.account() for _ in range(8)]
    for account in accounts:
        account.charge(now, 0.0, 0)
        account.charge(now, 1.0, 0)
    now += 1.9
    assert accounts[0].wait_s(now) == 0.0
    accounts[0].took_turn(now, STEP_S)
    assert [account.wait_s(now) for account in accounts] == [pytest.approx(STEP_S)] * 8
    assert accounts[1].wait_s(now + STEP_S) == pytest.approx(0.0)


def test_streams_that_nothing_was_noticed_of_take_their_turns_one_at_a_time_too() -> None:
    share, now = LoopShare(), 100.0
    accounts = [share.account() for _ in range(8)]
    for account in accounts:
        assert account.charge(now, STEP_S, STEP_BYTES) == 0.0
    accounts[0].took_turn(now, STEP_S)
    accounts[1].took_turn(now, STEP_S / 2)
    assert [account.wait_s(now) for account in accounts] == [pytest.approx(STEP_S)] * 8


def plain_second(
    account: LoopAccount, now: float, *, pictures: int = 60, picture_bytes: int = 17_000
) -> float:
    """A second of a plain stream on a slow machine, by default of 8 Mbit/s; how long it waits."""
    waits_s = 0.0
    for number in range(pictures):
        cost_s = 0.0005 + picture_bytes * 20e-9
        waits_s += account.charge(now + number / pictures, cost_s, picture_bytes)
    return waits_s


def test_a_plain_stream_never_waits_whatever_others_do() -> None:
    loop = Loop(8)
    plain = loop.share.account()
    for _ in range(30):
        loop.run(1.0)
        assert plain_second(plain, loop.now) == 0.0


@pytest.mark.parametrize("picture_bytes", [250, 100_000])
def test_neither_small_nor_large_pictures_make_a_stream_heavy(picture_bytes: int) -> None:
    plain = LoopShare().account()
    assert sum(plain_second(plain, 100.0 + s, picture_bytes=picture_bytes) for s in range(60)) == 0.0


def test_a_burst_is_no_sign() -> None:
    account = LoopShare().account()
    account.charge(100.0, 0.0, 0)
    assert account.charge(100.0, MAX_OWED_UNNOTICED_S, 0) == 0.0
    assert account.charge(100.0, STEP_S, 0) > 0.0


def test_bytes_pay_for_what_plain_bytes_cost() -> None:
    account = LoopShare().account()
    for number in range(1000):
        assert account.charge(100.0 + number, 1.0, round(1.0 / PLAIN_S_PER_BYTE)) == 0.0


def test_a_stream_that_has_come_to_its_senses_is_plain_again() -> None:
    loop = Loop(1)
    loop.run(60.0)
    (account,) = loop.heavy
    silent_s = MAX_OWED_S / PLAIN_RATIO
    account.charge(loop.now + silent_s, STEP_S, STEP_BYTES)
    assert account.charge(loop.now + silent_s, STEP_S, STEP_BYTES) == 0.0


def test_a_stream_that_exhausts_others_has_to_go_after_a_while() -> None:
    loop = Loop(8)
    loop.run((PARTING_WHILES - 1) * WHILE_S)
    assert not any(account.exhausting for account in loop.heavy)
    loop.run(3 * WHILE_S)
    assert all(account.exhausting for account in loop.heavy)


def test_the_next_encoder_of_that_stream_may_try_again_but_what_it_owes_stays() -> None:
    loop = Loop(1)
    loop.run((PARTING_WHILES + 2) * WHILE_S)
    (account,) = loop.heavy
    account.new_encoder()
    assert not account.exhausting
    assert account.charge(loop.now, STEP_S, STEP_BYTES) > 0.0


def test_a_heavy_stream_whose_bytes_are_worth_it_stays() -> None:
    share, now = LoopShare(), 100.0
    account = share.account()
    for _ in range(2000):
        now += 0.01
        now += account.charge(now, 0.01, round(0.002 / PLAIN_S_PER_BYTE))
    assert not account.exhausting


def test_a_heavy_stream_that_keeps_up_stays() -> None:
    # A picture every 8 ms that costs a seventh of that, and has hardly any bytes.
    account, waits_s = LoopShare().account(), 0.0
    for number in range(5000):
        now = 100.0 + number * 0.008
        waits_s += account.charge(now, 0.0011, 100)
        assert not account.exhausting
    assert waits_s > 0.0


def test_a_plain_stream_that_a_hiccup_made_heavy_is_read_on_and_is_plain_again_beside_others() -> None:
    loop = Loop(8)
    loop.run(5.0)
    plain = loop.share.account()
    plain.charge(loop.now, 0.0, 0)
    plain.charge(loop.now, MAX_OWED_UNNOTICED_S + 0.01, 0)
    waits_s = []
    for _ in range(5):
        loop.run(1.0)
        waits_s.append(plain_second(plain, loop.now))
    assert max(waits_s) < 0.5
    assert waits_s[-1] == 0.0


READ_BYTES = 64 * 1024
READ_S = READ_BYTES * 5e-9


def greedy_bytes(streams: int, seconds: float) -> float:
    """What encoders are read that always have more: bytes per second, of all together."""
    share, now = LoopShare(), 100.0
    next_at = {share.account(): now for _ in range(streams)}
    read_bytes, begun_at = 0, now + 5.0  # until all are noticed
    while now < begun_at + seconds:
        account = min(next_at, key=lambda account: next_at[account])
        now = max(now, next_at[account]) + READ_S
        account.sends(READ_BYTES)
        next_at[account] = now + account.charge(now, READ_S, READ_BYTES, rests=False)
        assert not account.exhausting
        read_bytes += READ_BYTES if now >= begun_at else 0
    return read_bytes / seconds


@pytest.mark.parametrize("streams", [1, 2, 8])
def test_who_sends_without_a_rest_is_read_as_webrtc_can_send_beside_others(streams: int) -> None:
    most = HEAVY_RATIO / (SENDING_S_PER_BYTE + READ_S / READ_BYTES)
    assert greedy_bytes(streams, 10.0) == pytest.approx(most, rel=0.1)


def live_waits_s(bitrate_bps: float, max_bitrate_bps: float | None) -> float:
    """How long 60 pictures a second wait in a minute, with a keyframe of 1 MB each second."""
    account, now, waits_s = LoopShare().account(max_bitrate_bps), 100.0, 0.0
    other_bytes = (round(bitrate_bps / 8) - 1_000_000) // 59
    for number in range(60 * 60):
        now = max(now, 100.0 + number / 60)
        left = 1_000_000 if number % 60 == 0 else other_bytes
        while left:
            size, left = min(left, READ_BYTES), max(left - READ_BYTES, 0)
            now += READ_S
            account.sends(size)
            waits_s += account.charge(now, READ_S, size, rests=left == 0)
    return waits_s


def test_a_live_stream_of_large_keyframes_never_waits() -> None:
    assert live_waits_s(40e6, None) == 0.0


def test_a_live_stream_may_send_its_configured_bitrate_whatever_others_may() -> None:
    assert live_waits_s(80e6, 100e6) == 0.0
    assert live_waits_s(80e6, None) > 0.0


def test_who_rests_after_a_burst_is_plain_again() -> None:
    account, now = LoopShare().account(), 100.0
    account.charge(now, 0.0, 0)
    account.sends(8 * MAX_AHEAD_BYTES)
    assert account.charge(now, READ_S, READ_BYTES) > 0.0
    now += 4 * MAX_AHEAD_BYTES / LIVE_BYTES_PER_S
    assert account.charge(now, READ_S, READ_BYTES) == 0.0


def test_no_time_counts_as_rest_while_there_is_more_to_read() -> None:
    account, now = LoopShare().account(), 100.0
    account.charge(now, 0.0, 0, rests=False)
    account.sends(MAX_AHEAD_BYTES + 1)
    assert account.charge(now + 3600.0, READ_S, READ_BYTES, rests=False) > 0.0


def test_heavy_streams_share_the_memory_of_one_and_so_do_files() -> None:
    share, now = LoopShare(), 100.0
    plain, *heavy = [share.account() for _ in range(4)]
    files = [share.account() for _ in range(MAX_SHARERS + 2)]
    for account in heavy:
        account.charge(now, 0.0, 0)
        account.charge(now, 1.0, 0)
    assert [account.sharers(now, paced=False) for account in heavy] == [1, 2, 3]
    assert plain.sharers(now, paced=False) == 1
    assert [account.sharers(now, paced=True) for account in files][-3:] == [MAX_SHARERS] * 3
    now += SHARER_FORGOTTEN_S + 1
    assert heavy[0].sharers(now, paced=False) == 1
