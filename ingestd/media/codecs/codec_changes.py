"""Limit of codec changes: how often a stream may change its codec before it is taken for damage."""

from ingestd.errors import BitstreamError
from ingestd.media.access_unit import Codec

# Each change costs the track in the room. Who tries settings changes the codec every few seconds at most; two
# encoders that write to one connection, or take it from each other, change it with every picture.
MAX_CODEC_CHANGES = 4
# After so long there may be one more. An encoder whose predecessor has used up all waits no longer.
PER_CHANGE_S = 5.0


class CodecChanges:
    """The codec changes that a stream may still make; may outlive its connections."""

    def __init__(self) -> None:
        self._codec: Codec | None = None
        self._left = float(MAX_CODEC_CHANGES)
        self._counted_at = 0.0

    def use(self, codec: Codec, now: float) -> None:
        """The stream is ``codec`` from ``now`` on, in seconds.

        Raises BitstreamError ``codec_flips`` where that is another one and no change is left; the codec stays
        what it was then.
        """
        if self._codec not in (None, codec):
            regained = (now - self._counted_at) / PER_CHANGE_S
            self._left, self._counted_at = min(MAX_CODEC_CHANGES, self._left + regained), now
            if self._left < 1:
                raise BitstreamError(
                    "codec_flips",
                    f"the codec changes from {self._codec} to {codec}, too often: {MAX_CODEC_CHANGES} times "
                    f"are allowed, and once more every {PER_CHANGE_S:g} s",
                )
            self._left -= 1
        self._codec = codec
