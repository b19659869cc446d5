"""Flow control without a socket: when reading pauses, and what is passed on; see also test_connection."""

import asyncio
from collections.abc import Callable

import pytest

from ingestd.source.flow_control import LOOK_AHEAD_BYTES, MAX_READ_TURN_S, SLICE_BYTES, FlowControl
from tests.support.wait import eventually


class Clock:
    """The time that passing on is measured by: a busy machine makes nothing slow."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def work(self) -> None:
        """Use the loop for twice as long as one may."""
        self.now += 2 * MAX_READ_TURN_S


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("ingestd.source.flow_control.time", clock)
    return clock


class Transport(asyncio.Transport):
    """Knows whether it is read."""

    reading = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Line:
    """A flow, its socket, and what was passed on; ``work`` is done for each slice."""

    def __init__(self, work: Callable[[], object] = lambda: None, *, admitted: bool = True) -> None:
        self.slices: list[bytes] = []
        self.progress = 0
        self._work = work
        self.transport = Transport()
        self.flow = FlowControl(self._progress)
        self.flow.begin(self.transport)
        if admitted:
            self.flow.admit(self.pass_on)

    @property
    def reading(self) -> bool:
        return self.transport.reading

    @property
    def passed_on(self) -> bytes:
        return b"".join(self.slices)

    def pass_on(self, data: memoryview) -> None:
        self.slices.append(bytes(data))
        self._work()

    def read(self, data: bytes) -> None:
        """Read ``data`` into a buffer that the next read fills again."""
        buffer = bytearray(data)
        self.flow.receive(memoryview(buffer))
        buffer[:] = bytes(len(buffer))

    def _progress(self) -> None:
        self.progress += 1


async def test_a_read_is_passed_on_at_once_in_slices() -> None:
    line, data = Line(), bytes(range(256)) * (SLICE_BYTES // 128) + b"the end"
    line.read(data)
    assert [len(piece) for piece in line.slices] == [SLICE_BYTES, SLICE_BYTES, 7]
    assert line.passed_on == data
    assert line.reading


async def test_first_bytes_wait_until_the_connection_is_admitted() -> None:
    line = Line(admitted=False)
    assert line.reading
    line.read(b"first, ")
    assert not line.reading
    line.flow.read_more(100)
    assert line.reading
    line.read(b"second")
    assert (line.reading, bytes(line.flow.unread)) == (False, b"first, second")
    line.flow.read_more(len(b"first, second"))
    assert not line.reading, "as many have come"
    line.flow.admit(line.pass_on)
    assert (line.reading, line.passed_on) == (True, b"first, second")


async def test_it_goes_on_when_the_last_reason_to_pause_is_gone() -> None:
    line = Line()
    line.flow.throttle(True)
    line.flow.hold(True)
    line.read(b"late")
    line.flow.hold(False)
    assert (line.reading, line.passed_on) == (False, b"")
    line.flow.throttle(False)
    assert not line.reading, "this may be within `pass_to`"
    await eventually(lambda: line.passed_on == b"late")
    assert line.reading
    assert not line.flow.throttled


async def test_a_throttle_that_comes_back_at_once_was_never_gone() -> None:
    line = Line()
    line.flow.throttle(True)
    line.flow.throttle(False)
    line.flow.throttle(True)
    line.read(b"late")
    for _ in range(3):
        await asyncio.sleep(0)
    assert (line.flow.throttled, line.passed_on) == (True, b"")


async def test_what_took_long_leaves_the_loop_to_others_for_as_long(clock: Clock) -> None:
    line, loop = Line(clock.work), asyncio.get_running_loop()
    began = loop.time()
    line.read(bytes(SLICE_BYTES + 1))
    assert (line.reading, len(line.slices)) == (False, 1)
    await eventually(lambda: len(line.slices) == 2)
    assert loop.time() - began >= 1.8 * MAX_READ_TURN_S


async def test_a_turn_of_the_loop_passes_before_it_is_read_again() -> None:
    line = Line()
    line.flow.yield_turn()
    assert not line.reading
    await eventually(lambda: line.reading)
    line.flow.hold(True)
    line.flow.yield_turn()
    line.flow.hold(False)
    assert line.reading, "what is not read has no turn to yield"


async def test_it_reads_ahead_of_what_has_to_wait_and_loses_nothing() -> None:
    line, data = Line(), bytes(range(256)) * 256
    assert not line.flow.look_ahead(), "nothing has to wait"
    line.flow.hold(True)
    assert line.flow.look_ahead()
    reads = 0
    while line.reading:
        line.read(data)
        reads += 1
    assert 0 <= reads * len(data) - LOOK_AHEAD_BYTES <= len(data)
    assert not line.flow.look_ahead()
    line.flow.hold(False)
    assert line.passed_on == data * reads
    assert line.reading


async def test_the_rest_of_a_read_is_kept_before_it_reads_ahead() -> None:
    line = Line(lambda: line.flow.hold(True))
    buffer = bytearray(b"x" * SLICE_BYTES + b"rest")
    line.flow.receive(memoryview(buffer))
    assert line.flow.look_ahead()
    buffer[:] = bytes(len(buffer))  # the next read
    line.flow.hold(False)
    assert line.slices[1:] == [b"rest"]


async def test_who_is_turned_away_is_never_read_again() -> None:
    line = Line(admitted=False)
    line.flow.yield_turn()
    line.flow.turn_away()
    for _ in range(3):
        await asyncio.sleep(0)
    assert (line.reading, line.flow.turned_away) == (False, True)


async def test_when_the_socket_is_closed_all_is_passed_on_whatever_time_it_takes(clock: Clock) -> None:
    line = Line(clock.work)
    line.read(bytes(SLICE_BYTES * 3))
    assert not line.flow.done
    line.flow.close()
    assert len(line.slices) == 3
    assert (line.flow.closed, line.flow.done) == (True, True)


async def test_it_is_not_done_before_its_handler_is() -> None:
    line = Line()
    line.flow.hold(True)
    line.read(b"the last picture")
    line.flow.close()
    assert (line.passed_on, line.flow.done, line.progress) == (b"", False, 0)
    line.flow.hold(False)
    assert (line.passed_on, line.flow.done, line.progress) == (b"the last picture", True, 1)


async def test_it_is_not_done_while_its_handler_works_at_the_last_bytes() -> None:
    line = Line(lambda: line.flow.hold(True))
    line.read(b"the last picture")
    line.flow.close()
    assert (line.passed_on, line.flow.done) == (b"the last picture", False)
    line.flow.hold(False)
    assert (line.flow.done, line.progress) == (True, 1)


async def test_what_is_dropped_is_passed_on_to_nobody_and_waited_for_by_nobody() -> None:
    line = Line()
    line.flow.hold(True)
    line.read(b"the last picture")
    line.flow.drop()
    line.flow.close()
    assert (line.passed_on, line.flow.done) == (b"", True)


async def test_a_connection_that_was_never_admitted_is_done_when_it_is_closed() -> None:
    line = Line(admitted=False)
    line.read(b"a second encoder's")
    line.flow.close()
    assert line.flow.done
