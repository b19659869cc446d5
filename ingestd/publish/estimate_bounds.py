"""Start and maximum of WebRTC's bandwidth estimate, written into an SDP answer.

WebRTC takes both from the format parameters of the codec that the answer chooses (x-google-start-bitrate and
x-google-max-bitrate, in kbit/s). Without a start it guesses 300 kbit/s. Without a maximum its first probes
end at 5 Mbit/s; from there the estimate grows by about 8 % a second, and until it suffices pictures wait.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

_VIDEO_CODECS = frozenset({"VP8", "VP9", "AV1", "H264", "H265"})
_RTPMAP = re.compile(r"a=rtpmap:(\d+) (\w+)/90000")
_FMTP = re.compile(r"a=fmtp:(\d+) (.*)")
_MIN, _START, _MAX = "x-google-min-bitrate", "x-google-start-bitrate", "x-google-max-bitrate"
_FLUSHES = "x-ingestd-flushes"  # means nothing to WebRTC, but that the codec's parameters have changed
_OURS = (_MIN, _START, _MAX, _FLUSHES)
# A section in which the server may send, and we do not.
_SPARE = re.compile(r"m=video(?s:.*)^a=sendonly\r?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class EstimateBounds:
    """Where the estimate begins, and what it never exceeds."""

    start_bps: int
    max_bps: int


# The estimate begins a little above what the stream sends, as little has been measured of a new one.
START_RATIO = 1.5
MIN_START_BPS = 1_000_000  # what the SDK begins with
# WebRTC sends at 1.1 times its estimate: with less room than this pictures wait behind keyframes
# (docs/webrtc.md).
MAX_RATIO = 5.0
# Where the configuration names no maximum: a stream that needs little now may need this much later.
MIN_AUTO_BPS = 8_000_000


def bounds_for(tracks: Collection[tuple[float, float | None]]) -> EstimateBounds | None:
    """Return the bounds for the connection that ``tracks`` share; None where there are none.

    Of each track: what it sends now, and what it sends at most by the configuration, in bit/s (None: auto).
    """
    if not tracks:
        return None
    needed_bps = sum(now for now, _ in tracks)
    most_bps = sum(track_max_bps(now, configured) for now, configured in tracks)
    return EstimateBounds(round(min(max(START_RATIO * needed_bps, MIN_START_BPS), most_bps)), round(most_bps))


def corrected(begun: EstimateBounds | None, wanted: EstimateBounds) -> EstimateBounds:
    """Return the bounds for a connection when a track joins it that has ``begun`` with others, None: not yet.

    A new start would have WebRTC begin its estimate again, and throw away what waits in its pacer. It probes
    by itself for what a new track needs, up to the maximum.
    """
    if begun is None:
        return wanted
    return EstimateBounds(begun.start_bps, max(begun.start_bps, wanted.max_bps))


def track_max_bps(needed_bps: float, configured_bps: float | None) -> float:
    """Return the most that a track should ever get: room for keyframes and for growth, in bit/s."""
    return MAX_RATIO * max(needed_bps, MIN_AUTO_BPS if configured_bps is None else configured_bps)


def has_spare_section(sdp: str) -> bool:
    """Whether there is a section for the floor of `with_bounds`."""
    return any(_SPARE.match(section) for section in _sections(sdp))


def with_bounds(
    sdp: str,
    bounds: EstimateBounds,
    ceiling_bps: int | None = None,
    flushes: int = 0,
    floor_bps: int | None = None,
) -> str:
    """Return ``sdp`` with ``bounds`` in the format parameters of every video codec (RFC 4566 6, a=fmtp).

    ``ceiling_bps`` goes into b=AS of the same sections (5.8): a maximum that may change without the codec's
    parameters. ``flushes``: how often what waits in WebRTC was to be thrown away; a parameter that is another
    than in the last answer has WebRTC build its streams anew. ``floor_bps``: what the estimate is to be
    at least, and no more than that; 0: none any more, None: none so far. What the SDP says of them already
    is replaced; everything else stays as it is, line ends included.

    The floor is in a section for what the server sends: WebRTC takes its bounds from whichever section has
    changed last, and there is no stream of ours in that to be built anew. A start beside it would have the
    estimate begin again with every change.
    """
    most = f"{_MAX}={bounds.max_bps // 1000}"
    ours = f"{_START}={bounds.start_bps // 1000};{most}"
    if flushes:
        ours += f";{_FLUSHES}={flushes}"
    lines: list[str] = []
    for section in _sections(sdp):
        if floor_bps is not None and _SPARE.match(section):
            pinned = f"{_MIN}={floor_bps // 1000};{_MAX}={floor_bps // 1000}" if floor_bps else most
            lines += _limited(_video_section(section, pinned), floor_bps or ceiling_bps)
            floor_bps = None  # one section will do
        elif section.startswith("m=video"):
            lines += _limited(_video_section(section, ours), ceiling_bps)
        else:
            lines.append(section)
    return "".join(lines)


def _sections(sdp: str) -> list[str]:
    return re.split(r"(?m)^(?=m=)", sdp)


def _video_section(section: str, ours: str) -> list[str]:
    lines = section.splitlines(keepends=True)
    described = {match[1] for line in lines if (match := _FMTP.match(line))}
    codecs = {match[1] for line in lines if (match := _RTPMAP.match(line)) and match[2] in _VIDEO_CODECS}
    out: list[str] = []
    for line in lines:
        text = line.rstrip("\r\n")
        end = line[len(text) :]
        if (match := _FMTP.match(text)) and match[1] in codecs:
            kept = [p for p in match[2].split(";") if p.strip().partition("=")[0] not in _OURS]
            text = f"a=fmtp:{match[1]} {';'.join([*kept, ours])}"
        out.append(text + end)
        if (match := _RTPMAP.match(text)) and match[1] in codecs - described:
            out.append(f"a=fmtp:{match[1]} {ours}{end}")
    return out


def _limited(section: list[str], ceiling_bps: int | None) -> list[str]:
    if ceiling_bps is None:
        return section
    lines = [line for line in section if not line.startswith("b=AS:")]
    first = next((n for n, line in enumerate(lines) if line.startswith(("k=", "a="))), len(lines))
    return [*lines[:first], f"b=AS:{ceiling_bps // 1000}\r\n", *lines[first:]]
