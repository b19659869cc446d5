"""What becomes of pictures where the link carries less than the stream, as WebRTC's statistics say.

What waits in WebRTC for too long is cut: nothing is submitted until it has left, then from a keyframe on.
What WebRTC leaves out by itself is made up for when the link carries it, or shown in slow motion where a
keyframe is far away. When to cut is decided in congestion.py, what can be made up for in replays.py.
"""

from ingestd.delivery.accounting import Drop
from ingestd.delivery.congestion import MAX_FREEZE_S, Congestion
from ingestd.delivery.encoder_response import EncoderResponse
from ingestd.delivery.intake import Intake
from ingestd.delivery.output import Output
from ingestd.delivery.picture import Picture
from ingestd.delivery.states import REPLAYING, SUBMITTING, Event, State


class SlowLink:
    """The link of one track. Every ``now`` is seconds on the monotonic clock, rates are bit/s.

    ``max_backlog_s``: how long a picture may wait with us and in WebRTC together. ``encoder_response`` says
    when a keyframe comes that is asked for.
    """

    def __init__(
        self, max_backlog_s: float, intake: Intake, output: Output, encoder_response: EncoderResponse
    ) -> None:
        self.keyframe_again = False  # WebRTC is to be given it, alone, while all else is held back
        self._congestion = Congestion(max_backlog_s)
        self._intake = intake
        self._output = output
        self._gop = output.gop
        self._replays = output.replays
        self._encoder_response = encoder_response

    @property
    def congested(self) -> bool:
        """Whether pictures have waited longer than `max_backlog`, in WebRTC too, and are not on time yet."""
        return self._congestion.congested

    @property
    def draining(self) -> bool:
        """Whether what was submitted is first to leave WebRTC, before anything else is submitted."""
        return self._output.state is State.DRAINING

    @property
    def waited_for(self) -> bool:
        """Whether viewers see nothing live until a keyframe comes, or the link carries what was held back."""
        state = self._output.state
        return state is State.HELD_BACK or (state in REPLAYING and self._replays.slow)

    def held_back_s(self, now: float) -> float:
        """Seconds of the stream that are to be submitted at once when the link carries them."""
        catches_up = self._output.state in (State.HELD_BACK, *REPLAYING)
        return now - self._gop[0].received_at if catches_up and self._gop else 0.0

    def may_risk(self, now: float) -> bool:
        """Whether a picture may be lost for it to be found out what the link carries.

        A keyframe is to be near. An encoder that answers sends less where the link is slow: nothing waits for
        long, and so there is nothing to be won.
        """
        if self._encoder_response.answers:
            return False
        next_keyframe_s = self._next_keyframe_s(now)
        return next_keyframe_s is not None and next_keyframe_s <= MAX_FREEZE_S

    # What was submitted.

    def new_track(self, now: float) -> None:
        """Another track is published: nothing waits in WebRTC, and nothing is known of the link."""
        self._congestion.begin_track(now)
        self._replays.set_target(None)
        self._replays.set_link(None)

    def emptied(self, now: float) -> None:
        """Nothing waits in WebRTC any more, which begins anew with the same track."""
        self._congestion.begin_track(now)

    def replayed(self, now: float) -> None:
        """WebRTC was given a picture of a replay: what waits there is no sign of a slow link for a while."""
        self._congestion.settle(now)

    def keyframe_alone(self) -> Picture | None:
        """Return the keyframe that WebRTC is to be given again, once; None where it is not."""
        again, self.keyframe_again = self.keyframe_again, False
        return self._gop[0] if again and self._gop else None

    # What WebRTC says.

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
        waited_s = 0.0 if paced else self._intake.backlog_s(now)
        self._congestion.read(waited_s, delay_s, self._intake.rates.bitrate_bps(now), available_bps)
        state = self._output.state
        if state is State.DRAINING:
            if self._congestion.drained(delay_s, now):
                self._output.advance(Event.DRAINED)
        elif state is State.HELD_BACK:
            self._make_up(now, keyframe_needed=link_idle)
        elif link_good or paced or state not in SUBMITTING:
            return
        elif self._congestion.cuts(self._next_keyframe_s(now), now):
            self._drain()

    def flushing(self) -> None:
        """WebRTC throws away what waits in it: nothing is submitted until it has, then from a keyframe on.

        Only while the delivery `submits`.
        """
        self._drain()

    def held_back(self, now: float, *, keyframe_left_out: bool) -> None:
        """WebRTC has left out a picture, as the link is slow, and encodes none up to the next keyframe.

        ``keyframe_left_out``: the last one, too.
        """
        if self._output.state in (*SUBMITTING, *REPLAYING, State.HELD_BACK) and self._gop:
            self._output.advance(Event.HELD_BACK)
            self._replays.needed_by_all()
            self._make_up(now, keyframe_needed=keyframe_left_out)

    def _drain(self) -> None:
        self._output.skip_to_keyframe(Event.CONGESTION, Drop.CONGESTED)

    def _make_up(self, now: float, *, keyframe_needed: bool) -> None:
        """Have viewers get what was held back, if that can be; else, if need be, the keyframe alone.

        Alone it is of little use to them, but WebRTC sends something, and so finds out what the link carries.
        """
        rates = self._intake.rates
        bitrate_bps = rates.bitrate_bps(now)
        if not self._gop:
            self._output.skip_to_keyframe()
        elif self._replays.makes_up(self._gop, rates.next_keyframe_s(now), bitrate_bps):
            self._output.begin_replay(now)
        elif self._replays.shows_slowly(self._next_keyframe_s(now), bitrate_bps, now):
            self._output.begin_replay(now, slow=True)
        else:
            self.keyframe_again = keyframe_needed

    def _next_keyframe_s(self, now: float) -> float | None:
        if self._intake.keyframe_waits:
            return 0.0
        return self._encoder_response.patience_s or self._intake.rates.next_keyframe_s(now)
