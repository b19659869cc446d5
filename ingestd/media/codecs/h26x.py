"""What H.264 and H.265 share: where a NAL unit stands in an access unit, and what a slice says of it."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from ingestd.media.access_unit import Codec, FrameMetadata
from ingestd.media.codecs.parameter_sets import ParameterSet, SequenceSet

START_CODE = b"\x00\x00\x00\x01"
START_CODE_PREFIX = START_CODE[1:]

# A slice header up to redundant_pic_cnt has at most 45 bytes, 64 with emulation prevention: with this much
# of a NAL unit its place is known, so that the picture before it need not wait for its end.
HEAD_BYTES = 64


class Role(Enum):
    """Where a NAL unit stands in the order of an access unit (H.264 7.4.1.2.3, H.265 7.4.2.4.4)."""

    SLICE = auto()  # of the base layer; its header says whether it begins a picture
    DELIMITER = auto()  # begins an access unit, always
    PARAMETER_SET = auto()  # begins an access unit if it follows the last slice of a picture
    SEI = auto()  # likewise, where it stands before the picture it belongs to
    OPENS = auto()  # likewise: what else comes before the first slice
    STAYS = auto()  # belongs to what came before it
    UNSPECIFIED = (
        auto()
    )  # for private use, and in RTP the number of something else (RFC 6184 5.2, RFC 7798 4.4)


# CPython 3.11 looks a member of an Enum up by a call: what is asked of every NAL unit asks for these.
SLICE, DELIMITER, PARAMETER_SET, SEI, OPENS, STAYS, UNSPECIFIED = Role


@dataclass(slots=True)
class Slice:
    """What a slice header says of the access unit that the slice belongs to."""

    begins_access_unit: bool
    random_access: bool  # of a picture at which the stream can be begun
    at_origin: bool  # the first slice of a picture, in place if not in time
    needs: tuple[ParameterSet, ...] | None  # every set it refers to; None when one of them is unknown
    info_from: SequenceSet | None
    layers: int = 1  # spatial layers or views that the stream is said to have
    reordered: bool = False  # its picture is output before one decoded earlier
    picture_order: int | None = None  # PicOrderCntVal, from the picture that began the order; None: not known
    discardable: bool = False  # no other picture refers to its picture
    skipped: bool = False  # of a picture that no decoder shows which began with this connection
    recovery_point: bool = False  # random access it is by that alone, the picture being neither IDR nor IRAP


class Syntax(Protocol):
    """The rules of one codec that sort NAL units into access units."""

    @property
    def codec(self) -> Codec:
        """Whose rules these are."""
        ...

    @property
    def awaits_second_field(self) -> bool:
        """The picture is a field whose other field may follow."""

    def role(self, head: bytes) -> Role:
        """Say where a NAL unit that begins with ``head`` stands."""
        ...

    def parameter_set(self, nal: bytes) -> ParameterSet:
        """Read a parameter set; raises BitstreamError."""
        ...

    def sei(self, nal: bytes) -> FrameMetadata | None:
        """Take the SEI before a picture; return what it has for viewers; raises BitstreamError."""
        ...

    def slice(self, head: bytes) -> Slice | None:
        """Place a slice; None: it goes on where the one before stands; raises BitstreamError."""
        ...

    def end_of_picture(self) -> None:
        """Whatever slice comes next begins an access unit."""
        ...
