"""Movement of pictures, as the watchdog sees it: what is due and does not move is a defect of ingestd.

A room that is down, a link that carries nothing, an encoder that is silent or sends nonsense are no reason to
restart: a restart mends none of them, and cuts the streams that are well.
"""

from collections.abc import Mapping
from dataclasses import dataclass

# Nothing that is well takes longer; the pauses of the garbage collector, or of a machine that swaps, do not.
STUCK_S = 10.0


@dataclass(frozen=True, slots=True)
class Motion:
    """What has moved in one stream, and what should have."""

    moved: int  # rises with every byte read and every picture that is done with
    overdue_s: float  # for how long a picture has been due to be submitted; 0: none is
    unread: bool  # the encoder has sent what nothing keeps us from reading


@dataclass(slots=True)
class _Seen:
    moved: int
    moved_at: float
    waits_since: float  # as long as something waits and nothing moves


class Movement:
    """Remembers what moved when; ``now`` is seconds on the monotonic clock."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}  # by stream
        self.stuck: list[str] = []
        self.standstill = False  # a stream is stuck, and no other moves

    def look(self, motions: Mapping[str, Motion], now: float) -> None:
        """See which streams are stuck; to be called every few seconds."""
        self._seen = {name: seen for name, seen in self._seen.items() if name in motions}
        self.stuck = [name for name, motion in motions.items() if self._is_stuck(name, motion, now)]
        moving = any(now - self._seen[name].moved_at < STUCK_S for name in motions if name not in self.stuck)
        self.standstill = bool(self.stuck) and not moving

    def _is_stuck(self, name: str, motion: Motion, now: float) -> bool:
        seen = self._seen.setdefault(name, _Seen(motion.moved, -STUCK_S, now))
        if seen.moved != motion.moved:
            seen.moved, seen.moved_at, seen.waits_since = motion.moved, now, now
        elif not motion.unread:
            seen.waits_since = now
        return motion.overdue_s >= STUCK_S or now - seen.waits_since >= STUCK_S
