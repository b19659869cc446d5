"""Bits of a raw byte sequence payload: the descriptors u(n), ue(v), se(v) of ITU-T H.264 and H.265."""

from ingestd.errors import BitstreamError

# A codeNum is at most 2^32 - 2 (H.264 9.1, H.265 9.2): 32 leading zero bits and 33 bits after them.
_LONGEST_CODE_BYTES = 10  # 65 bits from any bit offset


def unescape(nal: bytes) -> bytes:
    """Return the NAL unit without its emulation_prevention_three_bytes (H.264 7.3.1, H.265 7.3.1.1)."""
    return nal.replace(b"\x00\x00\x03", b"\x00\x00")


class BitReader:
    """Reads syntax elements in order; every fault is a BitstreamError ``malformed_<structure>``."""

    def __init__(self, data: bytes, structure: str) -> None:
        self._data = data
        self._structure = structure
        self._position = 0
        self._end = len(data) * 8

    def u(self, n: int) -> int:
        """u(n): unsigned integer using n bits."""
        end = self._position + n
        if end > self._end:
            raise self.malformed("it ends in the middle of a syntax element")
        last = (end + 7) >> 3
        value = int.from_bytes(self._data[self._position >> 3 : last], "big")
        self._position = end
        return (value >> (last * 8 - end)) & ((1 << n) - 1)

    def flag(self) -> bool:
        """u(1), as a truth value."""
        position = self._position
        if position >= self._end:
            raise self.malformed("it ends in the middle of a syntax element")
        self._position = position + 1
        return bool(self._data[position >> 3] & (0x80 >> (position & 7)))

    def skip(self, n: int) -> None:
        """Pass over n bits."""
        if self._position + n > self._end:
            raise self.malformed("it ends in the middle of a syntax element")
        self._position += n

    def ue(self, element: str = "", maximum: int = 0xFFFF_FFFE) -> int:
        """ue(v): unsigned Exp-Golomb code (H.264 9.1, H.265 9.2), refused above `maximum`."""
        position = self._position
        if position < self._end and self._data[position >> 3] << (position & 7) & 0x80:
            self._position = position + 1  # "1", the code of 0, which is the one met most often
            return 0
        first = position >> 3
        window = self._data[first : first + _LONGEST_CODE_BYTES]
        left = len(window) * 8 - (position & 7)
        value = int.from_bytes(window, "big") & ((1 << max(left, 0)) - 1)
        leading_zero_bits = left - value.bit_length()
        length = 2 * leading_zero_bits + 1
        if length > left:
            raise self.malformed("it holds no valid Exp-Golomb code where one must be")
        self._position = position + length
        code_num = (value >> (left - length)) - 1
        if code_num > maximum:
            raise self.malformed(f"{element or 'an element'} is {code_num}, more than the {maximum} allowed")
        return code_num

    def se(self) -> int:
        """se(v): signed Exp-Golomb code (H.264 9.1.1, H.265 9.2.2)."""
        code_num = self.ue()
        return (code_num + 1) >> 1 if code_num & 1 else -(code_num >> 1)

    def malformed(self, why: str) -> BitstreamError:
        """Return the error to raise when a value read cannot be."""
        return BitstreamError(
            f"malformed_{self._structure}",
            f"a {self._structure.replace('_', ' ').upper()} cannot be parsed: {why}; "
            "the encoder wrote it wrong or bytes were lost on the way",
        )
