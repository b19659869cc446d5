"""Decides which picture is submitted to WebRTC, and when, and which is dropped.

The states, and what leads from one to the next, are in states.py. While WebRTC does not encode, only the
keyframe is submitted, again and again; then every picture in order, and the GOP once more where a viewer
waits for a keyframe. Behind a picture that is missing, and that no replay brings, nothing passes up to the
next keyframe.
"""

from math import inf

from ingestd.delivery.accounting import Drop
from ingestd.delivery.audience import Audience
from ingestd.delivery.b_frames import BFrames
from ingestd.delivery.encoder_response import EncoderResponse
from ingestd.delivery.gop import HELD_LIMITS, HeldLimits
from ingestd.delivery.intake import Intake
from ingestd.delivery.keyframe_requests import Answer, KeyframeRequests
from ingestd.delivery.output import Output
from ingestd.delivery.pacer import Pacer
from ingestd.delivery.picture import Picture, Submission
from ingestd.delivery.replays import START_S, Replay, Replays
from ingestd.delivery.slow_link import SlowLink
from ingestd.delivery.states import INCOMPLETE, NOT_ENCODING, REPLAYING, SUBMITTING, Event, State
from ingestd.delivery.timestamps import Timestamps
from ingestd.media.access_unit import AccessUnit

# How often the keyframe is submitted until WebRTC is known to encode: its statistics are 50 ms old.
PROBE_INTERVAL_S = 0.03
# Longer than between two pictures: the encoder has paused.
PAUSE_S = 0.25
# What has come within this time may have come in one write, and is no older than its last picture.
ONE_WRITE_S = 0.5
# The encoder sends nothing: a replay costs those who watch nothing that they have not seen.
SILENCE_S = 2.0


