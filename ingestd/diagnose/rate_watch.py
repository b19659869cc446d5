"""Watch on rates: what a stream states, may send and is asked for, compared with what arrives."""

from ingestd.diagnose.compatibility import Issue
from ingestd.units import format_bitrate

CHECK_INTERVAL_S = 1.0
# Checks in a row before something is said: longer than a stall and what comes in one go behind it.
CHECKS = 5
# Clocks are off by less.
WRONG_RATIO = 1.25
OVER_RATIO = 1.1
# Rate control of encoders is off by less.
IGNORED_RATIO = 1.5
# A rate that is not steady is no rate that could be compared.
STEADY_RATIO = 1.1


class RateWatch:
    """Watches one live encoder; rates are those of the last seconds."""

    def __init__(self) -> None:
        self._check_at = float("-inf")
        self._measured_fps: list[float] = []  # while the stated rate is wrong
        self._bitrates_bps: list[float] = []  # while they are too high
        self.wrong_rate: Issue | None = None
        self.over_max_bitrate: Issue | None = None
        self._ignored = 0  # checks in a row at which it sent far more than it is asked for
        self.ignores_rate: Issue | None = None

    def due(self, now: float) -> bool:
        """Whether `check` should be called ``now``, in seconds."""
        return now >= self._check_at

    def check(
        self,
        stated_fps: float | None,
        measured_fps: float,
        bitrate_bps: float,
        max_bitrate_bps: int | None,
        now: float,
        target_bps: int | None = None,
    ) -> None:
        """Compare; None: not stated, no limit, not asked for any bitrate."""
        self._check_at = now + CHECK_INTERVAL_S
        self._check_target(bitrate_bps, target_bps)
        self._check_rate(stated_fps, measured_fps)
        self._check_bitrate(bitrate_bps, max_bitrate_bps)

    def _check_rate(self, stated_fps: float | None, measured_fps: float) -> None:
        # One that sends less often, as when something moves, is well.
        if stated_fps is None or measured_fps < WRONG_RATIO * stated_fps:
            self._measured_fps.clear()
            self.wrong_rate = None
            return
        self._measured_fps = [*self._measured_fps[-CHECKS + 1 :], measured_fps]
        least, most = min(self._measured_fps), max(self._measured_fps)
        if len(self._measured_fps) == CHECKS and most < STEADY_RATIO * least:
            mean_fps = sum(self._measured_fps) / CHECKS
            seen = f"it states {stated_fps:.4g} pictures/s and sends {mean_fps:.3g}"
            self.wrong_rate = self.wrong_rate or Issue("wrong_rate", seen, hides=False)

    def _check_bitrate(self, bitrate_bps: float, max_bitrate_bps: int | None) -> None:
        if max_bitrate_bps is None or bitrate_bps < OVER_RATIO * max_bitrate_bps:
            self._bitrates_bps.clear()
            self.over_max_bitrate = None
            return
        self._bitrates_bps = [*self._bitrates_bps[-CHECKS + 1 :], bitrate_bps]
        if len(self._bitrates_bps) == CHECKS:
            mean_bps = sum(self._bitrates_bps) / CHECKS
            sent = format_bitrate(float(f"{mean_bps:.3g}"))
            seen = f"it sends {sent}, and max_bitrate is {format_bitrate(max_bitrate_bps)}"
            self.over_max_bitrate = self.over_max_bitrate or Issue("over_max_bitrate", seen, hides=False)

    def _check_target(self, bitrate_bps: float, target_bps: int | None) -> None:
        if target_bps is None or bitrate_bps < IGNORED_RATIO * target_bps:
            self._ignored, self.ignores_rate = 0, None
            return
        self._ignored += 1
        if self._ignored >= CHECKS:
            asked = format_bitrate(float(f"{target_bps:.3g}"))
            sent = format_bitrate(float(f"{bitrate_bps:.3g}"))
            seen = f"it is asked for {asked} (feedback) and sends {sent}"
            self.ignores_rate = self.ignores_rate or Issue("ignores_rate", seen, hides=False)
