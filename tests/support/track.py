"""A room and its tracks that the test plays."""

import time
from collections import Counter

from ingestd.delivery.audience import Audience
from ingestd.media.access_unit import FrameMetadata, StreamInfo
from ingestd.publish.track import TrackOptions
from ingestd.publish.track_listener import Feedback, TrackListener
from ingestd.tasks import Tasks

# Longer than any timer of a pipeline that has nothing left to submit.
REST_S = 0.2


class Track:
    """Stands in for a `TrackKeeper`: what was submitted, and feedback for the encoder."""

    def __init__(self, _options: TrackOptions, listener: TrackListener, _tasks: Tasks) -> None:
        self._listener = listener
        self._used_at = time.monotonic()
        self.info: StreamInfo | None = None
        self.open = self.closed = False
        self.frames_sent = 0
        self.target_bitrate_bps: float | None = None
        self.send_delay_s: float | None = None
        self.misses_packets = False
        self.taken: list[bytes] = []
        self.metadata: list[FrameMetadata] = []
        self._feedback: list[Feedback] = []
        self.flushes = 0
        self.can_flush = True
        self.broken = False  # fails at the next picture
        self.feedback_broken = False  # fails when asked for feedback

    @property
    def problem(self) -> str | None:
        return None if self.open else "the track is not published"

    @property
    def at_rest(self) -> bool:
        """No timer of the pipeline will come back to it, and the next picture is submitted at once."""
        return time.monotonic() - self._used_at > REST_S

    def describe(self, info: StreamInfo) -> None:
        if self.info is None or self.info.codec != info.codec:
            self.lose()
        self.info = info

    def publish(self) -> None:
        """The server has taken the track, and WebRTC encodes."""
        assert self.info is not None, "a track is published once its pictures are described"
        self.open = True
        self._listener.track_opened()
        self._listener.track_running()

    async def close(self) -> None:
        self.lose()
        self.closed = True

    def submit(self, data: bytes, info: StreamInfo, *, metadata: FrameMetadata, **_: object) -> bool:
        assert not self.broken, "a defect of ours"
        assert self.info is not None
        assert info.codec is self.info.codec
        self._used_at = time.monotonic()
        self.taken.append(data)
        self.metadata.append(metadata)
        self.frames_sent += 1
        return True

    def take_feedback(self) -> Feedback:
        assert not self.feedback_broken, "a defect of ours"
        self._used_at = time.monotonic()
        return self._feedback.pop(0) if self._feedback else Feedback(False, None)

    def flush(self) -> bool:
        self.flushes += self.can_flush
        return self.can_flush

    def flushed(self) -> None:
        """WebRTC has thrown away what waited in it."""
        self._listener.track_flushed()

    def ask(self, *, keyframe: bool = False, bitrate_bps: int | None = None) -> None:
        """Have WebRTC ask for a keyframe, or for another bitrate."""
        self._feedback.append(Feedback(keyframe, bitrate_bps))

    def lose(self) -> None:
        """The room is gone, and the track with it."""
        if self.open:
            self.open = False
            self._listener.track_closed()


class Room:
    """Stands in for a `RoomConnection` that is joined: which tracks are to be in it."""

    def __init__(self) -> None:
        self.tracks: list[Track] = []
        self.audience = Audience()
        self.connections: Counter[str] = Counter()
        self.problem: str | None = None
        self.notice: str | None = None
        self.barred: str | None = None
        self.needed_by: set[object] = set()

    @property
    def track(self) -> Track:
        """The only one."""
        (track,) = self.tracks
        return track

    def need(self, who: object) -> None:
        self.needed_by.add(who)

    def release(self, who: object) -> None:
        self.needed_by.discard(who)

    def add(self, track: Track) -> None:
        self.tracks.append(track)

    def remove(self, track: Track) -> None:
        if track in self.tracks:
            self.tracks.remove(track)
