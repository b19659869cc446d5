"""What viewers in Chromium see of streams with B-frames, and what `b_frames` makes of them.

`python -m bench.b_frames CLIENT [--b-frames auto warn]`; CLIENT is the file livekit-client.umd.js. Each
stream is sent live, and a viewer watches from the beginning.
"""

import argparse
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from bench.browser.chromium import Chromium
from bench.browser.live import ROOM, WATCHER, Encoder, watch
from bench.browser.numbered import FPS, encode_with
from ingestd.devserver.livekit_server import LiveKitServer
from tests.support.daemon import Daemon, stream
from tests.support.disturbance import Reached

GOP_S = 2


class Kind(NamedTuple):
    """An encoder with its options, as ffmpeg names them."""

    encoder: str
    options: Mapping[str, str]


# Of the H.264 encoders: no browser here decodes H.265.
KINDS = {
    "x264, `tune=zerolatency`": Kind("libx264", {"tune": "zerolatency"}),
    "x264, `bframes=2:b-pyramid=none`": Kind("libx264", {"x264-params": "bframes=2:b-pyramid=none"}),
    "x264, `bframes=2:b-pyramid=none:b-adapt=0`, as nvenc and vaapi": Kind(
        "libx264", {"x264-params": "bframes=2:b-pyramid=none:b-adapt=0"}
    ),
    "x264, its defaults": Kind("libx264", {}),
    "x264, `b-adapt=0`": Kind("libx264", {"x264-params": "b-adapt=0"}),
    "x264, `bframes=2:b-adapt=0`": Kind("libx264", {"x264-params": "bframes=2:b-adapt=0"}),
    "x264, `bframes=3:b-pyramid=strict:b-adapt=0`": Kind(
        "libx264", {"x264-params": "bframes=3:b-pyramid=strict:b-adapt=0"}
    ),
}


class Seen(NamedTuple):
    """What became of a stream."""

    sent: int
    dropped: int  # for b_frame
    decoded: int
    shown_per_s: float
    different: int  # pictures that were shown, each once
    back: int  # how often a picture was shown behind a later one
    keyframe_requests: int
    replayed: int

    def __str__(self) -> str:
        return (
            f"{self.sent} | {self.dropped} | {self.decoded} | {self.shown_per_s:.1f} | {self.different} | "
            f"{self.back} | {self.keyframe_requests} | {self.replayed}"
        )


def see(client: Path, kind: Kind, b_frames: str, seconds: int, *, log: bool) -> Seen:
    """Send a stream of that kind for so long."""
    pictures = list(
        encode_with(kind.encoder, kind.options, seconds * FPS, GOP_S * FPS, 1_500_000, pixels_per_picture=3)
    )
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(LiveKitServer())
        browser = stack.enter_context(Chromium(client))
        reached = Reached(server.url, server.api_key, server.api_secret)
        daemon = stack.enter_context(Daemon(reached, directory, stream("cam", ROOM, b_frames=b_frames)))
        watch(browser, server)
        encoder = Encoder(daemon.port(), pictures)
        encoder.start()
        encoder.join()
        time.sleep(1)
        shown = [said.number for said in browser.said(WATCHER, "shown") if said.number is not None]
        metrics = daemon.metrics()
        if log:
            print(daemon.log)
        return Seen(
            len(pictures),
            int(metrics.total("ingestd_frames_dropped_total", reason="b_frame")),
            browser.decoded(WATCHER),
            len(shown) / seconds,
            len(set(shown)),
            sum(after < before for before, after in pairwise(shown)),
            int(metrics.total("ingestd_keyframe_requests_total")),
            int(metrics.total("ingestd_frames_replayed_total")),
        )


def main() -> None:
    """Print a row for each stream and setting."""
    parser = argparse.ArgumentParser(prog="bench.b_frames")
    parser.add_argument("client", type=Path, help="livekit-client.umd.js")
    parser.add_argument("--b-frames", nargs="+", default=["warn", "auto"])
    parser.add_argument("--only", default="", help="streams whose name has this in it")
    parser.add_argument("--seconds", type=int, default=12)
    parser.add_argument("--log", action="store_true", help="print the daemon's log, too")
    arguments = parser.parse_args()
    print(
        "| x264 | b_frames | sent | left out | decoded | shown/s | different | jumps | requests | replayed |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, kind in KINDS.items():
        for b_frames in arguments.b_frames if arguments.only in name else []:
            seen = see(arguments.client, kind, b_frames, arguments.seconds, log=arguments.log)
            print(f"| {name} | `{b_frames}` | {seen} |", flush=True)


if __name__ == "__main__":
    main()
