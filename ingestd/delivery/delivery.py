"""What is handed to WebRTC, and when: the one place where an access unit's fate is decided.

    closed ──opened──▶ probing ──running──▶ running
      ▲                   │                    │
      └───────────────────┴──────closed────────┘

While *closed* there is no track: the pictures since the last keyframe wait. While *probing* the track is
published but WebRTC does not encode yet and loses whatever it is given, so only the keyframe is handed
over, again and again. Once *running* every picture is handed over in order, and the GOP again when one is
asked for. Where a picture was lost and the GOP cannot close the gap, nothing passes up to the next keyframe.
"""

from enum import Enum

from ingestd.delivery.accounting import Accounting, Drop
from ingestd.delivery.backlog import Backlog
from ingestd.delivery.capture_clock import CaptureClock
from ingestd.delivery.gate import Gate
from ingestd.delivery.gop import Gop
from ingestd.delivery.input_pacing import READ_AHEAD_S, InputPacing
from ingestd.delivery.keyframe_response import KeyframeResponse
from ingestd.delivery.pacer import Pacer
from ingestd.delivery.picture import Picture, Submission
from ingestd.delivery.rates import Rates
from ingestd.delivery.replays import Replay, Replays
from ingestd.delivery.timestamps import Timestamps
from ingestd.media.access_unit import AccessUnit

# How often the keyframe is tried until WebRTC encodes; it begins 80 to 300 ms after publishing.
PROBE_INTERVAL_S = 0.03
# Longer than between two pictures: the encoder has paused.
PAUSE_S = 0.25
# What has come within so many seconds may have come in one write, and is no older than its last picture.
ONE_WRITE_S = 0.5
# Encoders that write several pictures at a time write no more than this; more have come out of a stall.
MAX_BURST_PICTURES = 30
# Reading goes on when this part is left of what may be read ahead.
RESUME_READING_RATIO = 0.9


class _State(Enum):
    CLOSED = "closed"
    PROBING = "probing"
    RUNNING = "running"


