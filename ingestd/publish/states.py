"""States of a track and of a room connection: their events, and what follows from each (`state_table`)."""

from collections.abc import Mapping
from enum import Enum
from typing import Any


class TrackState(Enum):
    """How far a track has come in the room."""

    NO_ROOM = "There is no room to publish in."
    IN_ROOM = "There is a room, and the stream is not described yet."
    PUBLISHING = "The track is published and negotiated; after a failure, once again."
    OPEN = "The track is negotiated, and WebRTC has encoded no picture yet."
    RUNNING = "WebRTC encodes."
    INTERRUPTED = "The SDK reconnects, or the server has forbidden to publish: what is submitted is lost."
    MUTED = "An administrator has muted the track. It stays in the room, and nothing is submitted."
    MUTED_INTERRUPTED = "As INTERRUPTED, and the track is muted."


class TrackEvent(Enum):
    """What happens to the room, the stream, or the track in the room."""

    ROOM_JOINED = "the room is joined"
    ROOM_GONE = "the room is lost, or the track is closed"
    INTERRUPTED = "the connection is interrupted, or publishing forbidden"
    RESUMED = "the SDK has reconnected"
    DESCRIBED = "the stream is known, or its codec has changed"
    OPENED = "the track is negotiated"
    ENCODING = "WebRTC has encoded the first picture"
    FAILED = "the track was refused, or has stalled"
    MUTED = "the track is muted in the room"
    UNMUTED = "the track is unmuted in the room"


class RoomState(Enum):
    """Whether the participant is in the room."""

    OUT = "Not needed, closed, or waiting for the next try to join."
    JOINING = "The SDK connects to the server."
    JOINED = "The participant is in the room."
    RECONNECTING = "The SDK reconnects by itself."
    FORBIDDEN = "In the room, without the right to publish: waiting until it is given back."
    WAITING_FOR_IDENTITY = "Another participant has taken our identity: waiting until it leaves."


class RoomEvent(Enum):
    """What we do, the SDK tells, or the server decides."""

    JOIN = "a try to join begins"
    JOINED = "the room is joined"
    INTERRUPTED = "the SDK reconnects"
    RESUMED = "the SDK has reconnected"
    FORBIDDEN = "the server has taken the right to publish away"
    LEFT = "the room was not joined, is lost, or is left"
    IDENTITY_TAKEN = "another participant has our identity"
    CLOSED = "the connection is given up"


