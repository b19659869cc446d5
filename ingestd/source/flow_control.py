"""Flow control of one connection: when its socket is read, and when what was read is passed on."""

import asyncio
import enum
import math
import time
from collections.abc import Callable

from ingestd.source.unread_bytes import UnreadBytes

# What is passed on at a time: bytes made to be slow to read (thousands of tiny NAL units) take up to 50 ms
# for this many. Every slice costs about 10 µs.
SLICE_BYTES = 16 * 1024
# A connection that used the loop for longer than this yields for as long: at most half of the loop is its.
MAX_READ_TURN_S = 0.01
# How much is read ahead of one that has to wait, to find its end: as much as Linux has at most in the buffers
# of both ends (tcp_wmem and tcp_rmem).
LOOK_AHEAD_BYTES = 12 * 1024 * 1024


class Pause(enum.Enum):
    """Why nothing is passed on for now, nor read."""

    NOT_ADMITTED = enum.auto()  # its first bytes wait for `admit`
    TURN = enum.auto()  # it used the loop for long, and yields
    FULL = enum.auto()  # what was read is far ahead of real time
    HELD = enum.auto()  # its handler has not done with what was passed on
    TURNED_AWAY = enum.auto()  # it has not passed its entrance, and waits for its end


class FlowControl:
    """Passes what was read on in slices, and has the socket rest while there is a reason to pause.

    ``on_progress`` is called when something may have been passed on after the socket was closed.
    """

    def __init__(self, on_progress: Callable[[], None]) -> None:
        self.unread = UnreadBytes()
        self._on_progress = on_progress
        self._transport: asyncio.Transport | None = None  # once it is open
        self._pass_to: Callable[[memoryview], None] | None = None  # once admitted
        self._pauses: set[Pause] = set()
        self._full = False  # what `throttle` was told last
        self._looks_ahead = False  # it is read even though nothing is passed on
        self.closed = False  # so is the socket; what is unread may not have been passed on yet

    def begin(self, transport: asyncio.Transport) -> None:
        """The socket is open, and is read."""
        self._transport = transport

    def admit(self, pass_to: Callable[[memoryview], None]) -> None:
        """Pass on to ``pass_to`` what has come and what will."""
        self._pass_to = pass_to
        self._resume(Pause.NOT_ADMITTED)

    def receive(self, data: memoryview) -> None:
        """Pass on ``data``, which is valid until the next read; keep it while there is a reason to pause."""
        self.unread.add(data)
        if self._pass_to is None:
            # Not before: uvloop goes on reading after a pause in connection_made.
            self._pauses.add(Pause.NOT_ADMITTED)
        if not self._pauses:
            self._pass_on()
            return
        self.unread.keep()
        if len(self.unread) > LOOK_AHEAD_BYTES:
            self._looks_ahead = False
        self._stop_reading()

    def read_more(self, most_bytes: int) -> None:
        """Read more, though it is not admitted yet, unless ``most_bytes`` have come."""
        if len(self.unread) < most_bytes and self._transport is not None:
            self._transport.resume_reading()

    @property
    def throttled(self) -> bool:
        """Whether nothing is passed on because of `throttle`."""
        return Pause.FULL in self._pauses

    def throttle(self, full: bool) -> None:
        """Read nothing while ``full``: the encoder has to wait, as TCP takes no more from it."""
        self._full = full
        if full:
            self._pause(Pause.FULL)
        elif self.throttled:
            # Not now: what was read ahead is passed on then, and this may be the end of passing something on.
            asyncio.get_running_loop().call_soon(self._end_throttle)

    def hold(self, held: bool) -> None:
        """Pass nothing on while ``held``: the handler has not done with what it was given."""
        if held:
            self._pause(Pause.HELD)
        elif Pause.HELD in self._pauses:
            self._resume(Pause.HELD)

    def turn_away(self) -> None:
        """Read nothing any more."""
        self._pause(Pause.TURNED_AWAY)

    @property
    def turned_away(self) -> bool:
        """Whether nothing is read any more."""
        return Pause.TURNED_AWAY in self._pauses

    def look_ahead(self) -> bool:
        """Read on though what was read has to wait, to find its end; return whether that may still be ahead.

        The end of a connection is behind all that its two ends have in their buffers.
        """
        if self.closed or not self._pauses or len(self.unread) > LOOK_AHEAD_BYTES:
            return False
        if not self._looks_ahead and self._transport is not None:
            self._looks_ahead = True
            self.unread.keep()
            self._transport.resume_reading()
        return True

    def yield_loop(self, took_s: float) -> None:
        """Leave the loop to others for ``took_s``, as long as this has used it."""
        self._pause(Pause.TURN)
        asyncio.get_running_loop().call_later(took_s, self._resume, Pause.TURN)

    def yield_turn(self) -> None:
        """Have the loop look at the other sockets before this one is read again."""
        if not self._pauses:
            self._pause(Pause.TURN)
            asyncio.get_running_loop().call_soon(self._resume, Pause.TURN)

    def drop(self) -> None:
        """Forget what was not passed on, and wait for no handler."""
        self.unread.clear()
        self._pauses.discard(Pause.HELD)

    def close(self) -> None:
        """The socket is closed: pass on what is left, whatever time it takes, unless that has to wait."""
        self.closed = True
        self._pauses.discard(Pause.TURN)
        self._pass_on(math.inf)

    @property
    def done(self) -> bool:
        """Whether the socket is closed, and its handler has done with all that had come."""
        left = len(self.unread) > 0 and self._pass_to is not None
        return self.closed and not left and Pause.HELD not in self._pauses

    def _pass_on(self, max_turn_s: float = MAX_READ_TURN_S) -> None:
        """Pass on what is unread; what is left after ``max_turn_s`` waits for as long as that took."""
        began_at = time.monotonic()
        while self.unread and not self._pauses and self._pass_to is not None:
            self._pass_to(self.unread.take(SLICE_BYTES))
            took_s = time.monotonic() - began_at
            if took_s > max_turn_s:
                self.yield_loop(took_s)
                break
        if not self.unread:
            self._looks_ahead = False
        elif self._looks_ahead:
            self.unread.keep()

    def _end_throttle(self) -> None:
        if not self._full:
            self._looks_ahead = False
            self._resume(Pause.FULL)

    def _resume(self, pause: Pause) -> None:
        """Pass on what is unread, then read more, unless that took so long that the loop is others' turn."""
        self._pauses.discard(pause)
        self._pass_on(math.inf if self.closed else MAX_READ_TURN_S)
        if self.closed:
            self._on_progress()
        elif self._transport is not None and not self._pauses:
            self._transport.resume_reading()

    def _pause(self, pause: Pause) -> None:
        self._pauses.add(pause)
        self._stop_reading()

    def _stop_reading(self) -> None:
        if self._transport is not None and not self.closed and not self._looks_ahead:
            self._transport.pause_reading()
