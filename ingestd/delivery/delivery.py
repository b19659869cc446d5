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
from ingestd.delivery.congestion import Congestion
from ingestd.delivery.encoder_response import EncoderResponse
from ingestd.delivery.gop import HELD_LIMITS, Gop, HeldLimits
from ingestd.delivery.intake import Intake
from ingestd.delivery.keyframe_requests import Answer, KeyframeRequests
from ingestd.delivery.pacer import Pacer
from ingestd.delivery.picture import Picture, Submission
from ingestd.delivery.replays import START_S, Replay, Replays
from ingestd.delivery.states import (
    DELIVERY,
    INCOMPLETE,
    NOT_ENCODING,
    REPLAYING,
    SUBMITTING,
    Event,
    State,
)
from ingestd.delivery.timestamps import Timestamps
from ingestd.media.access_unit import AccessUnit
from ingestd.state_table import after

# How often the keyframe is submitted until WebRTC encodes; it begins 80 to 300 ms after publishing.
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
        self._state = State.NO_TRACK
        self._gop = Gop(held_limits)
        self._replays = Replays(replay, max_bitrate_bps)
        self._requests = KeyframeRequests()
        self.encoder_response = EncoderResponse()
        self._pacer = Pacer()
        self._congestion = Congestion(max_backlog_s)
        self._timestamps = Timestamps()
        self._next_probe_at = 0.0
        self._flushed = False  # what waited in WebRTC, and it has not encoded since
        self._keyframe_again = False  # WebRTC is to be given it, alone, while all else is held back
        self._submitted_at = 0.0
        self._received_at = 0.0
        self._behind_replay = False  # whether what waits has waited for a replay
        self._caught_up_at = 0.0  # when nothing was behind a replay

    @property
    def state(self) -> State:
        """What is submitted at present."""
        return self._state

    @property
    def probing(self) -> bool:
        """Whether WebRTC has yet to show that it encodes."""
        return self._state is State.PROBING

    @property
    def submits(self) -> bool:
        """Whether pictures are submitted as they come."""
        return self._state in SUBMITTING

    @property
    def draining(self) -> bool:
        """Whether what was submitted is first to leave WebRTC, before anything else is submitted."""
        return self._state is State.DRAINING

    @property
    def waits_for_link(self) -> bool:
        """Whether viewers see nothing live until a keyframe comes, or the link carries what was held back."""
        return self._state is State.HELD_BACK or (self._state in REPLAYING and self._replays.slow)

    @property
    def held(self) -> int:
        """How many received pictures have not been submitted yet."""
        return len(self._queue)

    @property
    def held_bytes(self) -> int:
        """The size of all pictures in memory: those not submitted yet, and the GOP held for a replay."""
        return self._queue.size_bytes + self._gop.size_bytes

    @property
    def congested(self) -> bool:
        """Whether pictures have waited longer than `max_backlog`, in WebRTC too, and are not on time yet."""
        return self._congestion.congested

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
        return now - self._queue.first.received_at if self._queue else 0.0

    def held_back_s(self, now: float) -> float:
        """Seconds of the stream that are to be submitted at once when the link carries them."""
        catches_up = self._state is State.HELD_BACK or self._state in REPLAYING
        return now - self._gop[0].received_at if catches_up and self._gop else 0.0

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
        if access_unit.keyframe and self._state in NOT_ENCODING:
            self._drop_what_is_old(now)
        elif access_unit.keyframe and self._state is State.DRAINING:
            self._intake.drop_all(Drop.CONGESTED)
        return self._intake.append(received)

    def correct(self, access_unit: AccessUnit) -> None:
        """Take in the whole of the picture received last, of which a part came out before."""
        if self._intake.correct(access_unit) or not self._gop:
            return
        if self._gop[-1].number == self._intake.last_number:
            # Viewers have decoded a part of it; from the keyframe on they get it whole.
            self._picture_missing()
            self._gop.replace_last(access_unit)
            if not self._gop and self._state in NOT_ENCODING:
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
        self._advance(Event.OPENED)
        self._congestion.begin_track(now)
        if not self._gop and self._intake.gate.open:
            self._intake.skip_to_keyframe(Drop.QUEUE_FULL)
        self._next_probe_at = now
        self._replays.set_target(None)
        self._replays.set_link(None)

    def running(self, now: float) -> None:
        """WebRTC has encoded a picture submitted since ``opened``."""
        was_probing = self.probing
        self._advance(Event.ENCODING)
        if not was_probing:
            return
        flushed, self._flushed = self._flushed, False
        if not flushed:
            self._replays.begin_track(now)
        if len(self._gop) > 1:
            # After a reconnection the GOP holds more than the keyframe that was tried.
            if flushed or self._replays.suits_new_track(self.rates.bitrate_bps(now), now):
                self._advance(Event.REPLAY_BEGUN)
                self._replays.begin(now, index=1)
            else:
                self._skip_to_keyframe()

    def flushing(self) -> None:
        """WebRTC throws away what waits in it: nothing is submitted until it has, then from a keyframe on.

        Only while this `submits`.
        """
        self._drain()

    def flushed(self, now: float) -> None:
        """WebRTC has thrown away what waited, and begins as with a new track: with a keyframe."""
        if self._state in (*SUBMITTING, State.DRAINING):
            self._advance(Event.OPENED)
            self._congestion.begin_track(now)
            self._next_probe_at = now
            self._flushed = True

    def closed(self) -> None:
        """The track is gone: keep what a new one will need."""
        self._advance(Event.CLOSED)
        self._replays.set_target(None)

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
        if self._state is State.LIVE:
            self._replays.request(
                now,
                asked_in_s + patience_s if (patience_s := self.encoder_response.patience_s) else 0.0,
                came_at=audience.came_at if audience is not None else -inf,
                shared=answer is Answer.SHARED_REPLAY,
            )
        self._advance(Event.REPLAY_WANTED)
        # Requests during a replay are answered by it, or by its beginning once more.
        if answer is Answer.SHARED_REPLAY:
            return
        if self._state in REPLAYING and self._replays.missed(now) and self._replay_does_good(now):
            self._advance(Event.REPLAY_BEGUN)
            self._replays.begin_again(now)

    def _silent(self, now: float) -> bool:
        return self.silent_s(now) > SILENCE_S

    def _spares_watchers(self, now: float) -> bool:
        return self._replays.spares_watchers and now - self._replays.running_since >= START_S

    def set_target(self, bitrate_bps: float) -> None:
        """WebRTC believes that the link carries ``bitrate_bps`` of this track."""
        self._replays.set_target(bitrate_bps)

    def send_delay(
        self,
        delay_s: float,
        available_bps: float | None,
        now: float,
        *,
        link_good: bool = False,
        link_idle: bool = False,
    ) -> None:
        """Packets wait ``delay_s`` in WebRTC, which believes that the link carries ``available_bps`` in all.

        While ``link_good`` nothing is cut: WebRTC's estimate grows no faster for it, and every picture comes,
        if late (docs/webrtc.md). While ``link_idle`` it learns nothing of the link.
        """
        self._replays.set_link(available_bps)
        paced = self._intake.pacing.paced  # a file waits for its own pace, and comes whole
        waited_s = 0.0 if paced else self.backlog_s(now)
        self._congestion.read(waited_s, delay_s, self.rates.bitrate_bps(now), available_bps)
        if self._state is State.DRAINING:
            if self._congestion.drained(delay_s, now):
                self._advance(Event.DRAINED)
        elif self._state is State.HELD_BACK:
            self._make_up(now, keyframe_needed=link_idle)
        elif link_good or paced or self._state not in SUBMITTING:
            return
        elif self._congestion.cuts(self._next_keyframe_s(now), now):
            self._drain()

    def _drain(self) -> None:
        self._advance(Event.CONGESTION)
        self._gop.clear()
        self._intake.skip_to_keyframe(Drop.CONGESTED)

    def held_back(self, now: float, *, keyframe_left_out: bool) -> None:
        """WebRTC has left out a picture, as the link is slow, and encodes none up to the next keyframe.

        ``keyframe_left_out``: the last one, too.
        """
        if self._state in (*SUBMITTING, *REPLAYING, State.HELD_BACK) and self._gop:
            self._advance(Event.HELD_BACK)
            self._replays.needed_by_all()
            self._make_up(now, keyframe_needed=keyframe_left_out)

    def _make_up(self, now: float, *, keyframe_needed: bool) -> None:
        """Have viewers get what was held back, if that can be; else, if need be, the keyframe alone.

        Alone it is of little use to them, but WebRTC sends something, and so finds out what the link carries.
        """
        bitrate_bps = self.rates.bitrate_bps(now)
        if not self._gop:
            self._skip_to_keyframe()
        elif self._replays.makes_up(self._gop, self.rates.next_keyframe_s(now), bitrate_bps):
            self._advance(Event.REPLAY_BEGUN)
            self._replays.begin(now)
        elif self._replays.shows_slowly(self._next_keyframe_s(now), bitrate_bps, now):
            self._advance(Event.REPLAY_BEGUN)
            self._replays.begin(now, slow=True)
        else:
            self._keyframe_again = keyframe_needed

    def lost(self, count: int, now: float) -> None:
        """WebRTC has not encoded ``count`` of the pictures that it took."""
        self._intake.freeze(count)
        # It asks for a keyframe itself with the picture after them; where none comes it never will.
        paused = now - self._submitted_at > PAUSE_S
        if paused or self._requests.left_to_encoder(now):
            self._replays.request(now, 0.0 if paused else self.encoder_response.patience_s)
            self._advance(Event.REPLAY_WANTED)

    # Output.

    def due_at(self) -> float | None:
        """Return when `take` will have something, if nothing else happens; None if never."""
        first_due_at, ready_at = self._intake.first_due_at, self._pacer.ready_at
        if self._state is State.LIVE:
            return None if first_due_at is None else max(first_due_at, ready_at)
        if self._state in REPLAYING:
            return ready_at
        if self._state is State.DRAINING:
            return None
        if self._state in NOT_ENCODING:
            tries = self.probing and (self._gop or self._queue)
            return max(self._next_probe_at, ready_at) if tries else None
        replay_at = max(self._replays.ready_at, ready_at)
        if self._state is State.BLOCKED:
            return ready_at if self._keyframe_waits else replay_at
        if self._state is State.HELD_BACK:
            return ready_at if self._keyframe_waits or self._keyframe_again else None
        if first_due_at is None:
            return replay_at
        return min(replay_at, max(first_due_at, ready_at))

    def take(self, now: float) -> Submission | None:
        """Return what is to be submitted to WebRTC at ``now``; call `submitted` with it right after."""
        if now < self._pacer.ready_at:
            return None
        if self._state in NOT_ENCODING:
            return self._probe(now) if self.probing else None
        if self._state is State.DRAINING:
            return None
        if (self._state in REPLAYING or self._behind_replay) and self._replays.lately_begun(now):
            self._caught_up_at = now  # what waits for a replay is not late
        self._intake.drop_late(now, max(self._replays.running_since, self._caught_up_at))
        if self._state is not State.LIVE:
            if picture := self._replayed(now):
                return self._submission(picture, True, now)
            if self._state in INCOMPLETE:
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
        if self._state in REPLAYING:
            waiting += self._replays.left(self._gop)
        self._behind_replay = waiting > 0 and (submission.replayed or self._behind_replay)
        sending_s = 0.0
        if submission.replayed or self._behind_replay:
            # Behind WebRTC's own queue they would seem late to a player, which would then stay behind.
            sending_s = self._replays.sending_s(len(submission.picture.access_unit.data))
        slow = self._replays.slow and self._state is not State.HELD_BACK
        self._pacer.submitted(now, self.rates.frame_interval_s, waiting, sending_s, slow=slow)
        if submission.replayed:
            self.accounting.replayed += 1
            if self._state in REPLAYING:
                self._congestion.settle(now)
        elif accepted:
            self.accounting.submitted += 1
            self.accounting.shown = self.accounting.shown or self._state not in NOT_ENCODING
        else:
            self._intake.drop(Drop.REJECTED)
        if not accepted:
            # The picture is part of the GOP all the same, so that a replay brings it.
            self._picture_missing()

    def _picture_missing(self) -> None:
        self._advance(Event.PICTURE_MISSING)
        self._replays.needed_by_all()

    def _advance(self, event: Event) -> None:
        self._state = after(DELIVERY, self._state, event)

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
        if self._state in INCOMPLETE and self._keyframe_waits:
            self._skip_to_keyframe()
        elif self._intake.keyframe_due(now):
            self._advance(Event.KEYFRAME)
        elif self._state is State.HELD_BACK:
            return self._keyframe_alone()
        elif self._state not in REPLAYING and now >= self._replays.ready_at:
            self._begin_replay(now)
        if self._state not in REPLAYING:
            return None
        if self._replays.left(self._gop) > 0:
            return self._replays.next_picture(self._gop)
        self._advance(Event.REPLAY_ENDED)
        self._replays.end(now)
        return None

    def _keyframe_alone(self) -> Picture | None:
        again, self._keyframe_again = self._keyframe_again, False
        return self._gop[0] if again and self._gop else None

    def _begin_replay(self, now: float) -> None:
        if self._replay_does_good(now):
            self._advance(Event.REPLAY_BEGUN)
            self._replays.begin(now)
        elif self._state is State.BLOCKED:
            self._skip_to_keyframe()
        else:
            self._advance(Event.KEYFRAME)

    def _replay_does_good(self, now: float) -> bool:
        if self._silent(now):
            return self._replays.does_good(self._gop, None, 0.0, now)
        return self._replays.does_good(
            self._gop, self.rates.next_keyframe_s(now), self.rates.bitrate_bps(now), now
        )

    @property
    def _keyframe_waits(self) -> bool:
        return self._queue.before_oldest_keyframe() < len(self._queue)

    def _next_keyframe_s(self, now: float) -> float | None:
        if self._keyframe_waits:
            return 0.0
        return self.encoder_response.patience_s or self.rates.next_keyframe_s(now)

    # What is dropped.

    def _skip_to_keyframe(self) -> None:
        """Drop what refers to a picture that is missing."""
        self._advance(Event.KEYFRAME)
        self._gop.clear()
        self._intake.skip_to_keyframe(Drop.AFTER_LOSS)

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
