"""What every way of laying out NAL units in a stream of bytes has in common."""

from abc import ABC, abstractmethod

from ingestd.errors import BitstreamError
from ingestd.media.access_unit import AccessUnit, Codec, Format
from ingestd.media.bits.receive_buffer import ReceiveBuffer
from ingestd.media.codecs.nal_evidence import FIRST_BYTES_OF_PROOF, Evidence, examine_whole
from ingestd.media.codecs.parameter_sets import MAX_PARAMETER_SET_BYTES, ParameterSets
from ingestd.media.formats.access_unit_assembler import AccessUnitAssembler
from ingestd.media.formats.step import NO_LIMIT
from ingestd.media.picture_end.detector import PictureEndDetector
from ingestd.media.picture_end.read_log import ReadLog


class CodecChanged(Exception):  # noqa: N818 - no error, but the end of what this reader can read
    """The stream goes on in the other codec: ``units`` came before, ``rest`` is to be read as ``codec``."""

    def __init__(self, codec: Codec) -> None:
        super().__init__(codec)
        self.codec = codec
        self.units: list[AccessUnit] = []
        self.rest = b""


class NalUnitReader(ABC):
    """Finds NAL units and has them assembled.

    An access unit comes out when the next begins, at the end, or, as nothing in the stream says that it is
    whole, when nothing more has come until ``quiet_at`` and `flush` is called.

    Each of these raises CodecChanged where parameter sets of the other codec come.
    """

    prefix_bytes: int  # of what stands before each NAL unit

    def __init__(
        self,
        codec: Codec,
        format: Format,
        parameter_sets: ParameterSets,
        buffer: ReceiveBuffer,
        picture_end: PictureEndDetector,
        read_log: ReadLog | None,
    ) -> None:
        self._read_log = read_log if read_log is not None else ReadLog()
        self._assembler = AccessUnitAssembler(
            codec, format, parameter_sets, buffer, self._read_log.arrived_at
        )
        self.faults = self._assembler.faults
        self._buffer = buffer
        self._picture_end = picture_end
        self._start = 0  # position of what arrives: the NAL unit or, before that, its start code or length
        self._begun = False  # the head of the NAL unit that is arriving has been handed on
        self._other = Codec.H265 if codec is Codec.H264 else Codec.H264
        self._foreign = FIRST_BYTES_OF_PROOF[self._other]
        self._suspect = False  # the NAL unit that is arriving may be a parameter set of the other codec
        self._fatal: BitstreamError | None = None
        self.quiet_at: float | None = None
        self.behind = False

    def feed(
        self, data: bytes | bytearray | memoryview, now: float = 0.0, max_items: int = NO_LIMIT
    ) -> list[AccessUnit]:
        """Take what has arrived at ``now``, in seconds; return the access units that it completes.

        At most ``max_items`` NAL units are taken apart; where there are more, `behind` is True, and the next
        call goes on.

        Raises BitstreamError when the stream cannot be understood any more; the access units before that
        are returned first.
        """
        if self._fatal is not None:
            raise self._fatal
        units: list[AccessUnit] = []
        self._read_log.add(len(data), now)
        self._buffer.append(data)
        try:
            self.behind = self._read(units, max_items)
        except CodecChanged as change:
            raise self._part_with(change, units) from None
        except BitstreamError as error:
            # The pictures before the fault are whole, whichever chunk they came in: hand them on first.
            if not units:
                raise
            self._fatal, self.behind = error, False
        oldest = self._assembler.oldest
        self._buffer.release(self._start if oldest is None else oldest)
        patience_s = None if self.behind or self._fatal is not None else self._patience_s()
        self.quiet_at = None if patience_s is None else now + patience_s
        return units

    def flush(self) -> list[AccessUnit]:
        """Take the silence until ``quiet_at`` as the end of the access unit.

        Should the rest of it come all the same, it comes out again, whole, as one that ``corrects``.
        """
        units: list[AccessUnit] = []
        if self.quiet_at is None:
            return units
        self.quiet_at = None
        try:
            self._end_by_silence(units)
        except CodecChanged as change:
            raise self._part_with(change, units) from None
        return units

    def eof(self) -> list[AccessUnit]:
        """Take the end of the stream as the end of the last access unit."""
        if self._fatal is not None:
            raise self._fatal
        units: list[AccessUnit] = []
        try:
            whole = self._end_of_stream(units)
        except CodecChanged as change:
            raise self._part_with(change, units) from None
        if whole and (unit := self._assembler.complete()) is not None:
            units.append(unit)
        if self._assembler.pending:
            self._assembler.fault(
                "cut_picture",
                "the connection closed after the headers of a picture and before the picture",
            )
        return units

    @abstractmethod
    def _read(self, units: list[AccessUnit], max_items: int) -> bool:
        """Take NAL units that have arrived out of the buffer; return whether there are more."""

    @abstractmethod
    def _patience_s(self) -> float | None:
        """Return how long nothing must come for the access unit to be taken for whole; None: it is not."""

    @abstractmethod
    def _end_by_silence(self, units: list[AccessUnit]) -> None:
        """End the access unit that has arrived, if there is one."""

    @abstractmethod
    def _end_of_stream(self, units: list[AccessUnit]) -> bool:
        """Take what nothing will follow out of the buffer; return whether the access unit is whole."""

    def _begin_nal(self, head: bytes, units: list[AccessUnit]) -> None:
        guessing = self._assembler.guessing
        if (unit := self._assembler.begin(head)) is not None:
            self._learn(unit)
            units.append(unit)
        if guessing and self._assembler.correcting:
            self._picture_end.wrong(self._assembler.keyframe)
        self._begun = True
        self._suspect = head[0] in self._foreign

    def _end_nal_unit(self, end: int, next_start: int) -> None:
        """Have the NAL unit taken that begins at ``_start``; the positions are those of `Nal`."""
        if (
            self._suspect
            and end - self._start <= MAX_PARAMETER_SET_BYTES
            and examine_whole(self._other, self._buffer.read(self._start, end)) is Evidence.PROOF
        ):
            raise CodecChanged(self._other)
        self._assembler.end(self._start, end, next_start)

    def _part_with(self, change: CodecChanged, units: list[AccessUnit]) -> CodecChanged:
        if (unit := self._assembler.complete()) is not None:
            units.append(unit)
        change.units = units
        change.rest = self._buffer.read(self._start - self.prefix_bytes, self._buffer.end)
        return change

    def _guess(self, units: list[AccessUnit]) -> None:
        if (unit := self._assembler.guess()) is not None:
            self._learn(unit)
            units.append(unit)

    def _learn(self, unit: AccessUnit) -> None:
        self._picture_end.learn(
            keyframe=unit.keyframe,
            size_bytes=self._assembler.last_nal_bytes,
            slices=self._assembler.last_slices,
            span=self._read_log.take(self._assembler.last_end, self._assembler.next_start),
        )
