"""A track that the test plays."""

from ingestd.media.access_unit import FrameMetadata, StreamInfo
from ingestd.publish.track import TrackOptions
from ingestd.publish.track_keeper import Feedback, TrackListener
from ingestd.tasks import Tasks


class Track:
    """Stands in for the publication: what was handed over, and wishes of WebRTC's."""

    def __init__(self, _options: TrackOptions, listener: TrackListener, _tasks: Tasks) -> None:
        self._listener = listener
        self.info: StreamInfo | None = None
        self.open = self.closed = False
        self.frames_sent = 0
        self.target_bitrate: float | None = None
        self.taken: list[bytes] = []
        self.metadata: list[FrameMetadata] = []
        self.wishes: list[Feedback] = []

    @property
    def problem(self) -> str | None:
        return None if self.open else "the track is not published"

    def describe(self, info: StreamInfo) -> None:
        if self.info is None or self.info.codec != info.codec:
            self.lose()
        self.info = info

    def publish(self) -> None:
        """The server has taken the track, and WebRTC encodes."""
        self.open = True
        self._listener.track_opened()
        self._listener.track_running()

    async def close(self) -> None:
        self.lose()
        self.closed = True

    def submit(self, data: bytes, _info: StreamInfo, *, metadata: FrameMetadata, **_: object) -> bool:
        self.taken.append(data)
        self.metadata.append(metadata)
        self.frames_sent += 1
        return True

    def take_feedback(self) -> Feedback:
        return self.wishes.pop(0) if self.wishes else Feedback(False, None)

    def lose(self) -> None:
        """The room is gone, and the track with it."""
        if self.open:
            self.open = False
            self._listener.track_closed()
