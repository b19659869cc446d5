"""From access units to a track in a room, and what WebRTC wants of the encoder back."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from ingestd.control.backchannel import BackChannel, Sink
from ingestd.delivery.accounting import Drop
from ingestd.delivery.delivery import Delivery
from ingestd.delivery.picture import Submission
from ingestd.diagnose.reporter import StreamReporter
from ingestd.errors import StreamError
from ingestd.media.access_unit import AccessUnit, Codec, FrameMetadata, StreamInfo
from ingestd.observe.figures import StreamFigures
from ingestd.observe.histogram import Histogram
from ingestd.publish.room import RoomConnection
from ingestd.publish.track import TrackOptions
from ingestd.publish.track_keeper import TrackKeeper
from ingestd.tasks import Tasks

# WebRTC says what it wants while it encodes, which it does within a few milliseconds of a hand-over. To ask
# costs as much as a hand-over: it is done at once only as long as the first picture waits for the answer,
# else with the next picture but one, or after a while where none comes.
PROBING_FEEDBACK_DELAY_S = 0.005
FEEDBACK_INTERVAL_S = 0.05
FEEDBACK_DELAY_S = 0.05
DELAY_BOUNDS_S = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.035, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
# What nothing but a keyframe puts an end to.
CURED_BY_KEYFRAME = {Drop.BEFORE_KEYFRAME, Drop.AFTER_LOSS, Drop.QUEUE_FULL}


class TrackPipeline:
    """Joins delivery, track and back-channel of one stream, whoever finds its access units.

    ``log`` is a structlog logger that names the stream. ``on_pumped`` is called whenever pictures may have
    been handed over, and ``on_defect`` hears of an exception there, which is a defect of ours and is logged.
    """

    def __init__(
        self,
        options: TrackOptions,
        delivery: Delivery,
        room: RoomConnection,
        sinks: list[Sink],
        tasks: Tasks,
        log: Any,
        on_defect: Callable[[], None],
        on_pumped: Callable[[], None] = lambda: None,
    ) -> None:
        self.errors: Counter[str] = Counter()  # by reason
        self._options = options
        self._room = room
        self._tasks = tasks
        self._log = log
        self._on_defect = on_defect
        self._on_pumped = on_pumped
        self._reporter = StreamReporter(log)
        self._delivery = delivery
        self._track = TrackKeeper(options, self, tasks)
        self._frames_lost = 0
        self._sent_before = 0  # by the tracks before this one
        self._back_channel = BackChannel(sinks, options.max_framerate)
        self._info: StreamInfo | None = None  # of what the encoder on the line sends
        self._codec: Codec | None = None  # of what was received last, whoever sent it
        self._keyframe_requests = 0
        self._delay = Histogram(DELAY_BOUNDS_S)
        self._timer: asyncio.TimerHandle | None = None
        self._feedback_timer: asyncio.TimerHandle | None = None
        self._asked_at = 0.0  # when WebRTC was asked what it wants

    def open(self) -> None:
        """Publish whenever there is a room and the stream is known."""
        self._room.add(self._track)

    async def close(self) -> None:
        """Take the track out of the room; what waits is dropped."""
        self._room.remove(self._track)
        await self._track.close()
        for timer in (self._timer, self._feedback_timer):
            if timer is not None:
                timer.cancel()
        self._delivery.stop()

    @property
    def full(self) -> bool:
        """Whether nothing more should be read for now: what has been is far ahead of real time."""
        return self._delivery.full(time.monotonic())

    # What comes in.

    def new_encoder(self) -> None:
        """Another encoder is on the line: what it sends refers to nothing that came before."""
        self._reporter.new_encoder()
        self._info = None
        self._delivery.new_encoder()
        self._delivery.rates.new_encoder()
        self._back_channel.new_encoder()

    def picture_lost(self) -> None:
        """What comes now refers to something that was never received; only a keyframe does not."""
        self._delivery.new_encoder()

    def receive(self, access_unit: AccessUnit, now: float, arrived_us: int) -> Drop | None:
        """Take in what is whole ``now``, in seconds, and arrived at ``arrived_us``, µs since 1970.

        Then `pump`. Returns why it was dropped at once, None if it was not.
        """
        info = access_unit.info
        if info is not None and info != self._info:
            self._describe(info)
        self._reporter.picture(access_unit)
        if access_unit.corrects:
            self._delivery.correct(access_unit)
            return None
        if info is not None and self._refusal(info) is not None:
            self._delivery.refuse(access_unit, now)
            return Drop.UNSUPPORTED
        dropped = self._delivery.receive(access_unit, now, arrived_us)
        waits = dropped in CURED_BY_KEYFRAME
        self._reporter.waits_for_keyframe(waits, now, asked=self._back_channel.open)
        if waits or dropped is Drop.NO_PARAMETER_SETS:
            self._back_channel.keyframe(now, arrived_us)
        self._reporter.pace(self._delivery.pace)
        return dropped

    def fault(self, fault: StreamError, **fields: object) -> None:
        """Count and log what could not be understood; ``fields`` go into the log."""
        self.errors[fault.reason] += 1
        self._reporter.fault(fault, **fields)

    # What the track keeper says.

    def track_opened(self) -> None:
        """The track is there; WebRTC will encode soon."""
        self._delivery.opened(time.monotonic())
        self.pump()

    def track_running(self) -> None:
        """WebRTC encodes."""
        self._delivery.running(time.monotonic())
        self.pump()

    def track_closed(self) -> None:
        """The track is gone."""
        self._delivery.closed()
        self._back_channel.new_track()

    def track_lost(self, count: int) -> None:
        """WebRTC took pictures and has not encoded them."""
        self._frames_lost += count
        self._reporter.lost(count, self._track.target_bitrate)
        self._delivery.lost(count, time.monotonic())
        self.pump()

    def track_failed(self, reason: str) -> None:
        """The track was of no use."""
        self.errors[reason] += 1

    # What the observers read.

    @property
    def problem(self) -> str | None:
        """Why the track is not published, in words; None when it is."""
        if self._info is not None and (refusal := self._refusal(self._info)) is not None:
            return f"H.265 cannot be published: {refusal}"
        return self._track.problem

    @property
    def stream_problems(self) -> list[str]:
        """What viewers will not like of what is received, each with its cure; it is published."""
        return self._reporter.problems

    def figures(self, room: str) -> StreamFigures:
        """Return one consistent reading of all that happens from here on; ``room`` is the room's name."""
        now = time.monotonic()
        delivery, info = self._delivery, self._info
        return StreamFigures(
            name=self._options.stream,
            up=self._track.open,
            room=room,
            track=self._options.name,
            codec=info.codec if info else "",
            size=f"{info.width}x{info.height}" if info else "",
            profile=info.profile if info else "",
            frames_received=delivery.accounting.received,
            frames_submitted=delivery.accounting.submitted,
            frames_replayed=delivery.accounting.replayed,
            frames_dropped=delivery.accounting.dropped,
            frames_held=delivery.held,
            frames_sent=self._sent_before + self._track.frames_sent,
            frames_lost=self._frames_lost,
            frozen=delivery.accounting.frozen,
            stream_errors=self.errors,
            room_connections=self._room.connections,
            keyframe_requests=self._keyframe_requests,
            feedback_messages=self._back_channel.messages,
            keyframe_interval=delivery.rates.keyframe_interval,
            frame_rate=delivery.rates.frame_rate(now),
            bitrate_bps=delivery.rates.bitrate(now),
            target_bitrate_bps=self._track.target_bitrate,
            backlog=delivery.backlog(now),
            frame_delay=self._delay,
        )

    # From access units to the track that can take them.

    def _describe(self, info: StreamInfo) -> None:
        previous, self._info = self._info, info
        self._reporter.stream(info, previous)
        if info.codec is not self._codec:
            self._change_codec(info)
        refusal = self._refusal(info)
        if refusal is None:
            self._track.describe(info)
        elif previous is None or previous.codec is not info.codec:
            reason = "h265_not_published"
            self.errors[reason] += 1
            self._reporter.h265(reason, refusal)

    def _refusal(self, info: StreamInfo) -> str | None:
        """Why a stream like this is not published, and the cure; None where it is."""
        return self._options.h265_refusal if info.codec is Codec.H265 else None

    def _change_codec(self, info: StreamInfo) -> None:
        previous, self._codec = self._codec, info.codec
        self._delivery.new_codec()
        if previous is not None and self._refusal(info) is not None:
            # Else viewers would look at the last picture before, and the stream would count as up.
            self._withdraw()

    def _withdraw(self) -> None:
        """Take the track out of the room, until there is something to publish again."""
        self._room.remove(self._track)
        self._tasks.start(f"withdraw {self._options.stream}", self._track.close())
        self._sent_before += self._track.frames_sent
        self._track = TrackKeeper(self._options, self, self._tasks)
        self._room.add(self._track)

    # From pictures to WebRTC.

    def pump(self) -> None:
        """Hand over all that is due, and come back when more will be."""
        try:
            self._submit_all()
        except Exception:
            # Else no timer would ever come back here.
            self.errors["internal"] += 1
            self._log.exception("internal error while handing over")
            self._on_defect()
        self._on_pumped()

    def _submit_all(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        submitted = False
        while (submission := self._delivery.take(time.monotonic())) is not None:
            if self._delivery.probing:
                self._take_feedback()
            self._submit(submission)
            submitted = True
        if submitted and time.monotonic() - self._asked_at > FEEDBACK_INTERVAL_S:
            self._take_feedback()  # behind the pictures: they need not wait for it
        loop = asyncio.get_running_loop()
        if (due := self._delivery.due()) is not None:
            self._timer = loop.call_later(max(0.0, due - time.monotonic()), self.pump)
        if submitted:
            if self._feedback_timer is not None:
                self._feedback_timer.cancel()
            delay = PROBING_FEEDBACK_DELAY_S if self._delivery.probing else FEEDBACK_DELAY_S
            self._feedback_timer = loop.call_later(delay, self._look_for_feedback)

    def _submit(self, submission: Submission) -> None:
        picture = submission.picture
        access_unit = picture.access_unit
        assert access_unit.info is not None, "the gate lets nothing pass that has no headers"
        # A trailer is published as it is: filled up with what it does not say it might not fit any more.
        counted = FrameMetadata(user_timestamp=picture.arrived_us, frame_id=picture.number & 0xFFFFFFFF)
        accepted = False
        try:
            accepted = self._track.submit(
                access_unit.data,
                access_unit.info,
                keyframe=access_unit.keyframe,
                timestamp_us=submission.timestamp_us,
                metadata=access_unit.metadata or counted,
            )
        finally:
            now = time.monotonic()
            self._delivery.submitted(submission, accepted, now)
        if not submission.replayed:
            self._delay.observe(now - picture.arrived)

    def _look_for_feedback(self) -> None:
        self._feedback_timer = None
        self._take_feedback()
        self.pump()

    def _take_feedback(self) -> None:
        feedback = self._track.take_feedback()
        now, at_us = time.monotonic(), time.time_ns() // 1000
        self._asked_at = now
        if feedback.bitrate_bps is not None:
            self._delivery.target_bitrate(feedback.bitrate_bps)
        if feedback and self._delivery.probing:
            # Only a running encoder has wishes, and its first is for the keyframe it has just been given.
            self._delivery.running(now)
        elif feedback.keyframe:
            self._keyframe_requests += 1
            self._delivery.keyframe_requested(now, encoder_asked=self._back_channel.open)
            self._back_channel.keyframe(now, at_us)
        self._back_channel.rate(feedback.bitrate_bps, now, at_us)