class Delivery:
    """The delivery of one stream. Pure: every ``now`` is seconds on the monotonic clock.

    ``max_backlog_s``: how late a picture may be when a newer keyframe could be shown instead.
    ``max_bitrate_bps``: what the stream needs at most; None: as much as it sends. ``live``: whether arrival
    is the pace, always or (False) never; None: unless pictures come faster than any clock.
    ``framerate_fps``: what counts in place of all that the stream states of its rate.
    ``leave_out_b_frames``: those that nothing refers to.
    """

    def __init__(
        self,
        max_backlog_s: float,
        replay: Replay = Replay.AUTO,
        max_bitrate_bps: float | None = None,
        live: bool | None = None,
        framerate_fps: float | None = None,
        held_limits: HeldLimits = HELD_LIMITS,
        *,
        leave_out_b_frames: bool = True,
    ) -> None:
        self._intake = Intake(
            max_backlog_s, live, framerate_fps, held_limits, leave_out_b_frames=leave_out_b_frames
        )
        self._queue = self._intake.queue
        self.accounting = self._intake.accounting
        self.rates = self._intake.rates
        self.encoder_response = EncoderResponse()
        self._output = Output(self._intake, Replays(replay, max_bitrate_bps), held_limits)
        self._gop = self._output.gop
        self._replays = self._output.replays
        self.slow_link = SlowLink(max_backlog_s, self._intake, self._output, self.encoder_response)
        self._requests = KeyframeRequests()
        self._pacer = Pacer()
        self._timestamps = Timestamps()
        self._next_probe_at = 0.0
        self._flushed = False  # what waited in WebRTC, and it has not encoded since
        self._submitted_at = 0.0
        self._received_at = 0.0
        self._behind_replay = False  # whether what waits has waited for a replay
        self._caught_up_at = 0.0  # when nothing was behind a replay

    @property
    def state(self) -> State:
        """What is submitted at present."""
        return self._output.state

    @property
    def probing(self) -> bool:
        """Whether WebRTC has yet to show that it encodes."""
        return self.state is State.PROBING

    @property
    def submits(self) -> bool:
        """Whether pictures are submitted as they come."""
        return self.state in SUBMITTING

    @property
    def held(self) -> int:
        """How many received pictures have not been submitted yet."""
        return len(self._queue)

    @property
    def held_bytes(self) -> int:
        """The size of all pictures in memory: those not submitted yet, and the GOP held for a replay."""
        return self._queue.size_bytes + self._gop.size_bytes

    @property
    def pace(self) -> str | None:
        """What sets the pace of pictures that come faster than real time; None where they do not."""
        pacing = self._intake.pacing
        return pacing.pace if pacing.paced else None

    @property
    def stated_fps(self) -> float | None:
        """The picture rate that the stream states, right or wrong; None where it states none."""
        return self._intake.stated_fps

    @property
    def b_frames(self) -> BFrames:
        """The B-frames of the encoder on the line."""
        return self._intake.b_frames

    def backlog_s(self, now: float) -> float:
        """Seconds that the oldest waiting picture has waited."""
        return self._intake.backlog_s(now)

    def full(self, now: float) -> bool:
        """Whether no more should be read: what has been is far ahead of real time."""
        return self._intake.full(now)

    def share_memory(self, streams: int) -> None:
        """Hold a part of the bytes that may be held, where ``streams`` share them: 1 holds all.

        Of a file less is read ahead then, and what has come of it is held as before; of another stream more
        than its part is dropped.
        """
        self._intake.sharers = streams
        self._gop.sharers = 1 if self._intake.pacing.paced else streams

    def silent_s(self, now: float) -> float:
        """Seconds since a picture was received."""
        return now - self._received_at

    # Input.

    def receive(self, access_unit: AccessUnit, now: float, arrived_us: int) -> Drop | None:
        """Take in one access unit that is whole ``now``; it arrived then, unless it says when.

        ``arrived_us`` is its arrival in µs since 1970. Return why it was dropped at once, None if it was not.
        """
        self._received_at = now
        if access_unit.keyframe:
            in_turn = self.rates.keyframe_due(access_unit.arrived_at or now)
            self.encoder_response.keyframe(now, in_turn=in_turn)
        received = self._intake.receive(access_unit, now, arrived_us)
        if isinstance(received, Drop):
            return received
        if access_unit.keyframe and self.state in NOT_ENCODING:
            self._drop_what_is_old(now)
        elif access_unit.keyframe and self.state is State.DRAINING:
            self._intake.drop_all(Drop.CONGESTED)
        return self._intake.append(received)

    def correct(self, access_unit: AccessUnit) -> None:
        """Take in the whole of the picture received last, of which a part came out before."""
        if self._intake.correct(access_unit) or not self._gop:
            return
        if self._gop[-1].number == self._intake.last_number:
            # Viewers have decoded a part of it; from the keyframe on they get it whole.
            self._output.picture_missing()
            self._gop.replace_last(access_unit)
            if not self._gop and self.state in NOT_ENCODING:
                self._intake.gate.shut(Drop.QUEUE_FULL)

    def refuse(self, access_unit: AccessUnit, now: float) -> None:
        """Count an access unit that can never be published."""
        self._intake.refuse(access_unit, now)

    def new_encoder(self) -> None:
        """Another encoder is connected: what it sends refers to nothing that came before."""
        self._intake.new_encoder()
        self.encoder_response.new_encoder()

    def picture_lost(self) -> None:
        """A picture never came: what refers to it is dropped, up to the next keyframe."""
        self._intake.gate.shut()

    def new_codec(self) -> None:
        """What comes from now on is of another codec, and goes into another track."""
        self._drop_everything(Drop.NO_ROOM)

    def stop(self) -> None:
        """The stream ends: what waits will never be shown."""
        self._drop_everything(Drop.STOPPED)

    # The track, and what WebRTC says.

    def opened(self, now: float) -> None:
        """The track is published, or published again: WebRTC will encode soon."""
        self._output.advance(Event.OPENED)
        self.slow_link.new_track(now)
        if not self._gop and self._intake.gate.open:
            self._intake.skip_to_keyframe(Drop.QUEUE_FULL)
        self._next_probe_at = now

    def running(self, now: float) -> None:
        """WebRTC has encoded a picture submitted since ``opened``."""
        was_probing = self.probing
        self._output.advance(Event.ENCODING)
        if not was_probing:
            return
        flushed, self._flushed = self._flushed, False
        if not flushed:
            self._replays.begin_track(now)
        if len(self._gop) > 1:
            # After a reconnection the GOP holds more than the keyframe that was tried.
            if flushed or self._replays.suits_new_track(self.rates.bitrate_bps(now), now):
                self._output.begin_replay(now, index=1)
            else:
                self._output.skip_to_keyframe()

    def flushed(self, now: float) -> None:
        """WebRTC has thrown away what waited, and begins as with a new track: with a keyframe."""
        if self.state in (*SUBMITTING, State.DRAINING):
            self._output.advance(Event.OPENED)
            self.slow_link.emptied(now)
            self._next_probe_at = now
            self._flushed = True

    def closed(self) -> None:
        """The track is gone: keep what a new one will need."""
        self._output.advance(Event.CLOSED)

    def keyframe_requested(
        self,
        now: float,
        audience: Audience | None = None,
        *,
        packets_lost: bool = False,
        asked_in_s: float = 0.0,
    ) -> None:
        """WebRTC asks for a keyframe: a viewer came, or left, or a picture was lost on the way to it.

        ``audience``: who may watch, None where no one can tell. ``packets_lost``: some were, on the way to
        the server. An encoder that may answer (`encoder_response`) is given the time to; ``asked_in_s``: when
        it is asked, if not yet.
        """
        answer = self._requests.answer(
            audience,
            now,
            silent=self._silent(now),
            beyond_cure=self.b_frames.beyond_cure,
            spares_watchers=self._spares_watchers(now) and not packets_lost,
        )
        if answer is Answer.KEYFRAME:
            return
        if self.state is State.LIVE:
            self._replays.request(
                now,
                asked_in_s + patience_s if (patience_s := self.encoder_response.patience_s) else 0.0,
                came_at=audience.came_at if audience is not None else -inf,
                shared=answer is Answer.SHARED_REPLAY,
            )
        self._output.advance(Event.REPLAY_WANTED)
        # Requests during a replay are answered by it, or by its beginning once more.
        if answer is Answer.SHARED_REPLAY:
            return
        if self.state in REPLAYING and self._replays.missed(now) and self._replay_does_good(now):
            self._output.advance(Event.REPLAY_BEGUN)
            self._replays.begin_again(now)

    def _silent(self, now: float) -> bool:
        return self.silent_s(now) > SILENCE_S

    def _spares_watchers(self, now: float) -> bool:
        return self._replays.spares_watchers and now - self._replays.running_since >= START_S

    def lost(self, count: int, now: float) -> None:
        """WebRTC has not encoded ``count`` of the pictures that it took."""
        self._intake.freeze(count)
        # It asks for a keyframe itself with the picture after them; where none comes it never will.
        paused = now - self._submitted_at > PAUSE_S
        if paused or self._requests.left_to_encoder(now):
            self._replays.request(now, 0.0 if paused else self.encoder_response.patience_s)
            self._output.advance(Event.REPLAY_WANTED)

    # Output.

    def due_at(self) -> float | None:
        """Return when `take` will have something, if nothing else happens; None if never."""
        first_due_at, ready_at = self._intake.first_due_at, self._pacer.ready_at
        if self.state is State.LIVE:
            return None if first_due_at is None else max(first_due_at, ready_at)
        if self.state in REPLAYING:
            return ready_at
        if self.state is State.DRAINING:
            return None
        if self.state in NOT_ENCODING:
            tries = self.probing and (self._gop or self._queue)
            return max(self._next_probe_at, ready_at) if tries else None
        replay_at = max(self._replays.ready_at, ready_at)
        if self.state is State.BLOCKED:
            return ready_at if self._intake.keyframe_waits else replay_at
        if self.state is State.HELD_BACK:
            return ready_at if self._intake.keyframe_waits or self.slow_link.keyframe_again else None
        if first_due_at is None:
            return replay_at
        return min(replay_at, max(first_due_at, ready_at))

    def take(self, now: float) -> Submission | None:
        """Return what is to be submitted to WebRTC at ``now``; call `submitted` with it right after."""
        if now < self._pacer.ready_at:
            return None
        if self.state in NOT_ENCODING:
            return self._probe(now) if self.probing else None
        if self.state is State.DRAINING:
            return None
        if (self.state in REPLAYING or self._behind_replay) and self._replays.lately_begun(now):
            self._caught_up_at = now  # what waits for a replay is not late
        self._intake.drop_late(now, max(self._replays.running_since, self._caught_up_at))
        if self.state is not State.LIVE:
            if picture := self._replayed(now):
                return self._submission(picture, True, now)
            if self.state in INCOMPLETE:
                return None
        due_at = self._intake.first_due_at
        if due_at is None or due_at > now:
            return None
        self._intake.pacing.late(due_at, now)
        return self._submission(self._pop(), False, now)

    def submitted(self, submission: Submission, accepted: bool, now: float) -> None:
        """Book what became of ``submission``."""
        self._submitted_at = now
        if submission.picture.access_unit.keyframe:
            self._requests.answered(now)
        waiting = len(self._queue)
        if self.state in REPLAYING:
            waiting += self._replays.left(self._gop)
        self._behind_replay = waiting > 0 and (submission.replayed or self._behind_replay)
        sending_s = 0.0
        if submission.replayed or self._behind_replay:
            # Behind WebRTC's own queue they would seem late to a player, which would then stay behind.
            sending_s = self._replays.sending_s(len(submission.picture.access_unit.data))
        slow = self._replays.slow and self.state is not State.HELD_BACK
        self._pacer.submitted(now, self.rates.frame_interval_s, waiting, sending_s, slow=slow)
        if submission.replayed:
            self.accounting.replayed += 1
            if self.state in REPLAYING:
                self.slow_link.replayed(now)
        elif accepted:
            self.accounting.submitted += 1
            self.accounting.shown = self.accounting.shown or self.state not in NOT_ENCODING
        else:
            self._intake.drop(Drop.REJECTED)
        if not accepted:
            # The picture is part of the GOP all the same, so that a replay brings it.
            self._output.picture_missing()

    def _submission(self, picture: Picture, replayed: bool, now: float) -> Submission:
        captured_at = None if replayed else min(picture.captured_at, now)
        timestamp_us = self._timestamps.next_us(captured_at, now, self._intake.lead_s, picture.early_s)
        return Submission(picture, timestamp_us, replayed)

    def _pop(self) -> Picture:
        picture = self._queue.pop()
        self._gop.append(picture)
        return picture

    def _probe(self, now: float) -> Submission | None:
        if now < self._next_probe_at or not (self._gop or self._queue):
            return None
        self._next_probe_at = now + PROBE_INTERVAL_S
        if self._gop:
            return self._submission(self._gop[0], True, now)
        return self._submission(self._pop(), False, now)

    def _replayed(self, now: float) -> Picture | None:
        """Return the next picture of the replay that is under way, or begins now; None without one."""
        if self.state in INCOMPLETE and self._intake.keyframe_waits:
            self._output.skip_to_keyframe()
        elif self._intake.keyframe_due(now):
            self._output.advance(Event.KEYFRAME)
        elif self.state is State.HELD_BACK:
            return self.slow_link.keyframe_alone()
        elif self.state not in REPLAYING and now >= self._replays.ready_at:
            self._begin_replay(now)
        if self.state not in REPLAYING:
            return None
        if self._replays.left(self._gop) > 0:
            return self._replays.next_picture(self._gop)
        self._output.advance(Event.REPLAY_ENDED)
        self._replays.end(now)
        return None

    def _begin_replay(self, now: float) -> None:
        if self._replay_does_good(now):
            self._output.begin_replay(now)
        elif self.state is State.BLOCKED:
            self._output.skip_to_keyframe()
        else:
            self._output.advance(Event.KEYFRAME)

    def _replay_does_good(self, now: float) -> bool:
        if self._silent(now):
            return self._replays.does_good(self._gop, None, 0.0, now)
        return self._replays.does_good(
            self._gop, self.rates.next_keyframe_s(now), self.rates.bitrate_bps(now), now
        )

    # What is dropped.

    def _drop_what_is_old(self, now: float) -> None:
        """Drop what came before a new keyframe: no viewer has seen it, and none will need it."""
        oldest = self._gop[0] if self._gop else self._queue.first if self._queue else None
        if oldest and now - oldest.received_at > ONE_WRITE_S and not self._intake.pacing.paced:
            self._intake.drop_all(Drop.NO_ROOM)
            self._gop.clear()

    def _drop_everything(self, reason: Drop) -> None:
        self.closed()
        self._intake.drop_all(reason)
        self._gop.clear()
        self._intake.gate.shut()
