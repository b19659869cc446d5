"""What the status page says of a stream, in texts ready to be shown."""

from collections.abc import Mapping

from ingestd.media.access_unit import CODEC_NAMES
from ingestd.observe.figures import StreamFigures
from ingestd.observe.history import COLUMNS
from ingestd.observe.sampler import Sample
from ingestd.observe.stream_state import WELL, State

UNKNOWN = "–"


def view(sample: Sample) -> dict[str, str]:
    """Return the texts by the name of their place on the page (``data-field``)."""
    figures = sample.figures
    known = {
        name: None if value != value else value for name, value in zip(COLUMNS, sample.values, strict=True)
    }
    dropped = sum(figures.frames_dropped.values())
    return {
        "state": sample.state.value,
        "reason": sample.reason,
        "picture": _picture(figures),
        "silence": _silence(sample),
        "frame_rate": f"{figures.frame_rate:.1f}" if figures.encoder else UNKNOWN,
        "bitrate": bitrate(figures.bitrate_bps) if figures.encoder else UNKNOWN,
        "target": UNKNOWN if figures.target_bitrate_bps is None else bitrate(figures.target_bitrate_bps),
        "keyframes": UNKNOWN
        if figures.keyframe_interval is None
        else f"every {figures.keyframe_interval:.1f} s",
        "size": size(known["delta_bytes"] or 0),
        "keyframe_size": size(sample.keyframe_bytes),
        "delay": milliseconds(known["delay_s"]),
        "send_delay": milliseconds(known["send_delay_s"]),
        "lost": f"{figures.frames_lost + dropped:,}",
        "lost_why": _why(figures),
        "frozen": f"{figures.frozen:.1f} s",
        "received": f"{sum(figures.frames_received.values()):,}",
        "sent": f"{figures.frames_sent:,}",
        "waiting": f"{figures.backlog * 1000:.0f} ms, {figures.frames_held} pictures",
        "encoder": f"{figures.encoder or 'not connected'} {figures.encoder_name}".strip(),
        "source": figures.source,
        "room": figures.room,
        "track": figures.track,
        "viewers": f"{figures.viewers}",
        "feedback": _feedback(figures.feedback_messages),
        "remarks": " ".join(figures.remarks) or "none",
    }


def bitrate(bits_per_second: float) -> str:
    """``bits_per_second`` in the unit that suits it."""
    if bits_per_second >= 1e6:
        return f"{bits_per_second / 1e6:.2f} Mbit/s"
    return f"{bits_per_second / 1e3:.0f} kbit/s"


def size(size_bytes: float) -> str:
    """``size_bytes`` in the unit that suits it."""
    if size_bytes >= 1e6:
        return f"{size_bytes / 1e6:.2f} MB"
    return f"{size_bytes / 1e3:.1f} kB" if size_bytes else UNKNOWN


def milliseconds(seconds: float | None) -> str:
    """``seconds`` in milliseconds."""
    if seconds is None:
        return UNKNOWN
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds * 1000:.0f} ms"


def _silence(sample: Sample) -> str:
    """Of a live stream the page shows what it is, not the reason, which may say that nothing comes."""
    return sample.reason if sample.state is State.LIVE and sample.reason != WELL else ""


def _picture(figures: StreamFigures) -> str:
    if not figures.codec:
        return UNKNOWN
    codec = CODEC_NAMES.get(figures.codec, figures.codec)
    return f"{codec} {figures.profile}".strip() + (
        f", {figures.size.replace('x', '×')}" if figures.size else ""
    )


def _why(figures: StreamFigures) -> str:
    reasons = {reason.replace("_", " "): count for reason, count in figures.frames_dropped.items() if count}
    if figures.frames_lost:
        reasons["in WebRTC"] = figures.frames_lost
    return ", ".join(f"{why} {count:,}" for why, count in sorted(reasons.items(), key=lambda one: -one[1]))


def _feedback(messages: Mapping[str, Mapping[str, int]]) -> str:
    sent = sum(results["sent"] for results in messages.values())
    lost = sum(sum(results.values()) for results in messages.values()) - sent
    return f"{sent:,} messages sent, {lost:,} lost" if sent or lost else "none"
