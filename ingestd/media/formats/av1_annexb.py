"""AV1 length delimited bitstream format (AV1 specification Annex B) → temporal units.

temporal_unit( temporal_unit_size ), in it frame_unit( frame_unit_size ), in it obu_length and the OBU, which
needs no obu_size. WebRTC takes OBUs with sizes, as IVF carries them: that is how they come out.
"""

from ingestd.errors import BitstreamError
from ingestd.media.access_unit import MAX_ACCESS_UNIT_BYTES, AccessUnit, Format
from ingestd.media.codecs.av1 import Av1TemporalUnits, parse_sequence_header
from ingestd.media.codecs.obu import (
    FRAME_DATA,
    MAX_LEB128_BYTES,
    MAX_OBUS,
    Bytes,
    ObuType,
    open_bitstream_units,
    read_leb128,
    read_obu,
    too_many_obus,
    with_size,
)
from ingestd.media.formats.step import BYTES_PER_ITEM, NO_LIMIT

# OBU_TEMPORAL_DELIMITER behind its obu_length, without and with an obu_size.
_TEMPORAL_DELIMITERS = (b"\x01\x10", b"\x02\x12\x00")


class Av1AnnexBReader:
    """Reads temporal_unit() after temporal_unit(); each comes out with its last byte."""

    def __init__(self) -> None:
        self.faults: list[BitstreamError] = []
        self.quiet_at: float | None = None  # never: see `flush`
        self._frames = Av1TemporalUnits(Format.OBU)
        self.behind = False
        self._buffer = bytearray()
        self._empty = 0  # temporal units of no bytes in a row
        self._fatal: BitstreamError | None = None

    def flush(self) -> list[AccessUnit]:
        """Nothing: the format says how long a temporal unit is."""
        return []

    def feed(
        self,
        data: bytes | bytearray | memoryview,
        now: float = 0.0,  # noqa: ARG002 - as all readers have it
        max_items: int = NO_LIMIT,
    ) -> list[AccessUnit]:
        """Take in the next bytes and return the temporal units that they complete.

        At most ``max_items`` are taken apart, and less of large ones; where there are more, `behind` is True,
        and the next call goes on.

        Raises BitstreamError when the lengths contradict each other; what came before is returned first.
        """
        if self._fatal is not None:
            raise self._fatal
        units: list[AccessUnit] = []
        self._buffer += data
        try:
            self.behind = self._read(units, max_items)
        except BitstreamError as error:
            self.behind = False
            if not units:
                raise
            self._fatal = error
        return units

    def eof(self) -> list[AccessUnit]:
        """Note what the end of the connection cut short."""
        if self._fatal is not None:
            raise self._fatal
        if self._buffer:
            self.faults.append(
                BitstreamError(
                    "cut_temporal_unit",
                    f"AV1: the connection closed after {len(self._buffer)} bytes of a temporal unit, left "
                    "out here",
                )
            )
        return []

    def _read(self, units: list[AccessUnit], max_items: int) -> bool:
        """Take temporal units that have arrived out of the buffer; return whether there may be more."""
        items = 0
        while items < max_items:
            temporal_unit = self._next()
            if temporal_unit is None:
                return False
            items += 1 + len(temporal_unit) // BYTES_PER_ITEM
            self._empty = 0 if temporal_unit else self._empty + 1
            if self._empty > MAX_OBUS:
                raise too_many_obus()
            unit = self._frames.take(_low_overhead(temporal_unit), self.faults) if temporal_unit else None
            if unit is not None:
                units.append(unit)
        return True

    def _next(self) -> bytes | None:
        """Take the next temporal unit, without its size, out of the buffer if it has arrived."""
        size = _arrived_size(self._buffer)
        if size is None:
            return None
        temporal_unit_size, begin = size
        if temporal_unit_size > MAX_ACCESS_UNIT_BYTES:
            raise _contradiction(
                f"temporal_unit_size is {temporal_unit_size}, above {MAX_ACCESS_UNIT_BYTES} are damage"
            )
        end = begin + temporal_unit_size
        if end > len(self._buffer):
            return None
        with memoryview(self._buffer) as view:
            temporal_unit = bytes(view[begin:end])
        del self._buffer[:end]
        return temporal_unit


def _arrived_size(buffer: bytearray) -> tuple[int, int] | None:
    try:
        return read_leb128(buffer, 0)
    except BitstreamError:
        if len(buffer) >= MAX_LEB128_BYTES:
            raise
        return None


def _low_overhead(temporal_unit: bytes) -> bytes:
    """Return the OBUs of `temporal_unit`, each with its size (5.2)."""
    obus: list[Bytes] = []
    view, found = memoryview(temporal_unit), 0
    position = frame_units = 0
    while position < len(temporal_unit):
        frame_units += 1
        if frame_units > MAX_OBUS:
            raise too_many_obus()
        frame_unit_size, position = read_leb128(temporal_unit, position)
        end_of_frame_unit = position + frame_unit_size
        if end_of_frame_unit > len(temporal_unit):
            raise _contradiction("a frame_unit is longer than its temporal_unit")
        while position < end_of_frame_unit:
            obu_length, position = read_leb128(temporal_unit, position)
            if not 0 < obu_length <= end_of_frame_unit - position:
                raise _contradiction(f"obu_length is {obu_length}, not within its frame_unit")
            obus += with_size(view[position : position + obu_length])
            position += obu_length
            found += 1
            if found > MAX_OBUS:
                raise too_many_obus()
    return b"".join(obus)


def _contradiction(what: str) -> BitstreamError:
    return BitstreamError(
        "lost_lengths",
        f"AV1: {what}: this is no length delimited stream (Annex B) any more",
        case="av1",
    )


def looks_like_av1_annexb(data: bytes, *, last: bool) -> bool | None:
    """Whether `data` begins with a temporal unit in this format; None if more of it must come to tell.

    A temporal delimiter with sizes around it, and behind it a sequence header that can be read, or a frame in
    a temporal unit whose lengths all fit into each other. `last` says that nothing more will come.
    """
    try:
        temporal_unit_size, begin = read_leb128(data, 0)
        frame_unit_size, first = read_leb128(data, begin)
    except BitstreamError:
        return None if len(data) < 2 * MAX_LEB128_BYTES and not last else False
    end = begin + temporal_unit_size
    if temporal_unit_size > MAX_ACCESS_UNIT_BYTES or first + frame_unit_size > end:
        return False
    delimiter = next((d for d in _TEMPORAL_DELIMITERS if d.startswith(data[first : first + len(d)])), None)
    if delimiter is None:
        return False
    try:
        if len(data) >= end:
            obus = open_bitstream_units(_low_overhead(data[begin:end]))
            return any(obu.obu_type in FRAME_DATA for obu in obus)
        obu_length, position = read_leb128(data, first + len(delimiter))
        obu = read_obu(data[position : position + obu_length], 0)
        if obu.obu_type == ObuType.SEQUENCE_HEADER and len(data) >= position + obu_length:
            parse_sequence_header(data[position + obu.payload : position + obu.end])
            return True
    except BitstreamError:
        return None if len(data) < end and not last else False
    return False if last else None
