"""NAL units with their lengths before them (ISO/IEC 14496-15 4.3.3.1: "AVCC", "HVCC") → access units.

Mostly the lengths have four bytes, big-endian: what GStreamer's stream-format=avc and hvc1 and every muxer
write. The parameter sets of such a stream stand in its avcC or hvcC record, which also says how many bytes a
length has (`codecs.decoder_configuration`); few senders put it on a socket.
"""

from ingestd.errors import BitstreamError
from ingestd.media.access_unit import MAX_ACCESS_UNIT_BYTES, AccessUnit, Codec, Format
from ingestd.media.bits.receive_buffer import ReceiveBuffer
from ingestd.media.codecs.decoder_configuration import MAX_RECORD_BYTES, read_decoder_configuration
from ingestd.media.codecs.h26x import HEAD_BYTES
from ingestd.media.codecs.parameter_sets import ParameterSets
from ingestd.media.formats.access_unit_assembler import keep_parameter_sets
from ingestd.media.formats.nal_unit_reader import NalUnitReader
from ingestd.media.formats.step import BYTES_PER_ITEM
from ingestd.media.picture_end.detector import PictureEndDetector
from ingestd.media.picture_end.read_log import ReadLog

LENGTH_BYTES = 4  # lengthSizeMinusOne + 1, where no record says it
# Lengths of 0 in a row. One now and then is a muxer's padding; zeros without end are something else.
MAX_EMPTY_NAL_UNITS = 64


class LengthPrefixedReader(NalUnitReader):
    """Reads NALUnitLength and NALUnit in turn.

    A NAL unit is whole with its last byte; a picture is not, as another slice may follow. A silence is
    believed as in the byte stream format, but only between NAL units, where a stall can tear nothing apart.
    """

    def __init__(
        self,
        codec: Codec,
        parameter_sets: ParameterSets,
        read_log: ReadLog | None = None,
        length_bytes: int = LENGTH_BYTES,
    ) -> None:
        """``read_log`` is where the segments of the connection are told, if they are known.

        ``length_bytes`` is the size of NALUnitLength, 1 to 4.
        """
        picture_end = PictureEndDetector(slices_are_whole=True)
        super().__init__(
            codec, Format.LENGTH_PREFIXED, parameter_sets, ReceiveBuffer(), picture_end, read_log
        )
        self.prefix_bytes = length_bytes
        self._codec, self._parameter_sets = codec, parameter_sets
        self._empty = 0  # lengths of 0 since the last NAL unit
        self._nal_bytes = 0  # NALUnitLength; 0 while it is still to come

    def _read(self, units: list[AccessUnit], max_items: int) -> bool:
        last = self._assembler.items + max_items
        while self._read_length(units):
            if self._assembler.items >= last:
                return True
            if not self._nal_bytes:
                continue  # it was a record
            next_start = self._start + self._nal_bytes
            whole = self._buffer.end >= next_start
            if not self._begun:
                head = self._buffer.read(self._start, min(next_start, self._start + HEAD_BYTES))
                if whole or len(head) == HEAD_BYTES:
                    self._begin_nal(head, units)
            self._assembler.check_size(self._start, min(self._buffer.end, next_start))
            if not whole:
                return False
            end = self._buffer.trimmed(self._start, next_start)
            self._end_nal_unit(end, next_start)
            self._start = next_start
            self._begun, self._nal_bytes = False, 0
        return False

    def _read_length(self, units: list[AccessUnit]) -> bool:
        """Whether the length of the next NAL unit is known, or a record has been read in its place."""
        while not self._nal_bytes:
            begin = self._start + self.prefix_bytes
            if self._buffer.end < begin:
                return False
            length = int.from_bytes(self._buffer.read(self._start, begin), "big")
            if length > MAX_ACCESS_UNIT_BYTES and self.prefix_bytes == LENGTH_BYTES:
                head = self._buffer.read(self._start, min(self._buffer.end, self._start + MAX_RECORD_BYTES))
                record = read_decoder_configuration(head, last=False)
                if record is None:
                    return False
                if record and record.codec is self._codec:  # repeated, as muxers do before keyframes
                    keep_parameter_sets(self._codec, record.parameter_sets, self._parameter_sets)
                    self._start += record.end
                    self._assembler.items += 1 + record.end // BYTES_PER_ITEM
                    return True
            self._empty = 0 if length else self._empty + 1
            if length > MAX_ACCESS_UNIT_BYTES or self._empty > MAX_EMPTY_NAL_UNITS:
                if (unit := self._assembler.complete()) is not None:
                    units.append(unit)  # all that came of it is whole
                raise BitstreamError(
                    "lost_lengths",
                    f"a NAL unit of {length} bytes is announced where 1 to {MAX_ACCESS_UNIT_BYTES} are "
                    "possible: this is no stream of NAL units with lengths any more",
                )
            self._start = begin
            self._nal_bytes = length
        return True

    @property
    def _waiting_bytes(self) -> int:
        """How many bytes have arrived of what is not whole."""
        return self._buffer.end - self._start

    def _patience_s(self) -> float | None:
        if self._waiting_bytes or self._nal_bytes or not self._assembler.may_end:
            return None
        return self._picture_end.patience_s(
            keyframe=self._assembler.keyframe,
            size_bytes=0,  # says nothing where slices are whole
            slices=self._assembler.slices,
            read_log=self._read_log,
        )

    def _end_by_silence(self, units: list[AccessUnit]) -> None:
        self._guess(units)

    def _end_of_stream(self, units: list[AccessUnit]) -> bool:  # noqa: ARG002 - as all readers have it
        if self._nal_bytes or self._waiting_bytes:
            expected = self._nal_bytes or self.prefix_bytes
            self._assembler.fault(
                "cut_nal_unit",
                f"the connection closed after {self._waiting_bytes} of {expected} bytes of a NAL unit or its "
                "length, which were left out",
            )
        return not (self._begun and self._assembler.announced_inside)
