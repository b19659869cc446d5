"""Decoder configuration records, written element by element."""

HIGH_EXTENSION = bytes([0xFD, 0xF8, 0xF8, 0])  # chroma_format, two bit depths, no SPS extension
AV1C = bytes([0x81, 0x00, 0x0C, 0x00])  # without configOBUs


def _with_length(nal: bytes) -> bytes:
    return len(nal).to_bytes(2, "big") + nal


def avcc(sps: list[bytes], pps: list[bytes], length_bytes: int = 4) -> bytes:
    """AVCDecoderConfigurationRecord, ISO/IEC 14496-15 5.3.3.1.2."""
    head = bytes([1, *sps[0][1:4], 0xFC | length_bytes - 1, 0xE0 | len(sps)])
    return head + b"".join(map(_with_length, sps)) + bytes([len(pps)]) + b"".join(map(_with_length, pps))


def hvcc(*sets: bytes, length_bytes: int = 4) -> bytes:
    """HEVCDecoderConfigurationRecord, 8.3.3.1.2, with an array for each set."""
    head = bytes([1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 93, 0xF0, 0, 0xFC, 0xFD, 0xF8, 0xF8, 0, 0])
    arrays = b"".join(bytes([0x80 | nal[0] >> 1, 0, 1]) + _with_length(nal) for nal in sets)
    return head + bytes([0x0C | length_bytes - 1, len(sets)]) + arrays
