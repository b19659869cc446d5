"""One stream of the configuration: its encoder, its pictures, its track."""

import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

import structlog

from ingestd.config import Address, StreamConfig
from ingestd.control.messages import hello
from ingestd.control.webhook import Webhook
from ingestd.encoder_reader import EncoderReader
from ingestd.hooks.hooks import Hooks
from ingestd.hooks.stream_watch import Reading
from ingestd.loop_share import LoopAccount
from ingestd.media.codecs.codec_changes import CodecChanges
from ingestd.media.codecs.parameter_sets import ParameterSets
from ingestd.media.demuxer import Demuxer
from ingestd.media.formats.step import MAX_ITEMS_PER_STEP
from ingestd.observe.figures import StreamFigures
from ingestd.pipeline import TrackPipeline
from ingestd.room import Room
from ingestd.service.movement import Motion
from ingestd.source.admission import Admission
from ingestd.source.connection import IDLE_TIMEOUT, EncoderConnection
from ingestd.timer import Timer

logger = structlog.get_logger("ingestd.stream")

# How long bytes may come that show no format, where idle_timeout is off.
DETECTION_TIMEOUT_S = 10.0
# Between two looks at whether a file whose sender has gone still plays.
PLAYING_LOOK_INTERVAL_S = 1.0


class Source(Protocol):
    """Where encoders come from: a listener or a dialer."""

    address: Address

    @property
    def problem(self) -> str | None:
        """Why no encoder can come, in words; None when one can."""
        ...

    async def start(self) -> None:
        """Open. Raises AddressError where that cannot be done."""
        ...

    async def stop(self, reason: str) -> None:
        """Close; ``reason`` is why the encoder's connection ends."""
        ...


