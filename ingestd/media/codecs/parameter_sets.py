"""Parameter sets: kept as they arrive, and put before the keyframes that lack them."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, TypeVar

from ingestd.media.access_unit import Codec, Format, StreamInfo
from ingestd.media.bits.bit_reader import BitReader, unescape
from ingestd.media.codecs.vui import Appearance

# The largest in the wild (scaling matrices, H.265 reference picture sets) stay below 2 kB. With at most
# 32 SPS and 256 PPS (H.264), or 16 VPS, 16 SPS and 64 PPS (H.265), a stream keeps less than 1.5 MB.
MAX_PARAMETER_SET_BYTES = 4 * 1024

CHROMA_FORMATS = ("4:0:0", "4:2:0", "4:2:2", "4:4:4")  # by chroma_format_idc, of both codecs

_Nal = TypeVar("_Nal")  # however the caller keeps the NAL units that have arrived


class Kind(IntEnum):
    """The kinds of parameter set, in the order in which a decoder must receive them."""

    VPS = 0
    SPS = 1
    PPS = 2


@dataclass(frozen=True, slots=True)
class ParameterSet:
    """One parameter set; the codecs' modules add the syntax elements they read from it."""

    kind: Kind
    id: int
    nal: bytes  # the whole NAL unit, escaped as it arrived


def parameter_set_reader(nal: bytes, header_bytes: int, structure: str) -> BitReader:
    """Return a reader of the set behind its NAL unit header. Raises BitstreamError where it is too long."""
    if len(nal) > MAX_PARAMETER_SET_BYTES:
        raise BitReader(b"", structure).malformed(
            f"it has more than the {MAX_PARAMETER_SET_BYTES} bytes of any real one"
        )
    return BitReader(unescape(nal[header_bytes:]), structure)


@dataclass(frozen=True, slots=True)
class SequenceSet(ParameterSet):
    """What every SPS says of its stream."""

    codec: ClassVar[Codec]
    width: int  # luma samples, after cropping
    height: int  # likewise
    profile: str
    level: str
    chroma_format_idc: int
    separate_colour_plane_flag: bool
    bit_depth_luma: int
    log2_max_pic_order_cnt_lsb: int
    may_hold_fields: bool
    frame_rate_fps: float | None
    reorder_depth: int | None
    temporal_layers: int
    appearance: Appearance

    def stream_info(self, format: Format, layers: int) -> StreamInfo:
        """Say what a viewer would notice; ``layers`` is what other NAL units say."""
        return StreamInfo(
            codec=self.codec,
            format=format,
            width=self.width,
            height=self.height,
            profile=self.profile,
            level=self.level,
            chroma_format=CHROMA_FORMATS[self.chroma_format_idc],
            bit_depth=self.bit_depth_luma,
            frame_rate_fps=self.frame_rate_fps,
            interlaced=self.may_hold_fields,
            reorder_depth=self.reorder_depth,
            layers=layers,
            temporal_layers=self.temporal_layers,
            sample_aspect_ratio=self.appearance.sample_aspect_ratio,
            full_range=self.appearance.full_range,
            hdr=self.appearance.hdr,
        )


class ParameterSets:
    """The latest set of each kind and id; may outlive the connection it was filled from."""

    def __init__(self) -> None:
        self.codec: Codec | None = None
        self._sets: tuple[dict[int, ParameterSet], ...] = ({}, {}, {})  # of each kind, by id

    def use_for(self, codec: Codec) -> None:
        """Begin a connection of `codec`; the sets of another codec mean nothing to it."""
        if codec is not self.codec:
            for sets in self._sets:
                sets.clear()
            self.codec = codec

    def store(self, parameter_set: ParameterSet) -> None:
        """Keep the set, in place of the one with its kind and id."""
        sets = self._sets[parameter_set.kind]
        known = sets.get(parameter_set.id)
        if known is None or known.nal != parameter_set.nal:
            sets[parameter_set.id] = parameter_set

    def get(self, kind: Kind, id: int) -> ParameterSet | None:
        """Return the set of that kind and id."""
        return self._sets[kind].get(id)


def insert_missing(
    nals: list[_Nal | bytes],
    present: Sequence[tuple[int, Kind, int]],
    needed: Sequence[ParameterSet],
    first: int,
) -> None:
    """Put every needed set that is not `present` in its place among the NAL units of a keyframe.

    `present` holds (index in `nals`, kind, id) of the sets that came in band. A set goes in at index
    `first`, after the access unit delimiter, or after the last set in band that it may refer to.
    """
    in_band = {(kind, id) for _, kind, id in present}
    missing = sorted(
        {(set_.kind, set_.id): set_ for set_ in needed if (set_.kind, set_.id) not in in_band}.items()
    )
    # Backwards, so that the indices before stay valid and sets at the same index end up in order.
    for (kind, _), set_ in reversed(missing):
        after = max((index + 1 for index, other, _ in present if other < kind), default=first)
        nals.insert(max(after, first), set_.nal)
