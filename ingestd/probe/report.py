"""Report of a probe as text for a terminal, or as JSON."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from textwrap import wrap

from ingestd.diagnose.compatibility import NEGOTIATED_LEVEL, Issue, level_number
from ingestd.diagnose.explain import advice, fields
from ingestd.media.access_unit import CODEC_NAMES, Codec, Format
from ingestd.probe.report_model import Report, With
from ingestd.probe.running_statistics import Column

WIDTH_COLUMNS = 80
PLOT_HEIGHT_LINES = 5
_BARS = " ▁▂▃▄▅▆▇█"
_STEPS_PER_LINE = len(_BARS) - 1

_TO_COPY = re.compile("`[^`]+`")
_NO_BREAK_SPACE = "\xa0"

_FORMATS = {
    Format.ANNEXB: "Annex-B byte stream",
    Format.LENGTH_PREFIXED: "NAL units with 4-byte lengths",
    Format.IVF: "IVF",
    Format.OBU: "OBUs",
}
_PARAMETER_SET_NAMES = {
    Codec.H264: "SPS, PPS",
    Codec.H265: "VPS, SPS, PPS",
    Codec.AV1: "sequence header",
}
_DELIMITERS = {
    With.EVERY: "before every picture",
    With.SOME: "before some pictures",
    With.NONE: "none",
}
_PARAMETER_SETS = {
    With.EVERY: "in band, with every keyframe",
    With.FIRST: "in band, with the first keyframe only: ingestd adds them to the others",
    With.SOME: "in band, with some keyframes: ingestd adds them to the others",
    With.NONE: "not in band",
}


def as_json(source: str, findings: Report) -> str:
    """One object: ``source`` and the fields of `Report`; issues and remarks as the log says them."""
    issues = [fields(issue) | {"hides": issue.hides} for issue in findings.issues]
    remarks = [fields(remark) for remark in findings.remarks]
    said = {"source": source} | asdict(findings) | {"issues": issues, "remarks": remarks}
    return json.dumps(said, indent=2)


def as_text(source: str, findings: Report) -> str:
    """At most 80 columns wide, but for a long ``source``; the verdict last."""
    seconds = "" if findings.seconds is None else f", {_seconds(findings.seconds)}"
    facts = list(_facts(findings))
    lines = [f"{source}: {_count(findings.pictures, 'picture')}{seconds}", ""]
    label_width = max(len(label) for label, _ in facts)
    for label, value in facts:
        lines += _hang(f"  {label:<{label_width}}  ", value)
    lines += ["", *_indented(_plot(findings)), ""]
    for fault in findings.faults:
        times = f"{fault.count} times: " if fault.count > 1 else ""
        lines += _hang("! ", f"{times}{fault.message}")
    return "\n".join([*lines, *_verdict(findings)])


def _facts(findings: Report) -> Iterator[tuple[str, str]]:
    profile = f" {findings.profile}" if findings.profile else ""
    level = f", level {findings.level}" if findings.level else ""
    negotiated = f"; {said}" if (said := _negotiated(findings)) else ""
    yield "codec", f"{CODEC_NAMES[findings.codec]}{profile}{level}{negotiated}"
    if findings.width is not None:
        size = f"{findings.width}x{findings.height}"
        interlaced = ", interlaced" if findings.interlaced else ""
        yield "picture", f"{size}, {findings.chroma_format}, {findings.bit_depth} bits{interlaced}"
    else:
        yield "picture", "unknown: no headers seen"
    if layers := _layers(findings):
        yield "layers", layers
    if findings.header_changes:
        yield "headers", f"changed {_times(findings.header_changes)}; this is what they said last"
    yield "rate", _rate(findings)
    yield "bitrate", _bitrate(findings)
    yield "keyframes", _keyframes(findings)
    if findings.b_frames is not None:
        share = f"{findings.b_frames} of {_count(findings.pictures, 'picture')}"
        depth = f"; reorder depth {findings.reorder_depth}" if findings.reorder_depth else ""
        pyramid = f", {findings.b_frames_referred_to} referred to" if findings.b_frames_referred_to else ""
        yield "B-frames", f"{share + pyramid if findings.b_frames else 'none'}{depth}"
    if findings.slices_least is not None:
        least, most = findings.slices_least, findings.slices_most
        yield "slices", f"{least} per picture" if least == most else f"{least} to {most} per picture"
    if findings.parameter_sets is not None:
        yield _PARAMETER_SET_NAMES[findings.codec], _PARAMETER_SETS[findings.parameter_sets]
    if findings.access_unit_delimiters is not None:
        yield "delimiters", _DELIMITERS[findings.access_unit_delimiters]
    yield "format", _FORMATS[findings.format]
    if findings.reads_per_picture is not None:
        yield "writes", f"{findings.reads_per_picture:.1f} per picture, as they were read"


def _negotiated(findings: Report) -> str:
    """Say what becomes of an H.264 level above the one that WebRTC negotiates."""
    if findings.codec is not Codec.H264 or findings.level is None or findings.issues:
        return ""
    above = level_number(findings.level) > NEGOTIATED_LEVEL
    return (
        f"WebRTC negotiates {NEGOTIATED_LEVEL}, and viewers decode this level all the same" if above else ""
    )


def _layers(findings: Report) -> str:
    counts = [(findings.layers, "in each picture"), (findings.temporal_layers, "temporal")]
    return ", ".join(f"{count} {what}" for count, what in counts if count is not None and count > 1)


def _rate(findings: Report) -> str:
    measured, declared = findings.measured_frame_rate, findings.declared_frame_rate
    if measured is None and declared is None:
        return "unknown: neither timestamps nor headers say it"
    if measured is None:
        return f"{declared:.4g} pictures/s declared"
    said = "none" if declared is None else f"{declared:.4g}"
    return f"{measured:.4g} pictures/s measured, {said} declared"


def _bitrate(findings: Report) -> str:
    sizes = [(findings.keyframe_bytes, "keyframe"), (findings.delta_bytes, "other picture")]
    mean = ", ".join(f"{_bytes(size)} per {what}" for size, what in sizes if size is not None)
    if findings.bitrate_bps is None:
        return f"unknown; {mean}"
    return f"{_bitrate_of(findings.bitrate_bps)}; {mean}"


def _keyframes(findings: Report) -> str:
    if not findings.keyframes:
        return "none"
    late = findings.pictures_before_keyframe
    before = f"; {_count(late, 'picture')} before the first" if late else ""
    if points := findings.recovery_points:
        which = "all" if points == findings.keyframes else f"{points} of {findings.keyframes}"
        before += f"; {which} by recovery point, not IDR"
    if findings.gop_mean is None:
        return f"a single one{before}"
    if findings.gop_shortest == findings.gop_longest:
        every = f"every {_count(findings.gop_longest or 0, 'picture')}"
    else:
        every = f"every {findings.gop_shortest} to {findings.gop_longest} pictures"
    seconds = "" if findings.gop_seconds is None else f", {_seconds(findings.gop_seconds)}"
    return f"{every}{seconds}{before}"


def plot(columns: Sequence[Column], top: str) -> list[str]:
    """Draw them as lines above an axis that marks keyframes; ``top`` says how large the largest is.

    Every picture is seen, however small.
    """
    largest = max(column.largest for column in columns)
    steps = PLOT_HEIGHT_LINES * _STEPS_PER_LINE
    heights = [max(1, round(column.largest / largest * steps)) for column in columns]
    lines: list[str] = []
    for below in range(steps - _STEPS_PER_LINE, -1, -_STEPS_PER_LINE):
        bars = "".join(_BARS[min(max(height - below, 0), _STEPS_PER_LINE)] for height in heights)
        label = "" if lines else top
        lines.append(f"{label:>{len(top)}} │{bars}".rstrip())
    axis = "".join("▲" if column.keyframe else "─" for column in columns)
    return [*lines, f"{'0':>{len(top)}} └{axis}"]


def _plot(findings: Report) -> list[str]:
    largest = _bytes(max(column.largest for column in findings.curve))
    lines = plot(findings.curve, largest)
    legend = "▲ keyframe" if findings.keyframes else ""
    if findings.pictures_per_column > 1:
        legend += f"{'; ' if legend else ''}a column: the largest of {findings.pictures_per_column} pictures"
    return [*lines, " " * (len(largest) + 2) + legend] if legend else lines


def _verdict(findings: Report) -> list[str]:
    if not findings.issues:
        return ["WebRTC will show it.", *_listed(findings.remarks)]
    hidden = any(issue.hides for issue in findings.issues)
    verdict = "WebRTC will not show it:" if hidden else "WebRTC will not show it well:"
    return [verdict, *_listed([*findings.issues, *findings.remarks])]


def _listed(issues: Sequence[Issue]) -> list[str]:
    lines: list[str] = []
    for issue in issues:
        lines += _hang("  - ", issue.seen)
        lines += [line for cure in advice(issue) for line in _hang("    → ", cure)]
    return lines


def _hang(head: str, text: str) -> list[str]:
    """``text`` behind ``head``, its further lines below the first."""
    # What stands in backticks is for copying, and wrap() breaks lines at no other than the plain space.
    whole = _TO_COPY.sub(lambda code: code[0].replace(" ", _NO_BREAK_SPACE), text)
    lines = wrap(
        whole,
        WIDTH_COLUMNS,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_NO_BREAK_SPACE, " ") for line in lines]


def _indented(lines: list[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _seconds(seconds: float) -> str:
    if seconds < 0.9995:
        return f"{seconds * 1e3:.0f} ms"
    return f"{seconds:.3g} s" if seconds < 100 else f"{seconds:.0f} s"


def _bytes(number: float) -> str:
    if number < 1000:
        return f"{number:.0f} B"
    return f"{number / 1e3:.3g} kB" if number < 999.5e3 else f"{number / 1e6:.3g} MB"


def _bitrate_of(bits_per_second: float) -> str:
    if bits_per_second < 999.5e3:
        return f"{bits_per_second / 1e3:.3g} kbit/s"
    return f"{bits_per_second / 1e6:.3g} Mbit/s"
