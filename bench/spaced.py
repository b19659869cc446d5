"""`python -m bench.spaced MS …`: ingestd with hand-overs a fixed time apart, to find the best."""

import sys

from ingestd.cli import entry
from ingestd.delivery.pacer import Pacer

SPACING = float(sys.argv.pop(1)) / 1000


def _handed_over(
    self: Pacer,
    now: float,
    frame_interval_s: float,  # noqa: ARG001
    waiting: int,  # noqa: ARG001
    sending_s: float = 0.0,  # noqa: ARG001
    *,
    slow: bool = False,  # noqa: ARG001
) -> None:
    self.ready_at = now + SPACING


Pacer.submitted = _handed_over  # type: ignore[method-assign]
entry()
