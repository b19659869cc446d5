"""AV1 open bitstream units in the low-overhead format (AV1 specification 4.10.5, 5.2, 5.3)."""

from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

from ingestd.errors import BitstreamError, ExcessError

# 4.10.5: a leb128() has at most 8 bytes and a value of at most (1 << 32) - 1.
MAX_LEB128_BYTES = 8
MAX_LEB128_VALUE = (1 << 32) - 1
# Of a temporal unit. Levels allow 128 tiles a frame (A.3), so 128 tile groups, in each of 4 spatial layers;
# and as many again for hidden frames, headers and metadata. Encoders send a dozen.
MAX_OBUS = 1024


Bytes = bytes | bytearray | memoryview


class ObuType(IntEnum):
    """obu_type (6.2.2); the values not listed are reserved and to be ignored."""

    SEQUENCE_HEADER = 1
    TEMPORAL_DELIMITER = 2
    FRAME_HEADER = 3
    TILE_GROUP = 4
    METADATA = 5
    FRAME = 6
    REDUNDANT_FRAME_HEADER = 7
    TILE_LIST = 8
    PADDING = 15


KNOWN_OBU_TYPES = frozenset(ObuType)
# What a frame is made of; between two temporal delimiters there is at least one of these.
FRAME_DATA = frozenset({ObuType.FRAME, ObuType.FRAME_HEADER, ObuType.TILE_GROUP})
_LONGEST_HEADER_BYTES = 2 + MAX_LEB128_BYTES  # obu_header() with its extension, obu_size


class Obu(NamedTuple):
    """One OBU as it lies in its temporal unit: the offsets of header, payload and end."""

    obu_type: int
    start: int
    payload: int
    end: int
    has_size_field: bool = True  # else `end` is that of the data


def open_bitstream_units(temporal_unit: bytes) -> Iterator[Obu]:
    """Walk the OBUs of `temporal_unit` (5.3.1). Raises ExcessError where it has more than `MAX_OBUS`."""
    position = obus = 0
    while position < len(temporal_unit):
        obu = read_obu(temporal_unit, position)
        if obu.end > len(temporal_unit):
            beyond = obu.end - len(temporal_unit)
            raise _malformed(f"an OBU of type {obu.obu_type} ends {beyond} bytes after its temporal unit")
        obus += 1
        if obus > MAX_OBUS:
            raise too_many_obus()
        yield obu
        position = obu.end


def arrived_obu(data: Bytes, position: int) -> Obu | None:
    """Read as `read_obu` does; None while header and size have not arrived yet."""
    try:
        return read_obu(data, position)
    except BitstreamError:
        if len(data) - position >= _LONGEST_HEADER_BYTES:
            raise
        return None


def read_obu(data: Bytes, position: int) -> Obu:
    """Read the obu_header() and obu_size at `position` (5.3.2); the payload may not have arrived yet."""
    if position >= len(data):
        raise _malformed("there is nothing where an OBU must begin")
    header = data[position]
    if header & 0x80:
        raise _malformed("obu_forbidden_bit is set")
    obu_extension_flag, obu_has_size_field = header & 0x04, header & 0x02
    payload = position + (2 if obu_extension_flag else 1)
    if obu_has_size_field:
        obu_size, payload = read_leb128(data, payload)
        end = payload + obu_size
    else:
        # 5.2 wants a size in every OBU; containers let the last one of a temporal unit go without.
        end = max(payload, len(data))
    return Obu(header >> 3 & 0x0F, position, payload, end, bool(obu_has_size_field))


def read_leb128(data: Bytes, position: int) -> tuple[int, int]:
    """Return a leb128() and the position after it (4.10.5)."""
    value = 0
    for i, byte in enumerate(data[position : position + MAX_LEB128_BYTES]):
        value |= (byte & 0x7F) << 7 * i
        if not byte & 0x80:
            if value > MAX_LEB128_VALUE:
                raise _malformed(f"a leb128 value of {value} needs more than 32 bits")
            return value, position + i + 1
    raise _malformed("a leb128 value does not end")


def write_leb128(value: int) -> bytes:
    """Return `value` in as few leb128() bytes as it needs (4.10.5)."""
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def write_obu(obu_type: ObuType, payload: bytes) -> bytes:
    """Return an OBU without extension and with a size (5.3.2)."""
    return bytes((obu_type << 3 | 0x02,)) + write_leb128(len(payload)) + payload


def with_size(obu: Bytes) -> tuple[Bytes, ...]:
    """Return the parts of `obu`, which is whole, with obu_has_size_field and obu_size (5.3)."""
    read = read_obu(obu, 0)
    if read.end > len(obu):
        raise _malformed(
            f"an OBU of type {read.obu_type} ends {read.end - len(obu)} bytes after its obu_length"
        )
    if read.has_size_field:
        return (obu[: read.end],)
    header = bytes((obu[0] | 0x02, *obu[1 : read.payload]))
    return header, write_leb128(len(obu) - read.payload), obu[read.payload :]


def too_many_obus() -> ExcessError:
    """Return the error to raise behind `MAX_OBUS`."""
    return ExcessError("too_large", f"AV1: a temporal unit has more than {MAX_OBUS} OBUs", case="obus")


def _malformed(what: str) -> BitstreamError:
    return BitstreamError("malformed_av1", f"AV1: {what}")
