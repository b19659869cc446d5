"""Messages to an encoder: a greeting, keyframes that are wanted, rates; and how often a rate is told.

Pure: ``now`` is seconds on the monotonic clock.
"""

import json
from collections.abc import Callable
from enum import StrEnum

Message = dict[str, object]

# Of the format of all messages; a client ignores types and keys that it does not know.
VERSION = 1
# Encoders re-open their rate control at every change: smaller moves are not worth it.
RATE_STEP_RATIO = 0.1
# Before a rate that did not get through is sent again, or sent to an encoder that has just come: neither a
# sink that is blocked nor a storm of reconnections may make a message of every picture.
RATE_MESSAGE_INTERVAL_S = 1.0


class Result(StrEnum):
    """What became of a message; the label ``result`` of ``ingestd_feedback_messages_total``."""

    SENT = "sent"
    DROPPED = "dropped"  # the receiver does not keep up, or is not there
    FAILED = "failed"  # the webhook did not answer, or answered with an error


OnResult = Callable[[Result], None]


def hello(stream: str) -> bytes:
    """Return the first line on the connection of an encoder of ``stream``."""
    return encode({"type": "hello", "version": VERSION, "stream": stream})


def keyframe(at_us: int) -> Message:
    """Return the message that a keyframe is wanted, since ``at_us``, µs since 1970."""
    return {"type": "keyframe", "at_us": at_us}


class RateMessages:
    """Which rate messages go into one sink: the first, and those that moved by a tenth.

    ``framerate_fps`` is what every one names. WebRTC does not ask for a frame rate: it echoes the rate at
    which pictures come in, and an encoder that obeyed an echo would become slower each time it was measured a
    little low.
    """

    def __init__(self, framerate_fps: float) -> None:
        self._framerate_fps = framerate_fps
        self._told_at = float("-inf")
        self._told: Message | None = None  # the last one, as long as the encoder may be taken to know it
        self._bitrate_bps = 0  # that it names

    def rate(self, bitrate_bps: int, now: float, at_us: int) -> Message | None:
        """Return a rate message, unless ``bitrate_bps`` is within a tenth of what the encoder knows."""
        if self._told is None:
            due = now - self._told_at >= RATE_MESSAGE_INTERVAL_S
        else:
            due = _moved(self._bitrate_bps, bitrate_bps)
        if not due:
            return None
        self._told_at, self._bitrate_bps = now, bitrate_bps
        self._told = {
            "type": "rate",
            "bitrate_bps": bitrate_bps,
            "framerate_fps": self._framerate_fps,
            "at_us": at_us,
        }
        return self._told

    @property
    def told_bps(self) -> int | None:
        """The bitrate that the encoder knows; None where it does not."""
        return self._bitrate_bps if self._told is not None else None

    def lost(self, message: Message) -> None:
        """``message`` has not reached the encoder."""
        if message is self._told:
            self._told = None

    def new_encoder(self) -> None:
        """An encoder that has just come knows no rate."""
        self._told = None


def encode(message: Message) -> bytes:
    """Return ``message`` as one line of JSON."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def _moved(before: int, after: int) -> bool:
    return after != before and abs(after - before) >= RATE_STEP_RATIO * before
