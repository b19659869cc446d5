"""When to replay the GOP, so that a waiting viewer can start decoding at once."""

from enum import StrEnum
from math import inf

from ingestd.delivery.congestion import MAX_FREEZE_S, PACING_RATIO
from ingestd.delivery.gop import Gop
from ingestd.delivery.pacer import HURRIED_SPACING_S
from ingestd.delivery.picture import Picture

# The least time from the end of one replay to the next. It doubles while requests go on, since viewers whom
# no replay helps would otherwise have everyone watch the same second over and over.
FIRST_COOLDOWN_S = 0.1
MAX_COOLDOWN_S = 4.0
# Servers pass a request on twice a second for as long as a viewer waits. One that comes this many cooldowns
# after a replay has begun (0.4 s, then 0.8 s …) is from a viewer who was not ready for its keyframe: where
# there are many tracks to subscribe to, that takes a while.
OVERDUE_COOLDOWNS = 4
# A request after so long a silence has nothing to do with the replays before.
CALM_S = 5.0
# How long a replay may take to submit, and to send. Those who watch already see the past for as long. Not
# measured: the limits allow the replays that were allowed when the pacer was taken to send at 2.5 times the
# rate, and 2 s were allowed for that.
MAX_SUBMITTING_S = 2.0
MAX_SENDING_S = 2.0 * 2.5 / PACING_RATIO
# A replay does good where at least this part of it is sent before the next keyframe. As little measured.
MIN_SENT_RATIO = PACING_RATIO / 2.5
# Within this time those who are in the room subscribe to a new track, and ask for a keyframe.
START_S = 3.0
# As long as this after the beginning of a track the target may be a guess.
GUESSED_TARGET_S = 5.0
# Where others watch, those who come at about the same time share one replay: it begins this long after the
# first of them has asked.
GATHER_S = 0.5
# Where others watch, a newcomer waits for a keyframe that is due within this time, or within so many times as
# long as those who watch would see the past (docs/webrtc.md).
SHORT_WAIT_S = 1.0
WORTH_RATIO = 1.5
# What WebRTC has held back on a slow link is made up for where that takes no longer to send than this.
SHORT_SENDING_S = 0.3
# And where the link carries this many times what the stream needs.
CATCH_UP_RATIO = 1.5
# Where the next keyframe is far away it is shown in slow motion, if the link carries this part of what the
# stream needs; and again this long after, as WebRTC may leave out a picture of that, too.
SLOW_MOTION_RATIO = 0.3
SLOW_MOTION_INTERVAL_S = 2.0
# With less than this part of what the stream needs, the link is what is in the way; also while it is a guess.
CONGESTED_RATIO = 0.7
SURELY_CONGESTED_RATIO = 0.3


class Replay(StrEnum):
    """When the GOP may be replayed; the key ``replay`` of the configuration."""

    AUTO = "auto"  # as ALWAYS where no one else watches; else for those who come, if they would wait long
    ALWAYS = "always"  # whenever a viewer waits for a keyframe, or a picture was lost
    START = "start"  # only in the first seconds after the track was published, or published again
    NEVER = "never"


