"""When pictures were captured, told from when they arrived: arrivals jitter, captures do not.

The steps from one capture to the next are given by the stream, or else learnt from the arrivals. Where they
lead to is held against the arrivals all the time, so that an encoder's clock may drift for hours. Steps that
the arrivals contradict are not believed, and the line is taken up again at the picture that has just come.
"""

from ingestd.delivery.declared_interval import MAX_ERROR_S, DeclaredInterval
from ingestd.media.access_unit import AccessUnit

# Pictures over which an error is corrected. With 64, an arrival that is 10 ms off moves a capture by 0.6 ms,
# and a clock that is off by 200 ppm is followed at a distance of 0.1 ms.
FIT_PICTURES = 64
# Pictures over which the lead is forgotten; it stands for the jitter of about so many.
LEAD_PICTURES = 512
# Pictures that may come late in a row before it is the line that is wrong.
RESTART_PICTURES = 8
# Between two pauses there are more pictures than this; else the rate has changed.
FIRST_FIT_PICTURES = 8


class CaptureClock:
    """The capture times of one stream's pictures, in seconds by the clock of the arrivals.

    A line is laid through the arrivals by least squares: through all of them at first, later with a memory of
    `FIT_PICTURES` pictures. Captures lie on it, less a lead that keeps every one of them before its arrival.
    """

    def __init__(self) -> None:
        self.lead = 0.0  # seconds from captures to the line, at most `MAX_ERROR_S`
        self._given = DeclaredInterval()
        self._line = 0.0  # where the picture before lies
        self._step = 0.0  # seconds from there to the next, as far as is known
        self._pictures = 0  # how many the line is laid through
        self._since_break = 0  # how many of them have come since it was taken up again
        self._late = 0  # how many have come late in a row
        self._arrived: float | None = None  # when the picture before did

    @property
    def step(self) -> float:
        """Seconds from one capture to the next; 0 while that is not known."""
        return self._step

    def captured(self, access_unit: AccessUnit, arrived: float) -> float:
        """Return the capture time of the picture that came at ``arrived``, seconds; it is never later."""
        given = self._given.next(access_unit, arrived)
        step = self._step if given is None else given
        error = arrived - self._line - step
        if given is not None and error < -MAX_ERROR_S:
            # Nothing comes before its capture: the timestamps have jumped, or run too fast.
            self._given.doubt()
            given, step = None, self._step
            error = arrived - self._line - step
        if self._arrived is None:
            self._line = arrived
            self._pictures = 1
        elif abs(error) <= MAX_ERROR_S:
            self._follow(step, error, learn=given is None)
        elif error > 0 and self._late < RESTART_PICTURES and self._since_break >= FIRST_FIT_PICTURES:
            # A stall, after which those that waited come at once, each less late than the one before.
            self._line += step
            self._late += arrived - self._arrived > step / 2
        else:
            self._break(arrived)
        self._arrived = arrived
        self.lead = max(self.lead * (1 - 1 / LEAD_PICTURES), self._line - arrived)
        return min(self._line - self.lead, arrived)

    def _follow(self, step: float, error: float, *, learn: bool) -> None:
        # What least squares make of one more point: of a line whose slope is known, only the mean moves.
        n = min(self._pictures, FIT_PICTURES)
        if learn:
            self._line += step + error * 2 * (2 * n + 1) / ((n + 1) * (n + 2))
            self._step = step + error * 6 / ((n + 1) * (n + 2))
        else:
            self._line += step + error * max(1 / (n + 1), 4 / FIT_PICTURES)
            self._step = step
        self._pictures += 1
        self._since_break += 1
        self._late = 0

    def _break(self, arrived: float) -> None:
        self._given.doubt()
        if self._since_break < FIRST_FIT_PICTURES:
            self._step = 0.0
            self._pictures = 0
        self._line = arrived
        self._pictures += 1
        self._since_break = 0
        self._late = 0
