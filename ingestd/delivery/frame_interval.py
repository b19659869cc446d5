"""The frame interval: how long after the picture before each picture was captured, by all that tells it.

Timestamps of the container, the rate that the headers declare, and the arrivals. The one place that remembers
the picture before; capture clock and input pacing read it.
"""

from ingestd.media.access_unit import AccessUnit

# Seconds by which an arrival may be off. Jitter of ±20 ms stays below; allowing more would delay playback, as
# players wait as long as the latest picture needs.
MAX_JITTER_S = 0.05
# Pictures over which an interval that was wrong has to agree with the arrivals before it is believed again.
PROBATION_PICTURES = 32
# Pictures over which the stated rate is averaged: timestamps may jitter, or be those of a variable rate.
MEAN_PICTURES = 32


class FrameInterval:
    """The interval that ends with the picture received last, in seconds.

    ``framerate_fps``, where the configuration has one, counts in place of all that the stream states.
    """

    def __init__(self, framerate_fps: float | None = None) -> None:
        self._framerate_fps = framerate_fps
        self.by_arrivals_s = 0.0  # between the two arrivals; 0 at the first picture
        self.by_timestamps_s: float | None = None  # may be anything, negative too
        self.declared_s: float | None = None
        self.stated_s: float | None = None  # right or wrong: by timestamps, or else as declared
        self._arrived_at: float | None = None
        self._timestamp_us: int | None = None
        self._mean_stated_s: float | None = None
        self._probation = 0  # pictures to come until the interval is believed
        self._ahead_s = 0.0  # seconds that the intervals have gone beyond the arrivals since probation began

    def receive(self, access_unit: AccessUnit, arrived_at: float) -> None:
        """Take in the next picture, which came at ``arrived_at``, in seconds."""
        self.by_arrivals_s = 0.0 if self._arrived_at is None else arrived_at - self._arrived_at
        timestamp_us = access_unit.timestamp_us
        if timestamp_us is None or self._timestamp_us is None or self._framerate_fps is not None:
            self.by_timestamps_s = None
        else:
            self.by_timestamps_s = (timestamp_us - self._timestamp_us) / 1e6
        declared_fps = access_unit.info.frame_rate_fps if access_unit.info is not None else None
        rate_fps = self._framerate_fps or declared_fps
        self.declared_s = 1 / rate_fps if rate_fps else None
        self._arrived_at, self._timestamp_us = arrived_at, timestamp_us
        self.stated_s = self.declared_s if self.by_timestamps_s is None else self.by_timestamps_s
        if self.stated_s is not None:
            mean_s = self.stated_s if self._mean_stated_s is None else self._mean_stated_s
            self._mean_stated_s = mean_s + (self.stated_s - mean_s) / MEAN_PICTURES
            self._verify(self.stated_s)

    @property
    def stated_fps(self) -> float | None:
        """The picture rate that the stream states, right or wrong; None where it states none."""
        return 1 / self._mean_stated_s if self._mean_stated_s and self._mean_stated_s > 0 else None

    @property
    def believed_s(self) -> float | None:
        """What the stream says, unless it is in doubt; None then, and where it says nothing."""
        return None if self._probation else self.stated_s

    def doubt(self) -> None:
        """Believe the stream only after `PROBATION_PICTURES` that agree with the arrivals."""
        self._probation = PROBATION_PICTURES
        self._ahead_s = 0.0

    def believe(self) -> None:
        """End any doubt."""
        self._probation = 0

    def _verify(self, stated_s: float) -> None:
        self._ahead_s += stated_s - self.by_arrivals_s
        if stated_s <= 0 or (self._probation and abs(self._ahead_s) > MAX_JITTER_S):
            self.doubt()
        elif self._probation:
            self._probation -= 1
