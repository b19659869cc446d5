"""A stream through the real daemon over a link that is bad for a while, as a viewer beyond it sees that."""

import itertools
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingestd.devserver.livekit_server import LiveKitServer
from tests.support.daemon import Daemon, Metrics, stream
from tests.support.encoded import encode
from tests.support.link import FAR, GOOD, Link, Quality
from tests.support.push import Encoder, over_and_over
from tests.support.viewer import Picture, Viewer
from tests.support.wait import PATIENCE_S

FPS = 30
BITRATE_BPS = 1_500_000
VIDEO_SECONDS = 20  # then it begins again
SETTLING_S = 8.0  # WebRTC begins with a guess at the bandwidth, and needs so long to find out
FULL_RATE_FPS = 28.0  # new pictures per second
STEP_S = 0.25  # seconds between the beginnings of the seconds in which pictures are counted
FREEZE_S = 0.2  # seconds without a new picture that people notice
LATE_S = 0.1  # a picture that takes longer to the viewer is late
SAMPLE_INTERVAL_S = 0.5  # between two looks at the metrics


@dataclass(frozen=True, slots=True)
class Disturbance:
    """What is wrong with the link, and for how many seconds."""

    name: str
    quality: Quality
    seconds: float


@dataclass(slots=True)
class Reached:
    """The server, as it is known at the daemon's end of the link."""

    url: str
    api_key: str
    api_secret: str


@dataclass(slots=True)
class Course:
    """What happened. Times are seconds on the monotonic clock."""

    begin: float
    end: float  # of the disturbance
    until: float
    progress: list[float]  # when each picture that is newer than all before it was seen
    lag: list[float]  # seconds since each of these was pushed
    tracks: int  # that the viewer has been offered
    wrong: int  # pictures that look otherwise than what was encoded
    before: Metrics
    after: Metrics
    targets: list[tuple[float, float]] = field(default_factory=list)  # (time, bit/s)
    send_delays: list[tuple[float, float]] = field(default_factory=list)  # (time, seconds)

    def rate(self, begin: float, end: float) -> float:
        """New pictures per second between two times."""
        return sum(begin <= at < end for at in self.progress) / (end - begin)

    @property
    def recovery(self) -> float:
        """Seconds from the end of the disturbance until the full rate is there to stay, without a freeze."""
        seen = [*self.progress, self.until]
        freezes = (later for sooner, later in itertools.pairwise(seen) if later - sooner > FREEZE_S)
        starts = (self.end + number * STEP_S for number in range(int((self.until - self.end - 1) / STEP_S)))
        slow = (start + STEP_S for start in starts if self.rate(start, start + 1) < FULL_RATE_FPS)
        return max([self.end, *freezes, *slow]) - self.end

    @property
    def late(self) -> float:
        """Seconds from the end of the disturbance to the last picture that is late."""
        seen = zip(self.progress, self.lag, strict=True)
        return max([self.end, *(at for at, lag in seen if lag > LATE_S)]) - self.end

    @property
    def freeze(self) -> float:
        """The longest time without a new picture, from the beginning of the disturbance on, in seconds."""
        seen = [self.begin, *(at for at in self.progress if at > self.begin), self.until]
        return max(later - sooner for sooner, later in itertools.pairwise(seen))

    def lag_at(self, end: float) -> float:
        """The longest that a picture took to the viewer, of those seen in the second before `end`."""
        return max(
            (lag for at, lag in zip(self.progress, self.lag, strict=True) if end - 1 <= at < end),
            default=float("inf"),
        )

    @property
    def rate_after(self) -> float:
        """New pictures per second from the recovery on."""
        recovered = self.end + self.recovery
        return self.rate(recovered, self.until) if recovered < self.until else 0.0

    def count(self, metric: str, **labels: str) -> int:
        """By how much a metric rose."""
        return int(self.after.total(metric, **labels) - self.before.total(metric, **labels))


def progress(pictures: Sequence[Picture]) -> Iterator[tuple[int, float]]:
    """The pictures that are newer than all before them, a GOP handed over again is none: number and time."""
    newest = -1
    for picture in pictures:
        if picture.frame_id is not None and picture.frame_id > newest:
            newest = picture.frame_id
            yield newest, picture.at


def endure(
    disturbance: Disturbance,
    *,
    gop_seconds: int,
    observed: float,
    directory: Path,
    room: str,
    codec: str = "h264",
    bitrate_bps: int = BITRATE_BPS,
    **keys: Any,
) -> Course:
    """Push a stream, disturb the link, and look on for `observed` seconds after that.

    `keys` are added to the configuration of the stream.
    """
    video = encode(codec, frames=FPS * VIDEO_SECONDS, fps=FPS, gop=FPS * gop_seconds, bit_rate=bitrate_bps)
    addresses = {
        "bind_addresses": ["127.0.0.1", FAR],
        "room": {"playout_delay": {"enabled": True, "min": 0, "max": 1}},
    }
    socket = directory / "encoder.sock"  # unlike ports, paths are the same in every network namespace
    with ExitStack() as stack:
        link = stack.enter_context(Link())
        with link.far.entered():
            server = stack.enter_context(LiveKitServer(node_ip=FAR, config_overrides=addresses))
            viewer = stack.enter_context(Viewer(server, room, decodes_h265=codec == "h265"))
        reached = Reached(f"ws://{FAR}:{server.port}", server.api_key, server.api_secret)
        stack.enter_context(link.near.entered())
        source = {"listen": f"unix://{socket}"}
        daemon = stack.enter_context(
            Daemon(reached, directory, stream("cam", room, source=source, **keys), level="debug")
        )
        encoder = stack.enter_context(Encoder(socket, video, writing=over_and_over))
        viewer.wait_for_first_picture(timeout=PATIENCE_S)
        samples: list[tuple[float, Metrics]] = []
        look_on(daemon, samples, time.monotonic() + SETTLING_S)

        before, begin = daemon.metrics(), time.monotonic()
        link.quality = disturbance.quality
        look_on(daemon, samples, begin + disturbance.seconds)
        link.quality, end = GOOD, time.monotonic()
        look_on(daemon, samples, end + observed)
        (directory / "daemon.log").write_text(daemon.log)
        seen = list(progress(viewer.pictures()))
        return Course(
            begin,
            end,
            time.monotonic(),
            [at for _, at in seen],
            [at - encoder.pushed_at(number) for number, at in seen],
            len(viewer.tracks()),
            sum(picture.hash not in video.reference_hashes for picture in viewer.pictures()),
            before,
            daemon.metrics(),
            [(at, metrics.total("ingestd_target_bitrate_bps")) for at, metrics in samples],
            [(at, metrics.total("ingestd_send_delay_seconds")) for at, metrics in samples],
        )


def look_on(daemon: Daemon, samples: list[tuple[float, Metrics]], until: float) -> None:
    """Write down the metrics until then."""
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(SAMPLE_INTERVAL_S, left))
        samples.append((time.monotonic(), daemon.metrics()))
