"""One helper that runs every reader on the same bytes cut in every way a network might cut them."""

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Protocol

from ingestd.errors import BitstreamError
from ingestd.media.access_unit import AccessUnit

RANDOM_CHUNKINGS = 50
# What may stand behind a stream that something else has written to, or that was cut and glued.
GARBAGE = random.Random(4).randbytes(200)


class Reader(Protocol):
    """What every reader of `ingestd.media` offers."""

    def feed(self, data: bytes) -> list[AccessUnit]: ...

    def eof(self) -> list[AccessUnit]: ...


def chunkings(data: bytes, *, seed: int = 1) -> Iterator[tuple[str, list[bytes]]]:
    """Yield (label, chunks): whole, byte by byte, fixed sizes around every header, and random cuts."""
    yield "whole", [data]
    for size in (1, 2, 3, 5, 7, 12, 32, 1448, 65536):
        yield f"{size} at a time", [data[i : i + size] for i in range(0, len(data), size)]
    rng = random.Random(seed)
    for run in range(RANDOM_CHUNKINGS):
        yield f"random cuts, seed {seed}, run {run}", list(_random_cuts(data, rng))


def _random_cuts(data: bytes, rng: random.Random) -> Iterator[bytes]:
    position = 0
    while position < len(data):
        size = rng.choice((1, 2, 4, 11, 100, 1000, 10_000))
        size = rng.randint(1, size)
        yield data[position : position + size]
        position += size


def read_all(reader: Reader, chunks: Iterable[bytes]) -> list[AccessUnit]:
    """Feed every chunk, then the end of the stream."""
    units = [unit for chunk in chunks for unit in reader.feed(chunk)]
    return units + reader.eof()


def read_up_to_error(reader: Reader, chunks: Iterable[bytes]) -> list[AccessUnit]:
    """Feed every chunk, then the end of the stream; return what came out before it was found to be none."""
    units: list[AccessUnit] = []
    with suppress(BitstreamError):
        for chunk in chunks:
            units += reader.feed(chunk)
        units += reader.eof()
    return units


def read_in_every_chunking(make_reader: Callable[[], Reader], data: bytes) -> list[AccessUnit]:
    """Return the access units of `data`, having checked that they do not depend on how it was cut.

    Nor do they with garbage behind them, which costs at most the last of them: where only the next start code
    ends a picture, it is part of that.
    """
    expected = read_all(make_reader(), [data])
    for label, chunks in chunkings(data):
        assert read_all(make_reader(), chunks) == expected, label
    with_garbage = read_up_to_error(make_reader(), [data + GARBAGE])
    before_last = max(len(expected) - 1, 0)
    assert with_garbage[:before_last] == expected[:before_last], "with garbage behind"
    for label, chunks in chunkings(data + GARBAGE):
        assert read_up_to_error(make_reader(), chunks) == with_garbage, f"with garbage behind, {label}"
    return expected
