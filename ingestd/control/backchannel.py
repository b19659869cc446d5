"""From WebRTC's wishes to the encoder, by every way the configuration opens."""

from collections import Counter
from collections.abc import Callable
from typing import Protocol

from ingestd.control.messages import Messages, encode


class Sink(Protocol):
    """One way to the encoder."""

    def send(self, message: dict[str, object]) -> bool:
        """Take ``message``, or say False and forget it; never wait."""
        ...


class Inline:
    """The encoder's own connection."""

    def __init__(self, send_line: Callable[[bytes], bool]) -> None:
        self._send_line = send_line

    def send(self, message: dict[str, object]) -> bool:
        """Write one line."""
        return self._send_line(encode(message))


class BackChannel:
    """Says to the encoder of one stream what WebRTC wants of it, no oftener than is useful."""

    def __init__(self, sinks: list[Sink]) -> None:
        self._sinks = sinks
        self._messages = Messages()
        self.messages: Counter[str] = Counter(sent=0, dropped=0)

    def new_encoder(self) -> None:
        """Another encoder is on the line."""
        self._messages.new_encoder()

    def keyframe(self, now: float, at_us: int) -> None:
        """Ask for a keyframe."""
        self._send(self._messages.keyframe(now, at_us))

    def rate(self, bitrate_bps: int, framerate_fps: float, at_us: int) -> None:
        """Tell what the link carries."""
        self._send(self._messages.rate(bitrate_bps, framerate_fps, at_us))

    def _send(self, message: dict[str, object] | None) -> None:
        if message is None:
            return
        for sink in self._sinks:
            self.messages["sent" if sink.send(message) else "dropped"] += 1
