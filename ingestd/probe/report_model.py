"""Report of a probe as data; the names of the fields are those of the JSON, and stay."""

from dataclasses import dataclass
from enum import StrEnum

from ingestd.diagnose.compatibility import Issue
from ingestd.media.access_unit import Codec, Format
from ingestd.probe.running_statistics import Column


class With(StrEnum):
    """Which pictures, or keyframes, come with something."""

    EVERY = "every"
    FIRST = "first"  # only
    SOME = "some"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with the stream that did not end it."""

    reason: str  # a short snake_case word
    count: int
    message: str  # of the first


@dataclass(frozen=True, slots=True)
class Report:
    """A stream that was understood; None where it does not tell, or the question does not arise."""

    codec: Codec
    format: Format
    profile: str | None
    level: str | None
    width: int | None  # luma samples, as are those of the height
    height: int | None
    chroma_format: str | None  # e.g. "4:2:0"
    bit_depth: int | None
    interlaced: bool | None  # pictures may be fields, or frames woven of two
    reorder_depth: int | None  # pictures that may be sent before one shown earlier
    layers: int | None  # spatial layers or views
    temporal_layers: int | None
    header_changes: int  # how often the above, or the declared frame rate, did

    pictures: int
    bytes: int  # of all pictures, without the container
    seconds: float | None  # from the first picture to the end of the last
    measured_frame_rate: float | None  # per second; of a file by its timestamps, else by arrival
    declared_frame_rate: float | None  # per second
    bitrate_bps: float | None  # at the measured frame rate, or else the declared one

    keyframes: int
    recovery_points: int | None  # how many of them are so by recovery point SEI alone; H.264, H.265
    keyframe_bytes: float | None  # mean
    delta_bytes: float | None  # mean of the other pictures
    pictures_before_keyframe: int | None  # the first one
    gop_shortest: int | None  # pictures from one keyframe to the next
    gop_longest: int | None
    gop_mean: float | None
    gop_seconds: float | None  # mean
    b_frames: int | None  # pictures that are shown before one that was sent earlier
    b_frames_referred_to: int | None  # of those, to which others may refer (b-pyramid)
    slices_least: int | None  # per picture
    slices_most: int | None
    access_unit_delimiters: With | None  # which pictures begin with one
    parameter_sets: With | None  # which keyframes come with them (AV1: with a sequence header)
    reads_per_picture: float | None  # of the socket: about what the encoder writes

    curve: tuple[Column, ...]
    pictures_per_column: int
    faults: tuple[Fault, ...]
    issues: tuple[Issue, ...]  # to viewers over WebRTC; none: they will see it
    remarks: tuple[Issue, ...] = ()  # what some viewers lack, though nothing is wrong
