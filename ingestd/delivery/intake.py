"""The input side of a delivery: counts, times and gates access units, and queues them until submitted."""

from ingestd.delivery.accounting import Accounting, Drop
from ingestd.delivery.b_frames import BFrames
from ingestd.delivery.backlog import Backlog
from ingestd.delivery.capture_clock import CaptureClock
from ingestd.delivery.frame_interval import FrameInterval
from ingestd.delivery.gop import HELD_LIMITS, HeldLimits
from ingestd.delivery.input_pacing import InputPacing
from ingestd.delivery.picture import Picture
from ingestd.delivery.rates import Rates
from ingestd.delivery.states import GATE, GateEvent, GateState
from ingestd.media.access_unit import AccessUnit
from ingestd.state_table import after

# Encoders that write several pictures at a time write no more than this; more have come out of a stall.
MAX_BURST_PICTURES = 30


class Gate:
    """Refuses what no decoder could show: shut up to a keyframe, at first and where a picture was lost."""

    def __init__(self) -> None:
        self._state = GateState.SHUT
        self._reason = Drop.BEFORE_KEYFRAME

    @property
    def open(self) -> bool:
        """Whether every picture is taken in."""
        return self._state is GateState.OPEN

    def shut(self, reason: Drop = Drop.BEFORE_KEYFRAME) -> None:
        """Wait for the next keyframe; ``reason`` is why pictures before it are refused."""
        self._state = after(GATE, self._state, GateEvent.LOSS)
        self._reason = reason

    def refuses(self, access_unit: AccessUnit) -> Drop | None:
        """Return why ``access_unit`` is refused; None when it is not."""
        if access_unit.lacks_parameter_sets:
            self.shut()
            return Drop.NO_PARAMETER_SETS
        if access_unit.keyframe:
            self._state = after(GATE, self._state, GateEvent.KEYFRAME)
        if self.open and access_unit.info is None:
            # Its slices refer to other parameter sets than those of the keyframe, which have not come.
            if not access_unit.discardable:
                self.shut(Drop.AFTER_LOSS)
            return Drop.NO_PARAMETER_SETS
        return None if self.open else self._reason


