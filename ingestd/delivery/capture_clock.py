"""Estimates capture times from arrival times, which jitter while captures do not.

The interval from one capture to the next is what the stream says, or else learnt from the arrivals. Estimates
are compared with the arrivals all the time, so that an encoder's clock may drift for hours. An interval that
the arrivals contradict is not believed, and the fit restarts at the newest picture.
"""

from ingestd.delivery.frame_interval import MAX_JITTER_S, FrameInterval

# Pictures over which an error is corrected. With 64, an arrival that is 10 ms off moves a capture by 0.6 ms,
# and a clock that is off by 200 ppm is followed at a distance of 0.1 ms.
FIT_PICTURES = 64
# Pictures over which the lead is forgotten; it stands for the jitter of about this many.
LEAD_PICTURES = 512
# After this many late pictures in a row it is the line that is wrong.
RESTART_PICTURES = 8
# Between two pauses there are at least this many pictures; else the rate has changed.
FIRST_FIT_PICTURES = 8


class CaptureClock:
    """The capture times of one stream's pictures, in seconds by the clock of the arrivals.

    A line is fitted to the arrivals by least squares: to all of them at first, later with a memory of
    `FIT_PICTURES` pictures. Captures lie on it, less a lead that keeps every one of them before its arrival.
    """

    def __init__(self) -> None:
        self.lead_s = 0.0  # seconds from captures to the line, at most `MAX_JITTER_S`
        self._line_at = 0.0  # where the last picture lies
        self._interval_s = 0.0  # seconds from there to the next, as far as is known
        self._pictures = 0  # that the line is fitted to
        self._since_restart = 0  # those of them that came after the last restart
        self._late = 0  # pictures in a row

    @property
    def interval_s(self) -> float:
        """Seconds from one capture to the next; 0 while that is not known."""
        return self._interval_s

    def captured_at(self, interval: FrameInterval, arrived_at: float) -> float:
        """Return the capture time of the picture that came at ``arrived_at``, in seconds; it is never later.

        ``interval`` is the one that ends with this picture.
        """
        stated_s = interval.believed_s
        step_s = self._interval_s if stated_s is None else stated_s
        error_s = arrived_at - self._line_at - step_s
        if stated_s is not None and error_s < -MAX_JITTER_S:
            # Nothing comes before its capture: the timestamps have jumped, or run too fast.
            interval.doubt()
            stated_s, step_s = None, self._interval_s
            error_s = arrived_at - self._line_at - step_s
        if not self._pictures:
            self._line_at = arrived_at
            self._pictures = 1
        elif abs(error_s) <= MAX_JITTER_S:
            self._fit(step_s, error_s, learn=stated_s is None)
        elif error_s > 0 and self._late < RESTART_PICTURES and self._since_restart >= FIRST_FIT_PICTURES:
            # A stall, after which those that waited come at once, each less late than the one before.
            self._line_at += step_s
            self._late += interval.by_arrivals_s > step_s / 2
        else:
            interval.doubt()
            self._restart(arrived_at)
        self.lead_s = max(self.lead_s * (1 - 1 / LEAD_PICTURES), self._line_at - arrived_at)
        return min(self._line_at - self.lead_s, arrived_at)

    def _fit(self, step_s: float, error_s: float, *, learn: bool) -> None:
        # Least squares with one more point: where the slope is known, only the mean moves.
        n = min(self._pictures, FIT_PICTURES)
        if learn:
            self._line_at += step_s + error_s * 2 * (2 * n + 1) / ((n + 1) * (n + 2))
            self._interval_s = step_s + error_s * 6 / ((n + 1) * (n + 2))
        else:
            self._line_at += step_s + error_s * max(1 / (n + 1), 4 / FIT_PICTURES)
            self._interval_s = step_s
        self._pictures += 1
        self._since_restart += 1
        self._late = 0

    def _restart(self, arrived_at: float) -> None:
        if self._since_restart < FIRST_FIT_PICTURES:
            self._interval_s = 0.0
            self._pictures = 0
        self._line_at = arrived_at
        self._pictures += 1
        self._since_restart = 0
        self._late = 0
