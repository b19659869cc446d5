"""NAL units → access units (H.264 7.4.1.2.3, H.265 7.4.2.4.4), whatever carries the NAL units."""

from collections.abc import Callable, Iterable
from contextlib import suppress

from ingestd.errors import BitstreamError, ExcessError
from ingestd.media.access_unit import (
    MAX_ACCESS_UNIT_BYTES,
    MAX_ADDED_PER_BYTE,
    AccessUnit,
    Codec,
    Format,
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
    Slice,
    Syntax,
)
from ingestd.media.codecs.h264 import H264Syntax
from ingestd.media.codecs.h265 import H265Syntax
from ingestd.media.codecs.parameter_sets import (
    MAX_PARAMETER_SET_BYTES,
    Kind,
    ParameterSets,
    SequenceSet,
)
from ingestd.media.codecs.sei import MAX_SEI_BYTES
from ingestd.media.formats.pending_access_unit import Nal, PendingAccessUnit
from ingestd.media.formats.step import BYTES_PER_ITEM

# Bounds the Python objects per picture where MAX_ACCESS_UNIT_BYTES does not: 8K has 130,560 macroblocks, and
# no encoder seen makes more than a slice per kilobyte.
MAX_NAL_UNITS = 16384
# So many begin behind a delimiter before one is believed without the slice behind it, as it is where an
# encoder writes it at the end of each picture.
DELIMITER_PROOF_PICTURES = 8
# Of a picture. There are 32 SPS and 256 PPS in H.264, 96 sets in H.265, and encoders send two or three.
MAX_PARAMETER_SETS = 32 + 256

SYNTAX: dict[Codec, Callable[[ParameterSets], Syntax]] = {Codec.H264: H264Syntax, Codec.H265: H265Syntax}


def keep_parameter_sets(codec: Codec, nals: Iterable[bytes], parameter_sets: ParameterSets) -> None:
    """Keep those of a decoder configuration record. What refers to a malformed one will say so."""
    syntax = SYNTAX[codec](parameter_sets)
    for nal in nals:
        with suppress(BitstreamError):
            parameter_sets.store(syntax.parameter_set(nal))


