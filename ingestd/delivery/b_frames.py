"""B-frames that no other picture refers to are left out, where what remains is then in the order of showing.

WebRTC shows pictures in the order in which they are sent, which is that of decoding, and browsers stop at the
first that is out of order. A picture is left out only if it is to be shown before one that was sent earlier:
the pictures of temporal layers, to which nothing refers either, are in order and stay. Where B-frames are
referred to (b-pyramid) the order stays wrong whatever is left out, so nothing is (docs/webrtc.md).
"""

from ingestd.media.access_unit import AccessUnit


class BFrames:
    """The B-frames of one encoder; ``leave_out``: those that can be, else none."""

    def __init__(self, *, leave_out: bool) -> None:
        self.pictures = 0  # taken in since the first B-frame was left out, it among them
        self.left_out = 0  # of those
        self._leave_out = leave_out
        self._referred_to = self._referred_to_since_keyframe = False

    @property
    def beyond_cure(self) -> bool:
        """Whether others refer to B-frames, in this GOP or the one before: leaving out mends nothing."""
        return self._referred_to

    def leaves_out(self, access_unit: AccessUnit) -> bool:
        """Take in the next picture in the order of decoding; return whether it is left out."""
        if not self._leave_out:
            return False
        if access_unit.keyframe:
            self._referred_to, self._referred_to_since_keyframe = self._referred_to_since_keyframe, False
        if access_unit.reordered and not access_unit.discardable:
            self._referred_to = self._referred_to_since_keyframe = True
        cut = access_unit.reordered and not self._referred_to
        if cut or self.left_out:
            self.pictures += 1
            self.left_out += cut
        return cut