class Delivery:
    """The delivery of one stream. Pure: every ``now`` is seconds on the monotonic clock.

    ``max_backlog``: how late a picture may be, in seconds, when a newer keyframe could be shown instead.
    ``max_framerate``: pictures per second that a live encoder sends at most; ``max_bitrate`` is in bit/s.
    """

    def __init__(
        self,
        max_backlog: float,
        replay: Replay = Replay.ALWAYS,
        max_framerate: float = 60.0,
        max_bitrate: float = 8e6,
    ) -> None:
        self.accounting = Accounting()
        self.rates = Rates()
        self._max_backlog = max_backlog
        self._gate = Gate()
        self._gop = Gop()
        self._replays = Replays(replay, max_bitrate)
        self._keyframe_response = KeyframeResponse()
        self._pacer = Pacer()
        self._clock = CaptureClock()
        self._input_pacing = InputPacing(max_framerate)
        self._timestamps = Timestamps()
        self._state = _State.CLOSED
        self._running_since = 0.0
        self._backlog = Backlog()
        self._number = 0
        self._next_probe = 0.0
        self._submitted_at = 0.0
        self._full = False

    @property
    def held(self) -> int:
        """How many received pictures wait for their first hand-over."""
        return len(self._backlog)

    @property
    def probing(self) -> bool:
        """Whether WebRTC has yet to show that it encodes."""
        return self._state is _State.PROBING

    @property
    def pace(self) -> str | None:
        """What gives the pace to pictures that come faster than real time; None where they do not."""
        return self._input_pacing.pace if self._paced else None

    def backlog(self, now: float) -> float:
        """Seconds that the oldest waiting picture has waited."""
        return now - self._backlog.first.received if self._backlog else 0.0

    def full(self, now: float) -> bool:
        """Whether no more should be read: what has been is far ahead of real time."""
        if not self._paced:
            self._full = False
        else:
            ahead = max(self._input_pacing.ahead(now) / READ_AHEAD_S, 2 * self._backlog.share)
            self._full = ahead > (RESUME_READING_RATIO if self._full else 1.0)
        return self._full

    def receive(self, access_unit: AccessUnit, now: float, arrived_us: int) -> Drop | None:
        """Take in one access unit that is whole ``now``; it arrived then, unless it says when.

        ``arrived_us`` is its arrival in µs since 1970. Return why it was dropped at once, None if it was not.
        """
        self.accounting.receive(access_unit.keyframe)
        arrived = access_unit.arrived or now
        if access_unit.keyframe:
            self._keyframe_response.keyframe(now, in_turn=self.rates.keyframe_due(arrived))
        self.rates.receive(len(access_unit.data), access_unit.keyframe, arrived)
        due, captured = self._times(access_unit, arrived)
        number, self._number = self._number, self._number + 1
        if reason := self._gate.refuses(access_unit):
            self._drop(reason)
            return reason
        if access_unit.keyframe and self._state is not _State.RUNNING:
            self._forget_what_is_old(now)
        self._backlog.append(Picture(access_unit, number, arrived, now, captured, arrived_us, due))
        return self._limit_waiting()

    def correct(self, access_unit: AccessUnit) -> None:
        """Take in the whole of the picture received last, of which a part came out before."""
        last = self._number - 1
        if self._backlog and self._backlog.last.number == last:
            self._backlog.replace_last(access_unit)
            self._limit_waiting()
        elif self._gop and self._gop[-1].number == last:
            # Viewers have decoded a part of it; from the keyframe on they get it whole.
            self._gop.replace_last(access_unit)
            if self._state is _State.RUNNING:
                self._replays.close_gap()
            elif not self._gop:
                self._gate.close(Drop.QUEUE_FULL)

    def refuse(self, access_unit: AccessUnit, now: float) -> None:
        """Count an access unit that can never be published."""
        self.accounting.receive(access_unit.keyframe)
        self.rates.receive(len(access_unit.data), access_unit.keyframe, now)
        self._number += 1
        self.accounting.drop(Drop.UNSUPPORTED)

    def new_encoder(self) -> None:
        """Another encoder is on the line: what it sends refers to nothing that came before."""
        self._gate.close()
        self._keyframe_response = KeyframeResponse()
        self._clock = CaptureClock()
        self._input_pacing.new_encoder()

    def picture_lost(self) -> None:
        """A picture never came: what refers to it is dropped, up to the next keyframe."""
        self._gate.close()

    def new_codec(self) -> None:
        """What comes from now on is of another codec, and goes into another track."""
        self._let_go(Drop.NO_ROOM)

    def opened(self, now: float) -> None:
        """The track is published, or published again: WebRTC will encode soon."""
        self._state = _State.PROBING
        if not self._gop and self._gate.is_open:
            self._begin_with_keyframe(Drop.QUEUE_FULL)
        self._next_probe = now
        self._replays.reset()

    def running(self, now: float) -> None:
        """WebRTC has encoded a picture handed over since ``opened``."""
        if self._state is not _State.PROBING:
            return
        self._state = _State.RUNNING
        self._running_since = now
        # After a reconnection the GOP holds more than the keyframe that was tried.
        if not self._replays.begin_track(self._gop, self.rates.bitrate(now), now):
            self._skip_to_keyframe()

    def closed(self) -> None:
        """The track is gone: keep what a new one will need."""
        self._state = _State.CLOSED
        self._replays.reset()

    def stop(self) -> None:
        """The stream ends: whatever waits will never be shown."""
        self._let_go(Drop.STOPPED)

    def keyframe_requested(self, now: float, *, encoder_asked: bool = False) -> None:
        """WebRTC asks for a keyframe: a viewer came, or a picture was lost on the way to it.

        ``encoder_asked``: so is the encoder. One that has answered before is given the time to.
        """
        if encoder_asked:
            self._keyframe_response.asked(now)
        if self._state is _State.RUNNING:
            self._replays.request(now, self._keyframe_response.patience if encoder_asked else 0.0)

    def target_bitrate(self, bitrate: float) -> None:
        """WebRTC believes that the link carries ``bitrate`` bit/s."""
        self._replays.set_target(bitrate)

    def lost(self, count: int, now: float) -> None:
        """WebRTC has not encoded ``count`` of the pictures that it took."""
        self.accounting.freeze(count * self._interval)
        # It asks for a keyframe itself with the picture after them; where none comes it never will.
        if self._state is _State.RUNNING and now - self._submitted_at > PAUSE_S:
            self._replays.wanted = True

    def due(self) -> float | None:
        """Return when `take` will have something, if nothing else happens; None if never."""
        ready_at = self._pacer.ready_at
        if self._state is _State.PROBING and (self._gop or self._backlog):
            return max(self._next_probe, ready_at)
        if self._state is not _State.RUNNING:
            return None
        if self._replays.next is not None:
            return ready_at
        times = []
        if self._backlog and not self._replays.gap:
            times.append(max(self._due(self._backlog.first), ready_at))
        if self._replays.wanted:
            times.append(max(self._replays.cool_at, ready_at))
        return min(times, default=None)

    def take(self, now: float) -> Submission | None:
        """Return what is to be handed to WebRTC at ``now``; call `submitted` with it right after."""
        if self._state is _State.CLOSED or now < self._pacer.ready_at:
            return None
        if self._state is _State.PROBING:
            return self._probe(now)
        self._shed_backlog(now)
        if self._replays.gap and self._backlog.before_oldest_keyframe() < len(self._backlog):
            self._skip_to_keyframe()
        again = self._take_again(now)
        if again is not None:
            return self._give(again, True, now)
        if self._backlog and not self._replays.gap and (due := self._due(self._backlog.first)) <= now:
            self._input_pacing.late(due, now)
            return self._give(self._pop(), False, now)
        return None

    def submitted(self, submission: Submission, accepted: bool, now: float) -> None:
        """Book what became of ``submission``."""
        self._submitted_at = now
        waiting = len(self._backlog)
        if self._replays.next is not None:
            waiting += len(self._gop) - self._replays.next
        self._pacer.submitted(now, self.rates.frame_interval, waiting)
        if submission.replayed:
            self.accounting.replayed += 1
        elif accepted:
            self.accounting.submitted += 1
            self.accounting.shown = self.accounting.shown or self._state is _State.RUNNING
        else:
            self._drop(Drop.REJECTED)
        if not accepted and self._state is _State.RUNNING:
            # The picture is part of the GOP all the same, so that handing it over again closes the gap.
            self._replays.close_gap()

    # When.

    def _times(self, access_unit: AccessUnit, arrived: float) -> tuple[float, float]:
        """When a picture that came at ``arrived`` is due, 0 for at once, and when it was captured."""
        before = self._paced
        due = self._input_pacing.receive(access_unit, arrived)
        if due:
            return due, due
        if before:
            self._clock = CaptureClock()
        return 0.0, self._clock.captured(access_unit, arrived)

    def _due(self, picture: Picture) -> float:
        return picture.due + self._input_pacing.behind if picture.due and self._paced else 0.0

    @property
    def _paced(self) -> bool:
        return self._input_pacing.paced

    @property
    def _interval(self) -> float:
        return self._clock.step or self.rates.frame_interval

    # What.

    def _give(self, picture: Picture, again: bool, now: float) -> Submission:
        captured = None if again else min(picture.captured, now)
        return Submission(picture, self._timestamps.next(captured, now, self._clock.lead), again)

    def _probe(self, now: float) -> Submission | None:
        if now < self._next_probe or not (self._gop or self._backlog):
            return None
        self._next_probe = now + PROBE_INTERVAL_S
        return self._give(self._gop[0], True, now) if self._gop else self._give(self._pop(), False, now)

    def _take_again(self, now: float) -> Picture | None:
        replays = self._replays
        first = self._backlog.first if self._backlog else None
        if first is not None and first.access_unit.keyframe and self._due(first) <= now:
            # The keyframe that is due does what a replay would do.
            replays.abandon()
            return None
        if replays.next is None and replays.wanted and now >= replays.cool_at:
            self._begin_replay(now)
        elif replays.missed:
            replays.begin_anew(self._gop, self.rates.next_keyframe(now), self.rates.bitrate(now), now)
        if replays.next is None:
            return None
        if replays.next < len(self._gop):
            replays.next += 1
            return self._gop[replays.next - 1]
        replays.end(now)
        return None

    def _begin_replay(self, now: float) -> None:
        gap, rates = self._replays.gap, self.rates
        if not self._replays.begin(self._gop, rates.next_keyframe(now), rates.bitrate(now), now) and gap:
            self._skip_to_keyframe()

    def _pop(self) -> Picture:
        picture = self._backlog.pop()
        self._gop.append(picture)
        return picture

    # What is not.

    def _drop(self, reason: Drop, count: int = 1) -> None:
        self.accounting.drop(reason, count)
        self.accounting.freeze(count * self._interval)

    def _shed_backlog(self, now: float) -> None:
        if not self._backlog or self._paced:
            return
        first = self._backlog.first
        # What waited for the room is not late: it is what the viewer's decoder needs first.
        waited = now - max(first.received, self._running_since)
        late = (
            now - max(first.captured, self._running_since) if len(self._backlog) > MAX_BURST_PICTURES else 0.0
        )
        if max(waited, late) > self._max_backlog:
            self._drop_waiting(Drop.BACKLOG, self._backlog.before_newest_keyframe())

    def _forget_what_is_old(self, now: float) -> None:
        """A keyframe has come, and nothing before it has been seen by anyone, or is needed any more."""
        oldest = self._gop[0] if self._gop else self._backlog.first if self._backlog else None
        if oldest is not None and now - oldest.received > ONE_WRITE_S and not self._paced:
            self._drop_waiting(Drop.NO_ROOM, len(self._backlog))
            self._gop.clear()

    def _skip_to_keyframe(self) -> None:
        """A picture is missing that all others up to the next keyframe refer to."""
        self._gop.clear()
        self._begin_with_keyframe(Drop.AFTER_LOSS)

    def _begin_with_keyframe(self, reason: Drop) -> None:
        self._drop_waiting(reason, self._backlog.before_oldest_keyframe())
        if not self._backlog:
            self._gate.close(reason)

    def _limit_waiting(self) -> Drop | None:
        if self._backlog.share <= 1:
            return None
        self._drop_waiting(Drop.QUEUE_FULL, len(self._backlog))
        self._gate.close(Drop.QUEUE_FULL)
        return Drop.QUEUE_FULL

    def _let_go(self, reason: Drop) -> None:
        self.closed()
        self._drop_waiting(reason, len(self._backlog))
        self._gop.clear()
        self._gate.close()

    def _drop_waiting(self, reason: Drop, count: int) -> None:
        for _ in range(count):
            self._backlog.pop()
        self._drop(reason, count)
