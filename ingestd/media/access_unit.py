"""What the demuxer hands on: one coded picture, and what is known of the stream it belongs to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction

# An intra picture of 8K video stays below this at any rate an encoder would send live.
MAX_ACCESS_UNIT_BYTES = 8 * 1024 * 1024
# A viewer with libwebrtc has room for a picture of 2048 packets, which are less than this.
MAX_VIEWABLE_BYTES = 3 * 1024 * 1024

# What is put before a keyframe that lacks it has at most this many times its size. Real ones stay below 16; a
# read of nothing but slice headers would otherwise grow thousandfold.
MAX_ADDED_PER_BYTE = 64


class Codec(StrEnum):
    """A video codec, spelt as in the configuration."""

    H264 = "h264"
    H265 = "h265"
    VP8 = "vp8"
    VP9 = "vp9"
    AV1 = "av1"


CODEC_NAMES: Mapping[str, str] = {
    Codec.H264: "H.264",
    Codec.H265: "H.265",
    Codec.VP8: "VP8",
    Codec.VP9: "VP9",
    Codec.AV1: "AV1",
}


class Format(StrEnum):
    """How coded pictures are laid out in the byte stream, spelt as in the configuration."""

    ANNEXB = "annexb"
    LENGTH_PREFIXED = "length-prefixed"
    IVF = "ivf"
    OBU = "obu"


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What the headers of a stream say of it; equal as long as nothing a viewer would notice changes."""

    codec: Codec
    format: Format
    width: int  # luma samples, after cropping
    height: int  # luma samples, after cropping
    profile: str  # the specification's name, e.g. "Constrained Baseline"; "" when unknown
    level: str  # e.g. "3.1"; "" when unknown
    chroma_format: str  # "4:0:0", "4:2:0", "4:2:2" or "4:4:4"
    bit_depth: int  # bits per luma sample
    frame_rate_fps: float | None  # pictures per second as declared by the headers; None where they do not say
    interlaced: bool = False  # H.264, H.265: pictures may be fields, or frames woven of two
    reorder_depth: int | None = None  # pictures that may be sent before one shown earlier; None: not said
    layers: int = 1  # spatial layers or views; H.264: 2 for any number above 1
    temporal_layers: int = 1
    sample_aspect_ratio: Fraction = Fraction(1)  # width to height of a sample; 1 also where nothing says it
    full_range: bool = False  # black and white are 0 and 255, not 16 and 235 (of 8 bits)
    hdr: bool = False  # H.264, H.265: made for HDR screens (PQ, HLG)


@dataclass(frozen=True, slots=True)
class FrameMetadata:
    """What viewers are told of a picture; None is not told."""

    user_timestamp: int | None = None  # µs since 1970 by LiveKit's convention; 0 to 2^64 - 1
    frame_id: int | None = None  # 0 to 2^32 - 1
    user_data: bytes | None = None  # at most 248 bytes


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One coded picture, complete and ready to be published.

    H.264 and H.265: Annex-B NAL units with start codes, parameter sets included on every keyframe.
    VP8, VP9: one frame (a VP9 superframe counts as one). AV1: one temporal unit, low-overhead format.
    """

    data: bytes
    keyframe: bool  # a decoder can start here
    info: StreamInfo | None  # None until the headers have been seen
    timestamp_us: int | None = None  # presentation time by the container, µs; None where it has none
    # When its last byte did, in seconds by the clock given to the demuxer; None: just now.
    arrived_at: float | None = field(default=None, compare=False)
    corrects: bool = False  # it is the access unit before, which came out before all of it had arrived
    reordered: bool = False  # H.264, H.265: it is to be shown before one that was sent earlier
    discardable: bool = False  # H.264, H.265: no other picture refers to it
    # H.264, H.265: its place in the order of showing, in steps of any size; None: not known.
    picture_order: int | None = None
    lacks_parameter_sets: bool = False  # a keyframe whose SPS or PPS was never seen: no viewer can decode it
    metadata: FrameMetadata | None = None  # H.264, H.265: of the LKTS trailer that came with it
    recovery_point: bool = False  # H.264, H.265: a keyframe that is neither IDR nor IRAP picture
    repaired: bool = False  # a keyframe that came without parameter sets (AV1: sequence header), here put in
