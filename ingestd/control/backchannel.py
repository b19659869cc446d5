"""From WebRTC's wishes to the encoder, by every way the configuration opens."""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

from ingestd.control.messages import Message, Messages, Result, Tell, encode


class Sink(Protocol):
    """One way to the encoder."""

    def send(self, message: Message, tell: Tell) -> None:
        """Take ``message`` without waiting; ``tell`` hears once, now or later, what became of it."""
        ...


class Inline:
    """The encoder's own connection."""

    def __init__(self, send_line: Callable[[bytes], bool]) -> None:
        self._send_line = send_line

    def send(self, message: Message, tell: Tell) -> None:
        """Write one line."""
        tell(Result.SENT if self._send_line(encode(message)) else Result.DROPPED)


class BackChannel:
    """Says to the encoder of one stream what WebRTC wants of it, no oftener than is useful."""

    def __init__(self, sinks: list[Sink], framerate_fps: float) -> None:
        # Each way by itself: what was lost on one of them has been heard on the other.
        self._ways = [(sink, Messages(framerate_fps)) for sink in sinks]
        self._bitrate_bps: int | None = None
        self._counts = {type: Counter({r.value: 0 for r in Result}) for type in ("keyframe", "rate")}

    @property
    def open(self) -> bool:
        """There is a way to the encoder."""
        return bool(self._ways)

    @property
    def messages(self) -> Mapping[str, Mapping[str, int]]:
        """How many there were, by type and result."""
        return self._counts

    def new_encoder(self) -> None:
        """Another encoder is on the line."""
        for _, messages in self._ways:
            messages.new_encoder()

    def new_track(self) -> None:
        """What the link carries is to be found out anew."""
        self._bitrate_bps = None

    def keyframe(self, now: float, at_us: int) -> None:
        """Ask for a keyframe."""
        for sink, messages in self._ways:
            self._send(sink, messages, messages.keyframe(now, at_us))

    def rate(self, bitrate_bps: int | None, now: float, at_us: int) -> None:
        """Tell what the link carries; None: as much as before, which not every encoder may have heard."""
        if bitrate_bps is not None:
            self._bitrate_bps = bitrate_bps
        if self._bitrate_bps is None:
            return
        for sink, messages in self._ways:
            self._send(sink, messages, messages.rate(self._bitrate_bps, now, at_us))

    def _send(self, sink: Sink, messages: Messages, message: Message | None) -> None:
        if message is not None:
            sink.send(message, partial(self._told, messages, message))

    def _told(self, messages: Messages, message: Message, result: Result) -> None:
        self._counts[str(message["type"])][result.value] += 1
        if result is not Result.SENT:
            messages.lost(message)
