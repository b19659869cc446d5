"""Supplemental enhancement information: sei_rbsp() of H.264 (7.3.2.3) and H.265 (7.3.2.4)."""

from typing import NamedTuple

from ingestd.errors import BitstreamError
from ingestd.media.bits.bit_reader import BitReader, unescape

# payloadType, H.264 D.1, H.265 D.2.1
USER_DATA_UNREGISTERED, RECOVERY_POINT = 5, 6

# A NAL unit of more is made to cost time: encoders put in one to four.
MAX_MESSAGES = 64
# The largest in the wild, metadata of drones and dynamic HDR, have some thousand bytes.
MAX_SEI_BYTES = 64 * 1024
_MAX_FF_BYTES = MAX_SEI_BYTES // 255
_UUID_BYTES = 16
_TRAILING_BITS = b"\x80"  # rbsp_trailing_bits() behind whole bytes


class SeiMessage(NamedTuple):
    """sei_message(): its payload without emulation prevention."""

    payload_type: int
    payload: bytes


class UserDataUnregistered(NamedTuple):
    """user_data_unregistered(), H.264 D.1.7, H.265 D.2.7."""

    uuid_iso_iec_11578: bytes  # 16 bytes
    user_data: bytes


def sei_messages(nal: bytes, header_bytes: int) -> list[SeiMessage]:
    """Return the messages of an SEI NAL unit whose header has ``header_bytes`` (H.264: 1, H.265: 2).

    Raises BitstreamError ``malformed_sei`` if one of them is cut, or more of them than any encoder sends.
    """
    if len(nal) > MAX_SEI_BYTES:
        raise _malformed(f"it has more than the {MAX_SEI_BYTES} bytes of any real one")
    rbsp = unescape(nal[header_bytes:]).rstrip(b"\0").removesuffix(_TRAILING_BITS)
    messages: list[SeiMessage] = []
    position = 0
    while position < len(rbsp):
        if len(messages) == MAX_MESSAGES:
            raise _malformed(f"it has more than {MAX_MESSAGES} messages")
        payload_type, position = _read_number(rbsp, position)
        payload_size, position = _read_number(rbsp, position)
        end = position + payload_size
        if end > len(rbsp):
            raise _malformed(f"a message of {payload_size} bytes has only {len(rbsp) - position}")
        messages.append(SeiMessage(payload_type, rbsp[position:end]))
        position = end
    return messages


def _read_number(rbsp: bytes, position: int) -> tuple[int, int]:
    """ff_byte for each 255, then last_payload_type_byte or last_payload_size_byte."""
    last = position
    while rbsp[last : last + 1] == b"\xff":
        last += 1
        if last - position > _MAX_FF_BYTES:
            raise _malformed(f"a type or size is more than {MAX_SEI_BYTES}")
    if last >= len(rbsp):
        raise _malformed("it ends in the head of a message")
    return 255 * (last - position) + rbsp[last], last + 1


def recovery_frame_cnt(payload: bytes) -> int:
    """Return how many frames after this one a decoder that starts here shows right (H.264 D.1.8).

    Raises BitstreamError ``malformed_sei``.
    """
    return BitReader(payload, "sei").ue("recovery_frame_cnt", 65535)  # MaxFrameNum - 1


def user_data_unregistered(payload: bytes) -> UserDataUnregistered:
    """Return the UUID that says whose data it is, and the data. Raises BitstreamError ``malformed_sei``."""
    if len(payload) < _UUID_BYTES:
        raise _malformed(f"user data of {len(payload)} bytes has no room for its UUID of {_UUID_BYTES}")
    return UserDataUnregistered(payload[:_UUID_BYTES], payload[_UUID_BYTES:])


def _malformed(why: str) -> BitstreamError:
    return BitReader(b"", "sei").malformed(why)