class Replays:
    """How far the replay under way is, when the next may begin, and whether it does any good.

    Whether one is wanted or under way is the state of the delivery: states.py. Times are seconds on the
    monotonic clock, rates bit/s.
    """

    def __init__(self, policy: Replay, max_bitrate_bps: float | None) -> None:
        self.running_since = 0.0  # when WebRTC began to encode the track
        self._ready_at = 0.0
        self._gathered_at = 0.0  # when those who come with the one who has asked will have come
        self._policy = policy
        self._max_bitrate_bps = max_bitrate_bps
        self._target_bps: float | None = None
        self._link_bps: float | None = None
        self._shared = False
        self._cooldown_s = FIRST_COOLDOWN_S
        self._begun_at = 0.0
        self._next = 0  # index into the GOP
        self.slow = False  # whether the last one takes as long as the link needs for it

    @property
    def ready_at(self) -> float:
        """No replay begins before."""
        return max(self._ready_at, self._gathered_at) if self._shared else self._ready_at

    @property
    def spares_watchers(self) -> bool:
        """Whether those who watch are spared what only another one needs."""
        return self._policy is Replay.AUTO

    def set_target(self, bitrate_bps: float | None) -> None:
        """WebRTC believes that the link carries ``bitrate_bps`` of this track; None: nothing is known."""
        self._target_bps = bitrate_bps

    def set_link(self, bitrate_bps: float | None) -> None:
        """WebRTC believes that the link carries ``bitrate_bps`` in all; None: nothing is known."""
        self._link_bps = bitrate_bps

    def begin_track(self, now: float) -> None:
        """WebRTC encodes."""
        self.running_since = self._begun_at = self._ready_at = now
        self._cooldown_s = FIRST_COOLDOWN_S
        self.slow = False

    def request(self, now: float, patience_s: float, *, came_at: float = -inf, shared: bool = False) -> None:
        """A replay is wanted, unless the encoder sends a keyframe within ``patience_s``.

        ``came_at``: when the last viewer came. ``shared``: others watch.
        """
        self._shared = shared
        if came_at > self._begun_at:
            self._ready_at = min(self._ready_at, now)  # whatever has been tried, it was not for this one
        if now > self._ready_at + CALM_S or came_at > self._begun_at:
            self._cooldown_s = FIRST_COOLDOWN_S
        self._ready_at = max(self._ready_at, now + patience_s)
        self._gathered_at = now + GATHER_S

    def needed_by_all(self) -> None:
        """Those who watch need the next replay, too."""
        self._shared = False

    def missed(self, now: float) -> bool:
        """Whether a viewer who asks for a keyframe ``now`` has missed that of the replay under way."""
        return now - self._begun_at >= OVERDUE_COOLDOWNS * self._cooldown_s

    def lately_begun(self, now: float) -> bool:
        """Whether the last replay may still be on its way."""
        return now - self._begun_at < MAX_SENDING_S and not self.slow

    def begin(self, now: float, index: int = 0, *, slow: bool = False) -> None:
        """Submit the GOP again from the picture with this ``index`` on; ``slow``: in slow motion."""
        self._next, self._begun_at, self.slow = index, now, slow

    def begin_again(self, now: float) -> None:
        """Begin the replay under way from its keyframe."""
        self.begin(now)
        self._lengthen_cooldown()

    def left(self, gop: Gop) -> int:
        """Return how many pictures of the replay under way are still to be submitted."""
        return len(gop) - self._next

    def next_picture(self, gop: Gop) -> Picture:
        """Return the next picture of the replay under way; there must be one `left`."""
        self._next += 1
        return gop[self._next - 1]

    def end(self, now: float) -> None:
        """All pictures of the GOP have been submitted again."""
        self._ready_at = now + self._cooldown_s
        self._lengthen_cooldown()

    def suits_new_track(self, bitrate_bps: float, now: float) -> bool:
        """Whether a track that began with the keyframe of the GOP goes on with the rest of it."""
        return self._policy is not Replay.NEVER and not self._congested(bitrate_bps, now)

    def sending_s(self, size_bytes: int) -> float:
        """How long WebRTC's pacer takes to send so much."""
        carried_bps = self._link_bps or self._target_bps
        return size_bytes * 8 / (carried_bps * PACING_RATIO) if carried_bps else 0.0

    def does_good(self, gop: Gop, next_keyframe_s: float | None, bitrate_bps: float, now: float) -> bool:
        """Whether a replay is allowed, and over before it is in the way of what follows.

        The encoder should send its next keyframe in ``next_keyframe_s`` seconds, None where there is no
        telling; ``bitrate_bps`` is what it sends, 0 if it is silent: then nothing follows.
        """
        if not gop or not self._allowed(now, silent=not bitrate_bps) or self._congested(bitrate_bps, now):
            return False
        submitting_s, sending_s = len(gop) * HURRIED_SPACING_S, self.sending_s(gop.size_bytes)
        if bitrate_bps and (submitting_s > MAX_SUBMITTING_S or sending_s > MAX_SENDING_S):
            return False
        if next_keyframe_s is None:
            return True
        if self._shared and next_keyframe_s < max(SHORT_WAIT_S, WORTH_RATIO * max(submitting_s, sending_s)):
            return False
        return next_keyframe_s >= max(submitting_s, MIN_SENT_RATIO * sending_s)

    def makes_up(self, gop: Gop, next_keyframe_s: float | None, bitrate_bps: float) -> bool:
        """Whether a replay of what WebRTC has held back catches up: it is short, or the link is good again.

        The encoder should send its next keyframe in ``next_keyframe_s`` seconds, None where there is no
        telling; it sends ``bitrate_bps``.
        """
        submitting_s, sending_s = len(gop) * HURRIED_SPACING_S, self.sending_s(gop.size_bytes)
        if sending_s <= SHORT_SENDING_S:  # no one has seen it: this is what viewers get in any case
            return True
        if self._policy not in (Replay.AUTO, Replay.ALWAYS) or self._link_bps is None:
            return False
        if self._link_bps < CATCH_UP_RATIO * bitrate_bps or sending_s > MAX_SENDING_S:
            return False
        return next_keyframe_s is None or next_keyframe_s >= max(submitting_s, MIN_SENT_RATIO * sending_s)

    def shows_slowly(self, next_keyframe_s: float | None, bitrate_bps: float, now: float) -> bool:
        """Whether viewers see what WebRTC has held back in slow motion, rather than nothing for long.

        Arguments as of `makes_up`. What they see is old, but never as old as the picture that they see else.
        """
        if self._policy not in (Replay.AUTO, Replay.ALWAYS) or self._link_bps is None:
            return False
        if next_keyframe_s is not None and next_keyframe_s <= MAX_FREEZE_S:
            return False
        rested = now - self._begun_at >= SLOW_MOTION_INTERVAL_S
        return rested and self._link_bps >= SLOW_MOTION_RATIO * bitrate_bps

    def _allowed(self, now: float, *, silent: bool) -> bool:
        if self._policy is Replay.START:
            return silent or now - self.running_since < START_S
        return self._policy is not Replay.NEVER

    def _congested(self, bitrate_bps: float, now: float) -> bool:
        # Not even what is live gets through: more of it would only be in the way.
        max_bps = self._max_bitrate_bps
        needed_bps = bitrate_bps if max_bps is None else min(bitrate_bps, max_bps)
        guessing = now - self.running_since < GUESSED_TARGET_S
        least_bps = (SURELY_CONGESTED_RATIO if guessing else CONGESTED_RATIO) * needed_bps
        return self._target_bps is not None and self._target_bps < least_bps

    def _lengthen_cooldown(self) -> None:
        self._cooldown_s = min(self._cooldown_s * 2, MAX_COOLDOWN_S)
