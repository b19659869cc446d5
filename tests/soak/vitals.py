"""Memory, threads and file descriptors of a process, and whether they stay where they are."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# The allocators of Rust and Python keep what they once had, and the last rounds may have had more rooms at
# once than the first. What is left over from each round beyond that is a leak: a picture of 5 kB for every
# one received would be 5 MiB in a round.
MEMORY_ONCE_BYTES, MEMORY_PER_ROUND_BYTES = 24 << 20, 1 << 20
# A thread pool may not have been at its full size in the round that is compared with.
THREADS_ONCE = 8
# A connection more or less of the scrapes at that moment.
FILES_ONCE = 4
# The first round loads, compiles and caches.
WARM_UP_ROUNDS = 1


@dataclass(frozen=True, slots=True)
class Vitals:
    """One reading."""

    memory: int  # bytes resident
    threads: int
    files: int

    def __str__(self) -> str:
        return f"{self.memory / (1 << 20):.0f} MiB, {self.threads} threads, {self.files} files"


def read(pid: int) -> Vitals:
    """Look at a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    fields = dict(re.findall(r"^(VmRSS|Threads):\s+(\d+)", status, re.MULTILINE))
    files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return Vitals(int(fields["VmRSS"]) * 1024, int(fields["Threads"]), files)


def growth(calms: Sequence[Vitals]) -> list[str]:
    """What has grown, in words, over readings taken in the same calm of each round."""
    if len(calms) <= WARM_UP_ROUNDS + 1:
        return []
    first, last, rounds = calms[WARM_UP_ROUNDS], calms[-1], len(calms) - WARM_UP_ROUNDS - 1
    found = []
    if last.memory - first.memory > MEMORY_ONCE_BYTES + MEMORY_PER_ROUND_BYTES * rounds:
        found.append(f"memory grew by {(last.memory - first.memory) / (1 << 20):.0f} MiB in {rounds} rounds")
    if last.threads - first.threads > THREADS_ONCE:
        found.append(f"threads grew from {first.threads} to {last.threads} in {rounds} rounds")
    if last.files - first.files > FILES_ONCE:
        found.append(f"open files grew from {first.files} to {last.files} in {rounds} rounds")
    return found
