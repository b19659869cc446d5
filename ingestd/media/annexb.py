"""Byte stream format (H.264 Annex B, H.265 Annex B): start codes → NAL units → access units."""

from ingestd.errors import BitstreamError
from ingestd.media.access_unit import AccessUnit, Codec, Format
from ingestd.media.arrivals import Arrivals
from ingestd.media.assembler import HEAD_BYTES, START_CODE, AccessUnitAssembler
from ingestd.media.buffer import ReceiveBuffer
from ingestd.media.parameter_sets import ParameterSets
from ingestd.media.quiet import EndOfPicture

START_CODE_PREFIX = START_CODE[1:]

# A slice of a picture in which nothing moved has a dozen bytes; less is a header that is still on its way.
LEAST_SLICE_BYTES = 8
# What tells a delimiter from everything else: the NAL unit headers of both codecs.
NAL_HEADER_BYTES = 2


class AnnexBReader:
    """Reads a byte stream (B.1.1).

    An access unit comes out when the next begins, at the end, or, as nothing in the stream says that it is
    whole, when nothing more has come until ``quiet_at`` and `flush` is called.
    """

    def __init__(self, codec: Codec, parameter_sets: ParameterSets) -> None:
        self._arrivals = Arrivals()
        self._assembler = AccessUnitAssembler(codec, Format.ANNEXB, parameter_sets, self._arrivals.at)
        self.faults = self._assembler.faults
        self._buffer = ReceiveBuffer(START_CODE_PREFIX)
        self._end_of_picture = EndOfPicture()
        self._in_nal = False  # a start code has been consumed: the buffer begins with a NAL unit
        self._begun = False  # whose head has been handed on
        self._last_nal_end = 0  # position behind the last NAL unit
        self._guessed = False  # the last NAL unit was ended by `flush`, not by a start code
        self._fatal: BitstreamError | None = None
        self.quiet_at: float | None = None

    def feed(self, data: bytes | bytearray | memoryview, now: float = 0.0) -> list[AccessUnit]:
        """Take what has arrived at ``now``; return the access units that it completes."""
        if self._fatal is not None:
            raise self._fatal
        units: list[AccessUnit] = []
        self._arrivals.add(len(data), now)
        self._buffer.append(data)
        try:
            while (end := self._buffer.find()) >= 0:
                self._end_nal(end, units)
                self._buffer.skip(end + len(START_CODE_PREFIX))
                self._in_nal = True
            self._look_ahead(units)
        except BitstreamError as error:
            # The pictures before the fault are whole, whichever chunk they came in: hand them on first.
            if not units:
                raise
            self._fatal = error
        self.quiet_at = self._when_quiet(now)
        return units

    def flush(self) -> list[AccessUnit]:
        """Take the silence until ``quiet_at`` as the end of the access unit.

        Should the rest of it come all the same, it comes out again, whole, as one that ``corrects``.
        """
        units: list[AccessUnit] = []
        if self.quiet_at is None:
            return units
        self.quiet_at = None
        if not self._begun:
            self._begin_nal(self._buffer.peek(HEAD_BYTES), units)
            self._begun = True
        if self._assembler.may_end:
            self._end_nal(len(self._buffer), units)
            # The zeros that ended it stay: they may turn out to be in the middle.
            self._buffer.skip(self._last_nal_end - self._position)
            self._in_nal = False
            self._guessed = True
            unit = self._assembler.guess()
            self._learn(unit)
            units.append(unit)
        return units

    def eof(self) -> list[AccessUnit]:
        """Take the end of the stream as the end of the last access unit."""
        if self._fatal is not None:
            raise self._fatal
        units: list[AccessUnit] = []
        self._end_nal(len(self._buffer), units)
        self._buffer.skip(len(self._buffer))
        self._in_nal = False
        if (unit := self._assembler.complete()) is not None:
            units.append(unit)
        if self._assembler.pending:
            self._assembler.fault(
                "cut_picture",
                "the connection closed after the headers of a picture and before the picture; if the encoder "
                "was not stopped, see what cut it off",
            )
        return units

    @property
    def _position(self) -> int:
        """Of the first byte in the buffer."""
        return self._arrivals.position - len(self._buffer)

    def _end_nal(self, end: int, units: list[AccessUnit]) -> None:
        nal = self._buffer.before(end)
        self._assembler.check_size(end)
        if self._in_nal:
            if nal:
                if not self._begun:
                    self._begin_nal(self._buffer.peek(min(end, HEAD_BYTES)), units)
                self._last_nal_end = self._position + len(nal)
                self._assembler.end(nal, self._last_nal_end, self._position + end)
        elif nal and self._guessed:
            self._assembler.reopen(nal)
            self._end_of_picture.wrong(self._assembler.keyframe)
        elif nal:
            self._assembler.fault(
                "leading_garbage",
                f"{end} bytes came before the first start code and were left out: the stream was joined "
                "in the middle of a NAL unit",
            )
        self._begun = self._guessed = False

    def _begin_nal(self, head: bytes, units: list[AccessUnit]) -> None:
        guessing = self._assembler.guessing
        if (unit := self._assembler.begin(head)) is not None:
            self._learn(unit)
            units.append(unit)
        if guessing and self._assembler.correcting:
            self._end_of_picture.wrong(self._assembler.keyframe)

    def _learn(self, unit: AccessUnit) -> None:
        span = self._arrivals.take(self._assembler.last_end, self._assembler.next_start)
        self._end_of_picture.learn(
            keyframe=unit.keyframe,
            size=len(unit.data),
            slices=self._assembler.last_slices,
            aligned=span.aligned,
            pause=span.pause,
        )

    def _look_ahead(self, units: list[AccessUnit]) -> None:
        """Place the NAL unit that is still arriving, as soon as its head is there."""
        # The last two bytes may belong to a start code: they never count.
        arrived = len(self._buffer) - 2
        if self._in_nal and not self._begun:
            head = self._buffer.peek(HEAD_BYTES)
            if arrived >= HEAD_BYTES or (
                len(head) >= NAL_HEADER_BYTES and self._assembler.is_delimiter(head)
            ):
                self._begin_nal(head, units)
                self._begun = True
        self._assembler.check_size(arrived)

    def _when_quiet(self, now: float) -> float | None:
        if self._fatal is not None or not self._in_nal or len(self._buffer) < LEAST_SLICE_BYTES:
            return None
        if self._begun and not self._assembler.may_end:
            return None
        return now + self._end_of_picture.patience(
            keyframe=self._begun and self._assembler.keyframe,
            size=self._assembler.size + len(START_CODE) + len(self._buffer),
            slices=self._assembler.slices + (not self._begun),
            reads=self._arrivals.reads,
            pause=self._arrivals.pause,
        )
