"""History of a stream for the plots: one sample a second, the last ten minutes, in arrays of fixed size."""

from array import array
from collections.abc import Sequence
from itertools import chain

SAMPLE_INTERVAL_S = 1.0
KEPT_SAMPLES = 600
# What a sample holds, in this order; NaN where not known. `assets/page.js` has the same list.
COLUMNS = (
    "state",  # its place in State
    "frame_rate_fps",
    "bitrate_bps",
    "target_bitrate_bps",
    "key_bytes",  # the largest keyframe that came since the sample before; 0: none came
    "delta_bytes",  # the largest other picture
    "delay_s",  # of 95 % of the pictures submitted since the sample before, at most
    "send_delay_s",
    "lost_pictures",  # since the sample before
)


class History:
    """A ring of samples; its memory is that of KEPT_SAMPLES, whatever comes."""

    def __init__(self) -> None:
        self._columns = [array("f", [0.0]) * KEPT_SAMPLES for _ in COLUMNS]
        self._count = 0  # of all samples that ever were

    def __len__(self) -> int:
        return min(self._count, KEPT_SAMPLES)

    def add(self, sample: Sequence[float]) -> None:
        """Keep ``sample``, in the order of COLUMNS, in place of the oldest."""
        place = self._count % KEPT_SAMPLES
        for column, value in zip(self._columns, sample, strict=True):
            column[place] = value
        self._count += 1

    def packed(self) -> bytes:
        """Return all samples as 32-bit floats of this machine: column by column, each from the oldest on."""
        begin = self._count % KEPT_SAMPLES if self._count > KEPT_SAMPLES else 0
        return b"".join(
            chain.from_iterable(
                (column[begin : len(self)].tobytes(), column[:begin].tobytes()) for column in self._columns
            )
        )
