"""What the log says of a stream: what it is, and what viewers will make of it."""

from collections.abc import Callable
from typing import Any

from ingestd.errors import StreamError
from ingestd.limited import Limited
from ingestd.media.access_unit import StreamInfo
from ingestd.media.verdict import B_FRAMES, NO_PARAMETER_SETS, obstacles


class Remarks:
    """Says each thing of an encoder once, and of what it may repeat with every picture one line a second.

    ``log`` is a structlog logger that names the stream.
    """

    def __init__(self, log: Any) -> None:
        self._log = log
        self._limited = Limited()
        self._warned: set[str] = set()

    def new_encoder(self) -> None:
        """Another encoder is on the line; it has not been told anything."""
        self._warned.clear()

    def stream(self, info: StreamInfo, previous: StreamInfo | None) -> None:
        """The encoder sends what ``info`` describes; ``previous`` is what it sent before that."""
        fields = {
            "codec": info.codec,
            "format": info.format,
            "size": f"{info.width}x{info.height}",
            "profile": info.profile,
            "level": info.level,
            "frame_rate": info.frame_rate,
        }
        if previous is None:
            self._log.info("stream recognised", **fields)
        else:
            self._say("changed", self._log.info, "stream changed", **fields)
        for obstacle in obstacles(info):
            self._say(
                obstacle.reason,
                self._log.warning,
                "viewers will not be able to decode this stream",
                seen=obstacle.seen,
                cure=obstacle.cure,
            )

    def fault(self, fault: StreamError, **fields: object) -> None:
        """Something in the stream could not be understood."""
        self._say(
            fault.reason,
            self._log.warning,
            "fault in the stream",
            reason=fault.reason,
            error=str(fault),
            **fields,
        )

    def lost(self, pictures: int, target_bitrate_bps: float | None) -> None:
        """WebRTC took pictures and has not encoded them."""
        self._say(
            "lost",
            self._log.warning,
            "pictures lost in WebRTC: it was too busy, or the link too slow for them",
            pictures=pictures,
            target_bitrate_bps=target_bitrate_bps,
        )

    def h265(self, reason: str) -> None:
        """The stream has come to be of H.265."""
        self._log.error(
            "H.265 is understood, but this version cannot publish it: every picture is dropped; send "
            "H.264 (ffmpeg: -c:v libx264; GStreamer: x264enc), VP8, VP9 or AV1",
            reason=reason,
        )

    def b_frames(self) -> None:
        """A picture is to be shown before one that was sent earlier."""
        if self._first(B_FRAMES.reason):
            self._log.warning("B-frames will stutter", seen=B_FRAMES.seen, cure=B_FRAMES.cure)

    def no_parameter_sets(self) -> None:
        """A keyframe came that nobody can decode."""
        if self._first(NO_PARAMETER_SETS.reason):
            seen, cure = NO_PARAMETER_SETS.seen, NO_PARAMETER_SETS.cure
            self._log.warning("keyframe held back", seen=seen, cure=cure)

    def _first(self, reason: str) -> bool:
        first = reason not in self._warned
        self._warned.add(reason)
        return first

    def _say(self, kind: str, log: Callable[..., object], event: str, **fields: object) -> None:
        suppressed = self._limited.due(kind)
        if suppressed is not None:
            log(event, **fields, **({"suppressed": suppressed} if suppressed else {}))
