"""LKTS trailers as an encoder writes them into the SEI of its pictures."""

from tests.media.vectors_h26x import escape, sei_message

UUID = bytes.fromhex("3fa85f6457174562b3fc2c963f66afa6")
H264_SEI, H265_PREFIX_SEI = b"\x06", b"\x4e\x01"  # NAL unit headers


def element(tag: int, value: bytes) -> bytes:
    return bytes(byte ^ 0xFF for byte in (tag, len(value), *value))


def trailer(*elements: bytes) -> bytes:
    body = b"".join(elements)
    return body + bytes([(len(body) + 5) ^ 0xFF]) + b"LKTS"


def user_timestamp(value: int) -> bytes:
    return element(1, value.to_bytes(8, "big"))


def frame_id(value: int) -> bytes:
    return element(2, value.to_bytes(4, "big"))


def user_data(value: bytes) -> bytes:
    return element(3, value)


def sei(data: bytes, header: bytes = H264_SEI) -> bytes:
    """The NAL unit, without a start code, in which LiveKit looks for the trailer in ``data``."""
    return header + escape(sei_message(5, UUID + data) + b"\x80")
