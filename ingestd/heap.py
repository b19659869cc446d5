"""The heap of this process: large blocks go back to the system as they are freed.

Once glibc has freed a block from the system, it takes blocks of that size from its heap instead, where a
small one that outlives it keeps the place: eight streams with pictures of 2.3 MB left 140 MB behind, and
leave 70. A picture of that size costs 1 ms more.
"""

import ctypes

# mallopt(3).
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
# Few pictures are larger.
LARGE_BYTES = 512 * 1024
# Of small blocks this much is kept for the next, as it comes and goes with every picture.
KEPT_BYTES = 4 * 1024 * 1024


def give_back_large_blocks() -> None:
    """Have malloc keep nothing of a freed block of `LARGE_BYTES`; does nothing where libc cannot be told."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
        mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)
