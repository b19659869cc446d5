"""A delivery and its clock; pictures are named, "K…" is a keyframe, and "(K…)" was handed over before."""

from typing import Any

from ingestd.delivery.accounting import Drop
from ingestd.delivery.delivery import Delivery
from ingestd.delivery.gop import HELD_LIMITS, HeldLimits
from ingestd.delivery.replays import Replay
from ingestd.media.access_unit import AccessUnit, Codec, Format, StreamInfo

INFO = StreamInfo(Codec.VP8, Format.IVF, 640, 480, "0", "", "4:2:0", 8, None)
CALL = 0.0005  # what the hand-over itself takes
FRAME = 1 / 30


def access_unit(name: str, size: int = 0) -> AccessUnit:
    """The picture `name`, padded to `size` bytes."""
    return AccessUnit(name.encode().ljust(size, b"."), name.startswith("K"), INFO)


class Transcript:
    """Events go in by name, what is handed over comes out by name."""

    def __init__(
        self,
        max_backlog_s: float = 0.5,
        replay: Replay = Replay.ALWAYS,
        live: bool | None = None,
        framerate_fps: float | None = None,
        held_limits: HeldLimits = HELD_LIMITS,
    ) -> None:
        self.delivery = Delivery(
            max_backlog_s, replay, live=live, framerate_fps=framerate_fps, held_limits=held_limits
        )
        self.now = 1000.0
        self.rejecting = False
        self.handed_over_at: list[float] = []
        self.timestamps: list[int] = []

    @classmethod
    def running(cls, names: str = "", **options: Any) -> "Transcript":
        """One whose track runs, and which has handed over `names`, the first of them a keyframe."""
        script = cls(**options)
        first, *rest = names.split() or ["K0"]
        script.receive(first)
        script.open()
        assert script.take() == first
        script.run()
        for name in rest:
            script.pass_time(FRAME)
            script.receive(name)
            assert script.take() == name
        script.pass_time(FRAME)
        return script

    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    def receive(self, names: str) -> list[Drop | None]:
        """They arrive at once, as a burst does."""
        return [self.delivery.receive(access_unit(name), self.now, 0) for name in names.split()]

    def correct(self, name: str) -> None:
        """The picture received last was not whole: this is all of it."""
        self.delivery.correct(access_unit(name))

    def open(self) -> None:
        self.delivery.opened(self.now)

    def run(self) -> None:
        self.delivery.running(self.now)

    def ask_for_keyframe(self, *, encoder_asked: bool = False) -> None:
        if encoder_asked:
            self.delivery.encoder_response.asked(self.now)
        self.delivery.keyframe_requested(self.now)

    def read_statistics(
        self,
        send_delay_s: float,
        available_bps: float | None = None,
        *,
        link_good: bool = False,
        link_idle: bool = False,
    ) -> None:
        self.delivery.slow_link.send_delay(
            send_delay_s, available_bps, self.now, link_good=link_good, link_idle=link_idle
        )

    def take(self) -> str | None:
        """What is handed over at this moment."""
        submission = self.delivery.take(self.now)
        if submission is None:
            return None
        self.handed_over_at.append(self.now)
        self.timestamps.append(submission.timestamp_us)
        self.now += CALL
        self.delivery.submitted(submission, not self.rejecting, self.now)
        name = submission.picture.access_unit.data.decode().rstrip(".")
        return f"({name})" if submission.replayed else name

    def drain(self, seconds: float = 0.2) -> str:
        """Whatever is handed over in the next `seconds`, each when it is due."""
        end = self.now + seconds
        names = []
        while (due := self.delivery.due_at()) is not None and due <= end:
            self.now = max(self.now, due)
            if (name := self.take()) is not None:
                names.append(name)
        self.now = max(self.now, end)
        return " ".join(names)

    def dropped(self) -> dict[str, int]:
        """The reasons that have been given, and how often."""
        return {reason: count for reason, count in self.delivery.accounting.dropped.items() if count}
