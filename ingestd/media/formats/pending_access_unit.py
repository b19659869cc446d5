"""An access unit of NAL units that is not whole yet: what has come of it, and what its slices say of it."""

from dataclasses import dataclass, field
from typing import NamedTuple

from ingestd.media.access_unit import FrameMetadata, StreamInfo
from ingestd.media.codecs.h26x import DELIMITER, Role, Slice
from ingestd.media.codecs.parameter_sets import Kind, ParameterSet, insert_missing


class Nal(NamedTuple):
    """A NAL unit where it lies in the stream; positions count bytes from its start."""

    start: int
    end: int  # behind the last byte that is not zero
    next_start: int  # where the start code or length behind it begins
    role: Role


@dataclass(slots=True)
class PendingAccessUnit:
    """What has come of an access unit, and what its slices say of it."""

    nals: list[Nal] = field(default_factory=list)
    in_band: list[tuple[int, Kind, int]] = field(default_factory=list)  # each set's index in `nals`, kind, id
    repeated: list[int] = field(default_factory=list)  # the indices of those that were known, unchanged
    changed: bool = False  # a VPS or SPS has come that was known and different
    parameter_sets: int = 0  # in band, those that cannot be read among them
    metadata: FrameMetadata | None = None  # what the last SEI with metadata says
    first_slice: int | None = None  # its index in `nals`; None until one has begun
    slices: int = 0  # that have begun
    random_access: bool = False
    at_origin: bool = False
    lacks_sets: bool = False  # a slice refers to a parameter set that is unknown
    needed: dict[int, ParameterSet] = field(default_factory=dict)  # that its slices refer to, by identity
    info: StreamInfo | None = None
    reordered: bool = False
    picture_order: int | None = None
    discardable: bool = True  # by all its slices
    skipped: bool = False
    recovery_point: bool = False
    corrects: bool = False  # it has come out before, and was not whole

    @property
    def keyframe(self) -> bool:
        """The slices so far are those of a keyframe."""
        return self.random_access and self.at_origin

    def note(self, slice: Slice) -> None:
        """Note what ``slice`` says of its access unit."""
        self.random_access |= slice.random_access
        self.at_origin |= slice.at_origin
        self.reordered |= slice.reordered
        self.picture_order = slice.picture_order
        self.discardable &= slice.discardable
        self.skipped |= slice.skipped
        self.recovery_point |= slice.recovery_point
        if slice.needs is None:
            self.lacks_sets = True
        else:
            for set_ in slice.needs:
                self.needed[id(set_)] = set_

    def extend(self, more: "PendingAccessUnit") -> None:
        """Add what came behind a slice of this access unit, and holds no slice itself."""
        # Without `in_band`: only sets before the first slice are of use to it.
        self.nals += [
            nal
            for index, nal in enumerate(more.nals)
            if nal.role is not DELIMITER and index not in more.repeated
        ]
        if more.metadata is not None:
            self.metadata = more.metadata

    def with_missing_sets(self) -> list[Nal | bytes]:
        """Return its NAL units and, behind the delimiters, the sets that its slices need and it lacks."""
        parts: list[Nal | bytes] = [*self.nals]
        delimiters = 0
        while self.nals[delimiters].role is DELIMITER:
            delimiters += 1
        insert_missing(parts, self.in_band, [*self.needed.values()], delimiters)
        return parts
