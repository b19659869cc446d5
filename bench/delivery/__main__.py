"""Prints the tables of `make bench`: `python -m bench.delivery [--only TABLE] PEER STREAMS…`."""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.delivery.measure import Bench, Result
from bench.delivery.pictures import RATE, Picture, encode, encode_fast
from ingestd.devserver.livekit_server import LiveKitServer

# The Python SDK shows its third keyframe first, and 32 connections take some seconds to be made.
WARM_UP_S, WINDOW_S = 12.0, 10.0
LONG_GOP_S = 10
LONG_RUN_S = 2 * LONG_GOP_S + 4.0  # the Python SDK's first picture is its third keyframe
FAST_BPS = (8_000_000, 20_000_000)
FAST_RUN_S = 9.0  # a join, the first picture and what is measured after it
AFTER_FIRST_S = (1.5, 4.0)
SHARING = (4, 12)
SHARING_WARM_UP_S = 6.0
CONTESTANTS = ("ingestd", "Go SDK", "Python SDK")


def by_streams(bench: Bench, counts: Sequence[int]) -> None:
    pictures = encode(int((WARM_UP_S + WINDOW_S + 5) * RATE), 2)
    print("delay: from the encoder's write to the last packet at the viewer; CPU, memory: per stream")
    _heading("streams")
    for count in counts:
        for name in CONTESTANTS:
            _row(f"{count:7}  {name}", bench.run(name, count, pictures, WARM_UP_S + WINDOW_S, WINDOW_S))


def long_gop(bench: Bench) -> None:
    pictures = encode(int((LONG_RUN_S + 5) * RATE), LONG_GOP_S)
    print(f"\nfirst picture of one stream with a keyframe every {LONG_GOP_S} s:")
    for name in CONTESTANTS:
        first_ms = bench.run(name, 1, pictures, LONG_RUN_S, WINDOW_S).first_ms
        print(f"  {name:12}{_milliseconds(first_ms)}", flush=True)


def fast(bench: Bench) -> None:
    print(
        f"\none fast stream; delays from {AFTER_FIRST_S[0]} to {AFTER_FIRST_S[1]} s after the first picture"
    )
    _heading("Mbit/s")
    for bitrate_bps in FAST_BPS:
        for codec, contestants in (("h264", ("ingestd", "Go SDK")), ("h265", ("ingestd",))):
            pictures = _fast_pictures(codec, bitrate_bps)
            for name in contestants:
                result = bench.run(
                    name,
                    1,
                    pictures,
                    FAST_RUN_S,
                    FAST_RUN_S - 4,
                    max_bitrate="40Mbps",
                    after_first_s=AFTER_FIRST_S,
                )
                _row(f"{bitrate_bps // 1_000_000:7}  {name}, {codec}", result)


def sharing(bench: Bench) -> None:
    pictures = encode(int((SHARING_WARM_UP_S + WINDOW_S + 5) * RATE), 2)
    print("\nstreams of ingestd on one connection to the room, and on a connection each")
    _heading("streams")
    for count in SHARING:
        for shared in (True, False):
            seconds = SHARING_WARM_UP_S + WINDOW_S
            result = bench.run("ingestd", count, pictures, seconds, WINDOW_S, shared=shared)
            _row(f"{count:7}  {'shared' if shared else 'own'}", result)


def _fast_pictures(codec: str, bitrate_bps: int) -> list[Picture]:
    return encode_fast(int(FAST_RUN_S * RATE), codec, bitrate_bps)


def _heading(first: str) -> None:
    print(
        f"{first:>7}  {'':14}{'delay p50':>9}{'p99':>11}{'first picture':>15}"
        f"{'CPU':>7}{'memory':>10}{'files':>8}{'lost':>14}"
    )


def _row(name: str, r: Result) -> None:
    print(
        f"{name:23}{r.delay_ms(0.5):6.2f} ms{r.delay_ms(0.99):8.2f} ms{_milliseconds(r.first_ms):>15}"
        f"{r.cpu_percent:6.1f}%{r.memory_mb:7.1f} MB{r.descriptors:8.1f}{r.lost:5} of {r.pushed}",
        flush=True,
    )


def _milliseconds(value_ms: float | None) -> str:
    return "not all" if value_ms is None else f"{value_ms:.0f} ms"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", choices=["streams", "gop", "fast", "sharing"], help="one of the tables")
    parser.add_argument("peer", help="the program of bench/peer")
    parser.add_argument("counts", nargs="*", type=int, default=[1, 4], metavar="STREAMS")
    arguments = parser.parse_args()
    tables = {
        "streams": lambda bench: by_streams(bench, arguments.counts),
        "gop": long_gop,
        "fast": fast,
        "sharing": sharing,
    }
    with LiveKitServer() as server, tempfile.TemporaryDirectory() as directory:
        bench = Bench(server, arguments.peer, Path(directory))
        for name, table in tables.items():
            if arguments.only in (None, name):
                table(bench)


if __name__ == "__main__":
    main()
