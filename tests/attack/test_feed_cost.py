"""No bytes keep the event loop: a property of `Demuxer.feed`, and a fuzzer that looks for the slowest.

CPU time of one call, and not the clock: another process is no fault of the parser's.
"""

import random
import time
from collections.abc import Callable, Iterator

import pytest

from ingestd.errors import BitstreamError
from ingestd.media.demuxer import Demuxer
from ingestd.media.formats.step import MAX_ITEMS_PER_STEP
from tests.attack import hostile_frames as frames
from tests.attack import hostile_h26x as h26x
from tests.attack.catalogue import ATTACKS, Attack
from tests.attack.pushes import Payload, Pushing
from tests.media.vectors_h26x import annexb, length_prefixed

READ_BYTES = 16 * 1024
# A plain read of 16 kB takes 0.5 ms, and nothing may keep the loop for more than 20 ms.
MAX_RATIO = 40
MAX_FEED_BYTES = 1 << 17
# Of the fuzzer, for each format; seconds are those of the CPU.
FUZZ_S, SURVIVORS = 1.0, 6

PAYLOADS = [attack for attack in ATTACKS.values() if isinstance(attack.arm, Pushing)]
HEADS: dict[str, Callable[[], bytes]] = {
    "annexb-h264": lambda: h26x.begun(annexb),
    "annexb-h265": h26x.h265_begun,
    "length-prefixed": lambda: h26x.begun(length_prefixed),
    "ivf-vp8": lambda: frames.ivf_begun("vp8"),
    "ivf-vp9": lambda: frames.ivf_begun("vp9"),
    "ivf-av1": lambda: frames.ivf_begun("av1"),
    "obu": frames.obu_begun,
}


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


@pytest.fixture(scope="module")
def limit_s() -> float:
    """What a call may take on this machine."""
    plain = list(calls(h26x.file("h264").container * 4))
    return MAX_RATIO * sum(plain) / len(plain)


@pytest.fixture(scope="module")
def bodies() -> list[bytes]:
    """What the fuzzer begins with."""
    return [attack.arm.make().body[:READ_BYTES] for attack in PAYLOADS if isinstance(attack.arm, Pushing)]


def bytes_of(payload: Payload) -> bytes:
    """Its beginning, repeated as the attack does."""
    body = payload.body
    if not payload.once:
        body *= max(1, MAX_FEED_BYTES // len(body))
    return payload.head + body


@pytest.mark.parametrize("attack", PAYLOADS, ids=lambda attack: attack.name)
def test_no_call_takes_long_for_the_bytes_of_an_attack(attack: Attack, limit_s: float) -> None:
    assert isinstance(attack.arm, Pushing)

    data = bytes_of(attack.arm.make())

    # One of two: caches and interrupts are no property of the parser.
    assert any(worst_s(data) < limit_s for _ in range(2))


@pytest.mark.parametrize("format", HEADS)
def test_no_call_takes_long_for_bytes_that_a_fuzzer_maximised_for_time(
    format: str, bodies: list[bytes], limit_s: float
) -> None:
    dice, head = random.Random(1), HEADS[format]()
    best = sorted(((worst_s(head + body), body) for body in bodies), reverse=True)[:SURVIVORS]

    end_s = time.thread_time() + FUZZ_S
    while time.thread_time() < end_s:
        body = mutated(dice.choice(best)[1], dice.choice(bodies), dice)
        best = sorted([*best, (worst_s(head + body), body)], reverse=True)[:SURVIVORS]

    seconds, body = best[0]
    seconds = min(seconds, worst_s(head + body))
    assert seconds < limit_s, f"{body[:200].hex()}… takes {seconds * 1000:.1f} ms"


def mutated(body: bytes, other: bytes, dice: random.Random) -> bytes:
    """Another 16 kB made of these two: a part of one repeated, put into the other, or some bytes changed."""
    where, length = dice.randrange(len(body)), dice.choice((1, 2, 4, 8, 16, 64, 1024))
    match dice.randrange(4):
        case 0:
            made = body[:where] + body[where : where + length] * (READ_BYTES // length)
        case 1:
            begin = dice.randrange(len(other))
            made = body[:where] + other[begin : begin + length] + body[where:]
        case 2:
            made = body[:where] + dice.randbytes(length) + body[where + length :]
        case _:
            made = body[:where] + body[where + length :] + other[:length]
    return made[:READ_BYTES] or body