class Stream:
    """Joins the parts of one stream, which `build_stream` makes; what goes wrong in it stays in it.

    ``admission`` hears from ``source`` of encoders and is attached to this stream. ``webhook`` is closed with
    the stream; the pipeline's back-channel posts to it. ``account`` pays for the time that reading costs.
    ``hooks`` hear of what becomes of encoder and pictures.
    """

    def __init__(
        self,
        config: StreamConfig,
        admission: Admission,
        source: Source,
        pipeline: TrackPipeline,
        room: Room,
        account: LoopAccount,
        webhook: Webhook | None = None,
        detection_timeout_s: float = DETECTION_TIMEOUT_S,
        hooks: Hooks | None = None,
    ) -> None:
        self.config = config
        self.admission = admission
        self._source = source
        self._pipeline = pipeline
        self._room = room
        self._account = account
        self._webhook = webhook
        self._detection_timeout_s = config.source.start_timeout_s or detection_timeout_s
        self._log = logger.bind(stream=config.name)
        self._parameter_sets = ParameterSets()
        self._codec_changes = CodecChanges()
        self._reader: EncoderReader | None = None  # of the encoder on the line
        self._bytes_received = 0
        self._playing = Timer(self._release_room)
        self._last_fault: str | None = None  # that ended a connection; until an encoder is understood
        self._hooks = hooks or Hooks()
        self._watch = self._hooks.watch(config.name, config.room, self._reading)
        self._not_understood = False  # that fault was one of what it sent
        admission.attach(self)

    async def start(self) -> None:
        """Open the source. Raises AddressError where that cannot be done; `stop` it then, too."""
        await self._source.start()
        self._pipeline.open()
        if self.config.join == "always":
            self._room.need(self)

    async def stop(self, reason: str) -> None:
        """Close the source, then the track; ``reason`` is why the encoder's connection ends."""
        await self._source.stop(reason)
        self._hooks.forget(self._watch)
        await self._pipeline.close()
        self._playing.clear()
        self._room.release(self)
        if self._webhook is not None:
            await self._webhook.close()

    # What the source says.

    def encoder_connected(self, connection: EncoderConnection) -> None:
        """An encoder is on the line."""
        name = {"name": connection.name} if connection.name else {}
        self._log.info("encoder connected", peer=connection.peer, **name)
        demuxer = Demuxer(
            codec=self.config.codec,
            format=self.config.format,
            parameter_sets=self._parameter_sets,
            codec_changes=self._codec_changes,
            max_items=MAX_ITEMS_PER_STEP,
        )
        self._reader = EncoderReader(
            connection,
            demuxer,
            self._pipeline,
            self._account,
            self._detection_timeout_s,
            self._log,
            self.config.max_picture,
        )
        if self.config.feedback.inline:
            connection.send(hello(self.config.name))
        self._pipeline.new_encoder()
        self._watch.encoder_connected(time.monotonic())

    def encoder_data(self, _connection: EncoderConnection, data: memoryview) -> None:
        """Bytes have come: the pictures that they complete are submitted before this returns."""
        assert self._reader is not None, "data comes between encoder_connected and encoder_gone"
        self._bytes_received += len(data)
        self._reader.feed(data)
        if self._reader.understood:
            self._room.need(self)

    def encoder_gone(self, connection: EncoderConnection, reason: str, error: str | None) -> None:
        """The connection has ended."""
        reader, self._reader = self._reader, None
        assert reader is not None, "only an encoder that was on the line can be gone"
        if error is not None:
            self._pipeline.errors[error] += 1
        reader.end(silent=error == IDLE_TIMEOUT)
        self._watch.encoder_gone(reason, time.monotonic())
        if self.config.join == "with-encoder":
            self._release_room()
        if reader.fault is not None or error is not None:
            self._last_fault = reader.fault or reason
            self._not_understood = reader.fault is not None
        elif reader.understood:
            self._last_fault, self._not_understood = None, False
        log = self._log.info if error is None else self._log.warning
        log("encoder gone", peer=connection.peer, reason=reason)

    def _release_room(self) -> None:
        """Leave the room to others, once a file that was read ahead has been played to its end."""
        if self._reader is None and not self._pipeline.playing:
            self._room.release(self)
        elif self._reader is None:
            self._playing.set(PLAYING_LOOK_INTERVAL_S)

    # What the observers read.

    @property
    def problems(self) -> list[str]:
        """Why the daemon is not ready for this stream, in words; empty when it is."""
        found = [self._source.problem]
        if self._reader is not None and (self.config.join == "always" or self._reader.understood):
            found.append(self._room.problem)
        else:
            found.append(self._room.barred)
        return self._named(found)

    def figures(self) -> StreamFigures:
        """Return one consistent reading of everything."""
        figures = self._pipeline.figures(self.config.room)
        encoder, problems = self.admission.current, self.problems
        found: list[str | None] = []
        if encoder is not None:
            found = [] if problems else [self._pipeline.problem]
            # Of a stream without a picture that can be shown there is no track, either: that is no reason.
            faults = self._pipeline.stream_problems
            found = [*faults, *found] if figures.unwatchable else [*found, *faults]
        notice = self._room.notice
        if notice is not None and not any(notice in problem for problem in problems):
            found.append(notice)
        if self._last_fault is not None and not (self._reader is not None and self._reader.understood):
            found.append(f"the last connection ended with a fault: {self._last_fault}")
        if encoder is None:
            found.append(self.admission.last_turned_away)
        return replace(
            figures,
            up=encoder is not None and figures.up,
            encoder=encoder.peer if encoder else "",
            encoder_name=encoder.name if encoder else "",
            source=str(self._source.address),
            expected_codec=self.config.codec or "",
            dials=self.config.source.connect is not None,
            unwatchable=encoder is not None and figures.unwatchable,
            fault=encoder is None and (bool(problems) or self._not_understood),
            bytes_received=self._bytes_received,
            encoder_connections=self.admission.connections,
            problems=(*problems, *self._named(found)),
            remarks=figures.remarks if encoder else (),
        )

    def motion(self) -> Motion:
        """What has moved, and what should have."""
        pipeline, encoder = self._pipeline, self.admission.current
        unread = encoder is not None and not encoder.throttled and encoder.unread()
        moved = self._bytes_received + pipeline.received + pipeline.submitted
        return Motion(moved, pipeline.overdue_s, unread)

    def _reading(self) -> Reading:
        pipeline = self._pipeline
        problem = self._room.problem or pipeline.problem
        return Reading(pipeline.publishing, pipeline.received, pipeline.submitted, problem)

    def _named(self, problems: Iterable[str | None]) -> list[str]:
        return [f"{self.config.name}: {problem}" for problem in problems if problem]
