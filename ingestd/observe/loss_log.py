"""Log lines of pictures that were dropped or lost: at most one for each stream and look, by reason."""

from collections import Counter
from collections.abc import Callable, Iterable

import structlog

from ingestd.observe.figures import StreamFigures

logger = structlog.get_logger("ingestd.observe")

# What costs viewers a picture is said within 10 s.
LOOK_INTERVAL_S = 5.0
# No keyframe that can be shown, no room, an encoder that is gone, a codec that is not published, B-frames:
# each has its line when it begins, and takes every picture, or every B-frame, until it ends.
_SAID_ELSEWHERE = {"before_keyframe", "no_parameter_sets", "no_room", "stopped", "unsupported", "b_frame"}


class LossLog:
    """Compares the counts of ``streams`` with those of the look before, and logs what was lost in between."""

    def __init__(self, streams: Callable[[], Iterable[StreamFigures]]) -> None:
        self._streams = streams
        self._before: dict[str, Counter[str]] = {}  # by stream

    def look(self) -> None:
        """Log what is new: a warning for each stream that has dropped pictures since the last look."""
        now = {figures.name: _dropped(figures) for figures in self._streams()}
        for name, dropped in now.items():
            before = self._before.get(name, Counter())
            # A stream that was made again, as after a change of its configuration, counts from 0.
            new = dropped - before if dropped >= before else +dropped
            if new:
                logger.warning(
                    "pictures dropped", stream=name, pictures=new.total(), **{k: new[k] for k in sorted(new)}
                )
        self._before = now


def _dropped(figures: StreamFigures) -> Counter[str]:
    return Counter(
        {reason: count for reason, count in figures.frames_dropped.items() if reason not in _SAID_ELSEWHERE}
    )
