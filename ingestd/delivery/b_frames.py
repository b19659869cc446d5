"""Removal of B-frames that no other picture refers to, where what remains is then in the order of showing.

WebRTC shows pictures in the order in which they are sent, which is that of decoding, and browsers stop at the
first that is out of order. A picture is left out only if it is to be shown before one that was sent earlier:
the pictures of temporal layers, to which nothing refers either, are in order and stay. From the first B-frame
on that others refer to (b-pyramid) the order stays wrong whatever is left out, so nothing is, up to the next
keyframe (docs/webrtc.md).

What remains came as far apart as it was decoded, and is to be shown as far apart as the picture order counts
say: the picture behind a keyframe follows it in the stream at once, and is to be shown when the B-frames
between them would have been.
"""

from collections import deque
from math import inf

from ingestd.media.access_unit import AccessUnit

# More pictures than that no decoder holds back (H.264 A.3.1, H.265 A.4.2).
MAX_REORDERED_PICTURES = 16


class BFrames:
    """The B-frames of one encoder; ``leave_out``: those that can be, else none."""

    def __init__(self, *, leave_out: bool) -> None:
        self.pictures = 0  # taken in since the first B-frame was left out, it among them
        self.left_out = 0  # of those
        self.later_pictures = 0.0  # by which the last picture is shown later than its place in decoding says
        self._leave_out = leave_out
        self._gops = 0
        self._referred_to_in = -inf  # the last GOP with some that others refer to
        self._since_keyframe = 0  # pictures
        self._orders: deque[int] = deque(maxlen=MAX_REORDERED_PICTURES)  # of the last pictures of the GOP
        self._keyframe_order = 0
        # Between two pictures in the order of showing: in this GOP, in the last one before that has told.
        self._step: int | None = None
        self._step_before: int | None = None
        # The most of `later_pictures` in this GOP, in the one before.
        self._latest = self._latest_before = 0.0

    @property
    def beyond_cure(self) -> bool:
        """Whether some are sent though they are to be left out: browsers fail at them, GOP after GOP."""
        return self._leave_out and self.referred_to

    @property
    def referred_to(self) -> bool:
        """Whether others refer to some, in this GOP or the one before: leaving out mends nothing."""
        return self._gops - self._referred_to_in <= 1

    @property
    def early_pictures(self) -> float:
        """By how many pictures the last one is to be shown sooner than those that are shown latest."""
        return max(self._latest, self._latest_before) - self.later_pictures

    def leaves_out(self, access_unit: AccessUnit) -> bool:
        """Take in the next picture in the order of decoding; return whether it is left out."""
        self._gops += access_unit.keyframe
        if access_unit.reordered and not access_unit.discardable:
            self._referred_to_in = self._gops
        cut = self._leave_out and access_unit.reordered and self._referred_to_in < self._gops
        self._follow_order(access_unit)
        if cut or self.left_out:
            self.pictures += 1
            self.left_out += cut
        return cut

    def _follow_order(self, access_unit: AccessUnit) -> None:
        order = access_unit.picture_order
        if access_unit.keyframe:
            self._since_keyframe = 0
            self._orders.clear()
            self._keyframe_order = order or 0
            self._latest_before, self._latest = self._latest, 0.0
            if self._step is not None:
                self._step_before, self._step = self._step, None
        else:
            self._since_keyframe += 1
        self.later_pictures = 0.0
        if order is None:
            return
        if access_unit.reordered:
            steps = [abs(order - other) for other in self._orders if other != order]
            self._step = min([*steps, *filter(None, [self._step])], default=None)
        elif self.left_out and (steps := [*filter(None, [self._step, self._step_before])]):
            later = (order - self._keyframe_order) / min(steps) - self._since_keyframe
            if 0 <= later <= MAX_REORDERED_PICTURES:
                self.later_pictures = later
                self._latest = max(self._latest, later)
        self._orders.append(order)
