"""Limit of codec changes: how often a stream may change its codec before it is taken for damage."""

from collections import deque

from ingestd.errors import BitstreamError
from ingestd.media.access_unit import Codec

# Each change costs the track in the room. Who tries settings changes the codec every few seconds at most; two
# encoders that write to one connection, or take it from each other, change it with every picture.
MAX_CODEC_CHANGES = 4
PER_S = 60.0


class CodecChanges:
    """The latest codec changes of a stream; may outlive its connections."""

    def __init__(self) -> None:
        self._codec: Codec | None = None
        self._at: deque[float] = deque(maxlen=MAX_CODEC_CHANGES)

    def use(self, codec: Codec, now: float) -> None:
        """The stream is ``codec`` from ``now`` on, in seconds.

        Raises BitstreamError ``codec_flips`` where that has changed `MAX_CODEC_CHANGES` times in the last
        `PER_S` seconds; the codec stays what it was then.
        """
        if self._codec not in (None, codec):
            if len(self._at) == MAX_CODEC_CHANGES and now - self._at[0] < PER_S:
                raise BitstreamError(
                    "codec_flips",
                    f"the codec changes from {self._codec} to {codec}, for the {MAX_CODEC_CHANGES + 1}th "
                    f"time in {PER_S:g} s",
                )
            self._at.append(now)
        self._codec = codec
