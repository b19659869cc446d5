"""What is handed to WebRTC, and when: the one place where an access unit's fate is decided.

    closed ──opened──▶ probing ──running──▶ running
      ▲                   │                    │
      └───────────────────┴──────closed────────┘

While *closed* there is no track: the pictures since the last keyframe wait. While *probing* the track is
published but WebRTC does not encode yet and loses whatever it is given, so only the keyframe is handed
over, again and again. Once *running* every picture is handed over in order, and the GOP again when one is
asked for.
"""

from collections import deque
from dataclasses import replace
from enum import Enum

from ingestd.delivery.books import Books, Drop
from ingestd.delivery.encoder_clock import EncoderClock
from ingestd.delivery.gate import Gate
from ingestd.delivery.gop import MAX_GOP_BYTES, MAX_GOP_PICTURES, Gop
from ingestd.delivery.pacer import Pacer
from ingestd.delivery.picture import HandOver, Picture
from ingestd.delivery.rates import Rates
from ingestd.delivery.timestamps import Timestamps
from ingestd.media.access_unit import AccessUnit

# How often the keyframe is tried until WebRTC encodes; it begins 80 to 300 ms after publishing.
PROBE_INTERVAL = 0.03
# The least time from the end of one replay to the next. It doubles while requests go on, since those who
# cannot be helped by a replay would otherwise have everyone watch the same second over and over.
FIRST_COOLDOWN = 0.1
LONGEST_COOLDOWN = 4.0
# A request after so long a silence has nothing to do with the replays before.
CALM = 5.0
# Longer than between two pictures: the encoder has paused.
PAUSE = 0.25


class _State(Enum):
    CLOSED = "closed"
    PROBING = "probing"
    RUNNING = "running"


