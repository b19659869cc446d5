"""Sender: pushes what a GStreamer pipeline encodes to ingestd, and has its encoder obey ingestd."""

import asyncio
import logging
from typing import Any, NoReturn

from ingestd.backoff import Backoff
from ingestd.errors import ConfigError, SenderError
from ingestd.sender import ivf
from ingestd.sender.connection import Tls, connect, first_line, parse_target
from ingestd.sender.messages import Lines, bitrate_bps
from ingestd.sender.pipeline import EncodedPicture, Pipeline
from ingestd.units import format_bitrate

FIRST_RETRY_DELAY_S, MAX_RETRY_DELAY_S = 0.2, 5.0
# A connection that lasted this long was a good one: the next try comes soon.
GOOD_CONNECTION_S = 5.0
# ingestd says something within this, where it was told to.
SILENCE_S = 10.0
REPORT_INTERVAL_S = 10.0
CLOSE_TIMEOUT_S = 1.0


class Sender:
    """Pushes ``pipeline``, the text of a GStreamer pipeline up to its encoder, to the address ``to``.

    ``bitrate_bps`` replaces the encoder's own bitrate; either is the maximum. ``name`` stands in the log.
    Raises ConfigError where an argument is wrong, SenderError where GStreamer is missing.

    ``pipeline.gst`` is the `Gst.Pipeline`, to find elements in.
    """

    def __init__(
        self,
        pipeline: str,
        *,
        to: str,
        token: str | None = None,
        tls: Tls | None = None,
        bitrate_bps: int | None = None,
        name: str | None = None,
    ) -> None:
        self._target = parse_target(to)
        self._first_line = first_line(token)
        self._tls = tls or Tls()
        self._tls.check(self._target)
        self._log = logging.getLogger("ingestd.sender" + (f".{name}" if name else ""))
        self.pipeline = Pipeline(pipeline, bitrate_bps)
        self.pictures_sent = 0
        self.keyframes_asked_for = 0
        self._arrived = asyncio.Event()
        self._playing = False
        self._heard = False
        self._bitrate_bps = self.pipeline.encoder.maximum_bps  # as the log has it

    async def run(self) -> None:
        """Push until the pipeline has no more, for ever with a live one; raise SenderError where it fails.

        A lost connection is made again and again. To stop earlier, cancel it.
        """
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[str | None] = loop.create_future()

        def on_end(failure: str | None) -> None:
            if not ended.done():
                ended.set_result(failure)

        for line in self.pipeline.said:
            self._log.info("%s", line)
        try:
            self.pipeline.open(
                lambda: _tell(loop, self._arrived.set), lambda failure: _tell(loop, on_end, failure)
            )
            async with asyncio.TaskGroup() as tasks:
                connections = tasks.create_task(self._stay_connected())
                failure = await ended
                connections.cancel()
        finally:
            await asyncio.to_thread(self.pipeline.close)
        if failure is not None:
            raise SenderError(failure)
        self._log.info("the pipeline has ended: %d pictures sent", self.pictures_sent)

    async def _stay_connected(self) -> NoReturn:
        loop = asyncio.get_running_loop()
        backoff = Backoff(FIRST_RETRY_DELAY_S, MAX_RETRY_DELAY_S)
        reason = ""
        while True:
            began = loop.time()
            before = self.pictures_sent
            error = await self._connection()
            if loop.time() - began > GOOD_CONNECTION_S:
                backoff.reset()
            if error != reason or self.pictures_sent > before:
                self._log.warning("%s: %s; trying again for as long as it takes", self._target, error)
            reason = error
            await asyncio.sleep(backoff.next_s())

    async def _connection(self) -> str:
        """Connect, and stay as long as it lasts; return why it ended."""
        try:
            reader, writer = await connect(self._target, self._tls)
        except TimeoutError:
            return "no answer"
        except (OSError, ConfigError) as error:
            return str(error)
        reason = ""
        loop = asyncio.get_running_loop()
        # A task group loses a cancellation that comes together with a failure (Python before 3.13).
        ways = [loop.create_task(way) for way in (self._send(writer), self._obey(reader))]
        try:
            self._log.info("connected to %s", self._target)
            ended, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ended:
                way.result()
        except OSError as error:
            reason = str(error)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            writer.close()
            try:
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await writer.wait_closed()
            except (OSError, TimeoutError):
                writer.transport.abort()
        return reason

    # Pictures.

    async def _send(self, writer: asyncio.StreamWriter) -> NoReturn:
        writer.write(self._first_line)
        if self._playing:
            while self.pipeline.take() is not None:  # encoded before this connection
                pass
            self.pipeline.encoder.force_keyframe()
        else:
            self._playing = True
            self.pipeline.play()
        while not (picture := await self._next()).keyframe:
            pass
        if self.pipeline.encoder.codec in ivf.FOURCCS:
            writer.write(ivf.file_header(self.pipeline.encoder.codec, *picture.size))
        left_out, report_at = self.pipeline.left_out, 0.0
        while True:
            header = (
                ivf.frame_header(len(picture.data), picture.time_ns)
                if self.pipeline.encoder.codec in ivf.FOURCCS
                else b""
            )
            writer.write(header + picture.data)
            await writer.drain()
            self.pictures_sent += 1
            now = asyncio.get_running_loop().time()
            if self.pipeline.left_out > left_out and now >= report_at:
                self._log.warning(
                    "encoder or link do not keep up: %d pictures were left out before the encoder",
                    self.pipeline.left_out - left_out,
                )
                left_out, report_at = self.pipeline.left_out, now + REPORT_INTERVAL_S
            picture = await self._next()

    async def _next(self) -> EncodedPicture:
        while True:
            self._arrived.clear()
            picture = self.pipeline.take()
            if picture is not None:
                return picture
            await self._arrived.wait()

    # Messages.

    async def _obey(self, reader: asyncio.StreamReader) -> NoReturn:
        lines = Lines()
        timeout = None if self._heard else SILENCE_S
        while True:
            silence = asyncio.timeout(timeout)
            try:
                async with silence:
                    data = await reader.read(4096)
            except TimeoutError:
                if not silence.expired():
                    raise  # the connection's own: what was sent is not acknowledged
                timeout = None
                self._log.warning(
                    "ingestd says nothing, so that the encoder cannot obey it: set `feedback: {inline: "
                    "true}` for this stream in its configuration"
                )
                continue
            if not data:
                raise ConnectionResetError("ingestd closed the connection; its log says why")
            timeout, self._heard = None, True
            for message in lines.feed(data):
                await self._obey_message(message)

    async def _obey_message(self, message: dict[str, Any]) -> None:
        kind = message.get("type")
        if kind == "keyframe":
            self.keyframes_asked_for += 1
            self._log.info("a keyframe is wanted")
            self.pipeline.encoder.force_keyframe()
        elif kind == "rate" and (wanted_bps := bitrate_bps(message)) is not None:
            # In a thread: an encoder may be busy with a picture, which waits for this loop to take another.
            set_bps = await asyncio.to_thread(self.pipeline.encoder.set_bitrate, wanted_bps)
            if set_bps is not None and set_bps != self._bitrate_bps:
                self._bitrate_bps = set_bps
                carried = format_bitrate(round(wanted_bps, -3))
                self._log.info("bitrate %s; the link carries %s", format_bitrate(set_bps), carried)


def _tell(loop: asyncio.AbstractEventLoop, what: Any, *arguments: Any) -> None:
    try:
        loop.call_soon_threadsafe(what, *arguments)
    except RuntimeError:  # the loop is closed, and the pipeline about to be
        pass
