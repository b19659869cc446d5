"""NAL units with their lengths before them (ISO/IEC 14496-15 4.3.3.1: "AVCC", "HVCC") → access units.

Only lengths of four bytes, big-endian, are read: what GStreamer's stream-format=avc and hvc1 and every muxer
write. The parameter sets of such a stream stand in its avcC or hvcC record, which a socket does not carry.
"""

from ingestd.errors import BitstreamError
from ingestd.media.access_unit import AccessUnit, Codec, Format
from ingestd.media.assembler import HEAD_BYTES
from ingestd.media.buffer import ReceiveBuffer
from ingestd.media.limits import MAX_ACCESS_UNIT_BYTES
from ingestd.media.nal_unit_reader import NalUnitReader
from ingestd.media.parameter_sets import ParameterSets
from ingestd.media.quiet import EndOfPicture

LENGTH_BYTES = 4  # lengthSizeMinusOne + 1


class LengthPrefixedReader(NalUnitReader):
    """Reads NALUnitLength and NALUnit in turn.

    A NAL unit is whole with its last byte; a picture is not, as another slice may follow. A silence is
    believed as in the byte stream format, but only between NAL units, where a stall can tear nothing apart.
    """

    def __init__(self, codec: Codec, parameter_sets: ParameterSets) -> None:
        end_of_picture = EndOfPicture(slices_are_whole=True)
        super().__init__(codec, Format.LENGTH_PREFIXED, parameter_sets, ReceiveBuffer(), end_of_picture)
        self._nal_bytes = 0  # NALUnitLength; 0 while it is still to come

    def _read(self, units: list[AccessUnit]) -> None:
        while self._read_length():
            whole = len(self._buffer) >= self._nal_bytes
            if not self._begun:
                head = self._buffer.peek(min(HEAD_BYTES, self._nal_bytes))
                if whole or len(head) == HEAD_BYTES:
                    self._begin_nal(head, units)
            self._assembler.check_size(min(len(self._buffer), self._nal_bytes))
            if not whole:
                return
            nal = self._buffer.before(self._nal_bytes)
            end = self._position + self._nal_bytes
            self._assembler.end(nal, end, end)
            self._buffer.skip(self._nal_bytes)
            self._begun, self._nal_bytes = False, 0

    def _read_length(self) -> bool:
        """Whether the length of the next NAL unit is known."""
        if not self._nal_bytes:
            if len(self._buffer) < LENGTH_BYTES:
                return False
            length = int.from_bytes(self._buffer.peek(LENGTH_BYTES), "big")
            if not 0 < length <= MAX_ACCESS_UNIT_BYTES:
                raise BitstreamError(
                    "lost_lengths",
                    f"a NAL unit of {length} bytes is announced where 1 to {MAX_ACCESS_UNIT_BYTES} are "
                    "possible: this is no stream of NAL units with lengths any more; restart the encoder, "
                    "or send start codes (GStreamer: h264parse ! "
                    "video/x-h264,stream-format=byte-stream; ffmpeg: -bsf:v h264_mp4toannexb -f h264)",
                )
            self._buffer.skip(LENGTH_BYTES)
            self._nal_bytes = length
        return True

    def _patience(self) -> float | None:
        if len(self._buffer) or self._nal_bytes or not self._assembler.may_end:
            return None
        return self._end_of_picture.patience(
            keyframe=self._assembler.keyframe,
            size=self._assembler.size,
            slices=self._assembler.slices,
            reads=self._arrivals.reads,
            pause=self._arrivals.pause,
            pieces=self._arrivals.pieces,
        )

    def _end_by_silence(self, units: list[AccessUnit]) -> None:
        self._guess(units)

    def _end_of_stream(self, units: list[AccessUnit]) -> bool:  # noqa: ARG002
        if self._nal_bytes or len(self._buffer):
            expected = self._nal_bytes or LENGTH_BYTES
            self._assembler.fault(
                "cut_nal_unit",
                f"the connection closed after {len(self._buffer)} of {expected} bytes of a NAL unit or its "
                "length, which were left out; if the encoder was not stopped, see what cut it off",
            )
        return not (self._begun and self._assembler.announced_inside)