# The SDK may tell that it has reconnected without having told that it lost the connection.
TRACK: dict[TrackState, dict[TrackEvent, TrackState]] = {
    TrackState.NO_ROOM: {
        TrackEvent.ROOM_JOINED: TrackState.IN_ROOM,
        TrackEvent.ROOM_GONE: TrackState.NO_ROOM,
        TrackEvent.DESCRIBED: TrackState.NO_ROOM,
    },
    TrackState.IN_ROOM: {
        TrackEvent.ROOM_GONE: TrackState.NO_ROOM,
        TrackEvent.INTERRUPTED: TrackState.INTERRUPTED,
        TrackEvent.RESUMED: TrackState.IN_ROOM,
        TrackEvent.DESCRIBED: TrackState.PUBLISHING,
    },
    TrackState.PUBLISHING: {
        TrackEvent.ROOM_GONE: TrackState.NO_ROOM,
        TrackEvent.INTERRUPTED: TrackState.INTERRUPTED,
        TrackEvent.RESUMED: TrackState.PUBLISHING,
        TrackEvent.DESCRIBED: TrackState.PUBLISHING,
        TrackEvent.OPENED: TrackState.OPEN,
        TrackEvent.FAILED: TrackState.PUBLISHING,
        TrackEvent.MUTED: TrackState.MUTED,
    },
    TrackState.OPEN: {
        TrackEvent.ROOM_GONE: TrackState.NO_ROOM,
        TrackEvent.INTERRUPTED: TrackState.INTERRUPTED,
        TrackEvent.RESUMED: TrackState.PUBLISHING,
        TrackEvent.DESCRIBED: TrackState.PUBLISHING,
        TrackEvent.ENCODING: TrackState.RUNNING,
        TrackEvent.FAILED: TrackState.PUBLISHING,
        TrackEvent.MUTED: TrackState.MUTED,
    },
    TrackState.RUNNING: {
        TrackEvent.ROOM_GONE: TrackState.NO_ROOM,
        TrackEvent.INTERRUPTED: TrackState.INTERRUPTED,
        TrackEvent.RESUMED: TrackState.PUBLISHING,
        TrackEvent.DESCRIBED: TrackState.PUBLISHING,
        TrackEvent.FAILED: TrackState.PUBLISHING,
        TrackEvent.MUTED: TrackState.MUTED,
    },
    TrackState.INTERRUPTED: {
        TrackEvent.ROOM_GONE: TrackState.NO_ROOM,
        TrackEvent.INTERRUPTED: TrackState.INTERRUPTED,
        TrackEvent.RESUMED: TrackState.IN_ROOM,
        TrackEvent.DESCRIBED: TrackState.INTERRUPTED,
        TrackEvent.MUTED: TrackState.MUTED_INTERRUPTED,
    },
    TrackState.MUTED: {
        TrackEvent.ROOM_GONE: TrackState.NO_ROOM,
        TrackEvent.INTERRUPTED: TrackState.MUTED_INTERRUPTED,
        TrackEvent.RESUMED: TrackState.MUTED,
        TrackEvent.DESCRIBED: TrackState.MUTED,
        TrackEvent.UNMUTED: TrackState.IN_ROOM,
    },
    TrackState.MUTED_INTERRUPTED: {
        TrackEvent.ROOM_GONE: TrackState.NO_ROOM,
        TrackEvent.INTERRUPTED: TrackState.MUTED_INTERRUPTED,
        TrackEvent.RESUMED: TrackState.MUTED,
        TrackEvent.DESCRIBED: TrackState.MUTED_INTERRUPTED,
        TrackEvent.UNMUTED: TrackState.INTERRUPTED,
    },
}

ROOM: dict[RoomState, dict[RoomEvent, RoomState]] = {
    RoomState.OUT: {
        RoomEvent.JOIN: RoomState.JOINING,
        RoomEvent.IDENTITY_TAKEN: RoomState.WAITING_FOR_IDENTITY,
        RoomEvent.CLOSED: RoomState.OUT,
    },
    RoomState.JOINING: {
        RoomEvent.JOINED: RoomState.JOINED,
        RoomEvent.LEFT: RoomState.OUT,
    },
    RoomState.JOINED: {
        RoomEvent.INTERRUPTED: RoomState.RECONNECTING,
        RoomEvent.RESUMED: RoomState.JOINED,
        RoomEvent.FORBIDDEN: RoomState.FORBIDDEN,
        RoomEvent.LEFT: RoomState.OUT,
    },
    RoomState.RECONNECTING: {
        RoomEvent.INTERRUPTED: RoomState.RECONNECTING,
        RoomEvent.RESUMED: RoomState.JOINED,
        RoomEvent.FORBIDDEN: RoomState.FORBIDDEN,
        RoomEvent.LEFT: RoomState.OUT,
    },
    # The room is left when the SDK has reconnected, or the right to publish is given back.
    RoomState.FORBIDDEN: {
        RoomEvent.INTERRUPTED: RoomState.FORBIDDEN,
        RoomEvent.FORBIDDEN: RoomState.FORBIDDEN,
        RoomEvent.LEFT: RoomState.OUT,
    },
    RoomState.WAITING_FOR_IDENTITY: {
        RoomEvent.JOIN: RoomState.JOINING,
        RoomEvent.CLOSED: RoomState.OUT,
    },
}

# With their titles, for docs.
TABLES: list[tuple[str, Mapping[Any, Mapping[Any, Any]]]] = [
    ("Room: whether the participant is in it (`ingestd/publish/states.py`)", ROOM),
    ("Track: how far it has come in the room (`ingestd/publish/states.py`)", TRACK),
]
