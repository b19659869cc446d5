"""The output side of a delivery: the state of what is submitted, and the GOP that viewers have of it."""

from ingestd.delivery.accounting import Drop
from ingestd.delivery.gop import HELD_LIMITS, Gop, HeldLimits
from ingestd.delivery.intake import Intake
from ingestd.delivery.replays import Replays
from ingestd.delivery.states import DELIVERY, Event, State
from ingestd.state_table import after


class Output:
    """What `Delivery` and `SlowLink` both change; every ``now`` is seconds on the monotonic clock."""

    def __init__(self, intake: Intake, replays: Replays, held_limits: HeldLimits = HELD_LIMITS) -> None:
        self.state = State.NO_TRACK
        self.gop = Gop(held_limits)
        self.replays = replays
        self._intake = intake

    def advance(self, event: Event) -> None:
        """Go on to the state that follows from ``event``."""
        self.state = after(DELIVERY, self.state, event)

    def begin_replay(self, now: float, index: int = 0, *, slow: bool = False) -> None:
        """Submit the GOP again from the picture with this ``index`` on; ``slow``: in slow motion."""
        self.advance(Event.REPLAY_BEGUN)
        self.replays.begin(now, index, slow=slow)

    def picture_missing(self) -> None:
        """Viewers have not got a picture of the GOP: a replay that brings it is for all of them."""
        self.advance(Event.PICTURE_MISSING)
        self.replays.needed_by_all()

    def skip_to_keyframe(self, event: Event = Event.KEYFRAME, reason: Drop = Drop.AFTER_LOSS) -> None:
        """Drop what refers to a picture that is missing: what waits, and what comes, up to a keyframe."""
        self.advance(event)
        self.gop.clear()
        self._intake.skip_to_keyframe(reason)
