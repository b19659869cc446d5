"""Packets of home-made protocols: a header that says how long the packet is, and a piece of the stream in it.

Programs that mirror a phone, or that wrap an encoder, put a header before each access unit: a size, often a
timestamp and flags. What the header has is found out: it has the same length before each, and somewhere in
it, in 2, 3 or 4 bytes, stands a number that leads from each header to the next. Behind every header begins a
NAL unit with its start code, or AV1. What is in the packets is a stream as any other; they only tell where a
piece of it ends.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Literal, NamedTuple

from ingestd.errors import BitstreamError
from ingestd.media.access_unit import MAX_ACCESS_UNIT_BYTES
from ingestd.media.codecs.decoder_configuration import AV1_MARKER_AND_VERSION, AV1_RECORD_BYTES
from ingestd.media.codecs.h26x import START_CODE_PREFIX
from ingestd.media.codecs.nal_evidence import first_nal_unit
from ingestd.media.codecs.obu import KNOWN_OBU_TYPES, read_obu

MAX_HEADER_BYTES = 64
SIZE_BYTES = (4, 3, 2)
# A size may lead to another NAL unit of the same picture by chance, and not so often in a row.
ENOUGH_STEPS = 2
MAX_OBUS_EXAMINED = 128  # of a packet
MAX_AV1_PLACES = 2  # in which AV1 may begin
MIN_NAL_UNIT_BYTES = 5  # with its start code
# scrcpy's greeting, by its options: a byte, the name of the device, and codec, width and height. From 4.0 on
# a header stands in place of width and height, and wherever these change: its first bit is set, and nothing
# is behind it.
_SCRCPY_NAME_BYTES = 64
_SCRCPY_GREETING_ENDS = re.compile(rb"(?s)(?:h26[45]|\0av1)\0\0..\0\0..")
_SCRCPY_SESSION = re.compile(rb"(?s)(h26[45]|\0av1|)\x80\0\0[\0\1]\0\0..\0\0..")
_SCRCPY_GREETING_STARTS = (0, 1, _SCRCPY_NAME_BYTES, 1 + _SCRCPY_NAME_BYTES)

# A start code and the header of a NAL unit. How AV1 may begin: temporal delimiter, sequence header, av1C.
_NAL_UNIT = re.compile(rb"\0\0\0?\x01[\0-\x7f]")
_AV1 = re.compile(rb"(?=\x12\0[\x08-\x7f]|\x0a[\x06-\x7f]|\x81[\0-\x7f])")


_BYTEORDERS: tuple[Literal["big", "little"], ...] = ("big", "little")


class PacketLayout(NamedTuple):
    """Where in a packet what stands."""

    begin: int  # position of the first header; before it is a greeting, sent once
    header_bytes: int
    size_at: int  # offset of the size in the header
    size_bytes: int
    byteorder: Literal["big", "little"]
    counted: int  # how many bytes of the header the size includes
    nal_units: bool  # every packet begins with a start code
    sessions: bool = False  # a header whose first bit is set stands alone

    def packet_bytes(self, data: bytes | bytearray, position: int) -> int:
        """Return the size of the packet, with its header, which has arrived at ``position``."""
        if self.sessions and data[position] & 0x80:
            return self.header_bytes
        at = position + self.size_at
        size = int.from_bytes(data[at : at + self.size_bytes], self.byteorder)
        return size - self.counted + self.header_bytes


class Unpacker:
    """Takes the headers off; a packet is handed on when it is whole, so that what it ends with is."""

    def __init__(self, layout: PacketLayout) -> None:
        self._layout = layout
        self._buffer = bytearray()
        self._greeting_bytes = layout.begin  # still to come
        self._position = 0  # in the stream, of the packet that is arriving
        self.fault: BitstreamError | None = None  # a header made no sense: nothing comes out any more

    @property
    def waiting_bytes(self) -> int:
        """How many bytes have arrived of a packet that is not whole."""
        return len(self._buffer)

    def take(self, data: bytes | bytearray | memoryview) -> bytes:
        """Return what is in the packets that ``data`` completes, up to a `fault`, ``lost_lengths``."""
        if self.fault is not None:
            return b""
        buffer, layout = self._buffer, self._layout
        buffer += data
        skipped = min(self._greeting_bytes, len(buffer))
        self._greeting_bytes -= skipped
        position, header_bytes, arrived = skipped, layout.header_bytes, len(buffer)
        payloads: list[bytes] = []
        while position + header_bytes <= arrived:
            size = layout.packet_bytes(buffer, position)
            end = position + size
            begins = position + header_bytes
            tells = end > begins and (end <= arrived or arrived - begins >= MIN_NAL_UNIT_BYTES)
            if not header_bytes <= size <= MAX_ACCESS_UNIT_BYTES or (
                layout.nal_units and tells and not _NAL_UNIT.match(buffer, begins)
            ):
                self.fault = BitstreamError(
                    "lost_lengths",
                    f"the header of a packet, {bytes(buffer[position:begins]).hex(' ')}, gives it {size} "
                    "bytes, or not the beginning of a NAL unit: these are no packets any more",
                    case="packets",
                )
                break
            if end > arrived:
                break
            with memoryview(buffer) as view:  # a packet may have megabytes: one copy
                payloads.append(bytes(view[begins:end]))
            position = end
        del buffer[:position]
        return b"".join(payloads)


def find_packets(data: bytes, *, final: bool, last: bool) -> PacketLayout | Literal[False] | None:
    """Return how the packets that ``data`` begins with are laid out; None if it may be NAL units in packets.

    `last` says that no more will be looked at, `final` that no more will come.
    """
    undecided = False
    for layout in _candidates(data):
        steps = _steps(data, layout, final=final, last=last)
        # The likelier layouts come first: others must lead further, and small sizes lead anywhere. A start
        # code in what would be the header makes it unlikely, too, unless that is the size, of 256 to 511.
        header = data[layout.begin : layout.begin + layout.header_bytes]
        starts_at = header.find(START_CODE_PREFIX)
        likely = layout.size_bytes == 4 and not undecided and starts_at in (-1, layout.size_at)
        if steps is not None and steps >= (1 if likely else ENOUGH_STEPS):
            return layout
        undecided |= steps is not None and layout.nal_units
    return None if undecided and not last else False


def _candidates(data: bytes) -> Iterator[PacketLayout]:
    for start in _SCRCPY_GREETING_STARTS:
        if (session := _SCRCPY_SESSION.match(data, start)) is not None:
            nal_units = session[1] != b"\0av1"
            yield PacketLayout(session.end(1), 12, 8, 4, "big", 0, nal_units, sessions=True)
        if (greeting := _SCRCPY_GREETING_ENDS.match(data, start)) is not None:
            nal_units = greeting[0][:1] == b"h"
            yield PacketLayout(greeting.end(), 12, 8, 4, "big", 0, nal_units)
    if len(data) > _SCRCPY_NAME_BYTES and data[:1].isascii():  # its options left out the codec
        for start in _SCRCPY_GREETING_STARTS:
            yield PacketLayout(start, 12, 8, 4, "big", 0, nal_units=True)
    begin = first_nal_unit(data)
    for header_bytes in (begin - 1, begin):  # start codes have four bytes mostly
        if 2 <= header_bytes <= MAX_HEADER_BYTES:
            yield from _layouts(header_bytes, nal_units=True)
    if not 0 <= begin <= MAX_HEADER_BYTES:
        for match in islice(_AV1.finditer(data, 0, MAX_HEADER_BYTES), MAX_AV1_PLACES):
            if match.start() >= 2:
                yield from _layouts(match.start(), nal_units=False)


def _layouts(header_bytes: int, nal_units: bool) -> Iterator[PacketLayout]:
    for size_bytes in SIZE_BYTES:
        at_end = header_bytes - size_bytes
        # From the end on, as it mostly stands there; small ones, and those of AV1, which takes longer to
        # recognise, at either end only.
        places = range(at_end, -1, -1) if size_bytes == 4 and nal_units else (at_end,)
        for size_at in dict.fromkeys((*places, 0) if at_end >= 0 else ()):
            for byteorder in _BYTEORDERS:
                # Where it stands first, it may count what is behind it, or all of the header.
                for counted in (0, header_bytes, at_end) if size_at == 0 else (0,):
                    yield PacketLayout(0, header_bytes, size_at, size_bytes, byteorder, counted, nal_units)


def _steps(data: bytes, layout: PacketLayout, *, final: bool, last: bool) -> int | None:
    """Return how many times the sizes lead from a packet to another; None if they lead astray."""
    position, steps = layout.begin, 0
    while position + layout.header_bytes < len(data):
        begins = position + layout.header_bytes
        size = layout.packet_bytes(data, position)
        end = position + size
        if end == begins and layout.sessions:
            position = end
            continue
        least_bytes = layout.header_bytes + (MIN_NAL_UNIT_BYTES if layout.nal_units else 1)
        if not least_bytes <= size <= MAX_ACCESS_UNIT_BYTES:
            return None
        if layout.nal_units and not _NAL_UNIT.match(data, begins):
            return None if len(data) - begins >= MIN_NAL_UNIT_BYTES else steps
        if not layout.nal_units and end <= len(data) and not _is_av1(data[begins:end]):
            return None
        steps += position > layout.begin and (layout.nal_units or end <= len(data))
        if steps == ENOUGH_STEPS:
            return steps
        if end > len(data):
            # A first packet larger than what is looked at is believed if its size stands where most do.
            usual = (
                layout.size_bytes == 4 and layout.size_at + 4 == layout.header_bytes and not layout.counted
            )
            return steps + (last and not final and usual and layout.nal_units and not steps)
        position = end
    return steps + (final and position == len(data))


def _is_av1(payload: bytes) -> bool:
    """Whether it is a row of OBUs with sizes, behind av1C perhaps."""
    position = AV1_RECORD_BYTES if payload[0] == AV1_MARKER_AND_VERSION else 0
    for _ in range(MAX_OBUS_EXAMINED):
        if position == len(payload):
            return True
        try:
            obu = read_obu(payload, position)
        except BitstreamError:
            return False
        if not obu.has_size_field or obu.obu_type not in KNOWN_OBU_TYPES:
            return False
        position = obu.end
    return False
