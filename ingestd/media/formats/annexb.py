"""Byte stream format (H.264 Annex B, H.265 Annex B): start codes → NAL units → access units."""

from ingestd.media.access_unit import AccessUnit, Codec, Format
from ingestd.media.bits.receive_buffer import ReceiveBuffer
from ingestd.media.codecs.h26x import HEAD_BYTES, START_CODE_PREFIX
from ingestd.media.codecs.parameter_sets import ParameterSets
from ingestd.media.formats.nal_unit_reader import NalUnitReader
from ingestd.media.picture_end.detector import PictureEndDetector
from ingestd.media.picture_end.read_log import ReadLog

# A slice of a picture in which nothing moved has a dozen bytes; less is a header that is still on its way.
MIN_SLICE_BYTES = 8
# What tells a delimiter from everything else: the NAL unit headers of both codecs.
NAL_HEADER_BYTES = 2


class AnnexBReader(NalUnitReader):
    """Reads a byte stream (B.1.1)."""

    prefix_bytes = len(START_CODE_PREFIX)

    def __init__(
        self,
        codec: Codec,
        parameter_sets: ParameterSets,
        read_log: ReadLog | None = None,
        *,
        in_packets: bool = False,
    ) -> None:
        """``read_log`` is where the segments of the connection are told, if they are known.

        ``in_packets``: each `feed` ends with a NAL unit that is whole.
        """
        buffer = ReceiveBuffer(START_CODE_PREFIX)
        picture_end = PictureEndDetector(slices_are_whole=in_packets)
        super().__init__(codec, Format.ANNEXB, parameter_sets, buffer, picture_end, read_log)
        self._in_packets = in_packets
        self._in_nal = False  # a start code has come: a NAL unit begins at `_start`
        self._guessed = False  # the last NAL unit was ended by `flush`, not by a start code

    def _read(self, units: list[AccessUnit], max_items: int) -> bool:
        last = self._assembler.items + max_items
        start_codes = self._buffer.find_all(max_items)
        for start_code in start_codes:
            self._end_nal(start_code, units)
            self._start = start_code + len(START_CODE_PREFIX)
            self._in_nal = True
            if self._assembler.items >= last:
                self._buffer.search_again(self._start)
                return True
        if start_codes and self._buffer.unsearched:
            return True
        self._look_ahead(units)
        return False

    def _end_by_silence(self, units: list[AccessUnit]) -> None:
        if not self._begun:
            self._begin_nal(self._head(self._buffer.end), units)
        if self._assembler.may_end:
            end = self._buffer.trimmed(self._start, self._buffer.end)
            self._end_nal(self._buffer.end, units)
            # The zeros that ended it stay: they may turn out to be in the middle.
            self._start = end
            self._in_nal = False
            self._guessed = True
            self._guess(units)

    def _end_of_stream(self, units: list[AccessUnit]) -> bool:
        self._end_nal(self._buffer.end, units)
        self._start = self._buffer.end
        self._in_nal = False
        return True

    def _end_nal(self, next_start: int, units: list[AccessUnit]) -> None:
        """End what has arrived since the last start code: a NAL unit, or what is none."""
        start = self._start
        end = self._buffer.trimmed(start, next_start)
        if self._in_nal:
            if end > start:
                if not self._begun:
                    self._begin_nal(self._head(next_start), units)
                self._end_nal_unit(end, next_start)
        elif end > start and self._guessed:
            self._assembler.go_on(end, next_start)
            self._picture_end.wrong(self._assembler.keyframe)
        elif end > start:
            self._assembler.fault(
                "leading_garbage",
                f"{next_start - start} bytes came before the first start code and were left out: the end of "
                "a NAL unit, where the stream was joined in the middle of it, or something else",
            )
        self._assembler.check_size(start, next_start)
        self._begun = self._guessed = False

    def _head(self, end: int) -> bytes:
        return self._buffer.read(self._start, min(end, self._start + HEAD_BYTES))

    def _look_ahead(self, units: list[AccessUnit]) -> None:
        """Place the NAL unit that is still arriving, as soon as its head is there."""
        # The last two bytes may belong to a start code: they never count.
        end = self._buffer.end - 2
        if self._in_nal and not self._begun:
            head = self._head(self._buffer.end)
            # Zeros alone may go on to the next start code, and are no NAL unit then.
            there = self._in_packets or end - self._start >= HEAD_BYTES
            if (there and any(head)) or (
                len(head) >= NAL_HEADER_BYTES and self._assembler.is_delimiter(head)
            ):
                self._begin_nal(head, units)
        self._assembler.check_size(self._start, end)

    def _patience_s(self) -> float | None:
        if not self._in_nal or self._buffer.end - self._start < MIN_SLICE_BYTES:
            return None
        if self._begun and not self._assembler.may_end:
            return None
        return self._picture_end.patience_s(
            keyframe=self._begun and self._assembler.keyframe,
            size_bytes=self._buffer.end - self._start,
            slices=self._assembler.slices + (not self._begun),
            read_log=self._read_log,
        )
