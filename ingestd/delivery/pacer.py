"""The least time between two pictures that are submitted to WebRTC.

WebRTC's encoder queue keeps only the newest picture: one that is submitted before the last was taken off
replaces it, silently. A busy machine takes a few milliseconds to take a picture off.
"""

from math import inf

# Measured on 2 busy cores: 1 picture in 600 lost at 3 ms, none in 9000 at 10 ms.
RELAXED_SPACING_S = 0.010
# In a long queue delay costs more than the rare loss, which is noticed and mended by a replay.
HURRIED_SPACING_S = 0.003
# Below this most pictures of a burst are lost, on any machine.
MIN_SPACING_S = 0.002
# More pictures than this are a long queue rather than one write of the encoder.
LONG_QUEUE_PICTURES = 8


class Pacer:
    """Says when the next picture may be submitted; a lone picture is never delayed."""

    def __init__(self) -> None:
        self.ready_at = 0.0  # when that is, in seconds on the monotonic clock
        self._sent_at = 0.0  # when all is sent, as far as that is to be waited for

    def submitted(
        self,
        now: float,
        frame_interval_s: float,
        waiting: int,
        sending_s: float = 0.0,
        *,
        slow: bool = False,
    ) -> None:
        """A picture has just been submitted; ``waiting`` pictures are behind it.

        It takes ``sending_s`` to send, and the next one waits for that; 0: it does not. What has to be caught
        up with is submitted at twice its own rate at least, unless it is to be ``slow``.
        """
        # A third of the interval leaves room to work off a burst between two pictures of a fast stream.
        spacing_s = min(RELAXED_SPACING_S, frame_interval_s / 3)
        if waiting > LONG_QUEUE_PICTURES:
            spacing_s = min(spacing_s, HURRIED_SPACING_S)
        self._sent_at = max(self._sent_at, now) + sending_s if sending_s else now
        longest_s = inf if slow else frame_interval_s / 2
        self.ready_at = max(now + max(spacing_s, MIN_SPACING_S), min(self._sent_at, now + longest_s))
