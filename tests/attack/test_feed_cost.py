"""No attack keeps the event loop: the CPU time of each call of `Demuxer.feed` for all their bytes."""

import time
from collections.abc import Iterator

import pytest

from ingestd.errors import BitstreamError
from ingestd.media.demuxer import Demuxer
from ingestd.media.formats.step import MAX_ITEMS_PER_STEP
from tests.attack import hostile_h26x as h26x
from tests.attack.catalogue import ATTACKS, Attack
from tests.attack.pushes import Payload, Pushing

READ_BYTES = 16 * 1024
# A plain read of 16 kB takes 0.5 ms, and nothing may keep the loop for more than 20 ms.
MAX_RATIO = 40
TRIES = 10
MAX_FEED_BYTES = 1 << 17

PAYLOADS = [attack for attack in ATTACKS.values() if isinstance(attack.arm, Pushing)]


def calls(data: bytes) -> Iterator[float]:
    """Feed a new demuxer as a connection does; the seconds of CPU that each call takes."""
    demuxer, now = Demuxer(max_items=MAX_ITEMS_PER_STEP), 0.0
    for position in range(0, len(data), READ_BYTES):
        chunk = memoryview(data)[position : position + READ_BYTES]
        while True:
            now += 0.001
            began_s = time.thread_time()
            try:
                demuxer.feed(chunk, now)
            except BitstreamError:
                return
            finally:
                yield time.thread_time() - began_s
            demuxer.faults.clear()
            if not demuxer.behind:
                break
            chunk = memoryview(b"")


def worst_s(data: bytes) -> float:
    """The longest call, in seconds of CPU."""
    return max(calls(data), default=0.0)


def limit_s() -> float:
    """What a call may take on this machine, now."""
    plain = list(calls(h26x.file("h264").container * 4))
    return MAX_RATIO * sum(plain) / len(plain)


def bytes_of(payload: Payload) -> bytes:
    """Its beginning, repeated as the attack does."""
    body = payload.body
    if not payload.once:
        body *= max(1, MAX_FEED_BYTES // len(body))
    return payload.head + body


@pytest.mark.parametrize("attack", PAYLOADS, ids=lambda attack: attack.name)
def test_no_call_takes_long_for_the_bytes_of_an_attack(attack: Attack) -> None:
    assert isinstance(attack.arm, Pushing)

    data = bytes_of(attack.arm.make())

    # One of some: what else the machine does is no property of the parser, and a long call is so in each.
    assert any(worst_s(data) < limit_s() for _ in range(TRIES))
