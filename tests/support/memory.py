"""A bound on the memory that a piece of code takes."""

import contextlib
import tracemalloc
from collections.abc import Iterator


@contextlib.contextmanager
def most_memory(limit_bytes: int) -> Iterator[None]:
    """Fail if more than ``limit_bytes`` are allocated in the block at any one time."""
    tracemalloc.start()
    try:
        yield
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes <= limit_bytes, f"{peak_bytes} bytes of memory, at most {limit_bytes} are allowed"
