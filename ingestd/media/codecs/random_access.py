"""The pictures at which a stream of H.264 or H.265 can be begun.

IDR and IRAP pictures are, and viewers in browsers begin at nothing else: libwebrtc takes a picture of H.264
for a keyframe by its IDR slice alone, and discards all that comes before one. But an encoder with intra
refresh, or with open GOPs, may send a single IDR picture or, to a late viewer, none; it marks where a
decoder can start, with damage at most for the recovery_frame_cnt pictures after, by recovery point SEI. If
such a place were no keyframe either, nothing of that stream would ever be published, and nothing again after
a picture was dropped. So a recovery point is a keyframe where no IDR or IRAP picture is: viewers that decode
from it see the stream, those that watch already go on, and one in a browser that joins waits for an IDR.

Where IDR and IRAP pictures come regularly, they alone are keyframes: what is handed out again to a new viewer
must begin at one.
"""

# 10 s at 60 pictures per second: no encoder meant for live viewing puts its IDR pictures further apart.
MAX_PICTURES_BETWEEN = 600


class RandomAccess:
    """Follows the pictures of one connection."""

    def __init__(self) -> None:
        self._is_recovery_point = False  # the picture that begins next
        self._pictures_since: int | None = None  # the last IDR or IRAP picture; None before the first

    def recovery_point(self) -> None:
        """Take a recovery point SEI message, which stands before its picture."""
        self._is_recovery_point = True

    def begin_picture(self, *, irap: bool) -> bool:
        """Take the next picture, IDR or IRAP or not; return whether the stream can be begun here."""
        is_recovery_point, self._is_recovery_point = self._is_recovery_point, False
        if irap:
            self._pictures_since = 0
        elif self._pictures_since is not None:
            self._pictures_since += 1
        far = self._pictures_since is None or self._pictures_since > MAX_PICTURES_BETWEEN
        return irap or (is_recovery_point and far)
