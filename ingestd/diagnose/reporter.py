"""Reports on a stream for the log and the status page: what it is, its faults, and what viewers will see."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ingestd.diagnose.compatibility import (
    B_FRAMES,
    B_FRAMES_REFERRED_TO,
    IGNORES_REQUESTS,
    NO_KEYFRAME,
    NO_PARAMETER_SETS,
    RECOVERY_POINTS,
    Issue,
    b_frames_left_out,
    issues,
    remarks,
)
from ingestd.diagnose.explain import explain, fields
from ingestd.diagnose.rate_watch import RateWatch
from ingestd.errors import StreamError
from ingestd.log_limiter import LogLimiter
from ingestd.media.access_unit import AccessUnit, StreamInfo

# Most encoders that are joined in the middle of a GOP send their next keyframe sooner.
KEYFRAME_PATIENCE_S = 5.0
# So many pictures tell which part of them B-frames are.
B_FRAMES_PICTURES = 30
# A wait in WebRTC is the link's where pictures flow for so long, and this is the part that waits there.
SLOW_LINK_S = 2.0
LONG_SEND_DELAY_S = 0.2

_FASTER_THAN_REAL_TIME = Issue(
    "faster_than_real_time", "it sends faster than real time, as from a file, and has to wait", hides=False
)
_PACE_GUESSED = Issue(
    "faster_than_real_time",
    "it sends faster than real time and states no frame rate: viewers see it slow or fast",
    case="guessed",
    hides=False,
)


class StreamReporter:
    """Logs each issue of an encoder once, and what may come with every picture at most once a second.

    ``log`` is a structlog logger that names the stream.
    """

    def __init__(self, log: Any) -> None:
        self._log = log
        self._limited = LogLimiter()
        self._paced = False
        self._congested = False
        self._waits_since: float | None = None  # pictures flow, and wait too long in WebRTC
        self.new_encoder()

    def new_encoder(self) -> None:
        """Forget the encoder before: another has connected."""
        self._said: set[str] = set()
        self._remarks: list[str] = []
        self._issues: list[Issue] = []  # by its headers
        self._b_frames: Issue | None = None  # in this GOP or the one before
        self._b_frames_since_keyframe: Issue | None = None
        self._lacks_parameter_sets = False
        self._states_rate = True  # by timestamps or headers, as far as is known
        self._recovery_point = False  # the last keyframe is one, and no IDR picture
        self._without_keyframe_since: float | None = None
        self._no_keyframe: Issue | None = None
        self._deaf: Issue | None = None
        self.rate_watch = RateWatch()

    @property
    def problems(self) -> list[str]:
        """What is wrong with the stream as it is now, each with what to change."""
        return [explain(issue) for issue in self._found()]

    @property
    def unwatchable(self) -> bool:
        """Whether viewers see nothing of the stream as it is now."""
        return any(issue.hides for issue in self._found())

    def _found(self) -> list[Issue]:
        found = list(self._issues)
        if self._b_frames is not None:
            found.append(self._b_frames)
        if self._lacks_parameter_sets:
            found.append(NO_PARAMETER_SETS)
        if self._recovery_point:
            found.append(RECOVERY_POINTS)
        if self._no_keyframe is not None:
            found.append(self._no_keyframe)
        if self._deaf is not None:
            found.append(self._deaf)
        if self._paced and not self._states_rate:
            found.append(_PACE_GUESSED)
        watch = self.rate_watch
        found += [issue for issue in (watch.wrong_rate, watch.over_max_bitrate, watch.ignores_rate) if issue]
        return found

    @property
    def remarks(self) -> list[str]:
        """What some viewers do not see as it should be, each with what to change."""
        return self._remarks

    def stream(self, info: StreamInfo, previous: StreamInfo | None) -> None:
        """The encoder sends what ``info`` describes; ``previous`` is what it sent before that."""
        headers = {
            "codec": info.codec,
            "format": info.format,
            "size": f"{info.width}x{info.height}",
            "profile": info.profile,
            "level": info.level,
            "frame_rate": info.frame_rate_fps,
        }
        if previous is None:
            self._log.info("stream recognised", **headers)
        else:
            self._say("changed", self._log.info, "stream changed", **headers)
        self._issues = issues(info)
        for issue in self._issues:
            event = (
                "viewers will not be able to decode this stream"
                if issue.hides
                else "viewers will not see this stream as it should be"
            )
            self._say(issue.reason, self._log.warning, event, **fields(issue))
        found = remarks(info)
        for remark in found:
            self._say_once(remark, self._log.info, "some viewers will not see this stream as it should be")
        self._remarks = [explain(remark) for remark in found]

    def picture(self, access_unit: AccessUnit) -> None:
        """Take note of a picture: a keyframe that viewers cannot start at, or the end of the B-frames."""
        info = access_unit.info
        self._states_rate = access_unit.timestamp_us is not None or bool(info and info.frame_rate_fps)
        if access_unit.keyframe and not access_unit.corrects:
            # After a whole GOP without B-frames the encoder makes none.
            self._b_frames, self._b_frames_since_keyframe = self._b_frames_since_keyframe, None
            self._lacks_parameter_sets = access_unit.lacks_parameter_sets
            if self._lacks_parameter_sets:
                self._warn_once(NO_PARAMETER_SETS, "keyframe dropped: it has no parameter sets")
            self._recovery_point = access_unit.recovery_point
            if self._recovery_point:
                self._warn_once(RECOVERY_POINTS, "viewers wait for an IDR picture")

    def b_frame(self, *, referred_to: bool) -> None:
        """Take note of a B-frame that viewers are sent; ``referred_to``: as others refer to B-frames."""
        issue = B_FRAMES_REFERRED_TO if referred_to else B_FRAMES
        self._b_frames = self._b_frames_since_keyframe = issue
        self._warn_once(issue, "viewers will see B-frames out of order")

    def b_frame_left_out(self, left_out: int, pictures: int, frame_rate_fps: float | None) -> None:
        """Take note that one was left out, the last of ``left_out`` among ``pictures`` of that rate."""
        known = self._b_frames if self._b_frames is not None and self._b_frames.case == "left_out" else None
        issue = known if known and pictures > B_FRAMES_PICTURES else None
        issue = issue or b_frames_left_out(left_out, pictures, frame_rate_fps)
        self._b_frames = self._b_frames_since_keyframe = issue
        if pictures >= B_FRAMES_PICTURES:
            self._warn_once(issue, "B-frames are left out")

    def pace(self, pace: str | None) -> None:
        """Take note that the encoder is faster than real time, and paced by ``pace``; None: it is not."""
        if pace is not None and not self._paced:
            issue = _FASTER_THAN_REAL_TIME if self._states_rate else _PACE_GUESSED
            self._log.info("the encoder sends faster than real time and is paced", pace=pace, **fields(issue))
        elif pace is None and self._paced:
            self._log.info("the encoder is live; pacing ends")
        self._paced = pace is not None

    def rates(self) -> None:
        """Say what `rate_watch` has found, each once for this encoder."""
        if self.rate_watch.wrong_rate is not None:
            self._warn_once(self.rate_watch.wrong_rate, "the stream states a wrong frame rate")
        if self.rate_watch.over_max_bitrate is not None:
            self._warn_once(self.rate_watch.over_max_bitrate, "the stream is over max_bitrate")
        if self.rate_watch.ignores_rate is not None:
            self._warn_once(
                self.rate_watch.ignores_rate, "the encoder ignores the bitrate that it is asked for"
            )

    def waits_for_keyframe(self, waits: bool, now: float, *, asked: bool) -> None:
        """Take note of each picture, at ``now`` in seconds: whether it was dropped for want of a keyframe.

        ``asked``: the encoder is told that one is wanted.
        """
        if not waits:
            self._without_keyframe_since = self._no_keyframe = None
        elif self._without_keyframe_since is None:
            self._without_keyframe_since = now
        elif self._no_keyframe is None and now - self._without_keyframe_since >= KEYFRAME_PATIENCE_S:
            said = ", though the encoder is asked for one (feedback)" if asked else ""
            issue = self._no_keyframe = replace(NO_KEYFRAME, seen=f"{NO_KEYFRAME.seen}{said}")
            event = "waiting for a keyframe: every picture is dropped"
            self._say(issue.reason, self._log.warning, event, **fields(issue))

    def deaf(self, requests: int, *, reads: bool = True, posted: bool = True) -> None:
        """Take note that the encoder has let so many keyframe requests in a row pass; 0: it answers.

        ``reads``: whether it reads what it is sent, as far as is known; ``posted``: whether the webhook takes
        what is posted to it.
        """
        why = "" if reads else "; it does not read what it is sent"
        why = why if posted else "; feedback.webhook cannot be posted to, and it hears nothing"
        self._deaf = (
            replace(IGNORES_REQUESTS, seen=f"{IGNORES_REQUESTS.seen}: {requests} in a row{why}")
            if requests
            else None
        )
        if self._deaf is not None:
            self._warn_once(self._deaf, "the encoder ignores requests")

    def fault(self, fault: StreamError, **more: object) -> None:
        """Log what could not be understood; ``more`` goes into the line."""
        self._say(fault.reason, self._log.warning, "fault in the stream", **fields(fault), **more)

    def lost(self, pictures: int, target_bitrate_bps: float | None) -> None:
        """Log that WebRTC took ``pictures`` and has not encoded them."""
        self._say(
            "lost",
            self._log.warning,
            "pictures lost in WebRTC: it was too busy, or the link too slow for them",
            pictures=pictures,
            target_bitrate_bps=target_bitrate_bps,
        )

    def held_back(self, target_bitrate_bps: float | None) -> None:
        """Log that WebRTC encodes nothing up to the next keyframe."""
        self._say(
            "held_back",
            self._log.warning,
            "link too slow: pictures wait for the next keyframe, or for the link to be good again",
            target_bitrate_bps=target_bitrate_bps,
        )

    def congested(
        self, congested: bool, send_delay_s: float, target_bitrate_bps: float | None, now: float
    ) -> None:
        """Take note, ``now`` in seconds, whether pictures flow and wait too long in WebRTC.

        They wait ``send_delay_s`` at present. After a silence WebRTC lets a picture wait on the best of
        links: only a wait that lasts is told.
        """
        if not congested or (send_delay_s < LONG_SEND_DELAY_S and not self._congested):
            self._waits_since = None
        elif self._waits_since is None:
            self._waits_since = now
        if self._waits_since is not None and now - self._waits_since >= SLOW_LINK_S and not self._congested:
            event = "pictures wait too long in WebRTC: the link is slower than the stream"
        elif self._congested and not congested:
            event = "pictures wait in WebRTC no longer"
        else:
            return
        self._congested = congested
        self._say(
            "congested" if congested else "no longer congested",
            self._log.warning if congested else self._log.info,
            event,
            send_delay_s=round(send_delay_s, 3),
            target_bitrate_bps=target_bitrate_bps,
        )

    def h265(self, reason: str, refusal: str) -> None:
        """Log that the stream is H.265 now, which is refused; ``reason`` is that of its count."""
        self._log.error("H.265 cannot be published: every picture is dropped", reason=reason, seen=refusal)

    def _warn_once(self, issue: Issue, event: str) -> None:
        self._say_once(issue, self._log.warning, event)

    def defect(self) -> None:
        """Say that an exception is handled now which is a defect of ours."""
        self._log.exception("internal error between pictures and WebRTC")

    def _say_once(self, issue: Issue, log: Callable[..., object], event: str) -> None:
        if (kind := f"{issue.reason}.{issue.case}") not in self._said:
            self._said.add(kind)
            log(event, **fields(issue))

    def _say(self, kind: str, log: Callable[..., object], event: str, **fields: object) -> None:
        suppressed = self._limited.due(kind)
        if suppressed is not None:
            log(event, **fields, **({"suppressed": suppressed} if suppressed else {}))
