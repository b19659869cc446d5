"""What a stream itself says of the time from one picture to the next, as long as the arrivals bear it out."""

from ingestd.media.access_unit import AccessUnit

# Seconds that given steps and arrivals may be apart. Jitter is less, and players would have to wait for more.
MAX_ERROR_S = 0.05
# Pictures over which steps that were wrong have to agree with the arrivals before they are believed again.
PROBATION_PICTURES = 32


class DeclaredInterval:
    """Steps by the container's timestamps, or else by the declared rate; believed until they are wrong."""

    def __init__(self) -> None:
        self._timestamp_us: int | None = None  # of the picture before
        self._arrived: float | None = None
        self._probation = 0  # pictures to come until the steps are believed
        self._ahead = 0.0  # seconds that the steps have gone beyond the arrivals since it began

    def doubt(self) -> None:
        """Believe no step until enough of them have agreed with the arrivals."""
        self._probation = PROBATION_PICTURES
        self._ahead = 0.0

    def next(self, access_unit: AccessUnit, arrived: float) -> float | None:
        """Return the seconds from the picture before to this one; None where nothing believable is said."""
        step = self._said(access_unit)
        waited = 0.0 if self._arrived is None else arrived - self._arrived
        self._arrived, self._timestamp_us = arrived, access_unit.timestamp_us
        if step is None:
            return None
        self._ahead += step - waited
        if step <= 0 or (self._probation and abs(self._ahead) > MAX_ERROR_S):
            self.doubt()
        elif self._probation:
            self._probation -= 1
        return None if self._probation else step

    def _said(self, access_unit: AccessUnit) -> float | None:
        if access_unit.timestamp_us is not None and self._timestamp_us is not None:
            return (access_unit.timestamp_us - self._timestamp_us) / 1e6
        rate = access_unit.info.frame_rate if access_unit.info is not None else None
        return 1 / rate if rate else None
