"""What the log and the status page say of a stream: what it is, and what viewers will make of it."""

from collections.abc import Callable
from typing import Any

from ingestd.diagnose.compatibility import (
    B_FRAMES,
    NO_KEYFRAME,
    NO_PARAMETER_SETS,
    RECOVERY_POINTS,
    Issue,
    issues,
)
from ingestd.errors import StreamError
from ingestd.log_limiter import LogLimiter
from ingestd.media.access_unit import AccessUnit, StreamInfo

# Encoders that are joined in the middle of a GOP send their next keyframe before that, most of them.
KEYFRAME_PATIENCE_S = 5.0


class StreamReporter:
    """Says each thing of an encoder once, and of what it may repeat with every picture one line a second.

    ``log`` is a structlog logger that names the stream.
    """

    def __init__(self, log: Any) -> None:
        self._log = log
        self._limited = LogLimiter()
        self._paced = False
        self.new_encoder()

    def new_encoder(self) -> None:
        """Another encoder is on the line; it has not been told anything."""
        self._warned: set[str] = set()
        self._issues: list[Issue] = []  # by its headers
        self._b_frames = False
        self._b_frames_since_keyframe = False
        self._keyframe_held_back = False
        self._recovery_point = False  # so is the last keyframe, which is no IDR picture
        self._without_keyframe_since: float | None = None
        self._no_keyframe = False
        self._asked = ""  # whether the encoder knows of it, in words

    @property
    def problems(self) -> list[str]:
        """What is wrong with the stream as it is now, each with its cure."""
        found = list(self._issues)
        if self._b_frames:
            found.append(B_FRAMES)
        if self._keyframe_held_back:
            found.append(NO_PARAMETER_SETS)
        if self._recovery_point:
            found.append(RECOVERY_POINTS)
        problems = [f"{issue.seen}; {issue.cure}" for issue in found]
        if self._no_keyframe:
            problems.append(f"{NO_KEYFRAME.seen}{self._asked}; {NO_KEYFRAME.cure}")
        return problems

    def stream(self, info: StreamInfo, previous: StreamInfo | None) -> None:
        """The encoder sends what ``info`` describes; ``previous`` is what it sent before that."""
        fields = {
            "codec": info.codec,
            "format": info.format,
            "size": f"{info.width}x{info.height}",
            "profile": info.profile,
            "level": info.level,
            "frame_rate": info.frame_rate,
        }
        if previous is None:
            self._log.info("stream recognised", **fields)
        else:
            self._say("changed", self._log.info, "stream changed", **fields)
        self._issues = issues(info)
        for issue in self._issues:
            self._say(
                issue.reason,
                self._log.warning,
                "viewers will not be able to decode this stream"
                if issue.hides
                else "viewers will not see this stream as it should be",
                seen=issue.seen,
                cure=issue.cure,
            )

    def picture(self, access_unit: AccessUnit) -> None:
        """A picture came, which may be one to be shown before another, or a keyframe nobody can decode."""
        if access_unit.keyframe and not access_unit.corrects:
            # A whole GOP without them: the encoder has been cured.
            self._b_frames, self._b_frames_since_keyframe = self._b_frames_since_keyframe, False
            self._keyframe_held_back = access_unit.lacks_parameter_sets
            if self._keyframe_held_back:
                self._warn_once(NO_PARAMETER_SETS, "keyframe held back")
            self._recovery_point = access_unit.recovery_point
            if self._recovery_point:
                self._warn_once(RECOVERY_POINTS, "viewers wait for an IDR picture")
        if access_unit.reordered:
            self._b_frames = self._b_frames_since_keyframe = True
            self._warn_once(B_FRAMES, "B-frames will stutter")

    def pace(self, pace: str | None) -> None:
        """The encoder is faster than real time, and held to this ``pace``; None: it is not."""
        if pace is not None and not self._paced:
            self._log.info(
                "the encoder sends faster than real time, as from a file: its pictures are given their own "
                "pace, and it has to wait (ffmpeg: -re has it keep the pace by itself)",
                pace=pace,
            )
        elif pace is None and self._paced:
            self._log.info("the encoder is live after all: what waits is handed over at once")
        self._paced = pace is not None

    def waits_for_keyframe(self, waits: bool, now: float, *, asked: bool) -> None:
        """Hear of each picture, at ``now`` in seconds, whether it was dropped for want of a keyframe.

        ``asked``: the encoder is told that one is wanted.
        """
        if not waits:
            self._without_keyframe_since, self._no_keyframe = None, False
        elif self._without_keyframe_since is None:
            self._without_keyframe_since = now
        elif not self._no_keyframe and now - self._without_keyframe_since >= KEYFRAME_PATIENCE_S:
            self._no_keyframe = True
            self._asked = ", though the encoder is asked for one (feedback)" if asked else ""
            self._say(
                NO_KEYFRAME.reason,
                self._log.warning,
                "waiting for a keyframe: every picture is dropped",
                seen=f"{NO_KEYFRAME.seen}{self._asked}",
                cure=NO_KEYFRAME.cure,
            )

    def fault(self, fault: StreamError, **fields: object) -> None:
        """Something in the stream could not be understood."""
        self._say(
            fault.reason,
            self._log.warning,
            "fault in the stream",
            reason=fault.reason,
            error=str(fault),
            **fields,
        )

    def lost(self, pictures: int, target_bitrate_bps: float | None) -> None:
        """WebRTC took pictures and has not encoded them."""
        self._say(
            "lost",
            self._log.warning,
            "pictures lost in WebRTC: it was too busy, or the link too slow for them",
            pictures=pictures,
            target_bitrate_bps=target_bitrate_bps,
        )

    def h265(self, reason: str, refusal: str) -> None:
        """The stream has come to be of H.265, which is refused."""
        self._log.error("H.265 cannot be published: every picture is dropped", reason=reason, refusal=refusal)

    def _warn_once(self, issue: Issue, event: str) -> None:
        if issue.reason not in self._warned:
            self._warned.add(issue.reason)
            self._log.warning(event, seen=issue.seen, cure=issue.cure)

    def _say(self, kind: str, log: Callable[..., object], event: str, **fields: object) -> None:
        suppressed = self._limited.due(kind)
        if suppressed is not None:
            log(event, **fields, **({"suppressed": suppressed} if suppressed else {}))
