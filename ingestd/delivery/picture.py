"""An access unit on its way, and the moment it is handed to WebRTC."""

from dataclasses import dataclass
from typing import NamedTuple

from ingestd.media.access_unit import AccessUnit


@dataclass(frozen=True, slots=True)
class Picture:
    """An access unit with what a viewer may want to know of its arrival."""

    access_unit: AccessUnit
    number: int  # counts the access units of this stream, from 0
    arrived: float  # its last byte, in seconds on the monotonic clock
    received: float  # when it was known to be whole, on the same clock
    captured: float  # seconds on the same clock, estimated; never later than the arrival
    arrived_us: int  # the moment of its arrival in µs since 1970
    due: float = 0.0  # when it is to be shown, on the same clock, where it came faster than real time


class Submission(NamedTuple):
    """What is to be handed to WebRTC now."""

    picture: Picture
    timestamp_us: int  # strictly rising, never in the future
    replayed: bool  # it was handed over before
