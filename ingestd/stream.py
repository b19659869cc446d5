"""One stream: its encoder, its pictures, its track. What goes wrong here stays here."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable

import structlog

from ingestd.config import StreamConfig
from ingestd.control.backchannel import BackChannel, Inline, Sink
from ingestd.control.webhook import Webhook
from ingestd.delivery.books import Drop
from ingestd.delivery.delivery import Delivery
from ingestd.delivery.picture import HandOver
from ingestd.errors import ConfigError, StreamError
from ingestd.limited import Limited
from ingestd.media.access_unit import AccessUnit, Codec, StreamInfo
from ingestd.media.demuxer import Demuxer
from ingestd.media.parameter_sets import ParameterSets
from ingestd.media.verdict import B_FRAMES, H265_NOT_PUBLISHED, NO_PARAMETER_SETS, obstacles
from ingestd.observe.figures import StreamFigures
from ingestd.observe.histogram import Histogram
from ingestd.publish.publication import Publication
from ingestd.publish.room import RoomConnection
from ingestd.publish.track import TrackOptions
from ingestd.source.dialer import Dialer
from ingestd.source.guard import Guard
from ingestd.source.listener import Listener
from ingestd.source.session import Session
from ingestd.tasks import Tasks

logger = structlog.get_logger("ingestd.stream")

# WebRTC says what it wants while it encodes, which it does within a few milliseconds of a hand-over.
FEEDBACK_DELAY = 0.005
# No encoder makes so many in 64 KiB; noise does.
MAX_FAULTS = 100
# Until bytes that are in the socket have been read.
READ_DELAY = 0.001
DELAY_BOUNDS = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.035, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)


class Stream:
    """Joins what the layers below do for one stream of the configuration."""

    def __init__(self, config: StreamConfig, room: RoomConnection, tasks: Tasks) -> None:
        self.config = config
        self._room = room
        self._log = logger.bind(stream=config.name)
        self._tasks = tasks
        self._limited = Limited()
        self._delivery = Delivery(config.max_backlog)
        self._options = TrackOptions(config.name, config.track, config.max_bitrate, config.max_framerate)
        self._publication = Publication(self._options, self, tasks)
        self._sent_before = 0  # on the publications before this one
        self._guard = Guard(self, config.source, config.name)
        address = config.source.address
        self._source: Listener | Dialer = (
            Listener(address, self._guard, config.name)
            if config.source.listen is not None
            else Dialer(address, self._guard, config.name, tasks)
        )
        self._webhook = (
            Webhook(config.feedback.webhook, config.name, tasks) if config.feedback.webhook else None
        )
        sinks: list[Sink] = [Inline(self._send_line)] if config.feedback.inline else []
        sinks += [self._webhook] if self._webhook else []
        self._back_channel = BackChannel(sinks, config.max_framerate)
        self._demuxer: Demuxer | None = None
        self._parameter_sets = ParameterSets()
        self._info: StreamInfo | None = None  # of what the encoder on the line sends
        self._codec: Codec | None = None  # of what was received last, whoever sent it
        self._bytes_received = 0
        self._keyframe_requests = 0
        self._errors: Counter[str] = Counter()
        self._delay = Histogram(DELAY_BOUNDS)
        self._timer: asyncio.TimerHandle | None = None
        self._feedback_timer: asyncio.TimerHandle | None = None
        self._quiet_timer: asyncio.Handle | None = None
        self._warned_of_sets = False
        self._warned_of_b_frames = False

    async def start(self) -> None:
        """Open the source. Raises ConfigError where that cannot be done."""
        try:
            await self._source.start()
        except ConfigError:
            if self._webhook is not None:
                await self._webhook.close()
            raise
        self._room.add(self._publication)

    async def stop(self, reason: str) -> None:
        """Close the source, then the track; ``reason`` is why the encoder's connection ends."""
        await self._source.stop(reason)
        self._room.remove(self._publication)
        await self._publication.close()
        if self._webhook is not None:
            await self._webhook.close()
        for timer in (self._timer, self._feedback_timer):
            if timer is not None:
                timer.cancel()
        self._delivery.stop()

    # What the source says.

    def encoder_connected(self, session: Session) -> None:
        """An encoder is on the line."""
        self._log.info("encoder connected", peer=session.peer)
        self._demuxer = Demuxer(
            codec=self.config.codec, format=self.config.format, parameter_sets=self._parameter_sets
        )
        self._warned_of_sets = self._warned_of_b_frames = False
        self._info = None
        self._delivery.new_encoder()
        self._back_channel.new_encoder()

    def encoder_data(self, session: Session, data: memoryview) -> None:
        """Bytes have come: what they complete is handed over before this returns."""
        self._bytes_received += len(data)
        now = time.monotonic()
        self._guarded(session, lambda demuxer: demuxer.feed(data, now))
        self._await_quiet(session)

    def encoder_gone(self, session: Session, reason: str, error: str | None) -> None:
        """The connection has ended."""
        if error is not None:
            self._errors[error] += 1
        if not session.cut:  # else what is missing is no fault of the encoder's
            self._guarded(session, lambda demuxer: demuxer.eof())
        self._demuxer = None
        if self._quiet_timer is not None:
            self._quiet_timer.cancel()
            self._quiet_timer = None
        log = self._log.info if error is None else self._log.warning
        log("encoder gone", peer=session.peer, reason=reason)

    # What the publication says.

    def publication_opened(self) -> None:
        """The track is there; WebRTC will encode soon."""
        self._delivery.opened(time.monotonic())
        self._pump()

    def publication_running(self) -> None:
        """WebRTC encodes."""
        self._delivery.running(time.monotonic())
        self._pump()

    def publication_closed(self) -> None:
        """The track is gone."""
        self._delivery.closed()
        self._back_channel.new_track()

    def publication_failed(self, reason: str) -> None:
        """The track was of no use."""
        self._errors[reason] += 1

    # What the observers read.

    @property
    def problems(self) -> list[str]:
        """Why the daemon is not ready for this stream, in words; empty when it is."""
        found = [self._source.problem]
        if self._guard.current is not None:
            found.append(self._room.problem)
        return [f"{self.config.name}: {problem}" for problem in found if problem]

    @property
    def _track_problem(self) -> str | None:
        if self._info is not None and self._info.codec is Codec.H265:
            return "H.265 cannot be published by this version"
        return self._publication.problem

    def figures(self) -> StreamFigures:
        """Return one consistent reading of everything."""
        now = time.monotonic()
        delivery, info, encoder = self._delivery, self._info, self._guard.current
        problems = self.problems
        if encoder is not None and not problems and (problem := self._track_problem):
            problems.append(f"{self.config.name}: {problem}")
        return StreamFigures(
            name=self.config.name,
            up=encoder is not None and self._publication.open,
            room=self.config.room,
            track=self.config.track,
            encoder=encoder.peer if encoder else "",
            codec=info.codec if info else "",
            size=f"{info.width}x{info.height}" if info else "",
            profile=info.profile if info else "",
            bytes_received=self._bytes_received,
            frames_received=delivery.books.received,
            frames_submitted=delivery.books.submitted,
            frames_replayed=delivery.books.replayed,
            frames_dropped=delivery.books.dropped,
            frames_held=delivery.held,
            frames_sent=self._sent_before + self._publication.frames_sent,
            stream_errors=self._errors,
            encoder_connections=self._guard.connections,
            room_connections=self._room.connections,
            keyframe_requests=self._keyframe_requests,
            feedback_messages=self._back_channel.messages,
            keyframe_interval=delivery.rates.keyframe_interval,
            frame_rate=delivery.rates.frame_rate(now),
            bitrate_bps=delivery.rates.bitrate(now),
            target_bitrate_bps=self._publication.target_bitrate,
            backlog=delivery.backlog(now),
            frame_delay=self._delay,
            problems=tuple(problems),
        )

    # From bytes to pictures.

    def _await_quiet(self, session: Session) -> None:
        """Come back when what has arrived of a picture may be taken for the whole of it."""
        if self._quiet_timer is not None:
            self._quiet_timer.cancel()
            self._quiet_timer = None
        if self._demuxer is None or (quiet_at := self._demuxer.quiet_at) is None:
            return
        loop = asyncio.get_running_loop()
        left = quiet_at - time.monotonic()
        if left > 0:
            self._quiet_timer = loop.call_later(left, self._quiet, session)
        else:
            # Not at once: whatever else has arrived is read first.
            self._quiet_timer = loop.call_soon(self._quiet, session)

    def _quiet(self, session: Session) -> None:
        self._quiet_timer = None
        demuxer = self._demuxer
        if demuxer is None or demuxer.quiet_at is None:
            return
        if session.unread() or demuxer.quiet_at > time.monotonic():
            # A busy loop comes late to the socket too: what is in it belongs to this picture.
            self._quiet_timer = asyncio.get_running_loop().call_later(READ_DELAY, self._quiet, session)
        else:
            self._guarded(session, lambda demuxer: demuxer.flush())

    def _guarded(self, session: Session, read: Callable[[Demuxer], Iterable[AccessUnit]]) -> None:
        """Take in what ``read`` finds; a stream that cannot be understood ends its connection alone."""
        demuxer = self._demuxer
        if demuxer is None:
            return
        try:
            now, arrived_us = time.monotonic(), time.time_ns() // 1000
            for access_unit in read(demuxer):
                self._receive(access_unit, access_unit.arrived or now, arrived_us)
            faults, demuxer.faults = demuxer.faults, []
            for fault in faults[:MAX_FAULTS]:
                self._count(fault, session)
            if len(faults) > MAX_FAULTS:
                raise StreamError(
                    "too_many_faults",
                    f"{len(faults)} faults in one read, the last: {faults[-1]}; this is no stream any more",
                )
        except StreamError as error:
            self._count(error, session)
            self._demuxer = None
            session.close(f"{error.reason}: the line before says what was wrong")
        except Exception:
            # A defect of ours must cost one connection of one stream, not the daemon.
            self._errors["internal"] += 1
            self._log.exception("internal error; the connection is closed", peer=session.peer)
            self._demuxer = None
            session.close("internal error")
        # Also what came before a fault.
        self._pump()

    def _count(self, fault: StreamError, session: Session) -> None:
        self._errors[fault.reason] += 1
        self._say(
            fault.reason,
            self._log.warning,
            "fault in the stream",
            reason=fault.reason,
            error=str(fault),
            peer=session.peer,
        )

    def _say(self, kind: str, log: Callable[..., object], event: str, **fields: object) -> None:
        """Log what an encoder may repeat with every picture: of each ``kind`` one line a second."""
        suppressed = self._limited.due(kind)
        if suppressed is not None:
            log(event, **fields, **({"suppressed": suppressed} if suppressed else {}))

    def _receive(self, access_unit: AccessUnit, now: float, arrived_us: int) -> None:
        info = access_unit.info
        if info is not None and info != self._info:
            self._describe(info)
        if access_unit.reordered and not self._warned_of_b_frames:
            self._judge_b_frames()
        if access_unit.corrects:
            self._delivery.correct(access_unit)
            return
        if info is not None and info.codec is Codec.H265:
            self._delivery.refuse(access_unit, now)
            return
        dropped = self._delivery.receive(access_unit, now, arrived_us)
        if dropped is Drop.NO_PARAMETER_SETS and not self._warned_of_sets:
            self._warned_of_sets = True
            self._log.warning("keyframe held back", seen=NO_PARAMETER_SETS.seen, cure=NO_PARAMETER_SETS.cure)

    def _describe(self, info: StreamInfo) -> None:
        previous, self._info = self._info, info
        self._tell_what_it_is(info, previous)
        if info.codec is not self._codec:
            self._change_codec(info.codec)
        if info.codec is Codec.H265:
            if previous is None or previous.codec is not info.codec:
                self._refuse_h265()
        else:
            self._publication.describe(info)

    def _tell_what_it_is(self, info: StreamInfo, previous: StreamInfo | None) -> None:
        fields = {
            "codec": info.codec,
            "format": info.format,
            "size": f"{info.width}x{info.height}",
            "profile": info.profile,
            "level": info.level,
            "frame_rate": info.frame_rate,
        }
        if previous is None:
            self._log.info("stream recognised", **fields)
        else:
            self._say("changed", self._log.info, "stream changed", **fields)
        for obstacle in obstacles(info):
            self._say(
                obstacle.reason,
                self._log.warning,
                "viewers will not be able to decode this stream",
                seen=obstacle.seen,
                cure=obstacle.cure,
            )

    def _change_codec(self, codec: Codec) -> None:
        previous, self._codec = self._codec, codec
        self._delivery.new_codec()
        if codec is Codec.H265 and previous is not None:
            # Else viewers would look at the last picture before, and the stream would count as up.
            self._withdraw()

    def _withdraw(self) -> None:
        """Take the track out of the room, until there is something to publish again."""
        self._room.remove(self._publication)
        self._tasks.start(f"withdraw {self.config.name}", self._publication.close())
        self._sent_before += self._publication.frames_sent
        self._publication = Publication(self._options, self, self._tasks)
        self._room.add(self._publication)

    def _refuse_h265(self) -> None:
        obstacle = H265_NOT_PUBLISHED
        self._errors[obstacle.reason] += 1
        self._log.error(
            f"{obstacle.seen}: every picture is dropped; {obstacle.cure}",
            reason=obstacle.reason,
        )

    def _judge_b_frames(self) -> None:
        self._warned_of_b_frames = True
        if self.config.b_frames == "reject":
            message = f"{B_FRAMES.seen}; {B_FRAMES.cure} (refused because of b_frames: reject)"
            raise StreamError(B_FRAMES.reason, message)
        self._log.warning("B-frames will stutter", seen=B_FRAMES.seen, cure=B_FRAMES.cure)

    # From pictures to WebRTC.

    def _pump(self) -> None:
        try:
            self._hand_over_all()
        except Exception:
            # Else no timer would ever come back here.
            self._errors["internal"] += 1
            self._log.exception("internal error while handing over")
            if self._guard.current is not None:
                self._guard.current.close("internal error")

    def _hand_over_all(self) -> None:
        """Hand over all that is due, and come back when more will be."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        handed_over = False
        while (hand_over := self._delivery.take(time.monotonic())) is not None:
            self._take_feedback()
            self._hand_over(hand_over)
            handed_over = True
        loop = asyncio.get_running_loop()
        if (due := self._delivery.due()) is not None:
            self._timer = loop.call_later(max(0.0, due - time.monotonic()), self._pump)
        if handed_over and self._feedback_timer is None:
            self._feedback_timer = loop.call_later(FEEDBACK_DELAY, self._look_for_feedback)

    def _hand_over(self, hand_over: HandOver) -> None:
        picture = hand_over.picture
        access_unit = picture.access_unit
        assert access_unit.info is not None, "the gate lets nothing pass that has no headers"
        accepted = self._publication.hand_over(
            access_unit.data,
            access_unit.info,
            keyframe=access_unit.keyframe,
            timestamp_us=hand_over.timestamp_us,
            frame_id=picture.number,
            user_timestamp_us=picture.arrived_us,
        )
        now = time.monotonic()
        self._delivery.handed_over(hand_over, accepted, now)
        if not hand_over.again:
            self._delay.observe(now - picture.arrived)

    def _look_for_feedback(self) -> None:
        self._feedback_timer = None
        self._take_feedback()
        self._pump()

    def _take_feedback(self) -> None:
        feedback = self._publication.take_feedback()
        now, at_us = time.monotonic(), time.time_ns() // 1000
        if feedback and self._delivery.probing:
            # Only a running encoder has wishes, and its first is for the keyframe it has just been given.
            self._delivery.running(now)
        elif feedback.keyframe:
            self._keyframe_requests += 1
            self._delivery.keyframe_requested(now)
            self._back_channel.keyframe(now, at_us)
        self._back_channel.rate(feedback.bitrate_bps, now, at_us)

    def _send_line(self, line: bytes) -> bool:
        return self._guard.current is not None and self._guard.current.send(line)
