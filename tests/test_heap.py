"""Memory that large pictures leave behind."""

import subprocess
import sys

PROGRAM = """
import ctypes, sys
from pathlib import Path
from ingestd import heap
malloc = ctypes.CDLL(None).malloc
malloc.restype, malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
if sys.argv[1] == "told":
    heap.give_back_large_blocks()
def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6
size = 2_300_000
b"x" * size  # glibc takes the next of this size from its heap
before_mb = resident_mb()
kept = []
for _ in range(20):
    kept.append(b"x" * size)
    malloc(100_000)  # outlives it
del kept
print(resident_mb() - before_mb)
"""


def left_mb(how: str) -> float:
    """What is left of the memory of pictures between which small things were kept, in MB."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, how], check=True, capture_output=True, text=True)
    return float(done.stdout)


def test_large_blocks_leave_nothing_behind() -> None:
    assert left_mb("told") < 5
    assert left_mb("not told") > 20, "glibc does that by itself"
