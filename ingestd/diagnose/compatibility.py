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


def _issue(reason: str, *, hides: bool = True) -> Issue:
    """Return the issue whose meaning is all that is seen."""
    return Issue(reason, STREAM_DIAGNOSES[reason].means, hides=hides)


B_FRAMES = _issue("b_frames", hides=False)
INTERLACED = _issue("interlaced", hides=False)
LAYERS = _issue("layers", hides=False)
NO_PARAMETER_SETS = _issue("no_parameter_sets")
NO_KEYFRAME = _issue("no_keyframe")
RECOVERY_POINTS = _issue("recovery_points")
IGNORES_REQUESTS = _issue("ignores_requests", hides=False)
H265_VIEWERS = _issue("h265_viewers", hides=False)

# WebRTC negotiates level 3.1, and viewers decode what says more all the same: their decoders go by the size
# of the picture. But hardware is built up to this level and may refuse what says more, whatever its size.
HIGHEST_LEVEL = 5.2


def issues(info: StreamInfo) -> list[Issue]:
    """Return what in the headers is in the way of viewers; empty when nothing is."""
    found = []
    codec = info.codec
    name = f"{CODEC_NAMES[codec]} {info.profile}".rstrip()
    if info.chroma_format not in ("", "4:2:0"):
        found.append(Issue("chroma_format", f"{name}: chroma is {info.chroma_format}", codec))
    if info.bit_depth > 8:
        found.append(Issue("bit_depth", f"{name}: {info.bit_depth} bits per sample", codec))
    # Chroma and depth say it more plainly where they are the cause.
    if not found and info.profile and info.profile not in DECODED_PROFILES.get(codec, (info.profile,)):
        found.append(Issue("profile", f"{name}: a profile that viewers do not decode", codec))
    if codec is Codec.H264 and info.level and _level(info.level) > HIGHEST_LEVEL:
        seen = f"{name}: level {info.level}, which hardware decoders may refuse"
        found.append(Issue("level", seen, hides=False))
    if info.interlaced:
        found.append(INTERLACED)
    if info.layers > 1:
        found.append(LAYERS)
    return found


def _level(name: str) -> float:
    return 1.0 if name == "1b" else float(name)
