"""Limit of codec changes: how often one connection may change its codec before it is taken for damage."""

from collections import deque

from ingestd.errors import BitstreamError
from ingestd.media.access_unit import Codec

# Each change costs the track in the room. Who tries settings changes the codec every few seconds at most, and
# mostly connects again for it; two encoders that write to one connection change it with every picture.
MAX_CODEC_CHANGES = 4
PER_S = 60.0


class CodecChanges:
    """The latest codec changes of one connection."""

    def __init__(self) -> None:
        self._at: deque[float] = deque(maxlen=MAX_CODEC_CHANGES)

    def add(self, old: Codec, new: Codec, now: float) -> None:
        """The codec changes at ``now``, in seconds.

        Raises BitstreamError ``codec_flips`` where it has changed `MAX_CODEC_CHANGES` times in the last
        `PER_S` seconds.
        """
        if len(self._at) == MAX_CODEC_CHANGES and now - self._at[0] < PER_S:
            raise BitstreamError(
                "codec_flips",
                f"the codec changes from {old} to {new}, for the {MAX_CODEC_CHANGES + 1}th time in "
                f"{PER_S:g} s",
            )
        self._at.append(now)
