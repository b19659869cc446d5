"""When what has arrived of a picture may be taken for the whole of it.

A byte stream (Annex B) says that a picture is whole only by beginning the next one, a frame later. But an
encoder that writes a picture with one call, and then nothing, can be recognised, and its pictures need not
wait. What is learned is thrown away at the first sign that it was wrong; a picture that does not look like
those before it is never guessed at.
"""

from ingestd.media.picture_end.read_log import ReadLog, ReadSpan
from ingestd.media.picture_end.sliding_extreme import SlidingExtreme

# The encoder has paused: no network keeps part of a picture back for so long and then delivers the rest.
SILENCE_S = 0.5
# So many pictures in a row must have ended where a read ended before the next one is believed to.
FIRST_PROOF_PICTURES = 8
MAX_PROOF_PICTURES = 1024
# Whatever cuts a picture, a piece of it may be shorter than every picture of its kind so far. Every new
# shortest picture waits for its successor: one in so many, which keeps the 99th percentile low.
REMEMBERED_PICTURES = 256
REMEMBERED_KEYFRAMES = 16
TOLERANCE_RATIO = 0.9
MIN_REMEMBERED_PICTURES = {False: FIRST_PROOF_PICTURES, True: 2}
# Pictures between keyframes are mostly about as large as their neighbours: the half of one that a stall has
# cut is told by that where sizes vary too much over time for the shortest of all to say anything.
NEIGHBOUR_PICTURES = 8
NEIGHBOUR_RATIO = 0.7
# After one piece of what is written in several, another may follow: wait for a multiple of the longest pause
# between two, and at least for what a busy machine puts between two writes.
MIN_PAUSE_S = 0.004
PAUSE_FACTOR = 4
# A picture in more pieces than this is written by something that does not care where pictures end.
FEW_PIECES = 8
# A stall may fall anywhere into such a picture. Networks and busy machines keep a writer waiting for less;
# mostly the next picture comes sooner.
STALL_S = 0.1


class PictureEndDetector:
    """Learns from finished pictures; sizes are those of the NAL unit at the end in bytes, times in seconds.

    The sizes of whole pictures say less: a stall in the last of several slices hardly shows in them.

    ``slices_are_whole`` says that the format tells where a slice ends: only more of them could follow.
    """

    def __init__(self, *, slices_are_whole: bool = False) -> None:
        self._slices_are_whole = slices_are_whole
        self._in_a_row = 0
        self._proof = FIRST_PROOF_PICTURES
        self._sizes = {
            False: SlidingExtreme(REMEMBERED_PICTURES, min),
            True: SlidingExtreme(REMEMBERED_KEYFRAMES, min),
        }
        self._neighbours = SlidingExtreme(NEIGHBOUR_PICTURES, min)
        self._slices = {False: 1, True: 1}
        self._pauses = SlidingExtreme(REMEMBERED_PICTURES, max)
        self._pieces = SlidingExtreme(REMEMBERED_PICTURES, max)

    def learn(self, *, keyframe: bool, size: int, slices: int, span: ReadSpan) -> None:
        """A picture is known to have ended; ``span`` says how it came.

        Several pictures in one read prove nothing: we were late, or the network was.
        """
        self._sizes[keyframe].append(size)
        if not keyframe:
            self._neighbours.append(size)
        self._slices[keyframe] = slices
        self._pauses.append(span.pause)
        self._pieces.append(span.pieces)
        if span.pause > MIN_PAUSE_S and not self._needs_no_more(slices):
            self._unlearn(2)
        elif span.aligned:
            self._in_a_row += 1
            if self._in_a_row >= MAX_PROOF_PICTURES:
                self._proof = FIRST_PROOF_PICTURES  # what was wrong is long ago

    def wrong(self, keyframe: bool) -> None:
        """A picture was taken for whole, and more of it came."""
        if len(self._sizes[keyframe]):
            self._sizes[keyframe].pop()  # that of the piece
            if not keyframe:
                self._neighbours.pop()
        self._unlearn(16)

    def patience(self, *, keyframe: bool, size: int, slices: int, read_log: ReadLog) -> float:
        """Return how long nothing must come before what has arrived is taken for a whole picture."""
        sizes = self._sizes[keyframe]
        if (
            self._in_a_row < self._proof
            or len(sizes) < MIN_REMEMBERED_PICTURES[keyframe]
            or slices < self._slices[keyframe]
        ):
            return SILENCE_S
        if self._needs_no_more(slices):
            return 0.0
        if read_log.cut or (not self._slices_are_whole and size < self._least(keyframe)):
            return SILENCE_S
        most_pieces = max(read_log.pieces, self._pieces.extreme)
        if not most_pieces:
            return 0.0
        least = STALL_S if most_pieces > FEW_PIECES else MIN_PAUSE_S
        return min(max(least, PAUSE_FACTOR * max(read_log.pause, self._pauses.extreme)), SILENCE_S)

    def _least(self, keyframe: bool) -> float:
        """What is shorter than this may be a piece."""
        least = TOLERANCE_RATIO * self._sizes[keyframe].extreme
        if keyframe or not len(self._neighbours):
            return least
        return max(least, NEIGHBOUR_RATIO * self._neighbours.extreme)

    def _needs_no_more(self, slices: int) -> bool:
        return self._slices_are_whole and slices == 1

    def _unlearn(self, factor: int) -> None:
        self._in_a_row = 0
        self._proof = min(self._proof * factor, MAX_PROOF_PICTURES)
