"""Bits of a raw byte sequence payload: the descriptors u(n), ue(v), se(v) of ITU-T H.264 and H.265."""

from ingestd.errors import BitstreamError

# A codeNum is at most 2^32 - 2 (H.264 9.1, H.265 9.2): 32 leading zero bits and 33 bits after them.
_MAX_CODE_BITS = 65


def unescape(nal: bytes) -> bytes:
    """Return the NAL unit without its emulation_prevention_three_bytes (H.264 7.3.1, H.265 7.3.1.1)."""
    return nal.replace(b"\x00\x00\x03", b"\x00\x00")


STRUCTURES_IN_WORDS = {
    "vps": "a VPS",
    "sps": "an SPS",
    "pps": "a PPS",
    "sei": "an SEI NAL unit",
    "slice_header": "a slice header",
    "vp9": "a VP9 frame header",
    "av1": "an AV1 header",
}


class BitReader:
    """Reads syntax elements in order; every fault is a BitstreamError ``malformed_<structure>``."""

    def __init__(self, data: bytes, structure: str) -> None:
        """``structure`` is one of those in words above.

        Each read costs as much as ``data`` is long: give it a head, where only the head is wanted.
        """
        self._structure = structure
        self.left = len(data) * 8  # how many bits have not been read
        self.bits = int.from_bytes(data, "big")  # those bits

    def begins_with(self, value: int, n: int) -> bool:
        """Whether the next n bits are those of ``value``."""
        return self.left >= n and self.bits >> (self.left - n) == value

    def u(self, n: int) -> int:
        """u(n): unsigned integer using n bits."""
        left = self.left - n
        if left < 0:
            raise self._cut()
        value = self.bits >> left
        self.bits ^= value << left
        self.left = left
        return value

    def flag(self) -> bool:
        """u(1), as a truth value."""
        return self.u(1) == 1

    def skip(self, n: int) -> None:
        """Pass over n bits."""
        left = self.left - n
        if left < 0:
            raise self._cut()
        self.bits &= (1 << left) - 1
        self.left = left

    def ue(self, element: str = "", maximum: int = 0xFFFF_FFFE) -> int:
        """ue(v): unsigned Exp-Golomb code (H.264 9.1, H.265 9.2), refused above `maximum`."""
        bits = self.bits
        leading_zero_bits = self.left - bits.bit_length()
        length = 2 * leading_zero_bits + 1
        left = self.left - length
        if left < 0 or length > _MAX_CODE_BITS:
            raise self.malformed("it holds no valid Exp-Golomb code where one must be")
        code = bits >> left
        self.bits = bits ^ (code << left)
        self.left = left
        code_num = code - 1
        if code_num > maximum:
            raise self.malformed(f"{element or 'an element'} is {code_num}, more than the {maximum} allowed")
        return code_num

    def se(self) -> int:
        """se(v): signed Exp-Golomb code (H.264 9.1.1, H.265 9.2.2)."""
        code_num = self.ue()
        return (code_num + 1) >> 1 if code_num & 1 else -(code_num >> 1)

    def _cut(self) -> BitstreamError:
        return self.malformed("it ends in the middle of a syntax element")

    def malformed(self, why: str) -> BitstreamError:
        """Return the error to raise when a value read cannot be."""
        return BitstreamError(
            f"malformed_{self._structure}",
            f"{STRUCTURES_IN_WORDS[self._structure]} cannot be parsed: {why}",
        )
