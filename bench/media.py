"""Throughput of `ingestd.media` beside PyAV and GStreamer: same bytes, same run, one core each.

CPU time (user and system), the least of several runs taken in turn, so that a busy machine slows all alike.
"""

import time
from collections.abc import Callable

from bench.rivals import gstreamer_seconds, pyav_seconds
from bench.streams import Stream, streams
from ingestd.media.demuxer import Demuxer

CHUNK_BYTES = {"1.4 kB": 1400, "64 kB": 65536, "1 MB": 1 << 20}
RUNS = 3
READ_SECONDS = 0.0001  # between two reads, as the demuxer is told


def ingestd_seconds(stream: Stream, chunk_bytes: int) -> float | None:
    data = memoryview(stream.data(stream.repetitions))
    demuxer = Demuxer()
    pictures, now = 0, 0.0
    begin = time.process_time()
    for position in range(0, len(data), chunk_bytes):
        pictures += len(demuxer.feed(data[position : position + chunk_bytes], now))
        now += READ_SECONDS
    pictures += len(demuxer.eof())
    seconds = time.process_time() - begin
    assert pictures >= stream.repetitions, demuxer.faults
    assert not demuxer.faults
    return seconds


CONTESTANTS: tuple[Callable[[Stream, int], float | None], ...] = (
    ingestd_seconds,
    pyav_seconds,
    gstreamer_seconds,
)


def rates(stream: Stream, chunk_bytes: int) -> list[float | None]:
    """MB/s of each contestant."""
    runs = [[measure(stream, chunk_bytes) for measure in CONTESTANTS] for _ in range(RUNS)]
    megabytes = len(stream.data(stream.repetitions)) / 1e6
    rest = len(stream.body) * (stream.repetitions - 1) / 1e6  # what GStreamer's time is for
    sizes = (megabytes, megabytes, rest)
    return [
        size / min(seconds) if (seconds := [s for s in times if s is not None]) else None
        for size, times in zip(sizes, zip(*runs, strict=True), strict=True)
    ]


def main() -> None:
    print(
        "MB/s of one core. PyAV: its parser (H.26x) or demuxer (IVF, OBU), reading so many bytes at a time;"
    )
    print("GStreamer: gst-launch-1.0 filesrc ! …parse ! fakesink, without the start of the process.\n")
    print(f"{'stream':26}{'read':>7}{'ingestd':>9}{'PyAV':>8}{'GStreamer':>11}{'÷PyAV':>9}{'÷GStreamer':>12}")
    for stream in streams():
        for label, chunk_bytes in CHUNK_BYTES.items():
            ours, *theirs = rates(stream, chunk_bytes)
            assert ours is not None
            numbers = "".join(
                f"{rate:{width}.0f}" if rate is not None else f"{'–':>{width}}"
                for rate, width in zip(theirs, (8, 11), strict=True)
            )
            ratios = "".join(
                f"{ours / rate:{width}.2f}" if rate is not None else f"{'–':>{width}}"
                for rate, width in zip(theirs, (9, 12), strict=True)
            )
            print(f"{stream.name:26}{label:>7}{ours:9.0f}{numbers}{ratios}", flush=True)


if __name__ == "__main__":
    main()
