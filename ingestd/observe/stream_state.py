"""State of a stream in one word, and why in plain words: waiting, starting, live, degraded, frozen, failed.

Pure: the figures of a stream and what its counters did of late in, a state out. The status page,
/api/streams and `ingestd top` say the same.
"""

from dataclasses import dataclass
from enum import StrEnum

from ingestd.observe.figures import StreamFigures

# Longer than it takes to join a room and publish, also on a busy machine: what is not up by then needs help.
STARTING_S = 10.0
# A picture that stands for less is a hiccup, and counted as a loss.
FROZEN_S = 3.0
# A stream that sends pictures seldom may pause for this many of its usual intervals.
FROZEN_INTERVALS = 4.0
# Losses are told for this long.
RECENT_S = 10.0
# Viewers notice a wait of this length, in WebRTC or before it.
LATE_S = 0.2
# WebRTC knows no link after a silence, and lets a picture wait: only a wait that lasts is the link's.
SLOW_LINK_S = 2.0
WELL = "every picture is on its way to viewers"
# The reasons of losses in words; the others are said as they are.
_WHY_LOST = {
    "congested": "the link is slower than the stream",
    "backlog": "they came in a burst, or the room was away, for longer than max_backlog",
    "after_loss": "no keyframe has come since one was lost",
    "queue_full": "more waited than may be held",
    "rejected": "the LiveKit SDK refused them",
    "in WebRTC": "WebRTC was too busy, or the link too slow",
}


class State(StrEnum):
    """What a stream is doing; the order is that of the page's filters, what needs a person first."""

    FAILED = "failed"  # it will not get better by itself: something must be changed
    FROZEN = "frozen"  # viewers look at a picture that does not move
    DEGRADED = "degraded"  # viewers see it, though not as it should be
    STARTING = "starting"  # an encoder is connected, and viewers see nothing yet
    WAITING = "waiting"  # no encoder is connected
    LIVE = "live"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """What the counters of a stream did of late; ages in seconds, None where it has not been."""

    encoder_s: float = 0.0  # since the encoder connected
    up_ago_s: float | None = None  # since the stream was up with this encoder
    received_ago_s: float | None = None  # since a picture came from this encoder
    sent_ago_s: float | None = None  # since a picture left WebRTC while this encoder was connected
    slow_s: float = 0.0  # for which pictures have come without a pause, and waited in WebRTC for over LATE_S
    interval_s: float = 0.0  # usual time between two pictures; 0 where not known
    received_pictures: int = 0  # within RECENT_S, as all below
    lost_pictures: int = 0  # dropped or lost in WebRTC, and missed by viewers
    lost_why: str = ""  # the reason of most of them
    refused_pictures: int = 0  # of a codec that is not published


def state_of(figures: StreamFigures, recent: Recent) -> tuple[State, str]:
    """Return the state of a stream, and why, as a sentence without capital and full stop."""
    problem = _first_problem(figures)
    if not figures.encoder:
        return _without_encoder(figures, problem)
    if figures.unwatchable or recent.refused_pictures:
        return State.FAILED, f"viewers see nothing: {problem or 'they cannot decode what the encoder sends'}"
    if not figures.up:
        return _not_up(recent, problem)
    if recent.received_ago_s is None:
        return State.STARTING, "the encoder is connected and has not sent a picture yet"
    return _up(figures, recent, problem)


def _without_encoder(figures: StreamFigures, problem: str) -> tuple[State, str]:
    if figures.fault:
        return State.FAILED, problem
    where = (
        f"dialling the encoder at {figures.source}" if figures.dials else f"no encoder at {figures.source}"
    )
    came = figures.encoder_connections.get("accepted", 0)
    why = problem or ("the last one has left" if came else "none has come yet")
    return State.WAITING, f"{where}; {why}"


def _not_up(recent: Recent, problem: str) -> tuple[State, str]:
    if recent.up_ago_s is not None and recent.up_ago_s < STARTING_S:
        return State.FROZEN, problem or "the track is not published any more"
    if recent.encoder_s < STARTING_S:
        if recent.received_ago_s is None:
            return State.STARTING, "the encoder is connected and has not sent a picture yet"
        return State.STARTING, problem or "the first picture is on its way to the room"
    if recent.received_ago_s is None:
        return State.FAILED, problem or f"no picture within {_how_long(recent.encoder_s)} of the connection"
    return State.FAILED, problem or "the track is not published"


def _up(figures: StreamFigures, recent: Recent, problem: str) -> tuple[State, str]:
    assert recent.received_ago_s is not None
    patience_s = max(FROZEN_S, FROZEN_INTERVALS * recent.interval_s)
    sent_ago_s = recent.encoder_s if recent.sent_ago_s is None else recent.sent_ago_s
    if sent_ago_s > patience_s + recent.received_ago_s:
        if recent.sent_ago_s is None and recent.encoder_s < STARTING_S:
            return State.STARTING, "the first picture is on its way to viewers"
        why = problem or _lost(recent) or "WebRTC sends none of the pictures"
        return State.FROZEN, f"no picture has left for viewers for {_how_long(sent_ago_s)}: {why}"
    late_ms = (figures.send_delay_s or 0.0) * 1000
    if recent.lost_pictures:
        return State.DEGRADED, _lost(recent)
    if recent.slow_s >= SLOW_LINK_S:
        return State.DEGRADED, f"pictures wait {late_ms:.0f} ms in WebRTC: the link is slower than the stream"
    if figures.backlog > LATE_S and not figures.paced:
        waits = f"pictures wait {figures.backlog * 1000:.0f} ms before WebRTC gets them"
        return State.DEGRADED, f"{waits}: they came in a burst, or the room was away"
    if problem:
        return State.DEGRADED, problem
    if recent.received_ago_s > patience_s:
        # As of a screen on which nothing moves; a dead encoder's connection ends.
        return State.LIVE, f"the encoder has sent nothing for {_how_long(recent.received_ago_s)}"
    return State.LIVE, WELL


def _how_long(seconds: float) -> str:
    """In the largest unit of which there are two, rounded down: by it a person at night knows since when."""
    for unit_s, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * unit_s:
            return f"{seconds // unit_s:.0f} {unit}"
    return f"{seconds:.0f} s"


def _lost(recent: Recent) -> str:
    if not recent.lost_pictures:
        return ""
    # Replays and pictures of before the window may make it more than were received.
    of = max(recent.received_pictures, recent.lost_pictures)
    why = _WHY_LOST.get(recent.lost_why, recent.lost_why.replace("_", " "))
    missed = f"viewers missed {recent.lost_pictures} of {of} pictures in the last {RECENT_S:.0f} s"
    return f"{missed}: {why}" if why else missed


def _first_problem(figures: StreamFigures) -> str:
    """What is wrong, without the advice: that stands below."""
    if not figures.problems:
        return ""
    return figures.problems[0].removeprefix(f"{figures.name}: ").partition("; ")[0]
