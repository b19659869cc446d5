"""The back-channel: WebRTC's keyframe and rate requests to the encoder, into every configured sink."""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

from ingestd.control.messages import Message, Messages, OnResult, Result, encode


class Sink(Protocol):
    """One way to the encoder."""

    def send(self, message: Message, on_result: OnResult) -> None:
        """Take ``message`` without waiting; ``on_result`` is called once, now or later."""
        ...


class Inline:
    """The encoder's own connection."""

    def __init__(self, send_line: Callable[[bytes], bool]) -> None:
        self._send_line = send_line

    def send(self, message: Message, on_result: OnResult) -> None:
        """Write one line."""
        on_result(Result.SENT if self._send_line(encode(message)) else Result.DROPPED)


class BackChannel:
    """Tells the encoder of one stream what WebRTC asks of it, no oftener than is useful.

    ``framerate_fps`` is what every rate message names.
    """

    def __init__(self, sinks: list[Sink], framerate_fps: float) -> None:
        # Each by itself: a message that one of them lost got through on the other.
        self._sinks = [(sink, Messages(framerate_fps)) for sink in sinks]
        self._bitrate_bps: int | None = None
        self._counts = {type: Counter({r.value: 0 for r in Result}) for type in ("keyframe", "rate")}

    @property
    def open(self) -> bool:
        """Whether there is a way to the encoder."""
        return bool(self._sinks)

    @property
    def messages(self) -> Mapping[str, Mapping[str, int]]:
        """How many there were, by type and result."""
        return self._counts

    def new_encoder(self) -> None:
        """Another encoder is on the line."""
        for _, messages in self._sinks:
            messages.new_encoder()

    def new_track(self) -> None:
        """Forget what the link carries: WebRTC will measure it for the next track."""
        self._bitrate_bps = None

    def keyframe(self, now: float, at_us: int) -> None:
        """Ask for a keyframe."""
        for sink, messages in self._sinks:
            self._send(sink, messages, messages.keyframe(now, at_us))

    def rate(self, bitrate_bps: int | None, now: float, at_us: int) -> None:
        """Send what the link carries; None: as much as before, which not every encoder may know."""
        if bitrate_bps is not None:
            self._bitrate_bps = bitrate_bps
        if self._bitrate_bps is None:
            return
        for sink, messages in self._sinks:
            self._send(sink, messages, messages.rate(self._bitrate_bps, now, at_us))

    def _send(self, sink: Sink, messages: Messages, message: Message | None) -> None:
        if message is not None:
            sink.send(message, partial(self._record, messages, message))

    def _record(self, messages: Messages, message: Message, result: Result) -> None:
        self._counts[str(message["type"])][result.value] += 1
        if result is not Result.SENT:
            messages.lost(message)
