"""The link does to packets what it says."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.link import FAR, NOTHING, Link, Quality, unavailable

UNAVAILABLE = unavailable()
pytestmark = pytest.mark.skipif(UNAVAILABLE is not None, reason=str(UNAVAILABLE))

PACKETS = 60  # at once: a receiver that a busy machine keeps waiting has room for 90
PACKET_BYTES = 1000  # of payload
HEADER_BYTES = 28  # IPv4 and UDP
SILENCE_S = 0.3  # seconds after which no more packets are expected; longer than any delay here
NOISE_S = 0.15  # seconds by which a busy machine may be late


class Crossing:
    """A sender at the near end and a receiver at the far one."""

    def __init__(self, link: Link, sender: socket.socket, receiver: socket.socket) -> None:
        self.link = link
        self._sender = sender
        self._receiver = receiver

    def send(self, count: int) -> tuple[list[int], float]:
        """Send packets at once; return the numbers of those that arrive, and after how long the last one."""
        begin = last = time.monotonic()
        for number in range(count):
            self._sender.send(number.to_bytes(2) + bytes(PACKET_BYTES - 2))
        arrived = []
        while True:
            try:
                arrived.append(int.from_bytes(self._receiver.recv(PACKET_BYTES)[:2]))
            except TimeoutError:
                return arrived, last - begin
            last = time.monotonic()


@pytest.fixture
def crossing() -> Iterator[Crossing]:
    with ExitStack() as stack:
        link = stack.enter_context(Link())
        with link.far.entered():
            receiver = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        with link.near.entered():
            sender = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        receiver.bind((FAR, 0))
        receiver.settimeout(SILENCE_S)
        sender.connect(receiver.getsockname())
        yield Crossing(link, sender, receiver)


def test_a_good_link_carries_everything_at_once_and_in_order(crossing: Crossing) -> None:
    arrived, seconds = crossing.send(PACKETS)
    assert arrived == list(range(PACKETS))
    assert seconds < NOISE_S


def test_a_dead_link_carries_nothing_and_may_come_back(crossing: Crossing) -> None:
    good, crossing.link.quality = crossing.link.quality, NOTHING
    assert crossing.send(PACKETS)[0] == []
    crossing.link.quality = good
    assert crossing.send(PACKETS)[0] == list(range(PACKETS))


def test_delay(crossing: Crossing) -> None:
    crossing.link.quality = Quality(delay=0.15)
    arrived, seconds = crossing.send(10)
    assert arrived == list(range(10))
    assert 0.15 <= seconds < 0.15 + NOISE_S


def test_loss(crossing: Crossing) -> None:
    crossing.link.quality = Quality(loss=0.3)
    arrived, _ = crossing.send(PACKETS)
    assert 0.5 < len(arrived) / PACKETS < 0.9
    assert arrived == sorted(arrived)


def test_reordering_loses_nothing(crossing: Crossing) -> None:
    crossing.link.quality = Quality(reorder=0.2)
    arrived, _ = crossing.send(PACKETS)
    assert arrived != sorted(arrived)
    assert sorted(arrived) == list(range(PACKETS))


def test_rate_and_a_queue_that_overflows(crossing: Crossing) -> None:
    crossing.link.quality = Quality(rate=800_000, queue=0.2)
    arrived, seconds = crossing.send(100)
    packet_seconds = (PACKET_BYTES + HEADER_BYTES) * 8 / 800_000
    assert len(arrived) == pytest.approx(0.2 / packet_seconds, abs=3)
    assert len(arrived) * packet_seconds <= seconds + 0.001
    assert seconds < len(arrived) * packet_seconds + NOISE_S
