"""One helper that runs every reader on the same bytes cut in every way a network might cut them."""

import random
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from ingestd.media.access_unit import AccessUnit


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
    for run in range(10):
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


def read_in_every_chunking(make_reader: Callable[[], Reader], data: bytes) -> list[AccessUnit]:
    """Return the access units of `data`, having checked that they do not depend on how it was cut."""
    expected = read_all(make_reader(), [data])
    for label, chunks in chunkings(data):
        assert read_all(make_reader(), chunks) == expected, label
    return expected
