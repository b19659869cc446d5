"""What an encoder says of a picture within the picture: an LKTS trailer in SEI user_data_unregistered().

The layout is that of livekit/server-sdk-go, packet_trailer.go, whose reader looks for it in H.264 and H.265
alone; user_data is from livekit/client-sdk-js, pull requests 1983 and 2015, as that reader skips it:

    uuid_iso_iec_11578   16 bytes: 3fa85f64-5717-4562-b3fc-2c963f66afa6
    whatever             up to where the trailer begins
    elements             tag (1 byte), size of the value (1 byte), value; each byte XOR 0xFF
      0x01 user_timestamp    8 bytes, big-endian
      0x02 frame_id          4 bytes, big-endian
      0x03 user_data         0 to 248 bytes
    size of the trailer  1 byte XOR 0xFF: elements, itself and the magic
    magic                "LKTS"

Elements of other tags are passed over, as they are there.
"""

from collections.abc import Iterable, Iterator

from ingestd.errors import BitstreamError
from ingestd.media.access_unit import FrameMetadata
from ingestd.media.codecs.sei import USER_DATA_UNREGISTERED, SeiMessage, user_data_unregistered

_UUID = bytes.fromhex("3fa85f6457174562b3fc2c963f66afa6")
_MAGIC = b"LKTS"
_ENVELOPE_BYTES = 1 + len(_MAGIC)
_USER_TIMESTAMP, _FRAME_ID, _USER_DATA = 1, 2, 3
_SIZES = {_USER_TIMESTAMP: 8, _FRAME_ID: 4}
_COMPLEMENT = bytes(range(255, -1, -1))  # for bytes.translate: each byte XOR 0xFF


def frame_metadata(messages: Iterable[SeiMessage]) -> FrameMetadata | None:
    """Return what the last trailer in these messages says; None where none says anything.

    Raises BitstreamError ``malformed_trailer`` for user data that has the UUID and no such trailer.
    """
    found = None
    for message in messages:
        # Shorter user data than a UUID is against the specification, and no business of ours.
        if message.payload_type == USER_DATA_UNREGISTERED and message.payload.startswith(_UUID):
            found = _parse_trailer(user_data_unregistered(message.payload).user_data) or found
    return found


def _parse_trailer(data: bytes) -> FrameMetadata | None:
    if not data.endswith(_MAGIC):
        raise _malformed(f"it ends in {data[-len(_MAGIC) :]!r}, not in {_MAGIC!r}")
    size = data[-_ENVELOPE_BYTES] ^ 0xFF if len(data) >= _ENVELOPE_BYTES else 0
    if not _ENVELOPE_BYTES <= size <= len(data):
        raise _malformed(f"its size is said to be {size} in {len(data)} bytes of user data")
    values = dict(_elements(data[-size:-_ENVELOPE_BYTES].translate(_COMPLEMENT)))
    metadata = FrameMetadata(
        _number(values.get(_USER_TIMESTAMP)), _number(values.get(_FRAME_ID)), values.get(_USER_DATA)
    )
    return metadata if metadata != FrameMetadata() else None


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position < len(data):
        tag, size = data[position], data[position + 1] if position + 1 < len(data) else 0
        position += 2
        value = data[position : position + size]
        if position > len(data) or len(value) < size:
            raise _malformed(f"its element of tag {tag} is cut")
        if tag in _SIZES and size != _SIZES[tag]:
            raise _malformed(f"its element of tag {tag} has {size} bytes, not {_SIZES[tag]}")
        yield tag, value
        position += size


def _number(value: bytes | None) -> int | None:
    return None if value is None else int.from_bytes(value, "big")


def _malformed(why: str) -> BitstreamError:
    return BitstreamError(
        "malformed_trailer",
        f"an LKTS trailer in SEI user data was left out: {why}",
    )
