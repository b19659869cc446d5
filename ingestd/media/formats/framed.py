"""Access units that come whole, one by one: their headers are read, no boundary is searched for."""

from itertools import pairwise
from typing import Protocol

from ingestd.errors import BitstreamError, ExcessError
from ingestd.media.access_unit import MAX_VIEWABLE_BYTES, AccessUnit, Codec, Format
from ingestd.media.bits.receive_buffer import ReceiveBuffer
from ingestd.media.codecs.av1 import Av1TemporalUnits
from ingestd.media.codecs.h26x import HEAD_BYTES, START_CODE_PREFIX
from ingestd.media.codecs.obu import FRAME_DATA, ObuType, open_bitstream_units
from ingestd.media.codecs.parameter_sets import ParameterSets
from ingestd.media.codecs.vp8 import Vp8Frames
from ingestd.media.codecs.vp9 import Vp9Frames
from ingestd.media.formats.access_unit_assembler import MAX_NAL_UNITS, AccessUnitAssembler


class _Reader(Protocol):
    def access_unit(self, data: bytes, timestamp_us: int | None) -> AccessUnit: ...


class FramedReader:
    """Reads one access unit after the other.

    H.264 and H.265: NAL units with start codes. VP8 and VP9: one frame, or one VP9 superframe. AV1: one
    temporal unit of OBUs with sizes. ``faults`` collects what was wrong in access units that came out all
    the same; the reader empties it.
    """

    def __init__(self) -> None:
        self.faults: list[BitstreamError] = []
        self._parameter_sets = ParameterSets()
        self._codec: Codec | None = None
        self._reader: _Reader | None = None

    def read(self, data: bytes, codec: Codec) -> AccessUnit:
        """Return ``data`` with what its headers say, and the parameter sets that a keyframe lacks put in.

        Raises BitstreamError where it is not one access unit of ``codec``.
        """
        if not data:
            raise BitstreamError("empty", f"{codec}: an access unit of no bytes", case="submitted")
        if len(data) > MAX_VIEWABLE_BYTES:
            raise BitstreamError(
                "too_large",
                f"{codec}: an access unit of {len(data)} bytes, more than the {MAX_VIEWABLE_BYTES} allowed",
                case="submitted",
            )
        if self._reader is None or codec is not self._codec:
            self._codec, self._reader = codec, self._reader_of(codec)
        return self._reader.access_unit(data, None)

    def _reader_of(self, codec: Codec) -> _Reader:
        if codec is Codec.VP8:
            return Vp8Frames(Format.IVF)  # where frames come one by one, too
        if codec is Codec.VP9:
            return Vp9Frames(Format.IVF)
        if codec is Codec.AV1:
            return _TemporalUnits()
        return _NalUnits(codec, self._parameter_sets, self.faults)


class _NalUnits:
    """H.264 and H.265."""

    def __init__(self, codec: Codec, parameter_sets: ParameterSets, faults: list[BitstreamError]) -> None:
        self._codec = codec
        self._parameter_sets = parameter_sets
        self._faults = faults
        self._begin()

    def access_unit(self, data: bytes, timestamp_us: int | None) -> AccessUnit:  # noqa: ARG002 - as all of the kind have it
        """Return the picture in ``data``."""
        try:
            return self._assemble(data)
        except BitstreamError:
            # What was begun is no part of the next picture. The parameter sets stay.
            self._begin()
            raise

    def _assemble(self, data: bytes) -> AccessUnit:
        assembler, buffer, first = self._assembler, self._buffer, None
        begin = buffer.end
        buffer.append(data)
        start_codes = buffer.find_all(MAX_NAL_UNITS + 1)
        if not start_codes or data[: start_codes[0] - begin].strip(b"\0"):
            raise BitstreamError("no_start_code", f"{self._codec}: an access unit begins {data[:8].hex(' ')}")
        if len(start_codes) > MAX_NAL_UNITS:  # before any is read: the loop waits for all of them
            raise ExcessError(
                "too_large",
                f"{self._codec}: an access unit has more than {MAX_NAL_UNITS} start codes",
                case="slices",
            )
        for start_code, next_start in pairwise([*start_codes, buffer.end]):
            start = start_code + len(START_CODE_PREFIX)
            end = buffer.trimmed(start, next_start)
            if end > start:
                first = first or assembler.begin(buffer.read(start, min(end, start + HEAD_BYTES)))
                assembler.end(start, end, next_start)
        last = assembler.complete()
        buffer.release(buffer.end)
        if first is not None:
            raise _several(self._codec)
        faults = assembler.faults.copy()
        assembler.faults.clear()
        if last is None:
            raise faults[0] if faults else _no_picture(self._codec)
        self._faults += faults
        return last

    def _begin(self) -> None:
        self._buffer = ReceiveBuffer(START_CODE_PREFIX)
        self._assembler = AccessUnitAssembler(
            self._codec, Format.ANNEXB, self._parameter_sets, self._buffer, lambda _: 0.0
        )


class _TemporalUnits(Av1TemporalUnits):
    """AV1."""

    def __init__(self) -> None:
        super().__init__(Format.OBU)

    def access_unit(self, temporal_unit: bytes, timestamp_us: int | None) -> AccessUnit:
        """Return the picture in ``temporal_unit``."""
        obus = list(open_bitstream_units(temporal_unit))
        if any(obu.obu_type == ObuType.TEMPORAL_DELIMITER for obu in obus[1:]):
            raise _several(Codec.AV1)
        if not any(obu.obu_type in FRAME_DATA for obu in obus):
            raise _no_picture(Codec.AV1)
        return super().access_unit(temporal_unit, timestamp_us)


def _several(codec: Codec) -> BitstreamError:
    return BitstreamError("several_pictures", f"{codec}: more than one picture in an access unit")


def _no_picture(codec: Codec) -> BitstreamError:
    return BitstreamError("no_picture", f"{codec}: an access unit holds at most headers, and no picture")
