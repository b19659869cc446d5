"""The back-channel: WebRTC's keyframe and rate requests to the encoder, into every configured sink."""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from math import inf
from typing import Protocol

from ingestd.control.messages import Message, OnResult, RateMessages, Result, encode, keyframe

# At most two keyframe messages in any second.
KEYFRAME_MESSAGE_INTERVAL_S = 0.51


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

    Requests for a keyframe that come within half a second of a message make one more, at its end, unless the
    encoder has sent a keyframe by then. ``framerate_fps`` is what every rate message names.
    """

    def __init__(self, sinks: list[Sink], framerate_fps: float) -> None:
        # Each by itself: a rate that one of them lost got through on the other.
        self._sinks = [(sink, RateMessages(framerate_fps)) for sink in sinks]
        self._keyframe_told_at = -inf
        self._keyframe_waits = False  # one is wanted, and the last message was too short a while ago
        self._failing = False
        self._counts = {type: Counter({r.value: 0 for r in Result}) for type in ("keyframe", "rate")}

    @property
    def open(self) -> bool:
        """Whether there is a way to the encoder."""
        return bool(self._sinks)

    @property
    def messages(self) -> Mapping[str, Mapping[str, int]]:
        """How many there were, by type and result."""
        return self._counts

    @property
    def failing(self) -> bool:
        """Whether the last request for a keyframe reached no one, as far as is known: no POST got through."""
        return self._failing

    @property
    def told_bps(self) -> int | None:
        """The bitrate that the encoder has been told last; None: none, as far as is known."""
        return next((told for _, rates in self._sinks if (told := rates.told_bps) is not None), None)

    @property
    def due_at(self) -> float | None:
        """When to call `pass_on`, at the latest; None: not at all."""
        return self._keyframe_told_at + KEYFRAME_MESSAGE_INTERVAL_S if self._keyframe_waits else None

    def new_encoder(self) -> None:
        """Another encoder is on the line. The limit on keyframe messages stays."""
        self._keyframe_waits = False
        for _, rates in self._sinks:
            rates.new_encoder()

    def keyframe(self, now: float, at_us: int) -> Result | None:
        """Ask for a keyframe, now or soon.

        Return SENT where a message may have reached the encoder now, DROPPED where no sink took it, None
        where it was not time for one.
        """
        self._keyframe_waits = self.open
        return self.pass_on(now, at_us)

    def pass_on(self, now: float, at_us: int) -> Result | None:
        """Ask for a keyframe that is still wanted and may be asked for by now; return like `keyframe`."""
        if not self._keyframe_waits or now < self._keyframe_told_at + KEYFRAME_MESSAGE_INTERVAL_S:
            return None
        self._keyframe_waits, self._keyframe_told_at = False, now
        results: list[Result] = []
        for sink, _ in self._sinks:
            sink.send(keyframe(at_us), partial(self._keyframe_told, results))
        # A webhook tells later.
        heard = len(results) < len(self._sinks) or Result.SENT in results
        return Result.SENT if heard else Result.DROPPED

    def keyframe_came(self) -> None:
        """The encoder has sent one: what was wanted before is there."""
        self._keyframe_waits = False

    def rate(self, bitrate_bps: int, now: float, at_us: int) -> None:
        """Tell each sink the rate that is wanted, where it moved by a tenth, or is not known there."""
        for sink, rates in self._sinks:
            message = rates.rate(bitrate_bps, now, at_us)
            if message is not None:
                sink.send(message, partial(self._rate_told, rates, message))

    def _keyframe_told(self, results: list[Result], result: Result) -> None:
        self._count("keyframe", result)
        results.append(result)
        if Result.SENT in results:
            self._failing = False
        elif Result.FAILED in results and len(results) == len(self._sinks):
            self._failing = True

    def _rate_told(self, rates: RateMessages, message: Message, result: Result) -> None:
        self._count("rate", result)
        if result is not Result.SENT:
            rates.lost(message)

    def _count(self, type: str, result: Result) -> None:
        self._counts[type][result.value] += 1
