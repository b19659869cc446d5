"""The log's thread: who writes never waits, whatever becomes of the lines, and what is lost is counted."""

import io
import itertools
import logging
import os
import threading
import time
from collections.abc import Iterator

import pytest

from ingestd.observe import logs
from ingestd.observe.log_writer import LogWriter

LINE = "a line of the log\n"
MANY = 20_000  # more than a pipe holds
PROMPT_S = 2.0  # for all of them; a write that waits never ends


@pytest.fixture
def pipe() -> Iterator[tuple[io.TextIOWrapper, io.TextIOWrapper]]:
    reading, writing = os.pipe()
    with os.fdopen(reading) as reader, os.fdopen(writing, "w") as writer:
        yield reader, writer


def test_lines_come_in_order_and_are_there_when_it_has_drained(tmp_path: os.PathLike[str]) -> None:
    with open(os.path.join(tmp_path, "log"), "w+") as out:
        writer = LogWriter(out)
        for number in range(1000):
            writer.write(f"line {number} …\n")
        writer.drain(PROMPT_S)
        out.seek(0)
        assert out.read().splitlines() == [f"line {number} …" for number in range(1000)]
        assert writer.take_lost() == 0


def filled(descriptor: int) -> int:
    """Fill a pipe with lines; how many it takes."""
    os.set_blocking(descriptor, False)
    for number in itertools.count():
        try:
            os.write(descriptor, LINE.encode())
        except BlockingIOError:
            os.set_blocking(descriptor, True)
            return number
    raise AssertionError


def test_a_pipe_that_nobody_reads_holds_nothing_up_and_costs_bounded_memory(
    pipe: tuple[io.TextIOWrapper, io.TextIOWrapper],
) -> None:
    reader, out = pipe
    before = filled(out.fileno())
    writer, began = LogWriter(out, max_waiting_bytes=10 * len(LINE)), time.monotonic()
    for _ in range(MANY):
        writer.write(LINE)
    writer.drain(0.1)
    assert time.monotonic() - began < PROMPT_S
    assert writer.take_lost() == 0, "there is no room to say it"
    lines: list[str] = []
    reading = threading.Thread(target=lambda: lines.extend(reader), daemon=True)
    reading.start()
    writer.drain(PROMPT_S)
    lost = writer.take_lost()
    assert lost == MANY - 10
    assert writer.take_lost() == 0, "said once"
    out.close()
    reading.join()
    assert lines == [LINE] * (before + 10)


def test_a_full_disk_loses_lines_and_does_not_stand_still() -> None:
    with open("/dev/full", "w") as full:
        writer = LogWriter(full)
        for _ in range(10):
            writer.write(LINE)
        writer.drain(PROMPT_S)
        assert writer.take_lost() == 10


def test_a_line_that_was_cut_by_a_full_disk_is_ended_before_the_next(
    monkeypatch: pytest.MonkeyPatch, tmp_path: os.PathLike[str]
) -> None:
    write, room = os.write, [5, 0]

    def with_room_for_five(descriptor: int, data: memoryview) -> int:
        if not room:
            return write(descriptor, data)
        if not room[0]:
            room.clear()
            raise OSError(28, "No space left on device")
        return write(descriptor, data[: room.pop(0)])

    with open(os.path.join(tmp_path, "log"), "w+") as out:
        writer = LogWriter(out)
        monkeypatch.setattr(os, "write", with_room_for_five)
        writer.write(LINE)
        writer.write(LINE)
        writer.write(LINE)
        writer.drain(PROMPT_S)
        monkeypatch.undo()
        out.seek(0)
        assert out.read() == LINE[:5] + "\n" + LINE * 2
        assert writer.take_lost() == 1


def test_a_pipe_that_another_process_has_made_non_blocking_loses_nothing(
    pipe: tuple[io.TextIOWrapper, io.TextIOWrapper],
) -> None:
    reader, out = pipe
    os.set_blocking(out.fileno(), False)
    writer = LogWriter(out)
    count = 200_000 // len(LINE)  # three times what it holds, and less than may wait
    for _ in range(count):
        writer.write(LINE)
    assert sum(1 for _ in zip(range(count), reader, strict=False)) == count
    writer.drain(PROMPT_S)
    assert writer.take_lost() == 0


def test_the_log_says_how_many_lines_were_lost_and_goes_on_by_the_same_writer() -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    reading, writing = os.pipe()
    try:
        with os.fdopen(reading) as reader, os.fdopen(writing, "w") as out:
            writer = LogWriter(out, max_waiting_bytes=1000)
            logs.configure("info", "json", writer)
            writer.write("x" * 2000)
            logs.configure("info", "json")  # as a reload does
            logs.say_left_out()
            line = reader.readline()
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    assert '"event": "log lines lost", "lines": 1' in line


def test_a_terminal_is_known_as_one(pipe: tuple[io.TextIOWrapper, io.TextIOWrapper]) -> None:
    manager, terminal = os.openpty()
    with os.fdopen(manager), os.fdopen(terminal, "w") as screen:
        assert LogWriter(screen).isatty()
    assert not LogWriter(pipe[1]).isatty()
