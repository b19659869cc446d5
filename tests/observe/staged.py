"""Streams on a stage: what a daemon says second by second of streams that are well, late, cut or absent."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ingestd.observe.figures import StreamFigures
from ingestd.observe.histogram import Histogram
from ingestd.submitter import DELAY_BOUNDS_S
from tests.observe.support import figures

FPS = 30
B_FRAMES = (
    "the stream has B-frames: WebRTC shows pictures in the order in which they are sent, so viewers see "
    "them jump back and forth; expected pictures sent in the order in which they are shown; encode without "
    "them; x264enc: bframes=0 (or tune=zerolatency); x265enc: option-string=bframes=0 (or tune=zerolatency); "
    "ffmpeg: -bf 0; nvh264enc, nvh265enc: bframes=0 (or zerolatency=true)"
)
CHROMA = (
    "H.264 High 4:4:4 Predictive: chroma is 4:4:4; expected 8 bits per sample and 4:2:0; GStreamer: add "
    "`! video/x-h264,profile=constrained-baseline` after x264enc; "
    "ffmpeg: add `-pix_fmt yuv420p -profile:v high`"
)


@dataclass
class StagedStream:
    """One stream; ``act``: live, slow, silent, waiting, starting, degraded, b-frames, frozen or
    failed."""

    name: str
    act: str = "live"
    since: int = 0  # the second at which it began to do so; live before
    source: str = "tcp://0.0.0.0:5004"
    seconds: int = 0
    received: Counter[str] = field(default_factory=lambda: Counter(key=0, delta=0))
    dropped: Counter[str] = field(default_factory=lambda: Counter(congested=0, before_keyframe=0))
    sent: int = 0
    bytes: int = 0
    connections: int = 1
    delay: Histogram = field(default_factory=lambda: Histogram(DELAY_BOUNDS_S))

    @property
    def doing(self) -> str:
        return self.act if self.seconds >= self.since else "live"

    def second(self) -> None:
        self.seconds += 1
        if self.doing == "starting":
            self.connections += 1  # a new encoder each second: none gets further
        if self.doing == "frozen":
            self.received["delta"] += FPS  # and WebRTC sends none of them
        if self.doing in ("waiting", "starting", "silent", "frozen"):
            return
        if self.doing == "slow":  # a picture every five seconds
            self.received["key"] += self.seconds % 5 == 0
            self.sent = self.received["key"]
            return
        phase = self.seconds + len(self.name) * 7
        keyframe = self.seconds % 2 == 0
        self.received += Counter(key=int(keyframe), delta=FPS - keyframe)
        self.received.setdefault("key", 0)
        lost = 9 if self.doing == "degraded" and self.seconds % 7 < 2 else 0
        self.dropped["congested"] += lost
        self.sent += FPS - lost
        self.bytes += round(self.bitrate_bps / 8)
        for n in range(FPS):
            self.delay.observe(
                0.0022 + 0.0015 * math.sin(phase / 9 + n) ** 2 + (0.03 if phase % 47 == 0 else 0)
            )

    @property
    def bitrate_bps(self) -> float:
        phase = self.seconds + len(self.name) * 7
        return 1.5e6 * (1 + 0.12 * math.sin(phase / 23) + 0.05 * math.sin(phase / 3.1))

    def figures(self) -> StreamFigures:
        doing, phase = self.doing, self.seconds + len(self.name) * 7
        quiet = doing in ("waiting", "frozen", "silent", "starting")
        changes: dict[str, Any] = {
            "encoder": "" if doing == "waiting" else "10.0.0.7:40112",
            "up": doing not in ("waiting", "starting"),
            "codec": "" if doing == "waiting" else "h264",
            "size": "" if doing == "waiting" else "1280x720",
            "profile": {"failed": "High 4:4:4 Predictive", "waiting": ""}.get(doing, "Constrained Baseline"),
            "frame_rate": 0.0 if quiet else FPS + 0.5 * math.sin(phase / 5),
            "bitrate_bps": 0.0 if quiet else self.bitrate_bps,
            "target_bitrate_bps": None if doing in ("waiting", "starting") else
            (0.9e6 + 2e5 * math.sin(phase / 11) if doing == "degraded" else 2.4e6),
            "largest_bytes": {
                "key": 21_000 + round(900 * math.sin(phase)),
                "delta": 5_600 + round(1500 * math.sin(phase / 4)),
            },
            "send_delay_s": 0.31 + 0.1 * math.sin(phase / 5) if doing == "degraded" else 0.0009,
            "keyframe_interval": None if doing == "waiting" else 2.0,
            "problems": tuple(
                f"{self.name}: {text}"
                for text in {"b-frames": (B_FRAMES,), "failed": (CHROMA,)}.get(doing, ())
            ),
            "unwatchable": doing == "failed",
            "viewers": 0 if quiet else 3,
            "frozen": 2.6 if doing == "degraded" else 0.0,
        }  # fmt: skip
        return figures(
            name=self.name,
            room="lobby",
            track=self.name,
            source=self.source,
            frames_received=self.received,
            frames_dropped=self.dropped,
            frames_submitted=self.sent,
            frames_sent=self.sent,
            frames_held=0,
            frames_lost=0,
            bytes_received=self.bytes,
            encoder_connections=Counter(accepted=self.connections),
            frame_delay=self.delay,
            stream_errors={},
            feedback_messages={},
            **changes,
        )


class Stage:
    """What `HttpServer` observes. Each look at it is a second."""

    def __init__(self, *streams: StagedStream) -> None:
        self.streams = list(streams)
        self.reasons: list[str] = []

    def figures(self) -> Iterable[StreamFigures]:
        for stream in self.streams:
            stream.second()
        return [stream.figures() for stream in self.streams]

    def problems(self) -> list[str]:
        return self.reasons
