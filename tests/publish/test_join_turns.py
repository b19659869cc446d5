"""Whose turn it is to join, on however many cores this machine has."""

import asyncio
import os
import time

import pytest

from ingestd.publish.join_turns import MAX_JOIN_TURN_S, next_turn

CORES = len(os.sched_getaffinity(0))


async def test_as_many_have_their_turn_as_there_are_cores_and_the_next_when_one_ends() -> None:
    first, *_others = [await next_turn() for _ in range(CORES)]
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(next_turn(), MAX_JOIN_TURN_S / 5)
    first()
    first()  # was over already
    await asyncio.wait_for(next_turn(), MAX_JOIN_TURN_S / 5)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(next_turn(), MAX_JOIN_TURN_S / 5)


async def test_who_waits_for_the_network_does_not_hold_up_the_others() -> None:
    begin = time.monotonic()
    for _ in range(2 * CORES + 1):
        await next_turn()
    assert 1.9 * MAX_JOIN_TURN_S < time.monotonic() - begin < 2 * MAX_JOIN_TURN_S + 1
