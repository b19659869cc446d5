"""AV1 low-overhead bitstream format (AV1 specification 5.2): OBUs with sizes → temporal units.

Nothing stands behind a temporal unit but the temporal delimiter of the next. It belongs to one instant in
time though (3), so that where there is one spatial layer its shown frame ends it, and it comes out with its
last byte. Only a frame cut into several tile groups does not say which is the last: its temporal unit waits
for the next delimiter, or for a silence. Some senders leave the delimiters out; what comes behind the shown
frame begins the next temporal unit then.
"""

from dataclasses import replace

from ingestd.errors import BitstreamError, ExcessError
from ingestd.media.access_unit import MAX_ACCESS_UNIT_BYTES, AccessUnit, Format
from ingestd.media.codecs.av1 import (
    TEMPORAL_DELIMITER,
    Av1TemporalUnits,
    parse_frame_header,
    parse_sequence_header,
)
from ingestd.media.codecs.obu import (
    FRAME_DATA,
    KNOWN_OBU_TYPES,
    MAX_OBUS,
    Obu,
    ObuType,
    arrived_obu,
    too_many_obus,
)
from ingestd.media.formats.step import NO_LIMIT
from ingestd.media.picture_end.detector import SILENCE_S

# This many OBUs that do not tell are noise, and would cost time to look at again and again.
MAX_OBUS_EXAMINED = 256
# What may come first in a temporal unit, or behind the shown frame of the one before.
_BEGINS = frozenset({ObuType.SEQUENCE_HEADER, ObuType.METADATA, ObuType.FRAME_HEADER, ObuType.FRAME})
SEQUENCE_HEADER_BYTE = b"\x0a"  # obu_header() of one with a size, without extension


