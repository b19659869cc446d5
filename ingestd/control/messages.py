"""What is said to an encoder, and how often at most. Pure: ``now`` is seconds on the monotonic clock."""

import json

# At most two keyframe messages in any second.
KEYFRAME_INTERVAL = 0.51
# Encoders re-open their rate control at every change: smaller moves are not worth it.
RATE_STEP = 0.1


class Messages:
    """Turns WebRTC's wishes into the messages an encoder should hear."""

    def __init__(self) -> None:
        self._keyframe_at = float("-inf")
        self._bitrate_bps: int | None = None
        self._framerate_fps: float | None = None

    def keyframe(self, now: float, at_us: int) -> dict[str, object] | None:
        """Return a keyframe request, unless the encoder was asked a moment ago."""
        if now - self._keyframe_at < KEYFRAME_INTERVAL:
            return None
        self._keyframe_at = now
        return {"type": "keyframe", "at_us": at_us}

    def rate(self, bitrate_bps: int, framerate_fps: float, at_us: int) -> dict[str, object] | None:
        """Return a new target, unless it is within a tenth of the one the encoder knows."""
        if not _moved(self._bitrate_bps, bitrate_bps) and not _moved(self._framerate_fps, framerate_fps):
            return None
        self._bitrate_bps, self._framerate_fps = bitrate_bps, framerate_fps
        return {"type": "rate", "bitrate_bps": bitrate_bps, "framerate_fps": framerate_fps, "at_us": at_us}

    def new_encoder(self) -> None:
        """An encoder that has just come knows nothing of what was said before."""
        self._keyframe_at = float("-inf")
        self._bitrate_bps = self._framerate_fps = None


def encode(message: dict[str, object]) -> bytes:
    """Return ``message`` as one line of JSON."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def _moved(before: float | None, after: float) -> bool:
    return before is None or (after != before and abs(after - before) >= RATE_STEP * before)
