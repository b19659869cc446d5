"""Counts of one stream: every access unit is received once, then submitted or dropped with a reason."""

from collections import Counter
from enum import StrEnum


class Drop(StrEnum):
    """Why an access unit was not shown; the label ``reason`` of ``ingestd_frames_dropped_total``."""

    BEFORE_KEYFRAME = "before_keyframe"  # nothing it could refer to has been received
    AFTER_LOSS = "after_loss"  # what it refers to was dropped, and no keyframe has come since
    NO_PARAMETER_SETS = "no_parameter_sets"  # no decoder can show it: its SPS or PPS has not come
    NO_ROOM = "no_room"  # overtaken by a newer keyframe, another encoder or codec, before the room took it
    # Later than max_backlog with the wait in WebRTC, or that is emptied; and no keyframe has come since.
    CONGESTED = "congested"
    BACKLOG = "backlog"  # older than max_backlog when a newer keyframe was there
    QUEUE_FULL = "queue_full"  # it, or what it refers to, was more than may be held in memory
    REJECTED = "rejected"  # the SDK said no
    B_FRAME = "b_frame"  # WebRTC would show it too late, and nothing refers to it
    UNSUPPORTED = "unsupported"  # this codec or stream cannot be published
    STOPPED = "stopped"  # it still waited when the stream ended


class Accounting:
    """Counts of access units. They balance at every moment: received = submitted + dropped + held."""

    def __init__(self) -> None:
        self.received: Counter[str] = Counter(key=0, delta=0)
        self.submitted = 0
        self.replayed = 0
        self.shown = False  # a picture has been submitted while WebRTC encoded
        self.frozen_s = 0.0  # seconds of pictures that were dropped or lost since viewers saw the first one
        self.dropped: Counter[str] = Counter({reason.value: 0 for reason in Drop})

    def receive(self, keyframe: bool) -> None:
        """One access unit was found in the stream."""
        self.received["key" if keyframe else "delta"] += 1

    def drop(self, reason: Drop, count: int = 1) -> None:
        """``count`` received access units will never be submitted."""
        self.dropped[reason.value] += count

    def freeze(self, seconds: float) -> None:
        """Viewers miss ``seconds`` of what they are watching."""
        if self.shown:
            self.frozen_s += seconds