class Intake:
    """The received pictures of one stream until they are submitted or dropped.

    ``max_backlog_s``, ``live`` and ``framerate_fps`` are those of the configuration; None: auto.
    ``leave_out_b_frames``: those that nothing refers to.
    """

    def __init__(
        self,
        max_backlog_s: float,
        live: bool | None = None,
        framerate_fps: float | None = None,
        held_limits: HeldLimits = HELD_LIMITS,
        *,
        leave_out_b_frames: bool = True,
    ) -> None:
        self.accounting = Accounting()
        self.rates = Rates()
        self.gate = Gate()
        self.queue = Backlog(held_limits)
        self.pacing = InputPacing(live)  # of the encoder whose pictures wait
        self.b_frames = BFrames(leave_out=leave_out_b_frames)
        self._leave_out_b_frames = leave_out_b_frames
        self._new_encoder = False  # none of its pictures has been accepted yet
        self._live = live
        self._framerate_fps = framerate_fps
        self._max_backlog_s = max_backlog_s
        self._interval = FrameInterval(framerate_fps)
        self._clock = CaptureClock()
        self._number = 0
        self.sharers = 1  # streams that share the memory for what waits

    @property
    def last_number(self) -> int:
        """The number of the picture received last, whatever became of it."""
        return self._number - 1

    @property
    def lead_s(self) -> float:
        """Seconds by which capture times lie before the arrivals of pictures that are early."""
        return self._clock.lead_s

    @property
    def stated_fps(self) -> float | None:
        """The picture rate that the stream states, right or wrong; None where it states none."""
        return self._interval.stated_fps

    @property
    def first_due_at(self) -> float | None:
        """When the first picture that waits is to be submitted, 0: at once; None where none waits."""
        return self.pacing.due_at(self.queue.first.due_at) if self.queue else None

    @property
    def keyframe_waits(self) -> bool:
        """Whether a keyframe is among the pictures that wait."""
        return self.queue.before_oldest_keyframe() < len(self.queue)

    def backlog_s(self, now: float) -> float:
        """Seconds that the oldest waiting picture has waited."""
        return now - self.queue.first.received_at if self.queue else 0.0

    def keyframe_due(self, now: float) -> bool:
        """Whether the first picture that waits is a keyframe, and to be submitted ``now``."""
        return (
            bool(self.queue) and self.queue.first.access_unit.keyframe and (self.first_due_at or 0.0) <= now
        )

    def receive(self, access_unit: AccessUnit, now: float, arrived_us: int) -> Picture | Drop:
        """Count and time an access unit; return it, to be appended, or why it is dropped.

        It is whole ``now``, in seconds, and arrived at ``arrived_us``, in µs since 1970.
        """
        self.accounting.receive(access_unit.keyframe)
        arrived_at = access_unit.arrived_at or now
        self.rates.receive(len(access_unit.data), access_unit.keyframe, arrived_at)
        self._interval.receive(access_unit, arrived_at)
        number, self._number = self._number, self._number + 1
        if reason := self.gate.refuses(access_unit):
            self.drop(reason)
            return reason
        if self._new_encoder:
            self._take_over()
        due_at, captured_at = self._times(arrived_at)
        if self.b_frames.leaves_out(access_unit):
            self.accounting.drop(Drop.B_FRAME)
            return Drop.B_FRAME
        if due_at:
            due_at += self.b_frames.later_pictures * self._interval_s
            return Picture(access_unit, number, arrived_at, now, due_at, arrived_us, due_at)
        early_s = self.b_frames.early_pictures * self._interval_s
        captured_at -= early_s
        return Picture(access_unit, number, arrived_at, now, captured_at, arrived_us, early_s=early_s)

    def append(self, picture: Picture) -> Drop | None:
        """Let ``picture`` wait; return why it was dropped with all others where that is too much to hold."""
        self.queue.append(picture)
        return self._limit_queue()

    def correct(self, access_unit: AccessUnit) -> bool:
        """Replace the picture received last by the whole of it; return whether it still waited."""
        if not self.queue or self.queue.last.number != self.last_number:
            return False
        self.queue.replace_last(access_unit)
        self._limit_queue()
        return True

    def refuse(self, access_unit: AccessUnit, now: float) -> None:
        """Count an access unit that can never be published."""
        self.accounting.receive(access_unit.keyframe)
        self.rates.receive(len(access_unit.data), access_unit.keyframe, now)
        self._number += 1
        self.accounting.drop(Drop.UNSUPPORTED)

    def new_encoder(self) -> None:
        """Another encoder is connected: its pictures refer to nothing that came before.

        What waits of a file goes on to be shown at its pace until the first of them is accepted.
        """
        self.gate.shut()
        self.b_frames = BFrames(leave_out=self._leave_out_b_frames)
        self._interval = FrameInterval(self._framerate_fps)
        self._clock = CaptureClock()
        self._new_encoder = True

    def full(self, now: float) -> bool:
        """Whether no more should be read for now: what has been is far ahead of real time."""
        return not self._new_encoder and self.pacing.full(now, self.queue.used_ratio(self.sharers))

    def drop(self, reason: Drop, count: int = 1) -> None:
        """Book ``count`` pictures that are not in the queue, or not any more, as dropped."""
        self.accounting.drop(reason, count)
        self.freeze(count)

    def freeze(self, pictures: int) -> None:
        """Viewers see the picture before for as long as ``pictures`` would have been shown."""
        self.accounting.freeze(pictures * self._interval_s)

    @property
    def _interval_s(self) -> float:
        """From one picture to the next."""
        if self.pacing.paced and self._interval.declared_s:
            return self._interval.declared_s
        return self._clock.interval_s or self.rates.frame_interval_s

    def drop_all(self, reason: Drop) -> None:
        """Drop everything that waits."""
        self._drop_first(len(self.queue), reason)
        self.pacing.dropped()

    def skip_to_keyframe(self, reason: Drop) -> None:
        """Drop what waits before the oldest keyframe; where none waits, refuse pictures until one comes."""
        self._drop_first(self.queue.before_oldest_keyframe(), reason)
        if not self.queue:
            self.gate.shut(reason)

    def drop_late(self, now: float, running_since: float) -> None:
        """Drop what waits before the newest keyframe where pictures are later than `max_backlog_s` allows.

        What waited for the room, until ``running_since``, is not late: it is what decoders need first.
        """
        if not self.queue or self.pacing.paced:
            return
        first = self.queue.first
        waited_s = now - max(first.received_at, running_since)
        late_s = now - max(first.captured_at, running_since) if len(self.queue) > MAX_BURST_PICTURES else 0.0
        if max(waited_s, late_s) > self._max_backlog_s:
            self._drop_first(self.queue.before_newest_keyframe(), Drop.BACKLOG)

    def _take_over(self) -> None:
        """Begin with the first picture of another encoder; what waits of a file makes way for it."""
        self._new_encoder = False
        if self.pacing.paced:
            self.drop_all(Drop.NO_ROOM)
        self.pacing = InputPacing(self._live)

    def _times(self, arrived_at: float) -> tuple[float, float]:
        """When a picture that came at ``arrived_at`` is due, 0 for at once, and when it was captured."""
        was_paced = self.pacing.paced
        due_at = self.pacing.receive(self._interval, arrived_at)
        if due_at:
            return due_at, due_at
        if was_paced:
            self._interval.believe()
            self._clock = CaptureClock()
        return 0.0, self._clock.captured_at(self._interval, arrived_at)

    def _limit_queue(self) -> Drop | None:
        # What has come of a file was let come.
        if self.queue.used_ratio(1 if self.pacing.paced else self.sharers) <= 1:
            return None
        self.drop_all(Drop.QUEUE_FULL)
        self.gate.shut(Drop.QUEUE_FULL)
        return Drop.QUEUE_FULL

    def _drop_first(self, count: int, reason: Drop) -> None:
        for _ in range(count):
            self.queue.pop()
        self.drop(reason, count)
