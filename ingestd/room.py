"""Interfaces of a room and of a track in it, as streams and pipelines use them; publish has the classes."""

from collections.abc import Mapping
from typing import Any, Protocol

from ingestd.delivery.audience import Audience
from ingestd.media.access_unit import FrameMetadata, StreamInfo
from ingestd.publish.track_listener import Feedback


class Track(Protocol):
    """What pictures are submitted to; `TrackKeeper` but in tests."""

    @property
    def open(self) -> bool:
        """Whether pictures submitted now can reach the room."""
        ...

    @property
    def problem(self) -> str | None:
        """Why it is not published, in words; None when it is."""
        ...

    @property
    def frames_sent(self) -> int:
        """How many left, by WebRTC's count."""
        ...

    @property
    def target_bitrate_bps(self) -> float | None:
        """What WebRTC believes the link carries of this track, in bit/s."""
        ...

    @property
    def misses_packets(self) -> bool:
        """Whether the server has missed packets of late."""
        ...

    @property
    def send_delay_s(self) -> float | None:
        """How long packets wait in WebRTC before they leave; None while nothing is known."""
        ...

    def describe(self, info: StreamInfo) -> None:
        """Publish for what ``info`` describes."""
        ...

    def submit(
        self,
        data: bytes,
        info: StreamInfo,
        *,
        keyframe: bool,
        timestamp_us: int,
        metadata: FrameMetadata,
    ) -> bool:
        """Give one access unit to WebRTC; False if it was rejected."""
        ...

    def take_feedback(self) -> Feedback:
        """Return, and forget, what WebRTC has asked for."""
        ...

    def flush(self) -> bool:
        """Have WebRTC throw away what waits in it; False where it cannot."""
        ...

    async def close(self) -> None:
        """Take it out of the room."""
        ...


class Room(Protocol):
    """Where tracks are published; `RoomConnection` but in tests."""

    @property
    def problem(self) -> str | None:
        """Why it is not joined, in words; None when it is."""
        ...

    @property
    def notice(self) -> str | None:
        """What to do lest it cannot be joined again, in words; None where nothing is needed."""
        ...

    @property
    def barred(self) -> str | None:
        """Why an encoder that came now could not be published, in words; None where it might be."""
        ...

    @property
    def connections(self) -> Mapping[str, int]:
        """How many attempts to join there were, by result."""
        ...

    @property
    def audience(self) -> Audience:
        """Who may watch there."""
        ...

    def need(self, who: object) -> None:
        """Be in the room while ``who`` needs it."""
        ...

    def release(self, who: object) -> None:
        """Leave it, unless another needs it; ``who`` need not have needed it."""
        ...

    def add(self, track: Any) -> None:
        """Publish ``track``, which is of the kind that ``make_track`` makes, whenever the room is joined."""
        ...

    def remove(self, track: Any) -> None:
        """Forget ``track``."""
        ...
