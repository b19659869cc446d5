"""What a track says to the pipeline: what becomes of it, and what WebRTC asks of the encoder."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Feedback:
    """What WebRTC has asked of the encoder since the last time."""

    keyframe: bool
    bitrate_bps: int | None

    def __bool__(self) -> bool:
        return self.keyframe or self.bitrate_bps is not None


class TrackListener(Protocol):
    """Is told what becomes of a track."""

    def track_opened(self) -> None:
        """The track is negotiated; WebRTC will encode soon."""
        ...

    def track_running(self) -> None:
        """WebRTC has encoded the first picture since `track_opened`."""
        ...

    def track_closed(self) -> None:
        """What is submitted from now on is lost."""
        ...

    def track_lost(self, count: int) -> None:
        """WebRTC took ``count`` pictures and has not encoded them."""
        ...

    def track_packets_lost(self) -> None:
        """The server reports a few packets that it misses, though it has asked for what it missed before."""
        ...

    def track_flushed(self) -> None:
        """WebRTC has thrown away what waited in it, and will encode soon, as after `track_opened`."""
        ...

    def track_held_back(self, keyframe_left_out: bool) -> None:
        """WebRTC has left out a picture, as the link is slow, and encodes none up to the next keyframe.

        ``keyframe_left_out``: the last one, too.
        """
        ...

    def track_send_delay(
        self, delay_s: float, available_bps: float | None, link_good: bool, link_idle: bool
    ) -> None:
        """Told at each reading of the statistics: packets wait ``delay_s`` in WebRTC before they leave.

        It believes that the link carries ``available_bps``; ``link_good``: it carries what is sent;
        ``link_idle``: nothing is sent, so that WebRTC learns nothing of it.
        """
        ...

    def needed_bitrate_bps(self) -> float:
        """Bits per second that the stream sends now."""
        ...

    def held_back_s(self) -> float:
        """Seconds of the stream that are to be submitted at once when the link carries them."""
        ...

    def may_risk(self) -> bool:
        """Whether a picture may be lost for it to be found out what the link carries."""
        ...

    def track_asked_for_keyframe(self) -> None:
        """A keyframe is asked for while nothing is submitted, so that `take_feedback` does not tell."""
        ...

    def track_failed(self, reason: str) -> None:
        """The track failed and will be published again; if ``reason`` is "muted", when it is unmuted."""
        ...
