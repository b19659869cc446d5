"""What a viewer who comes, and those who watch, see in Chromium of joins, departures and hidden videos.

`python -m bench.replays CLIENT [--replay auto] [--link 4] [--variant unspaced]`; CLIENT is the file
livekit-client.umd.js. One viewer watches from the beginning; others come and go at given times in the GOP. Of
each event a row says how soon the one concerned sees a picture, how far and how long the one who watches is
thrown back, and for how long it sees pictures more than 0.1 s later than before.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench.browser.chromium import Chromium
from bench.browser.live import ROOM, WATCHER, Encoder, watch
from bench.browser.numbered import FPS, encode
from bench.browser.variants import VARIANTS
from ingestd.devserver.livekit_server import LiveKitServer
from tests.support.daemon import Daemon, stream
from tests.support.disturbance import Reached
from tests.support.link import FAR, Link, Quality

BASE_S = 3.0  # before an event: how late pictures are as a rule
LATE_S = 0.1
LOOK_S = 5.5  # how long an event is looked at


class VariedDaemon(Daemon):
    """The daemon, with replays of another kind."""

    variant: str | None = None

    @property
    def program(self) -> tuple[str, ...]:
        """What Python is to run."""
        return super().program if self.variant is None else ("-m", "bench.browser.variants", self.variant)


class Event(NamedTuple):
    """Something that happens, so many GOPs and seconds after the encoder's first picture."""

    name: str
    gops: int
    seconds: float
    viewer: str
    act: Callable[[Chromium, LiveKitServer], None]


def _join(viewer: str, *, adaptive: bool = False) -> Callable[[Chromium, LiveKitServer], None]:
    return lambda browser, server: browser.join(server, ROOM, viewer, adaptive=adaptive)


def _join_all(*viewers: str) -> Callable[[Chromium, LiveKitServer], None]:
    def act(browser: Chromium, server: LiveKitServer) -> None:
        for viewer in viewers:
            browser.join(server, ROOM, viewer)
            time.sleep(0.2)

    return act


# For a GOP of 10 s; of another, the parts that fit in.
EVENTS = (
    Event("joins", 1, 5.0, "b", _join("b")),
    Event("leaves", 2, 3.0, "b", lambda browser, _server: browser.leave("b")),
    Event("joins", 3, 3.0, "c", _join("c", adaptive=True)),
    Event("hides", 4, 1.0, "c", lambda browser, _server: browser.hide("c")),
    Event("is shown again", 4, 4.0, "c", lambda browser, _server: browser.show("c")),
    Event("joins", 5, 8.7, "d", _join("d")),
    Event("three join, 0.2 s apart", 7, 2.0, "e", _join_all("e", "f", "g")),
)


class Watched(NamedTuple):
    """What an event cost one who watched; seconds."""

    back: float  # how far the picture jumped back at most
    past: float  # how long it showed what had been shown before
    behind: float  # how long what it showed was later than usual

    def __str__(self) -> str:
        return f"{self.back:.1f} s | {self.past:.1f} s | {self.behind:.1f} s"


def watched(shown: list[tuple[float, int]], written_at: Sequence[float], begin: float, end: float) -> Watched:
    """Of ``shown``, when and which picture, count what an event did from ``begin`` to ``end``."""
    usual = median(at - written_at[number] for at, number in shown if begin - BASE_S < at < begin)
    newest = max(number for at, number in shown if at < begin)
    back = past = behind = 0.0
    looked_at = [(at, number) for at, number in shown if begin < at < end]
    for (at, number), (until, _) in pairwise(looked_at):
        if number < newest:
            back = max(back, (newest - number) / FPS)
            past += until - at
        newest = max(newest, number)
        if at - written_at[number] > usual + LATE_S:
            behind += until - at
    return Watched(back, past, behind)


def main() -> None:
    """Print a row for each event."""
    parser = argparse.ArgumentParser(prog="bench.replays")
    parser.add_argument("client", type=Path, help="livekit-client.umd.js")
    parser.add_argument("--replay", default="auto")
    parser.add_argument("--gop", type=int, default=10, help="seconds between keyframes")
    parser.add_argument("--mbit", type=float, default=1.5, help="Mbit/s of the stream")
    parser.add_argument("--link", type=float, help="Mbit/s between daemon and server; default: no limit")
    parser.add_argument("--variant", choices=VARIANTS, help="replay as was tried, and not kept")
    parser.add_argument("--log", action="store_true", help="print the daemon's log, too")
    arguments = parser.parse_args()
    VariedDaemon.variant = arguments.variant
    events = [event for event in EVENTS if event.seconds < arguments.gop]
    seconds = events[-1].gops * arguments.gop + events[-1].seconds + LOOK_S + 1
    pictures = list(encode(round(seconds * FPS), arguments.gop * FPS, round(arguments.mbit * 1e6)))
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        link = stack.enter_context(Link())
        if arguments.link is not None:
            link.quality = Quality(rate=arguments.link * 1e6)
        with link.far.entered():
            addresses = {"bind_addresses": ["127.0.0.1", FAR]}
            server = stack.enter_context(LiveKitServer(node_ip=FAR, config_overrides=addresses))
            browser = stack.enter_context(Chromium(arguments.client))
        stack.enter_context(link.near.entered())
        reached = Reached(f"ws://{FAR}:{server.port}", server.api_key, server.api_secret)
        daemon = stack.enter_context(
            VariedDaemon(reached, directory, stream("cam", ROOM, replay=arguments.replay))
        )
        watch(browser, server)
        encoder = Encoder(daemon.port(), pictures)
        encoder.start()
        begin = time.time()
        begun: list[tuple[Event, float, float]] = []
        for event in events:
            time.sleep(max(0.0, begin + event.gops * arguments.gop + event.seconds - time.time()))
            begun.append((event, time.time(), daemon.metrics().total("ingestd_frames_replayed_total")))
            event.act(browser, server)
        encoder.join()
        time.sleep(1)
        replayed = [before for *_, before in begun] + [
            daemon.metrics().total("ingestd_frames_replayed_total")
        ]
        limit = f"a link of {arguments.link:g} Mbit/s" if arguments.link else "no limit"
        print(
            f"replay: {arguments.replay} ({arguments.variant or 'as it is'}), keyframe every "
            f"{arguments.gop} s, {arguments.mbit:g} Mbit/s, {limit}"
        )
        print("| event, s into the GOP | first picture after | back by | for | behind for | replayed |")
        print("|---|---|---|---|---|---|")
        shown = [(said.at, said.number) for said in browser.said(WATCHER, "shown") if said.number is not None]
        ends = [at for _, at, _ in begun[1:]] + [time.time()]
        for n, (event, at, _) in enumerate(begun):
            end = min(at + LOOK_S, ends[n])
            print(
                f"| {event.name}, {event.seconds:g} | {first_picture(browser, event, at)} | "
                f"{watched(shown, encoder.written_at, at, end)} | {replayed[n + 1] - replayed[n]:.0f} |"
            )
        if arguments.log:
            print(daemon.log)


def first_picture(browser: Chromium, event: Event, at: float) -> str:
    """How long after the event its viewer saw a picture; of one who joins also after it subscribed."""
    after = next((said.at for said in browser.said(event.viewer, "shown") if said.at > at), None)
    if after is None or event.name in ("leaves", "hides"):
        return "" if event.name in ("leaves", "hides") else "none"
    subscribed = [said.at for said in browser.said(event.viewer, "subscribed") if said.at > at]
    return f"{after - at:.2f} s" + (f", subscribed {subscribed[0] - at:.2f} s" if subscribed else "")


if __name__ == "__main__":
    main()
