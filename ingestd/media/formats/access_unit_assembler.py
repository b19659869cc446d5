"""NAL units → access units (H.264 7.4.1.2.3, H.265 7.4.2.4.4), whatever carries the NAL units."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from ingestd.errors import BitstreamError
from ingestd.media.access_unit import (
    MAX_ACCESS_UNIT_BYTES,
    MAX_ADDED_PER_BYTE,
    AccessUnit,
    Codec,
    Format,
    FrameMetadata,
    StreamInfo,
)
from ingestd.media.bits.receive_buffer import ReceiveBuffer
from ingestd.media.codecs.h26x import (
    DELIMITER,
    OPENS,
    PARAMETER_SET,
    SEI,
    SLICE,
    START_CODE,
    STAYS,
    UNSPECIFIED,
    Role,
    Slice,
    Syntax,
)
from ingestd.media.codecs.h264 import H264Syntax
from ingestd.media.codecs.h265 import H265Syntax
from ingestd.media.codecs.parameter_sets import Kind, ParameterSet, ParameterSets, SequenceSet, insert_missing

# Bounds the Python objects per picture where MAX_ACCESS_UNIT_BYTES does not: 8K has 130,560 macroblocks, and
# no encoder seen makes more than a slice per kilobyte.
MAX_NAL_UNITS = 16384


SYNTAX: dict[Codec, Callable[[ParameterSets], Syntax]] = {Codec.H264: H264Syntax, Codec.H265: H265Syntax}


class Nal(NamedTuple):
    """A NAL unit where it lies in the stream; positions count bytes from its start."""

    start: int
    end: int  # behind the last byte that is not zero
    next_start: int  # where the start code or length behind it begins
    role: Role


@dataclass(slots=True)
class _Guess:
    """An access unit that was handed over before it was known to be whole, as it was collected."""

    nals: list[Nal]
    in_band: list[tuple[int, Kind, int]]
    metadata: list[tuple[int, FrameMetadata]]
    first_slice: int
    random_access: bool
    at_origin: bool
    lacks: bool
    needed: tuple[ParameterSet, ...]
    picture_info: StreamInfo | None
    reordered: bool
    skipped: bool
    recovery_point: bool


class AccessUnitAssembler:
    """Collects NAL units into access units; each is announced by its head and then handed over whole.

    What may open an access unit is held back until the next slice tells on which side of the boundary it
    stands: SEI between the slices of a picture is forbidden, and sent. The two fields of an interlaced
    frame are coded pictures of their own, and access units by the letter of H.264; here they make one,
    because WebRTC knows frames only. NAL unit types left to private use are left out: their numbers mean
    packetisation in RTP.

    NAL units stay in the receive buffer, where they arrived, until their access unit is taken in one copy.
    """

    def __init__(
        self,
        codec: Codec,
        format: Format,
        parameter_sets: ParameterSets,
        buffer: ReceiveBuffer,
        arrived_at: Callable[[int], float],
    ) -> None:
        """``arrived_at`` says when the byte before a position arrived, in seconds."""
        self.faults: list[BitstreamError] = []
        self._format = format
        self._buffer = buffer
        self._arrived_at = arrived_at
        self._sets = parameter_sets
        self._sets.use_for(codec)
        self._syntax = SYNTAX[codec](parameter_sets)
        self._info: StreamInfo | None = None
        self._described: SequenceSet | None = None  # what `_info` was made from
        self._layers = 1  # likewise
        self._nals: list[Nal] = []  # of the access unit
        self._held: list[Nal] = []  # behind its last slice, of this access unit or the next
        self._target: list[Nal] | None = None  # where the NAL unit announced goes; None: it is left out
        self._role = STAYS  # of the NAL unit announced
        self._in_band: list[tuple[int, Kind, int]] = []  # index in `_nals` + `_held`, kind and id of each set
        self._metadata: list[tuple[int, FrameMetadata]] = []  # index likewise, and what the SEI there says
        self._guess: _Guess | None = None
        self.last_end = 0  # position behind the access unit that came out last
        self.next_start = 0  # position where the next one begins
        self.last_size = 0  # how many bytes it had in the stream
        self.last_nal_bytes = 0  # how many of them the NAL unit had that it ended with
        self.last_slices = 0  # how many slices it has
        self._begin_access_unit()

    def _begin_access_unit(self) -> None:
        self._first_slice: int | None = None  # its index in `_nals`
        self._slices = 0
        self._corrects = self._reordered = self._skipped = self._recovery_point = False
        self._random_access = self._at_origin = self._lacks = False
        self._needed: tuple[ParameterSet, ...] = ()
        self._picture_info: StreamInfo | None = None
        self._told: set[str] = set()

    @property
    def pending(self) -> bool:
        """Something waits for the end, or the rest, of its access unit."""
        return bool(self._nals)

    @property
    def may_end(self) -> bool:
        """The access unit may be whole when the NAL unit announced last is."""
        ends = self._first_slice is not None and self._role in (SLICE, STAYS)
        return ends and not self._held and not self._syntax.awaits_second_field

    @property
    def announced_inside(self) -> bool:
        """The NAL unit announced last belongs to the access unit, not to the next."""
        return self._target is self._nals

    @property
    def guessing(self) -> bool:
        """The access unit that came out last may turn out not to have been whole."""
        return self._guess is not None

    @property
    def correcting(self) -> bool:
        """The access unit has come out before, and was not whole."""
        return self._corrects

    @property
    def keyframe(self) -> bool:
        """The slices seen so far are those of a keyframe."""
        return self._random_access and self._at_origin

    @property
    def slices(self) -> int:
        """How many slices of the access unit have begun."""
        return self._slices

    @property
    def start(self) -> int | None:
        """Position where the access unit begins; None while nothing of it is known."""
        return self._nals[0].start if self._nals else None

    @property
    def oldest(self) -> int | None:
        """Position of the first byte that may be needed again; None: of none that was taken."""
        return self._guess.nals[0].start if self._guess is not None else self.start

    @property
    def size(self) -> int:
        """How many bytes of the stream were collected for the access unit, and behind it."""
        return (self._held or self._nals)[-1].end - self._nals[0].start if self._nals else 0

    def is_delimiter(self, head: bytes) -> bool:
        """Whether a NAL unit that begins with `head` ends the access unit before it."""
        try:
            return not head[0] & 0x80 and self._syntax.role(head) is DELIMITER
        except BitstreamError:
            return False  # said when the NAL unit is taken

    def fault(self, reason: str, message: str) -> None:
        """Note a recoverable fault, once per access unit and reason: noise must not make a flood."""
        if reason not in self._told:
            self._told.add(reason)
            self.faults.append(BitstreamError(reason, message))

    def begin(self, head: bytes) -> AccessUnit | None:
        """Take the first bytes of a NAL unit; return the access unit that ends before it."""
        self._target = None
        completed = None
        try:
            if head[0] & 0x80:
                raise BitstreamError(
                    "malformed_nal_header",
                    f"a NAL unit begins with 0x{head[0]:02x}, with forbidden_zero_bit set: it was left out",
                )
            role = self._role = self._syntax.role(head)
            if role is SLICE:
                completed = self._begin_slice(self._syntax.slice(head))
                self._target = self._nals
                return completed
            if role is UNSPECIFIED:
                return None
            if role is DELIMITER and not self._syntax.awaits_second_field:
                completed = self.complete()
                self._confirm()
        except BitstreamError as error:
            self.fault(error.reason, str(error))
            return None
        opens = role in (DELIMITER, PARAMETER_SET, SEI, OPENS)
        between = self._first_slice is not None and opens
        self._target = self._held if self._held or between else self._nals
        return completed

    def _begin_slice(self, slice: Slice | None) -> AccessUnit | None:
        completed = None
        begins = slice is not None and slice.begins_access_unit
        if begins and self._first_slice is not None:
            completed = self._take()
        if self._guess is not None and not begins:
            self.reopen()
        self._guess = None
        if self._held:
            self._nals += self._held
            self._held = []
        if self._first_slice is None:
            self._first_slice = len(self._nals)
        self._slices += 1
        if slice is not None:
            self._note(slice)
        return completed

    def _note(self, slice: Slice) -> None:
        """Note what the slice says of the access unit."""
        self._random_access |= slice.random_access
        self._reordered |= slice.reordered
        self._skipped |= slice.skipped
        self._recovery_point |= slice.recovery_point
        self._at_origin |= slice.at_origin
        if slice.needs is None:
            self._lacks = True
        elif not self._needed:
            self._needed = slice.needs
        elif slice.needs != self._needed:
            self._needed += tuple(set_ for set_ in slice.needs if set_ not in self._needed)
        if slice.info_from is not None:
            self._picture_info = self._describe(slice.info_from, slice.layers)

    def _describe(self, sequence_set: SequenceSet, layers: int) -> StreamInfo | None:
        if sequence_set is not self._described or layers != self._layers:
            self._described, self._layers = sequence_set, layers
            info = sequence_set.stream_info(self._format, layers)
            if info != self._info:
                self._info = info
        return self._info

    def end(self, start: int, end: int, next_start: int) -> None:
        """Take the whole NAL unit whose head began last; the positions are those of `Nal`."""
        if self._target is None:
            return
        index = len(self._nals) + len(self._held)
        if index >= MAX_NAL_UNITS:
            raise BitstreamError(
                "too_large",
                f"a picture has more than {MAX_NAL_UNITS} NAL units",
                case="slices",
            )
        role = self._role
        self._target.append(Nal(start, end, next_start, role))
        try:
            if role is SEI:
                if (metadata := self._syntax.sei(self._buffer.read(start, end))) is not None:
                    self._metadata.append((index, metadata))
            elif role is PARAMETER_SET:
                parameter_set = self._syntax.parameter_set(self._buffer.read(start, end))
                self._sets.store(parameter_set)
                self._in_band.append((index, parameter_set.kind, parameter_set.id))
        except BitstreamError as error:
            self.fault(error.reason, str(error))

    def check_size(self, start: int, end: int) -> None:
        """Refuse a picture that grows without end; ``start`` and ``end`` are those of what is arriving."""
        if self._nals:
            start = self._nals[0].start
        if end - start > MAX_ACCESS_UNIT_BYTES:
            raise BitstreamError("too_large", f"a picture has more than {MAX_ACCESS_UNIT_BYTES >> 20} MiB")

    def complete(self) -> AccessUnit | None:
        """End the access unit here, its last NAL unit being whole; None if there is no picture in it."""
        # A slice that has only been announced is none of it yet.
        if self._first_slice is None or self._first_slice >= len(self._nals):
            return None
        access_unit = self._take()
        self._syntax.end_of_picture()
        return access_unit

    def guess(self) -> AccessUnit | None:
        """End the access unit here, though more of it may come: then `reopen` it."""
        assert self._first_slice is not None
        self._guess = _Guess(
            self._nals,
            self._in_band.copy(),
            self._metadata.copy(),
            self._first_slice,
            self._random_access,
            self._at_origin,
            self._lacks,
            self._needed,
            self._picture_info,
            self._reordered,
            self._skipped,
            self._recovery_point,
        )
        return self._take()

    def go_on(self, end: int, next_start: int) -> None:
        """Take back `guess`: more of its last NAL unit came; the positions are those of `Nal`."""
        assert self._guess is not None
        self._guess.nals[-1] = self._guess.nals[-1]._replace(end=end, next_start=next_start)
        self.reopen()

    def reopen(self) -> None:
        """Take back `guess`: the access unit goes on."""
        guess = self._guess
        assert guess is not None
        self._guess = None
        count = len(guess.nals)
        self._nals = guess.nals + self._nals
        self._in_band = guess.in_band + [(index + count, kind, id) for index, kind, id in self._in_band]
        self._metadata = guess.metadata + [(index + count, said) for index, said in self._metadata]
        self._first_slice = guess.first_slice
        self._slices = self.last_slices
        self._random_access, self._at_origin = guess.random_access, guess.at_origin
        self._lacks, self._needed, self._picture_info = guess.lacks, guess.needed, guess.picture_info
        self._corrects, self._reordered, self._skipped = True, guess.reordered, guess.skipped
        self._recovery_point = guess.recovery_point
        self.fault(
            "torn_picture",
            "more of a picture came so late that it had been taken for whole; it is published again, whole",
        )

    def _confirm(self) -> None:
        if self._guess is not None:
            self._guess = None
            self._syntax.end_of_picture()

    def _take(self) -> AccessUnit | None:
        """Make the access unit of what belongs to it, and begin the next with what was held.

        None for a picture that decoders skip, which is a fault.
        """
        nals, count = self._nals, len(self._nals)
        keyframe = self.keyframe
        last = nals[-1]
        self.last_end, self.next_start, self.last_slices = last.end, last.next_start, self._slices
        self.last_size, self.last_nal_bytes = last.end - nals[0].start, last.end - last.start
        parts = self._with_missing_sets() if keyframe and not self._lacks else nals
        access_unit = AccessUnit(
            data=self._buffer.join(START_CODE, parts),
            keyframe=keyframe,
            info=self._picture_info,
            lacks_parameter_sets=keyframe and self._lacks,
            arrived=self._arrived_at(self.last_end),
            corrects=self._corrects,
            reordered=self._reordered,
            metadata=next((said for index, said in reversed(self._metadata) if index < count), None),
            repaired=len(parts) > count,
            recovery_point=keyframe and self._recovery_point,
        )
        skipped = self._skipped
        if skipped:
            self.fault(
                "skipped_picture",
                "a leading picture (RASL) was left out, as decoders skip it: it refers to pictures before "
                "the CRA or BLA picture that the stream begins with",
            )
        self._nals, self._held = self._held, []
        if self._in_band:
            self._in_band = [(index - count, kind, id) for index, kind, id in self._in_band if index >= count]
        if self._metadata:
            self._metadata = [(index - count, said) for index, said in self._metadata if index >= count]
        self._begin_access_unit()
        return None if skipped else access_unit

    def _with_missing_sets(self) -> list[Nal | bytes]:
        """Return the NAL units of the keyframe and the parameter sets that it lacks."""
        parts: list[Nal | bytes] = [*self._nals]
        delimiters = 0
        while self._nals[delimiters].role is DELIMITER:
            delimiters += 1
        before_picture = [entry for entry in self._in_band if entry[0] < (self._first_slice or 0)]
        insert_missing(parts, before_picture, self._needed, delimiters)
        added = sum(len(part) for part in parts if isinstance(part, bytes))
        if added > MAX_ADDED_PER_BYTE * self.last_size:
            self._lacks = True
            self.fault(
                "tiny_keyframe",
                f"a keyframe of {self.last_size} bytes came without the {added} bytes of its parameter sets, "
                "more than any real one needs; it is dropped",
            )
            return [*self._nals]
        return parts
