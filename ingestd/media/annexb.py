"""Byte stream format (H.264 Annex B, H.265 Annex B): start codes → NAL units → access units."""

from ingestd.media.access_unit import AccessUnit, Codec, Format
from ingestd.media.assembler import HEAD_BYTES, START_CODE
from ingestd.media.buffer import ReceiveBuffer
from ingestd.media.nal_unit_reader import NalUnitReader
from ingestd.media.parameter_sets import ParameterSets
from ingestd.media.quiet import EndOfPicture

START_CODE_PREFIX = START_CODE[1:]

# A slice of a picture in which nothing moved has a dozen bytes; less is a header that is still on its way.
LEAST_SLICE_BYTES = 8
# What tells a delimiter from everything else: the NAL unit headers of both codecs.
NAL_HEADER_BYTES = 2


class AnnexBReader(NalUnitReader):
    """Reads a byte stream (B.1.1)."""

    def __init__(self, codec: Codec, parameter_sets: ParameterSets) -> None:
        buffer = ReceiveBuffer(START_CODE_PREFIX)
        super().__init__(codec, Format.ANNEXB, parameter_sets, buffer, EndOfPicture())
        self._in_nal = False  # a start code has been consumed: the buffer begins with a NAL unit
        self._last_nal_end = 0  # position behind the last NAL unit
        self._guessed = False  # the last NAL unit was ended by `flush`, not by a start code

    def _read(self, units: list[AccessUnit]) -> None:
        while (end := self._buffer.find()) >= 0:
            self._end_nal(end, units)
            self._buffer.skip(end + len(START_CODE_PREFIX))
            self._in_nal = True
        self._look_ahead(units)

    def _end_by_silence(self, units: list[AccessUnit]) -> None:
        if not self._begun:
            self._begin_nal(self._buffer.peek(HEAD_BYTES), units)
        if self._assembler.may_end:
            self._end_nal(len(self._buffer), units)
            # The zeros that ended it stay: they may turn out to be in the middle.
            self._buffer.skip(self._last_nal_end - self._position)
            self._in_nal = False
            self._guessed = True
            self._guess(units)

    def _end_of_stream(self, units: list[AccessUnit]) -> bool:
        self._end_nal(len(self._buffer), units)
        self._buffer.skip(len(self._buffer))
        self._in_nal = False
        return True

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
        self._assembler.check_size(arrived)

    def _patience(self) -> float | None:
        if not self._in_nal or len(self._buffer) < LEAST_SLICE_BYTES:
            return None
        if self._begun and not self._assembler.may_end:
            return None
        return self._end_of_picture.patience(
            keyframe=self._begun and self._assembler.keyframe,
            size=self._assembler.size + len(START_CODE) + len(self._buffer),
            slices=self._assembler.slices + (not self._begun),
            reads=self._arrivals.reads,
            pause=self._arrivals.pause,
            pieces=self._arrivals.pieces,
        )