class Delivery:
    """The delivery of one stream. Pure: every ``now`` is seconds on the monotonic clock.

    ``max_backlog``: how long a picture may wait, in seconds, when a newer keyframe could be shown instead.
    """

    def __init__(self, max_backlog: float) -> None:
        self.books = Books()
        self.rates = Rates()
        self._max_backlog = max_backlog
        self._gate = Gate()
        self._gop = Gop()
        self._pacer = Pacer()
        self._clock = EncoderClock()
        self._timestamps = Timestamps()
        self._state = _State.CLOSED
        self._running_since = 0.0
        self._waiting: deque[Picture] = deque()
        self._waiting_bytes = 0
        self._number = 0
        self._next_probe = 0.0
        self._replay: int | None = None  # index into the GOP of the picture to hand over again
        self._replay_wanted = False
        self._cooldown = FIRST_COOLDOWN
        self._cool_at = 0.0
        self._handed_over_at = 0.0

    @property
    def held(self) -> int:
        """How many received pictures wait for their first hand-over."""
        return len(self._waiting)

    @property
    def probing(self) -> bool:
        """Whether WebRTC has yet to show that it encodes."""
        return self._state is _State.PROBING

    def backlog(self, now: float) -> float:
        """Seconds that the oldest waiting picture has waited."""
        return now - self._waiting[0].arrived if self._waiting else 0.0

    def receive(self, access_unit: AccessUnit, now: float, arrived_us: int) -> Drop | None:
        """Take in one access unit that came at ``now``, µs since 1970 ``arrived_us``.

        Return why it was dropped at once, None if it was not.
        """
        self.books.receive(access_unit.keyframe)
        self.rates.receive(len(access_unit.data), access_unit.keyframe, now)
        captured = self._clock.captured(access_unit, now)
        number, self._number = self._number, self._number + 1
        if reason := self._gate.refuses(access_unit):
            self.books.drop(reason)
            return reason
        if access_unit.keyframe and self._state is not _State.RUNNING:
            # Nothing before it has been seen by anyone, and nothing behind it needs what came before.
            self._drop_waiting(Drop.NO_ROOM)
            self._gop.clear()
        self._waiting.append(Picture(access_unit, number, now, captured, arrived_us))
        self._waiting_bytes += len(access_unit.data)
        return self._limit_waiting()

    def correct(self, access_unit: AccessUnit) -> None:
        """Take in the whole of the picture received last, of which a part came out before."""
        last = self._number - 1
        if self._waiting and self._waiting[-1].number == last:
            self._waiting_bytes += len(access_unit.data) - len(self._waiting[-1].access_unit.data)
            self._waiting[-1] = replace(self._waiting[-1], access_unit=access_unit)
            self._limit_waiting()
        elif self._gop and self._gop[-1].number == last:
            # Viewers have decoded a part of it; from the keyframe on they get it whole.
            self._gop.replace_last(replace(self._gop[-1], access_unit=access_unit))
            self._replay_wanted = self._state is _State.RUNNING
            if not self._gop and self._state is not _State.RUNNING:
                self._gate.close()

    def refuse(self, access_unit: AccessUnit, now: float) -> None:
        """Count an access unit that can never be published."""
        self.books.receive(access_unit.keyframe)
        self.rates.receive(len(access_unit.data), access_unit.keyframe, now)
        self._number += 1
        self.books.drop(Drop.UNSUPPORTED)

    def new_encoder(self) -> None:
        """Another encoder is on the line: what it sends refers to nothing that came before."""
        self._gate.close()
        self._clock = EncoderClock()

    def new_codec(self) -> None:
        """What comes from now on is of another codec, and goes into another track."""
        self._let_go(Drop.NO_ROOM)

    def opened(self, now: float) -> None:
        """The track is published, or published again: WebRTC will encode soon."""
        self._state = _State.PROBING
        if not self._gop:
            self._drop_up_to_keyframe()
        self._next_probe = now
        self._replay = None
        self._replay_wanted = False

    def running(self, now: float) -> None:
        """WebRTC has encoded a picture handed over since ``opened``."""
        if self._state is not _State.PROBING:
            return
        self._state = _State.RUNNING
        self._running_since = now
        self._cooldown = FIRST_COOLDOWN
        self._cool_at = now
        # After a reconnection the GOP holds more than the keyframe that was tried.
        self._replay = 1 if len(self._gop) > 1 else None

    def closed(self) -> None:
        """The track is gone: keep what a new one will need."""
        self._state = _State.CLOSED
        self._replay = None
        self._replay_wanted = False

    def stop(self) -> None:
        """The stream ends: whatever waits will never be shown."""
        self._let_go(Drop.STOPPED)

    def keyframe_requested(self, now: float) -> None:
        """WebRTC asks for a keyframe: a viewer came, or a picture was lost on the way to it."""
        # Requests that come up during a replay are answered by it.
        if self._state is not _State.RUNNING or self._replay is not None:
            return
        if now > self._cool_at + CALM:
            self._cooldown = FIRST_COOLDOWN
        self._replay_wanted = True

    def lost(self, now: float) -> None:
        """WebRTC has not encoded some of the pictures that it took."""
        # It asks for a keyframe itself with the picture after them; where none comes it never will.
        if self._state is _State.RUNNING and now - self._handed_over_at > PAUSE:
            self._replay_wanted = True

    def due(self) -> float | None:
        """Return when `take` will have something, if nothing else happens; None if never."""
        if self._state is _State.PROBING and (self._gop or self._waiting):
            return max(self._next_probe, self._pacer.ready_at)
        if self._state is _State.RUNNING:
            if self._waiting or self._replay is not None:
                return self._pacer.ready_at
            if self._replay_wanted and self._gop:
                return max(self._cool_at, self._pacer.ready_at)
        return None

    def take(self, now: float) -> HandOver | None:
        """Return what is to be handed to WebRTC at ``now``; call `handed_over` with it right after."""
        if self._state is _State.CLOSED or now < self._pacer.ready_at:
            return None
        if self._state is _State.PROBING:
            return self._probe(now)
        self._shed_backlog(now)
        again = self._take_again(now)
        if again is None and not self._waiting:
            return None
        return self._give(again or self._pop(), again is not None, now)

    def handed_over(self, hand_over: HandOver, accepted: bool, now: float) -> None:
        """Book what became of ``hand_over``."""
        self._handed_over_at = now
        waiting = len(self._waiting)
        if self._replay is not None:
            waiting += len(self._gop) - self._replay
        self._pacer.handed_over(now, self.rates.frame_interval, waiting)
        if hand_over.again:
            self.books.replayed += 1
        elif accepted:
            self.books.submitted += 1
        else:
            self.books.drop(Drop.REJECTED)
        if not accepted:
            # The picture is part of the GOP all the same, so that handing it over again closes the gap.
            self._replay_wanted = self._state is _State.RUNNING

    def _give(self, picture: Picture, again: bool, now: float) -> HandOver:
        captured = None if again else picture.captured
        return HandOver(picture, self._timestamps.next(captured, now, self._clock.lead), again)

    def _probe(self, now: float) -> HandOver | None:
        if now < self._next_probe or not (self._gop or self._waiting):
            return None
        self._next_probe = now + PROBE_INTERVAL
        return self._give(self._gop[0], True, now) if self._gop else self._give(self._pop(), False, now)

    def _take_again(self, now: float) -> Picture | None:
        if self._waiting and self._waiting[0].access_unit.keyframe:
            # The keyframe that is due does what a replay would do.
            self._replay = None
            self._replay_wanted = False
            return None
        if self._replay is None and self._replay_wanted and now >= self._cool_at:
            self._replay_wanted = False
            self._replay = 0 if self._gop else None
        if self._replay is None:
            return None
        if self._replay < len(self._gop):
            self._replay += 1
            return self._gop[self._replay - 1]
        self._replay = None
        self._cool_at = now + self._cooldown
        self._cooldown = min(self._cooldown * 2, LONGEST_COOLDOWN)
        return None

    def _shed_backlog(self, now: float) -> None:
        # What waited for the room is not late: it is what the viewer's decoder needs first.
        if not self._waiting or now - max(self._waiting[0].arrived, self._running_since) <= self._max_backlog:
            return
        newest = max((i for i, p in enumerate(self._waiting) if p.access_unit.keyframe), default=0)
        for _ in range(newest):
            self._first_waiting()
        self.books.drop(Drop.BACKLOG, newest)

    def _pop(self) -> Picture:
        picture = self._first_waiting()
        self._gop.append(picture)
        return picture

    def _first_waiting(self) -> Picture:
        picture = self._waiting.popleft()
        self._waiting_bytes -= len(picture.access_unit.data)
        return picture

    def _drop_up_to_keyframe(self) -> None:
        """What waits refers to a GOP that was too much to hold, and a new track has seen nothing of it."""
        while self._waiting and not self._waiting[0].access_unit.keyframe:
            self._first_waiting()
            self.books.drop(Drop.QUEUE_FULL)
        if not self._waiting:
            self._gate.close()

    def _limit_waiting(self) -> Drop | None:
        if self._waiting_bytes <= MAX_GOP_BYTES and len(self._waiting) <= MAX_GOP_PICTURES:
            return None
        self._drop_waiting(Drop.QUEUE_FULL)
        self._gate.close()
        return Drop.QUEUE_FULL

    def _let_go(self, reason: Drop) -> None:
        self.closed()
        self._drop_waiting(reason)
        self._gop.clear()
        self._gate.close()

    def _drop_waiting(self, reason: Drop) -> None:
        self.books.drop(reason, len(self._waiting))
        self._waiting.clear()
        self._waiting_bytes = 0
