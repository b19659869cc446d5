"""Detection of the end of a picture by how its bytes arrive, where the format does not tell it.

A byte stream (Annex B) says that a picture is whole only by beginning the next one, a picture's time later.
But an encoder that writes a picture with one call, and then nothing, can be recognised, and its pictures need
not wait. What is learned is thrown away at the first sign that it was wrong; a picture that does not look
like those before it waits for the next. docs/tuning.md says what each of these rules was measured to buy.
"""

import math

from ingestd.media.picture_end.read_log import ReadLog, ReadSpan
from ingestd.media.picture_end.sliding_extreme import SlidingExtreme

# The encoder has paused: no network keeps part of a picture back for so long and then delivers the rest.
SILENCE_S = 0.5
# This many pictures in a row must have come without a pause inside before the end of one is guessed; more
# after a pause, many more after a guess that was wrong; as few as at first again when that is long ago.
FIRST_PROOF_PICTURES = 8
PAUSE_PROOF_FACTOR = 2
TORN_PROOF_FACTOR = 16
MAX_PROOF_PICTURES = 1024
# Who rests for so long between pictures mostly writes them whole: one proves as much as `RESTED_FACTOR` do,
# and one shorter than all so far waits for `WRITER_STALL_S`: the next picture may be a second away.
REST_S = 0.25
RESTED_FACTOR = 4
# Whatever cuts a picture, a piece of it may be shorter than every picture of its kind so far. Of steady sizes
# one picture in `REMEMBERED_PICTURES` is the shortest, and waits for the next: that spares the 99th
# percentile. A tenth less is no sign of a cut. Nothing is shorter than what has hardly been seen yet.
REMEMBERED_PICTURES = 256
REMEMBERED_KEYFRAMES = 16
MIN_REMEMBERED_PICTURES = 2  # of its kind
TOLERANCE_RATIO = 0.9
# After one piece of what is written in several, another may follow: wait for a multiple of the longest pause
# between two, and at least for what a busy machine puts between two writes.
MIN_PAUSE_S = 0.004
PAUSE_FACTOR = 4
# A picture in more pieces than this is written by something that does not care where pictures end, and a
# stall may fall anywhere into it. Networks and busy machines mostly keep a writer waiting for less than
# `WRITER_STALL_S`, and the next picture comes sooner.
FEW_PIECES = 8
WRITER_STALL_S = 0.1


class PictureEndDetector:
    """Learns from finished pictures; says how long to wait for more of the one that is arriving.

    A size is that of the last NAL unit, in bytes: a stall in the last of several slices hardly shows in the
    size of the whole picture.
    """

    def __init__(self, *, slices_are_whole: bool = False) -> None:
        """``slices_are_whole``: the format tells where a slice ends; only more of them could follow."""
        self._slices_are_whole = slices_are_whole
        self._in_a_row = 0
        self._rested = False  # before the last picture nothing came for `REST_S`
        self._proof = FIRST_PROOF_PICTURES
        self._sizes_bytes = {
            False: SlidingExtreme(REMEMBERED_PICTURES, min),
            True: SlidingExtreme(REMEMBERED_KEYFRAMES, min),
        }
        self._least_bytes = {False: math.inf, True: math.inf}  # what is shorter may be a piece
        self._slices = {False: 1, True: 1}
        self._pauses_s = SlidingExtreme(REMEMBERED_PICTURES, max)
        self._pieces = SlidingExtreme(REMEMBERED_PICTURES, max)

    def learn(self, *, keyframe: bool, size_bytes: int, slices: int, span: ReadSpan) -> None:
        """A picture has ended, or was taken for whole; ``span`` says how it came."""
        self._sizes_bytes[keyframe].append(size_bytes)
        self._judge_sizes(keyframe)
        self._slices[keyframe] = slices
        self._pauses_s.append(span.pause_s)
        self._pieces.append(span.pieces)
        self._rested = span.rest_s >= REST_S
        if span.pause_s > MIN_PAUSE_S and not self._needs_no_more(slices):
            self._unlearn(PAUSE_PROOF_FACTOR)
        else:
            self._in_a_row += RESTED_FACTOR if self._rested else 1
            if self._in_a_row >= MAX_PROOF_PICTURES:
                self._proof = FIRST_PROOF_PICTURES  # what was wrong is long ago

    def wrong(self, keyframe: bool) -> None:
        """A picture was taken for whole, and more of it came."""
        if len(self._sizes_bytes[keyframe]):
            self._sizes_bytes[keyframe].pop()  # that of the piece
            self._judge_sizes(keyframe)
        self._unlearn(TORN_PROOF_FACTOR)

    def patience_s(self, *, keyframe: bool, size_bytes: int, slices: int, read_log: ReadLog) -> float:
        """Return how many seconds nothing must come before what has arrived is taken for a whole picture.

        From 0, at once, to `SILENCE_S`. ``size_bytes`` and ``slices`` are those that have arrived;
        the size says nothing where slices are whole.
        """
        short = size_bytes < self._least_bytes[keyframe]
        rests = self._rested and read_log.rest_s >= REST_S
        if (short and not rests) or self._in_a_row < self._proof or slices < self._slices[keyframe]:
            return SILENCE_S
        if self._needs_no_more(slices):
            return 0.0
        if read_log.cut:
            return SILENCE_S
        most_pieces = max(read_log.pieces, self._pieces.extreme)
        if not most_pieces and not short:
            return 0.0
        least_s = WRITER_STALL_S if short or most_pieces > FEW_PIECES else MIN_PAUSE_S
        return min(max(least_s, PAUSE_FACTOR * max(read_log.pause_s, self._pauses_s.extreme)), SILENCE_S)

    def _judge_sizes(self, keyframe: bool) -> None:
        sizes_bytes = self._sizes_bytes[keyframe]
        if len(sizes_bytes) < MIN_REMEMBERED_PICTURES:
            self._least_bytes[keyframe] = math.inf
        elif self._slices_are_whole:
            self._least_bytes[keyframe] = 0.0
        else:
            self._least_bytes[keyframe] = TOLERANCE_RATIO * sizes_bytes.extreme

    def _needs_no_more(self, slices: int) -> bool:
        return self._slices_are_whole and slices == 1

    def _unlearn(self, factor: int) -> None:
        self._in_a_row = 0
        self._proof = min(self._proof * factor, MAX_PROOF_PICTURES)
