"""Submits the pictures of one stream to its track, each when it is due, and books what becomes of it."""

import time
from collections.abc import Callable

from ingestd.delivery.delivery import Delivery
from ingestd.delivery.picture import Submission
from ingestd.feedback import EncoderFeedback
from ingestd.media.access_unit import FrameMetadata
from ingestd.observe.histogram import Histogram
from ingestd.room import Track
from ingestd.timer import Timer

DELAY_BOUNDS_S = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.035, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)


class Submitter:
    """Takes from ``delivery`` what is due, and gives it to ``track``, which the pipeline replaces.

    ``pump`` is called when more is due, and is to call `submit_due`; ``played`` is told of the bytes of a
    file's picture when it was submitted.
    """

    def __init__(
        self,
        delivery: Delivery,
        track: Track,
        feedback: EncoderFeedback,
        pump: Callable[[], None],
        played: Callable[[int], None],
    ) -> None:
        self.track = track
        self.delay = Histogram(DELAY_BOUNDS_S)  # from the last byte read to the submission, in seconds
        self._delivery = delivery
        self._feedback = feedback
        self._played = played
        self._timer = Timer(pump)

    def close(self) -> None:
        """Come back no more."""
        self._timer.clear()

    def submit_due(self) -> None:
        """Submit all that is due, and come back when more will be. Raises what the track raises."""
        self._timer.clear()
        submitted = False
        while (submission := self._delivery.take(time.monotonic())) is not None:
            if self._delivery.probing:
                self._feedback.take()
            self._submit(submission)
            submitted = True
        if submitted:
            self._feedback.submitted()
        if (due_at := self._delivery.due_at()) is not None:
            self._timer.set(due_at - time.monotonic())

    def _submit(self, submission: Submission) -> None:
        picture = submission.picture
        access_unit = picture.access_unit
        # A trailer is published as it is: filled up with what it does not say it might not fit any more.
        counted = FrameMetadata(user_timestamp=picture.arrived_us, frame_id=picture.number & 0xFFFFFFFF)
        accepted = False
        try:
            assert access_unit.info is not None, "the gate lets nothing pass that has no headers"
            accepted = self.track.submit(
                access_unit.data,
                access_unit.info,
                keyframe=access_unit.keyframe,
                timestamp_us=submission.timestamp_us,
                metadata=access_unit.metadata or counted,
            )
        finally:
            now = time.monotonic()
            self._delivery.submitted(submission, accepted, now)
        if submission.replayed:
            self._feedback.replayed(len(access_unit.data), now)
        else:
            if self._delivery.pace is not None:
                self._played(len(access_unit.data))
            self.delay.observe(now - picture.arrived_at)
