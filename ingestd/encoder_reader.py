"""Reads what one encoder sends: bytes to pictures, timers for what silence means, faults that end it."""

import time
from collections.abc import Callable
from typing import Any

from ingestd.diagnose.explain import explain
from ingestd.errors import StreamError
from ingestd.loop_share import LoopAccount
from ingestd.media.access_unit import MAX_VIEWABLE_BYTES, AccessUnit
from ingestd.media.demuxer import Demuxer
from ingestd.pipeline import TrackPipeline
from ingestd.source.connection import EncoderConnection
from ingestd.timer import Timer
from ingestd.units import format_size

# No encoder makes this many in 64 KiB; noise does.
MAX_FAULTS_PER_READ = 100
# A turn on the event loop, in CPU time: what is left to read behind it waits until others have had theirs.
MAX_TURN_S = 0.002
# Of the next picture so much may have come when the end of one is found: its headers, and the rest of a read.
NEXT_PICTURE_BYTES = 64 * 1024
# Until bytes that are in the socket have been read.
READ_DELAY_S = 0.001


class EncoderReader:
    """The encoder at the other end of ``connection``, from `feed` to `end`; its pictures go to ``pipeline``.

    ``demuxer`` reads in steps. ``account`` pays for what they cost. ``detection_timeout_s``: how long bytes
    may come that show no format. ``log`` names the stream. A picture of more than ``max_picture_bytes`` ends
    the connection.
    """

    def __init__(
        self,
        connection: EncoderConnection,
        demuxer: Demuxer,
        pipeline: TrackPipeline,
        account: LoopAccount,
        detection_timeout_s: float,
        log: Any,
        max_picture_bytes: int = MAX_VIEWABLE_BYTES,
    ) -> None:
        self._max_picture_bytes = max_picture_bytes
        self._connection = connection
        self._demuxer = demuxer
        self._pipeline = pipeline
        self._account = account
        self._account.new_encoder()
        self._detection_timeout_s = detection_timeout_s
        self._log = log
        self._next_turn = Timer(self._begin_turn)
        self._picture_end = Timer(self._end_picture)
        self._detection_end = Timer(self._end_detection)
        self._faults = 0  # in what was fed last
        self._turn_used_s = 0.0  # on the event loop, of one turn
        self._gathered_bytes = 0  # that have come since a picture came out
        self._over = False
        self.understood = False  # a picture with its headers has come
        self.fault: str | None = None  # for which we ended the connection
        if account.wait_s(time.monotonic()):
            # Encoders may come at once: their first reads, the dearest, are not to be one round of the loop.
            connection.hold(True)
            self._next_turn.set(0)

    def feed(self, data: memoryview) -> None:
        """Read ``data``: the pictures that it completes are submitted before this returns."""
        self._faults = 0
        self._gathered_bytes += len(data)
        self._take_turn(data)

    def end(self, *, silent: bool) -> None:
        """Read what is left when the connection has ended, ``silent`` by idle_timeout."""
        if silent:
            self._read(self._demuxer.decide, time.monotonic())
        # Where we ended it, what is missing is no fault of the encoder's.
        if not self._connection.cut and (self._demuxer.format is not None or not silent):
            self._read(self._demuxer.eof)
        self._stop()

    # Turns on the event loop, whose other users must not have to wait for long.

    def _take_turn(self, data: memoryview | bytes) -> None:
        """Read ``data``, and what the demuxer is behind with; what is left waits for the next turn.

        So does what the connection has left, where the turn is half over: the other half is another's.
        While the loop is another's, `feed` reads a step and no more: many sockets may have something at once.
        """
        began_at = time.thread_time()
        rest_s = self._read_step(data)
        ends_at = began_at if self._account.wait_s(time.monotonic()) else began_at + MAX_TURN_S
        while self._demuxer.behind and not (self._over or rest_s or time.thread_time() > ends_at):
            rest_s = self._read_step(b"")
        self._await_picture_end()
        self._await_detection()
        self._turn_used_s += time.thread_time() - began_at
        left = not self._connection.drained
        turn_over = self._demuxer.behind or (left and self._turn_used_s > MAX_TURN_S / 2)
        if not self._over and (rest_s or turn_over):
            self._account.took_turn(time.monotonic(), self._turn_used_s)
            self._connection.hold(True)
            self._next_turn.set(rest_s)
            left = False
        if not left:
            self._turn_used_s = 0.0

    def _begin_turn(self) -> None:
        if wait_s := self._account.wait_s(time.monotonic()):
            self._next_turn.set(wait_s)
            return
        if self._demuxer.behind:
            self._take_turn(b"")
        if not self._next_turn.running:
            # It is read in the next round of the loop, and another that is let go on behind it.
            self._account.took_turn(time.monotonic(), MAX_TURN_S / 2)
            self._connection.hold(False)

    def _read_step(self, data: memoryview | bytes) -> float:
        """Read one step; return how many seconds nothing more may be read."""
        began_s = time.thread_time()
        self._read(self._demuxer.feed, data, self._connection.arrived_at, self._connection.segment_bytes)
        # A file is read ahead, and sent at its own pace.
        paced = self._pipeline.paced
        if not paced:
            self._account.sends(len(data))
        rests = paced or (self._connection.drained and not self._demuxer.behind)
        now = time.monotonic()
        rest_s = self._account.charge(now, time.thread_time() - began_s, len(data), rests=rests)
        self._pipeline.share_memory(self._account.sharers(now, paced=paced))
        if rest_s and not self._over and self._account.exhausting:
            self._fail(
                StreamError("too_costly", "reading it costs far more time than any real stream of its bytes")
            )
        return rest_s

    # The end of a picture: the demuxer says when silence may be taken for it.

    def _await_picture_end(self) -> None:
        quiet_at = self._demuxer.quiet_at
        if quiet_at is None or self._over:
            self._picture_end.clear()
        else:
            # If that is now, what else has arrived is read first.
            self._picture_end.set(quiet_at - time.monotonic())

    def _end_picture(self) -> None:
        if (quiet_at := self._demuxer.quiet_at) is None:
            return
        unread = self._connection.unread()
        if unread and (self._connection.throttled or self._next_turn.running):
            return  # it goes on with what is read next
        if unread or quiet_at > time.monotonic():
            # A busy loop comes late to the socket too: what is in it belongs to this picture.
            self._picture_end.set(READ_DELAY_S)
        else:
            self._read(self._demuxer.flush)

    # The end of detection: by then the bytes must have shown what they are.

    def _await_detection(self) -> None:
        if self._demuxer.undecided_since is None or self._over:
            self._detection_end.clear()
        elif not self._detection_end.running:
            self._detection_end.set(self._detection_timeout_s)

    def _end_detection(self) -> None:
        if self._connection.unread():
            self._detection_end.set(READ_DELAY_S)  # a busy loop comes late to the socket too
        else:
            self._read(self._demuxer.decide, time.monotonic())
            self._await_picture_end()

    # From bytes to pictures.

    def _read(self, read: Callable[..., list[AccessUnit]], *arguments: object) -> None:
        """Receive what ``read`` returns; a stream that cannot be understood ends its connection alone."""
        if self._over:
            return
        try:
            self._take(read, *arguments)
        except StreamError as error:
            self._fail(error)
        except Exception:
            # A defect of ours must cost one connection of one stream, not the daemon.
            self._pipeline.errors["internal"] += 1
            self._log.exception("internal error; closing the connection", peer=self._connection.peer)
            self._hang_up("internal error")

    def _take(self, read: Callable[..., list[AccessUnit]], *arguments: object) -> None:
        now, now_us = time.monotonic(), time.time_ns() // 1000
        access_units = read(*arguments)
        self._connection.recognised = self._demuxer.format is not None
        try:
            for access_unit in access_units:
                if len(access_unit.data) > self._max_picture_bytes:
                    raise _too_large(self._max_picture_bytes)
                waited_s = now - (access_unit.arrived_at or now)
                self._pipeline.receive(access_unit, now, now_us - round(waited_s * 1e6))
                if access_unit.info is not None and not self.understood:
                    self.understood = True
                    self._connection.picture_seen()
            faults, self._demuxer.faults = self._demuxer.faults, []
            for fault in faults:
                self._faults += 1
                if self._faults > MAX_FAULTS_PER_READ:
                    raise StreamError(
                        "too_many_faults",
                        f"more than {MAX_FAULTS_PER_READ} faults in one read, the last: {explain(fault)}; "
                        "this is no stream any more",
                    )
                self._pipeline.fault(fault, peer=self._connection.peer)
            if access_units or faults or self._demuxer.format is None:
                self._gathered_bytes = 0
            elif self._gathered_bytes > self._max_picture_bytes + NEXT_PICTURE_BYTES:
                # Not when it is whole: what no viewer gets is to cost no memory either.
                raise _too_large(self._max_picture_bytes)
        finally:
            if access_units:  # also what came before a fault
                self._pipeline.pump()

    def _fail(self, error: StreamError) -> None:
        self._pipeline.fault(error, peer=self._connection.peer)
        # In full: the line before is left out where there are many of its kind.
        self._hang_up(f"{error.reason}: {explain(error)}")

    def _hang_up(self, reason: str) -> None:
        self.fault = reason
        self._stop()
        self._connection.close(reason)

    def _stop(self) -> None:
        self._over = True
        # Timers and reader refer to each other: else the rest of a picture waits for the garbage collector.
        self._demuxer.close()
        self._next_turn.clear()
        self._picture_end.clear()
        self._detection_end.clear()


def _too_large(max_bytes: int) -> StreamError:
    allowed = format_size(max_bytes)
    return StreamError("too_large", f"a picture has more than the {allowed} that are allowed (max_picture)")
