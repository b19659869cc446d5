"""When the GOP is handed over again: who waits for a keyframe can then begin to decode at once."""

from enum import StrEnum

from ingestd.delivery.gop import Gop
from ingestd.delivery.pacer import HURRIED_SPACING_S

# The least time from the end of one replay to the next. It doubles while requests go on, since those who
# cannot be helped by a replay would otherwise have everyone watch the same second over and over.
FIRST_COOLDOWN_S = 0.1
MAX_COOLDOWN_S = 4.0
# Servers pass a request on twice a second for as long as a viewer waits. One that comes so many cooldowns
# after a replay has begun (0.4 s, then 0.8 s …) is from a viewer who was not ready for its keyframe: where
# there are many tracks to subscribe to, that takes a while.
OVERDUE_COOLDOWNS = 4
# A request after so long a silence has nothing to do with the replays before.
CALM_S = 5.0
# Seconds that a replay may take. Those who watch already see the past for as long.
MAX_REPLAY_S = 2.0
# WebRTC's pacer sends what has piled up at so many times the rate that it believes in.
PACING_FACTOR = 2.5
# Seconds within which those who are in the room already subscribe to a new track, and ask for a keyframe.
START_S = 3.0
# WebRTC begins with a guess at the rate and needs so many seconds to find out.
ESTIMATE_SETTLES_S = 5.0
# Less than this part of what the stream needs, and the link is what is in the way; also while it is a guess.
CONGESTED_RATIO = 0.7
SURELY_CONGESTED_RATIO = 0.3


class Replay(StrEnum):
    """When the GOP may be handed over again; the key ``replay`` of the configuration."""

    ALWAYS = "always"  # whenever a viewer waits for a keyframe, or a picture was lost
    START = "start"  # only in the first seconds after the track was published, or published again
    NEVER = "never"


class Replays:
    """Whether one is wanted, allowed or under way. Times are monotonic seconds, rates bit/s."""

    def __init__(self, policy: Replay, max_bitrate: float) -> None:
        self._policy = policy
        self._max_bitrate = max_bitrate
        self._target: float | None = None
        self._running_since = 0.0
        self._cooldown = FIRST_COOLDOWN_S
        self._begun_at = 0.0
        self.wanted = False
        self.missed = False  # the keyframe of the replay that is under way, by a viewer
        self.gap = False  # a picture is missing, and none that follows can be shown without a replay
        self.cool_at = 0.0
        self.next: int | None = None  # index into the GOP of the picture to hand over again; None: no replay

    def set_target(self, bitrate: float) -> None:
        """WebRTC believes that the link carries ``bitrate``."""
        self._target = bitrate

    def reset(self) -> None:
        """The track is new, or gone: nobody waits for anything."""
        self.abandon()
        self._target = None

    def begin_track(self, gop: Gop, bitrate: float, now: float) -> bool:
        """WebRTC encodes, and has had the first picture of ``gop``; return whether the others follow."""
        self._running_since = self._begun_at = self.cool_at = now
        self._cooldown = FIRST_COOLDOWN_S
        if len(gop) > 1 and (self._policy is Replay.NEVER or self._congested(bitrate, now)):
            return False
        self.next = 1 if len(gop) > 1 else None
        return True

    def request(self, now: float, patience: float) -> None:
        """WebRTC asks for a keyframe: a viewer came, or a picture was lost on the way to it.

        The encoder may send one within ``patience``, which is better than any replay.
        """
        # Requests that come up during a replay are answered by it, or by its beginning anew.
        if self.next is not None:
            self.missed = self.missed or now - self._begun_at >= OVERDUE_COOLDOWNS * self._cooldown
        else:
            if now > self.cool_at + CALM_S:
                self._cooldown = FIRST_COOLDOWN_S
            if not self.wanted:
                self.cool_at = max(self.cool_at, now + patience)
            self.wanted = True

    def close_gap(self) -> None:
        """A picture was lost here, which is in the GOP."""
        self.wanted = self.gap = True

    def abandon(self) -> None:
        """A keyframe is due that does what a replay would do."""
        self.next = None
        self.wanted = self.gap = self.missed = False

    def begin(self, gop: Gop, next_keyframe: float | None, bitrate: float, now: float) -> bool:
        """Begin the replay that is wanted; return False, and want it no more, where it would do no good.

        ``next_keyframe`` is in how many seconds the encoder is expected to send one, ``bitrate`` what it
        sends.
        """
        self.wanted = self.gap = False
        if not self._does_good(gop, next_keyframe, bitrate, now):
            return False
        self.next, self._begun_at = 0, now
        return True

    def begin_anew(self, gop: Gop, next_keyframe: float | None, bitrate: float, now: float) -> None:
        """Begin the one that is under way from its keyframe, where that does any good; else go on with it."""
        self.missed = False
        if self._does_good(gop, next_keyframe, bitrate, now):
            self.next, self._begun_at = 0, now
            self._cooldown = min(self._cooldown * 2, MAX_COOLDOWN_S)

    def end(self, now: float) -> None:
        """All pictures of the GOP have been handed over again."""
        self.next = None
        self.missed = False
        self.cool_at = now + self._cooldown
        self._cooldown = min(self._cooldown * 2, MAX_COOLDOWN_S)

    def _does_good(self, gop: Gop, next_keyframe: float | None, bitrate: float, now: float) -> bool:
        if not gop or not self._allowed(now) or self._congested(bitrate, now):
            return False
        seconds = self._seconds(gop)
        return seconds <= MAX_REPLAY_S and (next_keyframe is None or next_keyframe >= seconds)

    def _allowed(self, now: float) -> bool:
        if self._policy is Replay.START:
            return now - self._running_since < START_S
        return self._policy is Replay.ALWAYS

    def _seconds(self, gop: Gop) -> float:
        sending = gop.bytes * 8 / (self._target * PACING_FACTOR) if self._target else 0.0
        return max(len(gop) * HURRIED_SPACING_S, sending)

    def _congested(self, bitrate: float, now: float) -> bool:
        # Not even what is live gets through: more of it would only be in the way.
        needed = min(bitrate, self._max_bitrate)
        guessing = now - self._running_since < ESTIMATE_SETTLES_S
        least = (SURELY_CONGESTED_RATIO if guessing else CONGESTED_RATIO) * needed
        return self._target is not None and self._target < least
