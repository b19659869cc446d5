"""Picture and Submission: an access unit on its way through the delivery, and what WebRTC is given."""

from dataclasses import dataclass
from typing import NamedTuple

from ingestd.media.access_unit import AccessUnit


@dataclass(frozen=True, slots=True)
class Picture:
    """An access unit and its times: seconds on the monotonic clock where nothing else is said."""

    access_unit: AccessUnit
    number: int  # counts the access units of this stream, from 0
    arrived_at: float  # its last byte
    received_at: float  # when it was known to be whole
    captured_at: float  # an estimate; never later than the arrival
    arrived_us: int  # the moment of its arrival in µs since 1970
    due_at: float = 0.0  # when it is to be shown, where it came faster than real time
    early_s: float = 0.0  # shown so much sooner than it came, as B-frames before it are left out


class Submission(NamedTuple):
    """What is to be submitted to WebRTC now."""

    picture: Picture
    timestamp_us: int  # strictly rising, never in the future
    replayed: bool  # it was submitted before