class ObuStreamReader:
    """Reads open_bitstream_unit() after open_bitstream_unit(), each with its size."""

    def __init__(self) -> None:
        self.faults: list[BitstreamError] = []
        self.quiet_at: float | None = None
        self.behind = False
        self._obus = 0  # of the temporal unit, and of those before it that had no frame
        self._frames = Av1TemporalUnits(Format.OBU)
        self._buffer = bytearray()  # from the beginning of the temporal unit on
        self._end = 0  # of its last OBU that is whole
        self._arrived_at = 0.0  # when that had
        self._delimited = False  # a temporal delimiter has come
        self._one_layer = True
        self._reduced_still_picture_header = False
        self._frames_in_one_obu = True  # until a frame has gone on behind its OBU_FRAME
        self._fatal: BitstreamError | None = None
        self._has_frame = False
        self._begin_temporal_unit()

    def _begin_temporal_unit(self) -> None:
        """Forget the temporal unit; what has no frame counts as a part of the next."""
        if self._has_frame:
            self._obus = 0
        self._has_frame = False
        self._shown = False  # the frame begun last is one to be shown
        self._may_end = False  # that frame may be whole
        self._out = self._corrects = False

    def feed(
        self, data: bytes | bytearray | memoryview, now: float = 0.0, max_items: int = NO_LIMIT
    ) -> list[AccessUnit]:
        """Take what has arrived at ``now``, in seconds; return the temporal units that it completes.

        At most ``max_items`` OBUs are taken apart; where there are more, `behind` is True, and the next call
        goes on.

        Raises BitstreamError when the bytes are no OBUs with sizes any more, behind what came before that.
        """
        if self._fatal is not None:
            raise self._fatal
        units: list[AccessUnit] = []
        self._buffer += data
        try:
            self.behind = self._read(now, units, max_items)
        except BitstreamError as error:
            self.behind = False
            if self._may_end and not self._out:
                self._submit(units)  # all that came of it is whole
            if not units:
                raise
            self._fatal = error
        waiting = self._may_end and not self._out and self._end == len(self._buffer)
        quiet = waiting and not self.behind and self._fatal is None
        self.quiet_at = now + SILENCE_S if quiet else None
        return units

    def flush(self) -> list[AccessUnit]:
        """Take the silence until ``quiet_at`` as the end of the temporal unit."""
        units: list[AccessUnit] = []
        if self.quiet_at is not None:
            self.quiet_at = None
            self._submit(units)
        return units

    def eof(self) -> list[AccessUnit]:
        """Take the end of the stream as the end of the temporal unit, if it can be whole."""
        if self._fatal is not None:
            raise self._fatal
        units: list[AccessUnit] = []
        whole = self._end == len(self._buffer) and (self._may_end or not self._has_frame)
        if not whole:
            self.faults.append(
                BitstreamError(
                    "cut_temporal_unit",
                    "AV1: the connection closed in the middle of a temporal unit, which was left out",
                )
            )
        elif self._has_frame and not self._out:
            self._submit(units)
        return units

    def _read(self, now: float, units: list[AccessUnit], max_items: int) -> bool:
        """Take OBUs that have arrived out of the buffer; return whether there may be more."""
        while max_items:
            if not self._read_obu(now, units):
                return False
            max_items -= 1
        return True

    def _read_obu(self, now: float, units: list[AccessUnit]) -> bool:
        obu = arrived_obu(self._buffer, self._end)
        if obu is None:
            return False
        if not obu.has_size_field:
            raise BitstreamError(
                "obu_without_size",
                f"AV1: an OBU of type {obu.obu_type} has no obu_size, which it needs outside a "
                "container (5.2)",
            )
        if self._obus == MAX_OBUS:
            raise too_many_obus()
        if obu.obu_type == ObuType.TEMPORAL_DELIMITER:
            self._delimited = True
            ends = obu.start > 0
        else:
            behind_shown = self._shown and self._one_layer and not self._delimited
            ends = behind_shown and obu.obu_type in _BEGINS
        if ends:
            self._end_temporal_unit(units)
            return True
        if obu.end > MAX_ACCESS_UNIT_BYTES:
            raise ExcessError(
                "too_large",
                f"AV1: a temporal unit has more than {MAX_ACCESS_UNIT_BYTES >> 20} MiB",
                case="av1",
            )
        if obu.end > len(self._buffer):
            return False
        self._end, self._arrived_at = obu.end, now
        self._obus += 1
        self._place(obu, units)
        return True

    def _end_temporal_unit(self, units: list[AccessUnit]) -> None:
        if self._has_frame and not self._out:
            self._submit(units)
        del self._buffer[: self._end]
        self._end = 0
        self._begin_temporal_unit()

    def _place(self, obu: Obu, units: list[AccessUnit]) -> None:
        if obu.obu_type == ObuType.SEQUENCE_HEADER:
            self._learn(bytes(self._buffer[obu.payload : obu.end]))
        if obu.obu_type not in FRAME_DATA or obu.payload == obu.end:
            return
        if self._out:
            self._reopen()
        self._has_frame = True
        if obu.obu_type == ObuType.TILE_GROUP:
            self._may_end = self._shown
            return
        first_byte = bytes(self._buffer[obu.payload : obu.payload + 1])
        header = parse_frame_header(first_byte, self._reduced_still_picture_header)
        self._shown = header.show_existing_frame or header.show_frame
        # OBU_FRAME_HEADER brings tile groups after it, unless it shows a frame that is there already.
        self._may_end = self._shown and (obu.obu_type == ObuType.FRAME or header.show_existing_frame)
        if self._may_end and self._one_layer and self._frames_in_one_obu:
            self._submit(units)

    def _learn(self, payload: bytes) -> None:
        try:
            header = parse_sequence_header(payload)
        except BitstreamError:
            return  # said when the temporal unit comes out
        self._one_layer = header.spatial_layers <= 1
        self._reduced_still_picture_header = header.reduced_still_picture_header

    def _reopen(self) -> None:
        self._out, self._corrects, self._frames_in_one_obu = False, True, False
        self.faults.append(
            BitstreamError(
                "torn_picture",
                "AV1: a temporal unit went on behind its shown frame; it is published again, whole, and from "
                "now on each waits for the next temporal delimiter",
                case="av1",
            )
        )

    def _submit(self, units: list[AccessUnit]) -> None:
        with memoryview(self._buffer) as view:
            temporal_unit = bytes(view[: self._end])
        unit = self._frames.take(temporal_unit, self.faults)
        if unit is not None:
            units.append(replace(unit, arrived_at=self._arrived_at, corrects=self._corrects))
        self._out = True


def looks_like_obu_stream(data: bytes, *, last: bool) -> bool | None:
    """Whether `data` begins with a temporal unit in this format; None if more of it must come to tell.

    A temporal delimiter, and behind it a sequence header that can be read, or plausible OBUs with a frame up
    to the next delimiter; or a sequence header, and behind it plausible OBUs up to a frame. `last` says that
    nothing more will come.
    """
    delimited = data.startswith(TEMPORAL_DELIMITER)
    if not delimited and not data.startswith(SEQUENCE_HEADER_BYTE):
        return None if TEMPORAL_DELIMITER.startswith(data) and not last else False
    position, has_frame, examined = len(TEMPORAL_DELIMITER) * delimited, False, 0
    try:
        while (obu := arrived_obu(data, position)) is not None:
            examined += 1
            if examined > MAX_OBUS_EXAMINED:
                return False
            if (
                obu.obu_type not in KNOWN_OBU_TYPES
                or not obu.has_size_field
                or obu.end > MAX_ACCESS_UNIT_BYTES
            ):
                return False
            if obu.obu_type == ObuType.TEMPORAL_DELIMITER:
                return has_frame and obu.payload == obu.end
            if obu.obu_type in FRAME_DATA and not delimited:
                return True
            if obu.end > len(data):
                break
            if obu.obu_type == ObuType.SEQUENCE_HEADER:
                parse_sequence_header(data[obu.payload : obu.end])
                if delimited:
                    return True
            has_frame |= obu.obu_type in FRAME_DATA
            position = obu.end
    except BitstreamError:
        return False
    return has_frame if last else None
