"""The streams of the soak: every codec, every kind of source, shared and single connections."""

import re
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.soak.encoder import SoakEncoder
from tests.support.daemon import Daemon
from tests.support.encoded import EncodedStream, encode
from tests.support.ports import free_port
from tests.support.tcp_link import Link

ROOM = "soak"
FPS = 15
LAP_PICTURES = 300  # 20 s, longer than any picture is under way
GOP_PICTURES = 30
SIZE = (160, 120)

# The stream whose configuration is changed, and which therefore starts again.
CHANGING = "h264-changing"


def videos() -> dict[str, EncodedStream]:
    """What each stream shows."""

    def video(codec: str, seed: int, **options: Any) -> EncodedStream:
        return encode(codec, frames=LAP_PICTURES, fps=FPS, gop=GOP_PICTURES, size=SIZE, seed=seed, **options)

    return {
        "h264": video("h264", 1),
        "h264-slices": video("h264", 2, slices=4, aud=True),
        CHANGING: video("h264", 3),
        "h264-unix": video("h264", 4),
        "vp8": video("vp8", 5),
        "vp8-dialled": video("vp8", 6),
        "vp9": video("vp9", 7),
        "av1": video("av1", 8),
    }


class Rig:
    """The streams' configuration and, once the daemon runs, their encoders."""

    def __init__(self, directory: Path) -> None:
        self._videos = videos()
        self._path = directory / "soak.sock"
        self._ports = {name: free_port() for name in self._videos}
        self._dialled = free_port()  # where the encoder that is dialled listens, behind its link
        self.links: dict[str, Link] = {}
        self.encoders: dict[str, SoakEncoder] = {}
        self.changes = 0

    def open_links(self, stack: ExitStack) -> None:
        """A link for each TCP stream."""
        for name in self._videos:
            if name != "h264-unix":
                target = self._dialled if name == "vp8-dialled" else self._ports[name]
                self.links[name] = stack.enter_context(Link(target))

    def streams(self) -> list[dict[str, Any]]:
        """Their configuration."""
        found = []
        for name in self._videos:
            entry: dict[str, Any] = {"name": name, "room": ROOM, "source": self._source(name)}
            if name in ("h264", "vp8", "av1"):
                entry["identity"] = "rig"
            if name in ("h264-slices", "vp8"):
                entry["feedback"] = {"inline": True}
            if name == CHANGING:
                entry["max_framerate"] = 30 + self.changes % 2
            found.append(entry)
        return found

    def open_encoders(self, daemon: Daemon, seed: int, finding: Callable[[str], None]) -> None:
        """An encoder for each; they rest."""
        for name, video in self._videos.items():
            self.encoders[name] = SoakEncoder(
                name,
                video,
                seed=seed,
                received=_counter(daemon, name),
                finding=finding,
                link=self.links.get(name),
                path=self._path if name == "h264-unix" else None,
                listen_port=self._dialled if name == "vp8-dialled" else None,
            )

    def _source(self, name: str) -> dict[str, Any]:
        if name == "vp8-dialled":
            return {"connect": f"tcp://127.0.0.1:{self.links[name].port}"}
        if name == "h264-unix":
            return {"listen": f"unix://{self._path}"}
        second = "replace" if name == "vp9" else "reject"
        return {"listen": f"tcp://127.0.0.1:{self._ports[name]}", "second_encoder": second}


def _counter(daemon: Daemon, name: str) -> Callable[[], int]:
    line = re.compile(rf'^ingestd_frames_received_total\{{[^}}]*stream="{name}"[^}}]*\}} ([\d.e+]+)$', re.M)

    def received() -> int:
        return sum(int(float(value)) for value in line.findall(daemon.get("/metrics")[1]))

    return received
