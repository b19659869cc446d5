"""The way from access units to the track in a room: publishes, submits, reports and counts."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from ingestd.control.backchannel import BackChannel
from ingestd.control.rate_target import RateTarget
from ingestd.delivery.accounting import Drop
from ingestd.delivery.delivery import Delivery
from ingestd.delivery.keyframe_wait import KeyframeWait
from ingestd.delivery.states import NOT_ENCODING
from ingestd.diagnose.compatibility import B_FRAMES, picture_size
from ingestd.diagnose.reporter import StreamReporter
from ingestd.errors import StreamError
from ingestd.feedback import EncoderFeedback
from ingestd.media.access_unit import AccessUnit, Codec, StreamInfo
from ingestd.observe.figures import StreamFigures
from ingestd.publish.track import TrackOptions
from ingestd.publish.track_listener import TrackListener
from ingestd.room import Room, Track
from ingestd.submitter import Submitter
from ingestd.tasks import Tasks
from ingestd.timer import Timer

# Drop reasons that only a keyframe clears.
CURED_BY_KEYFRAME = {Drop.BEFORE_KEYFRAME, Drop.AFTER_LOSS, Drop.CONGESTED, Drop.QUEUE_FULL}


@dataclass(frozen=True, slots=True)
class EncoderCallbacks:
    """What the pipeline tells of itself to the side of the encoder.

    ``defect`` is told of an exception while pictures are submitted or feedback is taken, which is a defect of
    ours and is logged; ``full`` when `TrackPipeline.full` changes; ``no_keyframe`` when only another
    connection of the encoder brings a keyframe; ``played`` of the bytes of a file's picture when it is due.
    """

    defect: Callable[[], None]
    full: Callable[[bool], None] = lambda _full: None
    no_keyframe: Callable[[], None] = lambda: None
    played: Callable[[int], None] = lambda _size_bytes: None


class TrackPipeline:
    """Joins delivery, track and feedback of one stream; who finds its access units calls `receive`.

    ``make_track`` makes a track that tells the pipeline what becomes of it.
    """

    def __init__(
        self,
        options: TrackOptions,
        delivery: Delivery,
        room: Room,
        make_track: Callable[[TrackListener], Track],
        back_channel: BackChannel,
        rate_target: RateTarget,
        reporter: StreamReporter,
        tasks: Tasks,
        callbacks: EncoderCallbacks,
        *,
        reject_b_frames: bool = False,
    ) -> None:
        self.errors: Counter[str] = Counter()  # by reason
        self._options = options
        self._delivery = delivery
        self._room = room
        self._make_track = make_track
        self._track = make_track(self)
        self._back_channel = back_channel
        self._feedback = EncoderFeedback(
            self._track,
            lambda: room.audience,
            delivery,
            back_channel,
            rate_target,
            self._guard,
            self.pump,
            self._watch_response,
        )
        self._submitter = Submitter(delivery, self._track, self._feedback, self.pump, callbacks.played)
        self._reporter = reporter
        self._tasks = tasks
        self._callbacks = callbacks
        self._keyframe_wait = KeyframeWait()
        self._reject_b_frames = reject_b_frames
        self._said_full = False  # to the encoder on the line
        self._frames_lost = 0
        self._frames_sent_before = 0  # by the tracks before this one
        self._info: StreamInfo | None = None  # of what the encoder on the line sends
        self._codec: Codec | None = None  # of what was received last, from any encoder
        self._response_timer = Timer(lambda: self._watch_response(time.monotonic()))

    def open(self) -> None:
        """Publish whenever there is a room and the stream is known."""
        self._room.add(self._track)

    async def close(self) -> None:
        """Take the track out of the room; what waits is dropped."""
        self._room.remove(self._track)
        await self._track.close()
        self._submitter.close()
        self._response_timer.clear()
        self._feedback.close()
        self._delivery.stop()

    @property
    def full(self) -> bool:
        """Whether nothing more should be read for now: what has been is far ahead of real time."""
        return self._delivery.full(time.monotonic())

    @property
    def paced(self) -> bool:
        """Whether the input is a file, whose pictures are submitted at its own pace."""
        return self._delivery.pace is not None

    @property
    def playing(self) -> bool:
        """Whether what was read ahead of a file is still to be shown."""
        return self._delivery.pace is not None and self._delivery.held > 0

    def share_memory(self, streams: int) -> None:
        """Hold no more than a part of the memory for pictures, which ``streams`` share; 1: all of it."""
        self._delivery.share_memory(streams)

    # What comes in.

    def new_encoder(self) -> None:
        """Another encoder is on the line: what it sends refers to nothing that came before."""
        self._reporter.new_encoder()
        self._info = None
        self._said_full = False
        self._keyframe_wait.new_encoder()
        self._delivery.new_encoder()
        self._delivery.rates.new_encoder()
        self._feedback.new_encoder()

    def picture_lost(self) -> None:
        """A picture of the same encoder could not be received: what refers to it is dropped."""
        self._delivery.picture_lost()

    def receive(self, access_unit: AccessUnit, now: float, arrived_us: int) -> Drop | None:
        """Take in what is whole ``now``, in seconds, and arrived at ``arrived_us``, µs since 1970.

        Then `pump`. Returns why it was dropped at once, None if it was not. Raises StreamError for a B-frame
        where these are rejected, and for a picture larger than any viewer decodes.
        """
        if access_unit.reordered and self._reject_b_frames:
            raise StreamError(B_FRAMES.reason, f"{B_FRAMES.seen} (refused because of b_frames: reject)")
        info = access_unit.info
        if info is not None and info != self._info:
            if (oversized := picture_size(info)) is not None:
                raise StreamError(oversized.reason, oversized.seen)
            self._describe(info)
        self._reporter.picture(access_unit)
        if access_unit.corrects:
            self._delivery.correct(access_unit)
            return None
        if info is not None and self._refusal(info) is not None:
            self._delivery.refuse(access_unit, now)
            return Drop.UNSUPPORTED
        dropped = self._delivery.receive(access_unit, now, arrived_us)
        if access_unit.keyframe:
            self._feedback.keyframe_came()
            self._watch_response(now)
        if access_unit.reordered:
            self._report_b_frame(dropped)
        waits = dropped in CURED_BY_KEYFRAME
        self._reporter.waits_for_keyframe(waits, now, asked=self._back_channel.open)
        if (waits and not self._delivery.slow_link.draining) or dropped is Drop.NO_PARAMETER_SETS:
            self._feedback.ask_for_keyframe(now, arrived_us)
        next_keyframe_s = self._delivery.rates.next_keyframe_s(now)
        cut = dropped is Drop.CONGESTED  # not for want of a keyframe
        if self._track.open and self._keyframe_wait.received(waits and not cut, now, next_keyframe_s):
            self._callbacks.no_keyframe()
        self._reporter.pace(self._delivery.pace)
        self._watch_rates(now)
        return dropped

    def _report_b_frame(self, dropped: Drop | None) -> None:
        delivery = self._delivery
        b_frames = delivery.b_frames
        if dropped is Drop.B_FRAME:
            paced = delivery.pace is not None
            rate_fps = delivery.stated_fps if paced else 1 / delivery.rates.frame_interval_s
            self._reporter.b_frame_left_out(b_frames.left_out, b_frames.pictures, rate_fps)
        elif dropped is None:
            self._reporter.b_frame(referred_to=b_frames.referred_to)

    def _watch_response(self, now: float) -> None:
        """See whether the encoder answers, and again when it should have."""
        response = self._delivery.encoder_response
        response.look(now)
        self._reporter.deaf(
            response.unanswered_in_a_row if response.deaf else 0,
            reads=response.reads,
            posted=not self._back_channel.failing,
        )
        if response.gives_up_at is None:
            self._response_timer.clear()
        else:
            self._response_timer.set(response.gives_up_at - now)

    def _watch_rates(self, now: float) -> None:
        watch, delivery = self._reporter.rate_watch, self._delivery
        if delivery.pace is None and watch.due(now):
            rates = delivery.rates
            stated_fps, max_bps = delivery.stated_fps, self._options.max_bitrate_bps
            told_bps = self._back_channel.told_bps
            watch.check(stated_fps, rates.frame_rate_fps(now), rates.bitrate_bps(now), max_bps, now, told_bps)
            self._reporter.rates()

    def fault(self, fault: StreamError, **fields: object) -> None:
        """Count and log what could not be understood; ``fields`` go into the log."""
        self.errors[fault.reason] += 1
        self._reporter.fault(fault, **fields)

    # What the track says.

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
        self._feedback.track_closed()

    def track_lost(self, count: int) -> None:
        """WebRTC took ``count`` pictures and has not encoded them."""
        self._frames_lost += count
        self._reporter.lost(count, self._track.target_bitrate_bps)
        self._delivery.lost(count, time.monotonic())
        self.pump()

    def track_packets_lost(self) -> None:
        """The server misses packets."""
        self._feedback.packets_lost(time.monotonic())

    def track_flushed(self) -> None:
        """WebRTC has thrown away what waited in it."""
        self._delivery.flushed(time.monotonic())
        self._feedback.flushed()
        self.pump()

    def track_held_back(self, keyframe_left_out: bool) -> None:
        """WebRTC has left out a picture, as the link is slow, and encodes none up to the next keyframe."""
        now = time.monotonic()
        self._delivery.slow_link.held_back(now, keyframe_left_out=keyframe_left_out)
        if self._delivery.slow_link.waited_for:
            self._reporter.held_back(self._track.target_bitrate_bps)
            self._feedback.ask_for_keyframe(now, time.time_ns() // 1000)
        self.pump()

    def track_send_delay(
        self, delay_s: float, available_bps: float | None, link_good: bool, link_idle: bool
    ) -> None:
        """Packets wait ``delay_s`` in WebRTC before they leave."""
        now = time.monotonic()
        slow_link = self._delivery.slow_link
        slow_link.send_delay(delay_s, available_bps, now, link_good=link_good, link_idle=link_idle)
        self._feedback.send_delay(delay_s, now)
        flows = self._delivery.rates.flows(now)
        late = slow_link.congested and flows
        self._reporter.congested(late, delay_s, self._track.target_bitrate_bps, now)
        self.pump()

    def needed_bitrate_bps(self) -> float:
        """Bits per second that the stream sends now."""
        return self._delivery.rates.needed_bitrate_bps(time.monotonic())

    def held_back_s(self) -> float:
        """Seconds of the stream that are to be submitted at once when the link carries them."""
        return self._delivery.slow_link.held_back_s(time.monotonic())

    def may_risk(self) -> bool:
        """Whether a picture may be lost for it to be found out what the link carries."""
        return self._delivery.slow_link.may_risk(time.monotonic())

    def track_asked_for_keyframe(self) -> None:
        """A keyframe is asked for while nothing is submitted."""
        self._feedback.keyframe_requested(time.monotonic(), time.time_ns() // 1000)
        self.pump()

    def track_failed(self, reason: str) -> None:
        """The track failed."""
        self.errors[reason] += 1

    # What the observers read.

    @property
    def problem(self) -> str | None:
        """Why the track is not published, in words; None when it is."""
        if self._info is not None and (refusal := self._refusal(self._info)) is not None:
            return f"H.265 cannot be published: {refusal}"
        return self._track.problem

    @property
    def publishing(self) -> bool:
        """Whether what is submitted now gets to the room: the track is there, and WebRTC encodes."""
        return self._track.open and self._delivery.state not in NOT_ENCODING

    @property
    def received(self) -> int:
        """How many pictures have come, ever."""
        return self._delivery.accounting.received.total()

    @property
    def submitted(self) -> int:
        """How many pictures were submitted, ever, each counted once."""
        return self._delivery.accounting.submitted

    @property
    def overdue_s(self) -> float:
        """For how long a picture has been due to be submitted; 0: none is."""
        due_at = self._delivery.due_at()
        return 0.0 if due_at is None else max(time.monotonic() - due_at, 0.0)

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
            frames_sent=self._frames_sent_before + self._track.frames_sent,
            frames_lost=self._frames_lost,
            frozen=delivery.accounting.frozen_s,
            stream_errors=self.errors,
            room_connections=self._room.connections,
            keyframe_requests=self._feedback.keyframe_requests,
            keyframe_answer=self._feedback.keyframe_answer,
            keyframe_requests_unanswered=delivery.encoder_response.unanswered,
            feedback_messages=self._back_channel.messages,
            keyframe_interval=delivery.rates.keyframe_interval_s,
            frame_rate=delivery.rates.frame_rate_fps(now),
            bitrate_bps=delivery.rates.bitrate_bps(now),
            target_bitrate_bps=self._track.target_bitrate_bps,
            backlog=delivery.backlog_s(now),
            paced=delivery.pace is not None,
            frame_delay=self._submitter.delay,
            send_delay_s=self._track.send_delay_s,
            remarks=tuple(self._reporter.remarks),
            largest_bytes=dict(zip(("key", "delta"), delivery.rates.largest_bytes(now), strict=True)),
            viewers=self._room.audience.size,
            unwatchable=self._reporter.unwatchable,
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
        self._frames_sent_before += self._track.frames_sent
        self._track = self._feedback.track = self._submitter.track = self._make_track(self)
        self._room.add(self._track)

    # From pictures to WebRTC.

    def pump(self) -> None:
        """Submit all that is due, and come back when more will be."""
        self._guard(self._submitter.submit_due)
        if (full := self.full) != self._said_full:
            self._said_full = full
            self._callbacks.full(full)

    def _guard(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:
            # Else no timer would ever come back here.
            self.errors["internal"] += 1
            self._reporter.defect()
            self._callbacks.defect()
