"""Compatibility of a stream with viewers over WebRTC: which of them would see nothing, or see it badly."""

from dataclasses import dataclass

from ingestd.diagnose.stream_diagnoses import STREAM_DIAGNOSES
from ingestd.diagnose.viewer_diagnoses import DECODED_PROFILES
from ingestd.media.access_unit import CODEC_NAMES, Codec, StreamInfo


@dataclass(frozen=True, slots=True)
class Issue:
    """One reason why viewers would see nothing, or see it badly; `explain.advice` says what to change."""

    reason: str  # a short snake_case word
    seen: str
    case: str = ""  # the codec, where what helps differs from codec to codec
    hides: bool = True  # viewers see nothing; else all or most of them see it, though not as it should be


def _issue(reason: str, case: str = "", *, hides: bool = True) -> Issue:
    """Return the issue whose meaning is all that is seen."""
    return Issue(reason, STREAM_DIAGNOSES[f"{reason}.{case}" if case else reason].means, case, hides)


B_FRAMES = _issue("b_frames", hides=False)
B_FRAMES_REFERRED_TO = _issue("b_frames", case="referred_to", hides=False)
INTERLACED = _issue("interlaced", hides=False)
LAYERS = _issue("layers", hides=False)
NO_PARAMETER_SETS = _issue("no_parameter_sets")
NO_KEYFRAME = _issue("no_keyframe")
RECOVERY_POINTS = _issue("recovery_points")
IGNORES_REQUESTS = _issue("ignores_requests", hides=False)
H265_VIEWERS = _issue("h265_viewers", hides=False)
AV1_VIEWERS = _issue("av1_viewers", hides=False)
VP9_VIEWERS = _issue("vp9_viewers", hides=False)
HDR = _issue("hdr", hides=False)
FULL_RANGE = _issue("full_range", hides=False)

# WebRTC negotiates this level, and viewers decode what says more all the same: their decoders go by the size
# of the picture.
NEGOTIATED_LEVEL = 3.1
# But hardware is built up to this level and may refuse what says more, whatever its size.
HIGHEST_LEVEL = 5.2
# 8192x4352, the most of any level up to 6.2 of H.264, H.265, VP9 and AV1.
MAX_PICTURE_SAMPLES = 35_651_584
# Coded sizes are rounded up to whole blocks, and what is shown of them may be stretched by a pixel or two.
MAX_STRETCH_RATIO = 1.02

# What some viewers lack although nothing is wrong with the stream: another codec would reach all.
_LACKED_BY_SOME = {Codec.H265: H265_VIEWERS, Codec.AV1: AV1_VIEWERS, Codec.VP9: VP9_VIEWERS}


def b_frames_left_out(left_out: int, pictures: int, frame_rate_fps: float | None) -> Issue:
    """Return what becomes of a stream without ``left_out`` of its ``pictures``, ``frame_rate_fps`` in all."""
    left = pictures - left_out
    remain = (
        f"{left} of {pictures} pictures"
        if frame_rate_fps is None
        else f"{left / pictures * frame_rate_fps:.3g} of {frame_rate_fps:.3g} pictures/s"
    )
    seen = (
        "the stream has B-frames, which WebRTC would show too late: as nothing refers to them they are left "
        f"out, and {remain} remain"
    )
    return Issue("b_frames", seen, case="left_out", hides=False)


def issues(info: StreamInfo) -> list[Issue]:
    """Return what in the headers is in the way of viewers; empty when nothing is."""
    found = []
    codec = info.codec
    name = f"{CODEC_NAMES[codec]} {info.profile}".rstrip()
    if (oversized := picture_size(info)) is not None:
        found.append(oversized)
    if info.chroma_format not in ("", "4:2:0"):
        found.append(Issue("chroma_format", f"{name}: chroma is {info.chroma_format}", codec))
    if info.bit_depth > 8:
        found.append(Issue("bit_depth", f"{name}: {info.bit_depth} bits per sample", codec))
    # Chroma and depth say it more plainly where they are the cause.
    if not found and info.profile and info.profile not in DECODED_PROFILES.get(codec, (info.profile,)):
        found.append(Issue("profile", f"{name}: a profile that viewers do not decode", codec))
    if codec is Codec.H264 and info.level and level_number(info.level) > HIGHEST_LEVEL:
        seen = f"{name}: level {info.level}, which hardware decoders may refuse"
        found.append(Issue("level", seen, hides=False))
    if info.interlaced:
        found.append(INTERLACED)
    ratio = info.sample_aspect_ratio
    if not 1 / MAX_STRETCH_RATIO < ratio < MAX_STRETCH_RATIO:
        meant = f"{round(info.width * ratio)}x{info.height}"
        seen = (
            f"the pixels are not square ({ratio.numerator}:{ratio.denominator}): browsers show the "
            f"{info.width}x{info.height} samples as they are, and not as {meant}, so the picture looks "
            f"{'squeezed' if ratio > 1 else 'stretched'}"
        )
        found.append(Issue("sample_aspect_ratio", seen, hides=False))
    if info.hdr:
        found.append(HDR)
    if info.layers > 1:
        found.append(LAYERS)
    return found


def picture_size(info: StreamInfo) -> Issue | None:
    """Return what is wrong with the size of the pictures; None where some level allows it."""
    if info.width * info.height <= MAX_PICTURE_SAMPLES:
        return None
    return Issue("picture_size", f"{CODEC_NAMES[info.codec]}: pictures of {info.width}x{info.height}")


def remarks(info: StreamInfo) -> list[Issue]:
    """Return what some viewers lack or see badly, though nothing is wrong with the stream."""
    found = [_LACKED_BY_SOME[info.codec]] if info.codec in _LACKED_BY_SOME else []
    return [*found, FULL_RANGE] if info.full_range else found


def level_number(name: str) -> float:
    """Return the number of a level of H.264; level 1b has those of level 1, twice as many bits apart."""
    return 1.0 if name == "1b" else float(name)
