"""The participants of a room who may watch: who came, who left, and what a keyframe request tells with that.

A server tells who came or left up to 3 s late. The number of participants comes at once, but late, too, if
it has changed within the last 5 s (LiveKit 1.13).
"""

from math import inf

# The server may have told of an arrival this long before the one who came asks for a keyframe.
ARRIVAL_S = 5.0
# So soon after an arrival nothing else is as likely to ask.
FRESH_S = 1.0
# A departure, or who it was that came, is told within this time.
NEWS_S = 4.0
# One who was told of so long ago has found the track and watches.
SETTLED_S = 2.0


class Audience:
    """What is known of those who may watch; every ``now`` is seconds on the monotonic clock."""

    def __init__(self) -> None:
        self.came_at = -inf  # when the last arrival was told
        self._count = 0  # of all participants, by the server
        self._counted_at = -inf  # when that rose last
        self._told_at: dict[str, float] = {}  # of those who are there
        self._left_at: dict[str, float] = {}

    def counted(self, count: int, now: float) -> bool:
        """There are ``count`` participants; return whether that tells of an arrival."""
        rises = count > self._count > 0
        if rises:
            self.came_at = self._counted_at = now
        self._count = count
        return rises

    def came(self, identity: str, now: float) -> None:
        """A participant has come."""
        self._told_at.setdefault(identity, now)
        if now - self._counted_at > NEWS_S:
            self.came_at = now  # the count has not told

    def left(self, identity: str, now: float) -> None:
        """A participant has left."""
        if self._told_at.pop(identity, None) is not None:
            self._left_at[identity] = now

    def present(self, identity: str) -> None:
        """A participant was there before us."""
        self._told_at[identity] = -inf

    @property
    def size(self) -> int:
        """How many participants the room has beside us, as far as was told."""
        return len(self._told_at)

    def newcomer(self, now: float) -> bool:
        """Whether one who has come may be the one who asks."""
        return now - self.came_at < ARRIVAL_S

    def fresh(self, now: float) -> bool:
        """Whether one has come just now."""
        return now - self.came_at < FRESH_S

    def others(self, now: float) -> int:
        """How many watch beside the one who asks ``now``; those who may have left just before are counted."""
        self._left_at = {who: at for who, at in self._left_at.items() if now - at < NEWS_S}
        watching = sum(now - at >= SETTLED_S for at in self._told_at.values())
        return watching + len(self._left_at.keys() - self._told_at.keys()) - (not self.newcomer(now))
