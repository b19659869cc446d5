"""States of the delivery and of its gate: their events, and what follows from each (see `state_table`)."""

from enum import Enum


class State(Enum):
    """What is submitted to WebRTC."""

    NO_TRACK = "Nothing is submitted: there is no track. The pictures since the last keyframe wait."
    PROBING = "whether WebRTC encodes is not known yet. Only the keyframe is submitted, repeatedly."
    LIVE = "Every picture is submitted when it is due."
    REPLAY_PENDING = "As LIVE, and a replay begins as soon as it may."
    REPLAY = "The pictures of the GOP are submitted again; newer ones wait."
    TORN_REPLAY = "As REPLAY, but viewers miss a picture of the GOP all the same."
    DRAINING = "What waits in WebRTC is too late: nothing is submitted until that has left."
    HELD_BACK = (
        "WebRTC encodes nothing up to a keyframe. Pictures wait for one, or for a link that carries all."
    )
    BLOCKED = "Viewers miss a picture. Nothing is submitted until a replay begins or a keyframe is due."


class Event(Enum):
    """What happens to the track, to a replay, or to a picture on its way."""

    OPENED = "the track is published, or published again"
    ENCODING = "WebRTC has encoded a picture"
    CLOSED = "the track is gone"
    REPLAY_WANTED = "a viewer waits for a keyframe"
    PICTURE_MISSING = "WebRTC refused a picture, or was given a part of one"
    REPLAY_BEGUN = "the GOP is submitted again from now on"
    REPLAY_ENDED = "the whole GOP has been submitted again"
    KEYFRAME = "a keyframe is due, or is waited for, that serves as well as a replay"
    CONGESTION = "pictures have waited too long, in WebRTC too"
    DRAINED = "what waited in WebRTC has left"
    HELD_BACK = "WebRTC has left out a picture for a slow link, and then all that refer to it"


class GateState(Enum):
    """Whether received pictures are taken in."""

    SHUT = "What a received picture refers to is missing: only a keyframe is taken in."
    OPEN = "Every picture is taken in."


class GateEvent(Enum):
    """What opens and shuts the gate."""

    KEYFRAME = "a keyframe is received"
    LOSS = "a picture was dropped, or another encoder begins"


DELIVERY: dict[State, dict[Event, State]] = {
    State.NO_TRACK: {
        Event.OPENED: State.PROBING,
        Event.ENCODING: State.NO_TRACK,
        Event.CLOSED: State.NO_TRACK,
        Event.REPLAY_WANTED: State.NO_TRACK,
        Event.PICTURE_MISSING: State.NO_TRACK,
    },
    State.PROBING: {
        Event.OPENED: State.PROBING,
        Event.ENCODING: State.LIVE,
        Event.CLOSED: State.NO_TRACK,
        Event.REPLAY_WANTED: State.PROBING,
        Event.PICTURE_MISSING: State.PROBING,
    },
    State.LIVE: {
        Event.OPENED: State.PROBING,
        Event.ENCODING: State.LIVE,
        Event.CLOSED: State.NO_TRACK,
        Event.REPLAY_WANTED: State.REPLAY_PENDING,
        Event.PICTURE_MISSING: State.BLOCKED,
        Event.REPLAY_BEGUN: State.REPLAY,
        Event.KEYFRAME: State.LIVE,
        Event.CONGESTION: State.DRAINING,
        Event.HELD_BACK: State.HELD_BACK,
    },
    State.REPLAY_PENDING: {
        Event.OPENED: State.PROBING,
        Event.ENCODING: State.REPLAY_PENDING,
        Event.CLOSED: State.NO_TRACK,
        Event.REPLAY_WANTED: State.REPLAY_PENDING,
        Event.PICTURE_MISSING: State.BLOCKED,
        Event.REPLAY_BEGUN: State.REPLAY,
        Event.KEYFRAME: State.LIVE,
        Event.CONGESTION: State.DRAINING,
        Event.HELD_BACK: State.HELD_BACK,
    },
    State.REPLAY: {
        Event.OPENED: State.PROBING,
        Event.ENCODING: State.REPLAY,
        Event.CLOSED: State.NO_TRACK,
        Event.REPLAY_WANTED: State.REPLAY,
        Event.PICTURE_MISSING: State.TORN_REPLAY,
        Event.REPLAY_BEGUN: State.REPLAY,
        Event.REPLAY_ENDED: State.LIVE,
        Event.KEYFRAME: State.LIVE,
        Event.HELD_BACK: State.HELD_BACK,
    },
    State.TORN_REPLAY: {
        Event.OPENED: State.PROBING,
        Event.ENCODING: State.TORN_REPLAY,
        Event.CLOSED: State.NO_TRACK,
        Event.REPLAY_WANTED: State.TORN_REPLAY,
        Event.PICTURE_MISSING: State.TORN_REPLAY,
        Event.REPLAY_BEGUN: State.REPLAY,
        Event.REPLAY_ENDED: State.BLOCKED,
        Event.KEYFRAME: State.LIVE,
        Event.HELD_BACK: State.HELD_BACK,
    },
    State.DRAINING: {
        Event.OPENED: State.PROBING,
        Event.ENCODING: State.DRAINING,
        Event.CLOSED: State.NO_TRACK,
        Event.REPLAY_WANTED: State.DRAINING,
        Event.DRAINED: State.LIVE,
    },
    State.HELD_BACK: {
        Event.OPENED: State.PROBING,
        Event.ENCODING: State.HELD_BACK,
        Event.CLOSED: State.NO_TRACK,
        Event.REPLAY_WANTED: State.HELD_BACK,
        Event.PICTURE_MISSING: State.HELD_BACK,
        Event.REPLAY_BEGUN: State.REPLAY,
        Event.KEYFRAME: State.LIVE,
        Event.HELD_BACK: State.HELD_BACK,
    },
    State.BLOCKED: {
        Event.OPENED: State.PROBING,
        Event.ENCODING: State.BLOCKED,
        Event.CLOSED: State.NO_TRACK,
        Event.REPLAY_WANTED: State.BLOCKED,
        Event.PICTURE_MISSING: State.BLOCKED,
        Event.REPLAY_BEGUN: State.REPLAY,
        Event.KEYFRAME: State.LIVE,
    },
}

GATE: dict[GateState, dict[GateEvent, GateState]] = {
    GateState.SHUT: {GateEvent.KEYFRAME: GateState.OPEN, GateEvent.LOSS: GateState.SHUT},
    GateState.OPEN: {GateEvent.KEYFRAME: GateState.OPEN, GateEvent.LOSS: GateState.SHUT},
}

# WebRTC does not encode: viewers have seen nothing of this track.
NOT_ENCODING = (State.NO_TRACK, State.PROBING)
REPLAYING = (State.REPLAY, State.TORN_REPLAY)
# Pictures are submitted as they come.
SUBMITTING = (State.LIVE, State.REPLAY_PENDING)
# Viewers miss a picture: until they get it, or a keyframe, what follows is of no use to them.
INCOMPLETE = (State.TORN_REPLAY, State.HELD_BACK, State.BLOCKED)
