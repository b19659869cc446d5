"""Feedback from WebRTC to the encoder: keyframe requests and the rate that is wanted."""

import time
from collections.abc import Callable

from ingestd.control.backchannel import BackChannel
from ingestd.control.messages import Result
from ingestd.control.rate_target import RateTarget
from ingestd.delivery.audience import Audience
from ingestd.delivery.delivery import Delivery
from ingestd.observe.histogram import Histogram
from ingestd.room import Track
from ingestd.timer import Timer

# WebRTC says what it wants while it encodes, which it does within a few milliseconds of a submission. Asking
# costs as much as a submission: it is done at once only while the first picture waits for the answer, else
# behind the pictures, or this long after the last of them.
PROBING_FEEDBACK_DELAY_S = 0.005
FEEDBACK_INTERVAL_S = 0.05
# Feedback is taken as long as pictures are submitted; they may stop for what waits in WebRTC to leave.
PICTURES_FLOW_S = 3.0
# An encoder whose last picture is older may be gone, and is not blamed for messages that nothing took.
PRESENT_S = 1.0
ANSWER_BOUNDS_S = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1)


class EncoderFeedback:
    """Takes what WebRTC asks for, and tells delivery and the encoder.

    It is taken from ``track``, which the pipeline replaces. ``guard`` runs the work of a timer and lets no
    exception out; ``pump`` submits what is due, which feedback may have changed; ``asked`` is told that the
    encoder was asked for a keyframe, or was not to be reached.
    """

    def __init__(
        self,
        track: Track,
        audience: Callable[[], Audience],
        delivery: Delivery,
        back_channel: BackChannel,
        rate_target: RateTarget,
        guard: Callable[[Callable[[], None]], None],
        pump: Callable[[], None],
        asked: Callable[[float], None],
    ) -> None:
        self.track = track
        self.keyframe_requests = 0
        self.keyframe_answer = Histogram(ANSWER_BOUNDS_S)
        self._audience = audience
        self._delivery = delivery
        self._back_channel = back_channel
        self._rate_target = rate_target
        self._guard = guard
        self._pump = pump
        self._on_asked = asked
        self._take_timer = Timer(self._take_due)
        self._keyframe_timer = Timer(self._keyframe_due)
        self._taken_at = 0.0
        self._flushed = False  # and nothing has been said since
        self._lacks_packets = False  # viewers may, and no keyframe has been asked for since

    def close(self) -> None:
        """Take no more."""
        self._take_timer.clear()
        self._keyframe_timer.clear()

    # What the encoder does.

    def new_encoder(self) -> None:
        """Another encoder is on the line."""
        self._back_channel.new_encoder()

    def keyframe_came(self) -> None:
        """The encoder has sent one, which delivery has received."""
        self._back_channel.keyframe_came()
        answer_s = self._delivery.encoder_response.answer_s
        if answer_s is not None:
            self.keyframe_answer.observe(answer_s)

    # What the track does.

    def submitted(self) -> None:
        """All pictures that were due have been submitted."""
        if time.monotonic() - self._taken_at > FEEDBACK_INTERVAL_S:
            self.take()  # behind the pictures: they need not wait for it
        self._take_timer.set(PROBING_FEEDBACK_DELAY_S if self._delivery.probing else FEEDBACK_INTERVAL_S)

    def replayed(self, size_bytes: int, now: float) -> None:
        """A picture of ``size_bytes`` was submitted once more."""
        self._rate_target.replayed(size_bytes, now)

    def track_closed(self) -> None:
        """The track is gone."""
        self._lacks_packets = False
        self._rate_target.new_track()

    def flushed(self) -> None:
        """WebRTC has thrown away what waited in it."""
        self._flushed = True

    def send_delay(self, delay_s: float, now: float) -> None:
        """Packets wait ``delay_s`` in WebRTC before they leave."""
        self._rate_target.delayed(delay_s)
        if now - self._taken_at < PICTURES_FLOW_S:
            at_us = time.time_ns() // 1000
            self._tell_encoder(now, at_us)
            if self._rate_target.dip_over(now):
                self._lacks_packets = True  # lost at its beginning
            self._make_up_for_lost_packets(now, at_us)

    def packets_lost(self, now: float) -> None:
        """The server misses packets: if they never come viewers see nothing more, and ask only after 3 s."""
        self._lacks_packets = True
        self._make_up_for_lost_packets(now, time.time_ns() // 1000)

    def _make_up_for_lost_packets(self, now: float, at_us: int) -> None:
        """Ask for a keyframe; while the link dips it would be lost as well, and be in the way."""
        if self._lacks_packets and not self._rate_target.dips(now):
            self._lacks_packets = False
            self.ask_for_keyframe(now, at_us)

    def keyframe_requested(self, now: float, at_us: int) -> None:
        """A viewer needs a keyframe."""
        self.keyframe_requests += 1
        if self._delivery.encoder_response.just_answered(now):
            return
        self.ask_for_keyframe(now, at_us)
        due_at = self._back_channel.due_at
        self._delivery.keyframe_requested(
            now,
            self._audience(),
            packets_lost=self.track.misses_packets,
            asked_in_s=due_at - now if due_at is not None else 0.0,
        )

    def take(self) -> None:
        """Take what WebRTC has asked for since the last time, and pass it on."""
        feedback = self.track.take_feedback()
        now, at_us = time.monotonic(), time.time_ns() // 1000
        self._taken_at = now
        bitrate_bps = feedback.bitrate_bps
        if bitrate_bps is not None and self._flushed:
            self._flushed, bitrate_bps = False, None  # what WebRTC begins with, whatever the link carries
        if bitrate_bps is not None:
            dipped_before = self._rate_target.dipped
            self._delivery.slow_link.set_target(bitrate_bps)
            self._rate_target.allotted(bitrate_bps, now)
            if self._rate_target.dipped and not dipped_before:
                self._flush(now, at_us)
        if feedback and self._delivery.probing:
            # Only a running encoder gives feedback, and its first is for the keyframe it was just given.
            self._delivery.running(now)
        elif feedback.keyframe:
            self.keyframe_requested(now, at_us)
        self._tell_encoder(now, at_us)

    def _flush(self, now: float, at_us: int) -> None:
        """Have WebRTC throw away what waits in it, where an encoder that obeys makes up for it at once.

        All of it was encoded for a link that is no more. Lost packets, sent again before anything new, fill
        one that is slow for seconds (docs/webrtc.md).
        """
        answers = self._delivery.encoder_response.answers
        if answers and self._delivery.submits and self.track.flush():
            self._delivery.slow_link.flushing()
            self.ask_for_keyframe(now, at_us)

    def _take_due(self) -> None:
        self._guard(self.take)
        self._pump()

    # To the encoder.

    def ask_for_keyframe(self, now: float, at_us: int) -> None:
        """Have the encoder send a keyframe; ``now`` in seconds, ``at_us`` the same in µs since 1970."""
        self._asked(self._back_channel.keyframe(now, at_us), now)
        if (due_at := self._back_channel.due_at) is not None:
            self._keyframe_timer.set(due_at - now)

    def _asked(self, told: Result | None, now: float) -> None:
        """Take note of what became of a message that a keyframe is wanted; None: there was none."""
        if told is Result.SENT:
            self._delivery.encoder_response.asked(now, self._delivery.rates.frame_interval_s)
        elif told is not None and self._delivery.silent_s(now) < PRESENT_S:
            self._delivery.encoder_response.not_delivered()
        if told is not None:
            self._on_asked(now)

    def _keyframe_due(self) -> None:
        self._guard(lambda: self._tell_encoder(time.monotonic(), time.time_ns() // 1000))

    def _tell_encoder(self, now: float, at_us: int) -> None:
        """Pass on to the encoder what is due."""
        self._asked(self._back_channel.pass_on(now, at_us), now)
        target_bps = self._rate_target.bps(now)
        if target_bps is not None:
            self._back_channel.rate(target_bps, now, at_us)
