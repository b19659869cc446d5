"""What becomes of pictures that come in bursts: lost on the way into WebRTC, late, or neither.

`python -m bench.bursts [--streams 16] [--starved [8]] [--normal-threads] [--spacing MS]`. For each rate and
burst an encoder writes so many pictures at once through a real daemon and server to a viewer that names each
picture it decodes.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import quantiles

from ingestd.devserver.livekit_server import LiveKitServer
from tests.conftest import SHOW_AT_ONCE
from tests.support.daemon import Daemon, Metrics, stream
from tests.support.encoded import encode
from tests.support.matching import latencies
from tests.support.push import Encoder, pictures_per_write
from tests.support.viewer import Viewer

RATES_FPS = (30, 60, 120)
BURSTS = (1, 2, 5, 10, 30)
BURSTS_S = 4
SIZE = (160, 120)
# WebRTC's statistics are read once a second, and a loss is one at the third reading in a row.
SETTLE_S = 4.2


class SpacedDaemon(Daemon):
    """The daemon, with hand-overs a fixed time apart, or without real-time threads."""

    spacing_ms: float | None = None
    normal_threads = False

    @property
    def program(self) -> tuple[str, ...]:
        """What Python is to run."""
        program = super().program if self.spacing_ms is None else ("-m", "bench.spaced", str(self.spacing_ms))
        return ("-m", "tests.support.normal_threads", *program) if self.normal_threads else program


@contextmanager
def busy_cores(count: int) -> Iterator[None]:
    """So many processes that want a core each."""
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def main() -> None:
    """Print a line for each rate and burst."""
    parser = argparse.ArgumentParser(prog="bench.bursts")
    parser.add_argument("--streams", type=int, default=1)
    parser.add_argument(
        "--starved",
        type=int,
        nargs="?",
        default=0,
        const=os.cpu_count() or 1,
        help="keep all cores busy with something else: with so many processes; default: one for each core",
    )
    parser.add_argument("--normal-threads", action="store_true", help="as without root: none is real-time")
    parser.add_argument("--spacing", type=float, help="ms between hand-overs; default: as ingestd does it")
    parser.add_argument("--rates", type=int, nargs="+", default=RATES_FPS)
    parser.add_argument("--bursts", type=int, nargs="+", default=BURSTS)
    arguments = parser.parse_args()
    SpacedDaemon.spacing_ms = arguments.spacing
    SpacedDaemon.normal_threads = arguments.normal_threads
    spacing = "as it is" if arguments.spacing is None else f"{arguments.spacing:g} ms"
    load = f"{arguments.starved} busy processes" if arguments.starved else "idle"
    threads = "no real-time threads" if arguments.normal_threads else "threads as they are"
    print(f"{arguments.streams} streams, spacing {spacing}, {load}, {threads}")
    print(" fps burst   pushed  dropped  lost(books)  not encoded  not seen   delay p50   p99 ms", flush=True)
    names = [f"cam-{number}" for number in range(arguments.streams)]
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(LiveKitServer(config_overrides=SHOW_AT_ONCE))
        # The viewer looks at the first; the others are counted by WebRTC.
        streams = [stream(name, "seen" if name == names[0] else "unseen", identity="cams") for name in names]
        for entry in streams:
            entry["max_framerate"] = max(RATES_FPS)
        daemon = stack.enter_context(SpacedDaemon(server, directory, *streams))
        viewer = stack.enter_context(Viewer(server, "seen"))
        measure(daemon, viewer, names, 30, 1)
        if arguments.starved:
            stack.enter_context(busy_cores(arguments.starved))
        for rate in arguments.rates:
            for burst in arguments.bursts:
                print(measure(daemon, viewer, names, rate, burst), flush=True)


def measure(daemon: Daemon, viewer: Viewer, names: list[str], rate: int, burst: int) -> str:
    """Push for some seconds on all streams."""
    video = encode("h264", frames=BURSTS_S * rate, fps=rate, gop=rate, size=SIZE)
    viewer.take_pictures()
    before = daemon.metrics()
    writing = pictures_per_write(burst)
    with ExitStack() as stack:
        encoders = [stack.enter_context(Encoder(daemon.port(n), video, writing=writing)) for n in names]
        for encoder in encoders:
            encoder.wait()
        time.sleep(SETTLE_S)
    after = daemon.metrics()
    pictures, pushed = viewer.pictures(), encoders[0].pushed
    seen = {picture.hash for picture in pictures}
    # Not the first second: until the demuxer has learnt how the encoder writes, a picture waits for the next.
    steady = [push for push in pushed[rate:] if push.hash in seen]
    delays = latencies(pictures, steady) if pictures else []
    p50, p99 = (quantiles(delays, n=100)[i] * 1e3 for i in (49, 98)) if len(delays) > 1 else (0.0, 0.0)
    submitted = _grown("ingestd_frames_submitted_total", before, after)
    submitted += _grown("ingestd_frames_replayed_total", before, after)
    not_encoded = submitted - _grown("ingestd_frames_sent_total", before, after)
    return (
        f"{rate:4} {burst:5} {len(pushed) * len(names):8} "
        f"{_grown('ingestd_frames_dropped_total', before, after):8.0f} "
        f"{_grown('ingestd_frames_lost_total', before, after):12.0f} {not_encoded:12.0f} "
        f"{sum(push.hash not in seen for push in pushed):9} {p50:11.1f} {p99:8.1f}"
    )


def _grown(name: str, before: Metrics, after: Metrics) -> float:
    return after.total(name) - before.total(name)


if __name__ == "__main__":
    main()
    os._exit(0)
