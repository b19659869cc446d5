"""Decides when an encoder that sends no keyframe is to connect again, as streams begin with one.

Needed where the GOP is longer than what is held: after an interruption of the room nothing could be shown
until the encoder's next keyframe, which may never come.
"""

from math import inf

# An encoder that is asked for a keyframe, or whose own is late, has this long.
PATIENCE_S = 3.0
# A keyframe that is due within this time is waited for.
MAX_WAIT_S = 10.0
# Where a new connection has not helped for long, neither will another soon.
MIN_BETWEEN_S = 60.0


class KeyframeWait:
    """The wait for a keyframe on the connections of an encoder, one after the other."""

    def __init__(self) -> None:
        self._passed = False  # a picture has since the connection began
        self._since: float | None = None
        self._ended_at = -inf

    def new_encoder(self) -> None:
        """Another connection begins."""
        self._passed, self._since = False, None

    def received(self, waits: bool, now: float, next_keyframe_s: float | None) -> bool:
        """Take note of a picture, at ``now`` in seconds; return True, once, if only a new connection helps.

        ``waits``: it was dropped for want of a keyframe. ``next_keyframe_s``: until one is due, None where
        there is no telling. A connection on which no picture has passed began without a keyframe, and so
        would the next.
        """
        if not waits:
            self._passed, self._since = True, None
        if not waits or not self._passed:
            return False
        if self._since is None:
            self._since = now
        if now - self._since < PATIENCE_S or now - self._ended_at < MIN_BETWEEN_S:
            return False
        if next_keyframe_s is not None and next_keyframe_s < MAX_WAIT_S:
            return False
        self._passed, self._ended_at = False, now
        return True
