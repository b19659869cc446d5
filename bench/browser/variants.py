"""The daemon with replays as they were tried and not kept: `python -m bench.browser.variants VARIANT …`."""

import sys

from ingestd.cli import entry
from ingestd.delivery.replays import Replays
from ingestd.delivery.timestamps import MIN_STEP_US, Timestamps

# unspaced: as fast as WebRTC takes them, so that they wait in its own queue
# close stamps: the times of replayed pictures 1 ms apart, so that a player might skip to the newest
VARIANTS = ("unspaced", "close-stamps")


def _next_close_us(
    self: Timestamps, captured_at: float | None, now: float, lead_s: float, early_s: float = 0.0
) -> int:
    if captured_at is not None:
        return _next_us(self, captured_at, now, lead_s, early_s)
    first = int((now - lead_s) * 1e6)
    # A replay begins where the last timestamp lies further back than one step of it does.
    self._last_us = self._last_us + MIN_STEP_US if first - self._last_us < 2_000_000 else first
    return self._last_us


_next_us = Timestamps.next_us

if __name__ == "__main__":
    variant = sys.argv.pop(1)
    if variant == "unspaced":
        Replays.sending_s = lambda *_: 0.0  # type: ignore[method-assign]
    else:
        Timestamps.next_us = _next_close_us  # type: ignore[method-assign]
    entry()