class AccessUnitAssembler:
    """Collects NAL units into access units; each is announced by its head and then handed over whole.

    What may open an access unit is held back until the next slice tells on which side of the boundary it
    stands: SEI between the slices of a picture is forbidden, and sent. The two fields of an interlaced
    frame are two coded pictures, and two access units by the letter of H.264; here they make one,
    because WebRTC knows frames only. NAL unit types left to private use are left out: their numbers mean
    packetisation in RTP.

    A delimiter ends an access unit, by the letter. But some encoders write one before every slice, so that it
    is the slice behind it that tells, until `DELIMITER_PROOF_PICTURES` have shown that delimiters do. One
    inside a picture is left out.

    Parameter sets before a picture that is no keyframe are left out where they are known and unchanged: an
    SFU takes what has them for a keyframe.

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
        self._pending = PendingAccessUnit()
        self._held: PendingAccessUnit | None = None  # behind its last slice: of it, or the first of the next
        self._target: PendingAccessUnit | None = None  # where the NAL unit announced goes; None: left out
        self._role = STAYS  # of the NAL unit announced
        self._guess: PendingAccessUnit | None = None  # handed over before it was known to be whole
        self._told: set[str] = set()  # the faults of this access unit
        self._told_for_good: set[str] = set()  # those that are said once
        self._behind_delimiter = False  # since the last slice
        self._delimited = 0  # pictures in a row that a delimiter has ended
        self._nal_units = 0  # that have begun since an access unit came out, those left out among them
        self.items = 0  # how much has been taken apart so far, in items of a step
        self.last_end = 0  # position behind the access unit that came out last
        self.next_start = 0  # position where the next one begins
        self.last_size = 0  # how many bytes it had in the stream
        self.last_nal_bytes = 0  # how many of them the NAL unit had that it ended with
        self.last_slices = 0  # how many slices it has

    @property
    def pending(self) -> bool:
        """Something waits for the end, or the rest, of its access unit."""
        return bool(self._pending.nals)

    @property
    def may_end(self) -> bool:
        """The access unit may be whole when the NAL unit announced last is."""
        ends = self._pending.first_slice is not None and self._role in (SLICE, STAYS)
        return ends and self._held is None and not self._syntax.awaits_second_field

    @property
    def announced_inside(self) -> bool:
        """The NAL unit announced last belongs to the access unit, not to the next."""
        return self._target is self._pending

    @property
    def guessing(self) -> bool:
        """The access unit that came out last may turn out not to have been whole."""
        return self._guess is not None

    @property
    def correcting(self) -> bool:
        """The access unit has come out before, and was not whole."""
        return self._pending.corrects

    @property
    def keyframe(self) -> bool:
        """The slices seen so far are those of a keyframe."""
        return self._pending.keyframe

    @property
    def slices(self) -> int:
        """How many slices of the access unit have begun."""
        return self._pending.slices

    @property
    def start(self) -> int | None:
        """Position where the access unit begins; None while nothing of it is known."""
        nals = self._pending.nals
        return nals[0].start if nals else None

    @property
    def oldest(self) -> int | None:
        """Position of the first byte that may be needed again; None: of none that was taken."""
        return self._guess.nals[0].start if self._guess is not None else self.start

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

    def _fault_once(self, reason: str, message: str) -> None:
        """Note a fault that an encoder makes in every picture, or in none."""
        if reason not in self._told_for_good:
            self._told_for_good.add(reason)
            self.fault(reason, message)

    def begin(self, head: bytes) -> AccessUnit | None:
        """Take the first bytes of a NAL unit; return the access unit that ends before it.

        Raises ExcessError where that has more NAL units than any real one.
        """
        self._target = None
        self.items += 1
        self._nal_units += 1
        if self._nal_units > MAX_NAL_UNITS:
            raise ExcessError(
                "too_large", f"a picture has more than {MAX_NAL_UNITS} NAL units", case="slices"
            )
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
                self._target = self._pending
                return completed
            if role is UNSPECIFIED:
                return None
            if role is DELIMITER:
                self._behind_delimiter = True
                believed = self._delimited >= DELIMITER_PROOF_PICTURES
                if believed and self._complete and not self._syntax.awaits_second_field:
                    completed = self.guess()
        except BitstreamError as error:
            self.fault(error.reason, str(error))
            return None
        opens = role in (DELIMITER, PARAMETER_SET, SEI, OPENS)
        if opens and self._held is None and self._pending.first_slice is not None:
            self._held = PendingAccessUnit()
        self._target = self._pending if self._held is None else self._held
        return completed

    def _begin_slice(self, slice: Slice | None) -> AccessUnit | None:
        completed = None
        begins = slice is not None and slice.begins_access_unit
        if self._behind_delimiter:
            self._behind_delimiter = False
            self._delimited = self._delimited + 1 if begins else 0
        if begins and self._pending.first_slice is not None:
            completed = self._take()
        if self._guess is not None and not begins:
            self.reopen()
        self._guess = None
        pending = self._pending
        if self._held is not None:
            pending.extend(self._held)
            self._held = None
        if pending.first_slice is None:
            pending.first_slice = len(pending.nals)
        pending.slices += 1
        if slice is not None:
            pending.note(slice)
            if slice.info_from is not None:
                pending.info = self._describe(slice.info_from, slice.layers)
        return completed

    def _describe(self, sequence_set: SequenceSet, layers: int) -> StreamInfo | None:
        if sequence_set is not self._described or layers != self._layers:
            self._described, self._layers = sequence_set, layers
            info = sequence_set.stream_info(self._format, layers)
            if info != self._info:
                self._info = info
        return self._info

    def end(self, start: int, end: int, next_start: int) -> None:
        """Take the whole NAL unit whose head began last; the positions are those of `Nal`.

        Raises ExcessError where its access unit has more parameter sets than any real one.
        """
        target = self._target
        if target is None:
            return
        role = self._role
        target.nals.append(Nal(start, end, next_start, role))
        try:
            if role is SEI:
                if (metadata := self._syntax.sei(self._head(start, end, MAX_SEI_BYTES))) is not None:
                    target.metadata = metadata
            elif role is PARAMETER_SET:
                self._store(self._head(start, end, MAX_PARAMETER_SET_BYTES), target)
        except ExcessError:
            raise
        except BitstreamError as error:
            if role is SEI:  # decoders pass over it
                self._fault_once(error.reason, str(error))
            else:
                self.fault(error.reason, str(error))

    def _head(self, start: int, end: int, most_bytes: int) -> bytes:
        """Return a NAL unit that is read bit by bit; of one that is too long, enough to see that it is."""
        head = self._buffer.read(start, min(end, start + most_bytes + 1))
        self.items += len(head) // BYTES_PER_ITEM
        return head

    def _store(self, nal: bytes, target: PendingAccessUnit) -> None:
        target.parameter_sets += 1
        if target.parameter_sets > MAX_PARAMETER_SETS:
            raise ExcessError(
                "too_large", f"a picture has more than {MAX_PARAMETER_SETS} parameter sets", case="sets"
            )
        parameter_set = self._syntax.parameter_set(nal)
        index, kind = len(target.nals) - 1, parameter_set.kind
        known = self._sets.get(kind, parameter_set.id)
        if known is not None and known.nal == nal:
            target.repeated.append(index)
        elif known is not None and kind is not Kind.PPS:
            target.changed = True
        self._sets.store(parameter_set)
        target.in_band.append((index, kind, parameter_set.id))

    def check_size(self, start: int, end: int) -> None:
        """Refuse a picture that grows without end; ``start`` and ``end`` are those of what is arriving."""
        if self._pending.nals:
            start = self._pending.nals[0].start
        if end - start > MAX_ACCESS_UNIT_BYTES:
            raise ExcessError("too_large", f"a picture has more than {MAX_ACCESS_UNIT_BYTES >> 20} MiB")

    @property
    def _complete(self) -> bool:
        """There is a picture in the access unit; a slice that has only been announced is none of it yet."""
        pending = self._pending
        return pending.first_slice is not None and pending.first_slice < len(pending.nals)

    def complete(self) -> AccessUnit | None:
        """End the access unit here, its last NAL unit being whole; None if there is no picture in it."""
        if not self._complete:
            return None
        access_unit = self._take()
        self._syntax.end_of_picture()
        return access_unit

    def guess(self) -> AccessUnit | None:
        """End the access unit here, though more of it may come: then `reopen` it."""
        self._guess = self._pending
        return self._take()

    def go_on(self, end: int, next_start: int) -> None:
        """Take back `guess`: more of its last NAL unit came; the positions are those of `Nal`."""
        assert self._guess is not None
        self._guess.nals[-1] = self._guess.nals[-1]._replace(end=end, next_start=next_start)
        self.reopen()

    def reopen(self) -> None:
        """Take back `guess`: the access unit goes on."""
        assert self._guess is not None
        self._guess.extend(self._pending)
        self._guess.corrects = True
        self._pending, self._guess = self._guess, None
        self.fault(
            "torn_picture",
            "more of a picture came so late that it had been taken for whole; it is published again, whole",
        )

    def _take(self) -> AccessUnit | None:
        """Make the access unit of what belongs to it, and begin the next with what was held.

        None for a picture that decoders skip, which is a fault.
        """
        pending = self._pending
        nals, keyframe = pending.nals, pending.keyframe
        last = nals[-1]
        self.last_end, self.next_start, self.last_slices = last.end, last.next_start, pending.slices
        self.last_size, self.last_nal_bytes = last.end - nals[0].start, last.end - last.start
        completed = self._with_missing_sets(pending) if keyframe and not pending.lacks_sets else None
        if not keyframe and pending.in_band:
            nals = [nal for index, nal in enumerate(nals) if index not in pending.repeated]
            if pending.changed:
                self.fault("changed_sets", "the parameter sets changed before a picture that is no keyframe")
        access_unit = AccessUnit(
            data=self._buffer.join(START_CODE, completed or nals),
            keyframe=keyframe,
            info=pending.info,
            lacks_parameter_sets=keyframe and completed is None,
            arrived_at=self._arrived_at(self.last_end),
            corrects=pending.corrects,
            reordered=pending.reordered,
            picture_order=pending.picture_order,
            discardable=pending.discardable and not keyframe,
            metadata=pending.metadata,
            repaired=completed is not None and len(completed) > len(nals),
            recovery_point=keyframe and pending.recovery_point,
        )
        if pending.skipped:
            self.fault(
                "skipped_picture",
                "a leading picture (RASL) was left out, as decoders skip it: it refers to pictures before "
                "the CRA or BLA picture that the stream begins with",
            )
        self._pending = PendingAccessUnit() if self._held is None else self._held
        self._held = None
        self._nal_units = 0
        self._told.clear()
        return None if pending.skipped else access_unit

    def _with_missing_sets(self, keyframe: PendingAccessUnit) -> list[Nal | bytes] | None:
        """Return the NAL units of ``keyframe`` and the sets that it lacks; None: it is too small for them."""
        parts = keyframe.with_missing_sets()
        added = sum(len(part) for part in parts if isinstance(part, bytes))
        if added > MAX_ADDED_PER_BYTE * self.last_size:
            self.fault(
                "tiny_keyframe",
                f"a keyframe of {self.last_size} bytes came without the {added} bytes of its parameter sets, "
                "more than any real one needs; it is dropped",
            )
            return None
        return parts
