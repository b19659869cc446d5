"""One stream: its encoder, its pictures, its track. What goes wrong here stays here."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

import structlog

from ingestd.config import StreamConfig
from ingestd.control.backchannel import Inline, Sink
from ingestd.control.webhook import Webhook
from ingestd.delivery.delivery import Delivery
from ingestd.diagnose.compatibility import B_FRAMES
from ingestd.errors import StreamError
from ingestd.media.access_unit import AccessUnit
from ingestd.media.codecs.parameter_sets import ParameterSets
from ingestd.media.demuxer import Demuxer
from ingestd.observe.figures import StreamFigures
from ingestd.pipeline import TrackPipeline
from ingestd.publish.room import RoomConnection
from ingestd.publish.track import TrackOptions
from ingestd.source.admission import Admission
from ingestd.source.connection import IDLE_TIMEOUT, EncoderConnection
from ingestd.source.dialer import Dialer
from ingestd.source.listener import Listener
from ingestd.tasks import Tasks

logger = structlog.get_logger("ingestd.stream")

# No encoder makes so many in 64 KiB; noise does.
MAX_FAULTS_PER_READ = 100
# How long bytes may come that say nothing, where idle_timeout is off.
DETECTION_TIMEOUT_S = 10.0
# Until bytes that are in the socket have been read.
READ_DELAY_S = 0.001


class Stream:
    """Joins what the layers below do for one stream of the configuration.

    ``h265_refusal`` says why H.265 is not published, and the cure; None: it is.
    """

    def __init__(
        self, config: StreamConfig, room: RoomConnection, tasks: Tasks, h265_refusal: str | None = None
    ) -> None:
        self.config = config
        self._room = room
        self._log = logger.bind(stream=config.name)
        self._admission = Admission(self, config.source, config.name)
        address = config.source.address
        self._source: Listener | Dialer = (
            Listener(address, self._admission, config.name)
            if config.source.listen is not None
            else Dialer(address, self._admission, config.name, tasks)
        )
        self._webhook = (
            Webhook(config.feedback.webhook, config.name, tasks) if config.feedback.webhook else None
        )
        sinks: list[Sink] = [Inline(self._send_line)] if config.feedback.inline else []
        sinks += [self._webhook] if self._webhook else []
        options = TrackOptions(
            config.name,
            config.track,
            config.max_bitrate,
            config.max_framerate,
            config.frame_metadata,
            h265_refusal,
        )
        delivery = Delivery(config.max_backlog, config.replay, config.max_framerate, config.max_bitrate)
        self._pipeline = TrackPipeline(
            options,
            delivery,
            room,
            sinks,
            tasks,
            self._log,
            on_defect=self._part_with_encoder,
            on_pumped=self._hold_up_encoder,
        )
        self._errors = self._pipeline.errors
        self._demuxer: Demuxer | None = None
        self._parameter_sets = ParameterSets()
        self._bytes_received = 0
        self._quiet_timer: asyncio.Handle | None = None
        self._recognition_timer: asyncio.TimerHandle | None = None
        self._last_fault: str | None = None  # that ended a connection; until an encoder is understood

    async def start(self) -> None:
        """Open the source. Raises AddressError where that cannot be done; `stop` it then, too."""
        await self._source.start()
        self._pipeline.open()

    async def stop(self, reason: str) -> None:
        """Close the source, then the track; ``reason`` is why the encoder's connection ends."""
        await self._source.stop(reason)
        await self._pipeline.close()
        if self._webhook is not None:
            await self._webhook.close()

    # What the source says.

    def encoder_connected(self, connection: EncoderConnection) -> None:
        """An encoder is on the line."""
        self._log.info("encoder connected", peer=connection.peer)
        self._demuxer = Demuxer(
            codec=self.config.codec, format=self.config.format, parameter_sets=self._parameter_sets
        )
        self._pipeline.new_encoder()

    def encoder_data(self, connection: EncoderConnection, data: memoryview) -> None:
        """Bytes have come: what they complete is handed over before this returns."""
        self._bytes_received += len(data)
        self._guarded(
            connection, lambda demuxer: demuxer.feed(data, connection.arrived, connection.segment_bytes)
        )
        self._await_quiet(connection)
        self._await_recognition(connection)

    def encoder_gone(self, connection: EncoderConnection, reason: str, error: str | None) -> None:
        """The connection has ended."""
        if error is not None:
            self._errors[error] += 1
            self._last_fault = reason
        silent = error == IDLE_TIMEOUT
        if silent:
            self._guarded(connection, lambda demuxer: demuxer.decide(time.monotonic()))
        # Where we ended it, what is missing is no fault of the encoder's.
        recognised = self._demuxer is not None and self._demuxer.format is not None
        if not connection.cut and (recognised or not silent):
            self._guarded(connection, lambda demuxer: demuxer.eof())
        self._demuxer = None
        if self._recognition_timer is not None:
            self._recognition_timer.cancel()
            self._recognition_timer = None
        if self._quiet_timer is not None:
            self._quiet_timer.cancel()
            self._quiet_timer = None
        log = self._log.info if error is None else self._log.warning
        log("encoder gone", peer=connection.peer, reason=reason)

    # What the observers read.

    @property
    def problems(self) -> list[str]:
        """Why the daemon is not ready for this stream, in words; empty when it is."""
        found = [self._source.problem]
        if self._admission.current is not None:
            found.append(self._room.problem)
        return self._named(found)

    def figures(self) -> StreamFigures:
        """Return one consistent reading of everything."""
        figures = self._pipeline.figures(self.config.room)
        encoder, problems = self._admission.current, self.problems
        found = []
        if encoder is not None:
            found = [] if problems else [self._pipeline.problem]
            found += self._pipeline.stream_problems
        if self._last_fault is not None:
            found.append(f"the last connection ended with a fault: {self._last_fault}")
        problems += self._named(found)
        return replace(
            figures,
            up=encoder is not None and figures.up,
            encoder=encoder.peer if encoder else "",
            bytes_received=self._bytes_received,
            encoder_connections=self._admission.connections,
            problems=tuple(problems),
        )

    def _named(self, problems: Iterable[str | None]) -> list[str]:
        return [f"{self.config.name}: {problem}" for problem in problems if problem]

    # From bytes to pictures.

    def _await_quiet(self, connection: EncoderConnection) -> None:
        """Come back when what has arrived of a picture may be taken for the whole of it."""
        if self._quiet_timer is not None:
            self._quiet_timer.cancel()
            self._quiet_timer = None
        if self._demuxer is None or (quiet_at := self._demuxer.quiet_at) is None:
            return
        loop = asyncio.get_running_loop()
        left = quiet_at - time.monotonic()
        if left > 0:
            self._quiet_timer = loop.call_later(left, self._quiet, connection)
        else:
            # Not at once: whatever else has arrived is read first.
            self._quiet_timer = loop.call_soon(self._quiet, connection)

    def _quiet(self, connection: EncoderConnection) -> None:
        self._quiet_timer = None
        demuxer = self._demuxer
        if demuxer is None or demuxer.quiet_at is None:
            return
        if connection.throttled and connection.unread():
            return  # it goes on with what is read next
        if connection.unread() or demuxer.quiet_at > time.monotonic():
            # A busy loop comes late to the socket too: what is in it belongs to this picture.
            self._quiet_timer = asyncio.get_running_loop().call_later(READ_DELAY_S, self._quiet, connection)
        else:
            self._guarded(connection, lambda demuxer: demuxer.flush())

    def _await_recognition(self, connection: EncoderConnection) -> None:
        """Come back when the bytes must have shown what they are."""
        undecided = self._demuxer is not None and self._demuxer.undecided_since is not None
        if undecided and self._recognition_timer is None:
            patience = self.config.source.idle_timeout or DETECTION_TIMEOUT_S
            loop = asyncio.get_running_loop()
            self._recognition_timer = loop.call_later(patience, self._decide, connection)
        elif not undecided and self._recognition_timer is not None:
            self._recognition_timer.cancel()
            self._recognition_timer = None

    def _decide(self, connection: EncoderConnection) -> None:
        if connection.unread():
            # A busy loop comes late to the socket too.
            self._recognition_timer = asyncio.get_running_loop().call_later(
                READ_DELAY_S, self._decide, connection
            )
            return
        self._recognition_timer = None
        self._guarded(connection, lambda demuxer: demuxer.decide(time.monotonic()))
        self._await_quiet(connection)

    def _guarded(
        self, connection: EncoderConnection, read: Callable[[Demuxer], Iterable[AccessUnit]]
    ) -> None:
        """Take in what ``read`` finds; a stream that cannot be understood ends its connection alone."""
        demuxer = self._demuxer
        if demuxer is None:
            return
        received = False
        try:
            now, arrived_us = time.monotonic(), time.time_ns() // 1000
            for access_unit in read(demuxer):
                received = True
                self._judge(access_unit)
                waited = now - (access_unit.arrived or now)
                self._pipeline.receive(access_unit, now, arrived_us - round(waited * 1e6))
                if access_unit.info is not None:
                    self._last_fault = None
            faults, demuxer.faults = demuxer.faults, []
            for fault in faults[:MAX_FAULTS_PER_READ]:
                self._pipeline.fault(fault, peer=connection.peer)
            if len(faults) > MAX_FAULTS_PER_READ:
                raise StreamError(
                    "too_many_faults",
                    f"{len(faults)} faults in one read, the last: {faults[-1]}; this is no stream any more",
                )
        except StreamError as error:
            self._pipeline.fault(error, peer=connection.peer)
            # In full: the line before is left out where there are many of its kind.
            self._end(connection, f"{error.reason}: {error}")
        except Exception:
            # A defect of ours must cost one connection of one stream, not the daemon.
            self._errors["internal"] += 1
            self._log.exception("internal error; the connection is closed", peer=connection.peer)
            self._end(connection, "internal error")
        if received:  # also what came before a fault
            self._pipeline.pump()

    def _end(self, connection: EncoderConnection, reason: str) -> None:
        self._demuxer = None
        self._last_fault = reason
        connection.close(reason)

    def _judge(self, access_unit: AccessUnit) -> None:
        if access_unit.reordered and self.config.b_frames == "reject":
            message = f"{B_FRAMES.seen}; {B_FRAMES.cure} (refused because of b_frames: reject)"
            raise StreamError(B_FRAMES.reason, message)

    def _hold_up_encoder(self) -> None:
        if self._admission.current is not None:
            self._admission.current.throttle(self._pipeline.full)

    def _part_with_encoder(self) -> None:
        if self._admission.current is not None:
            self._admission.current.close("internal error")

    def _send_line(self, line: bytes) -> bool:
        return self._admission.current is not None and self._admission.current.send(line)
