"""A published track while it is open: WebRTC takes its pictures, and tells of them by its statistics.

It lasts from one opening to what closes it: a failure, an interruption, a mute, the end of the room.
"""

import asyncio
import time
from dataclasses import dataclass

from livekit import rtc

from ingestd.media.access_unit import FrameMetadata, StreamInfo
from ingestd.publish.encoder_watch import EncoderReport, EncoderWatch
from ingestd.publish.link_health import LinkHealth
from ingestd.publish.send_delay import SendDelay
from ingestd.publish.send_stats import SendStats
from ingestd.publish.track import CODECS
from ingestd.publish.track_listener import Feedback

# WebRTC's target has fallen to less than this part of what it was at the last look.
FALL_RATIO = 0.85
# WebRTC passes a request on with the next picture; without one for this long, the statistics are looked at.
SILENCE_S = 0.5
# With so many lost the link is full, and WebRTC lowers its estimate. A keyframe would be lost as well, and
# large, as the encoder has not been told yet.
FULL_LOST_RATIO = 0.1


@dataclass(frozen=True, slots=True)
class News:
    """What one reading of the statistics has told."""

    encoder: EncoderReport
    packets_missed: bool  # by the server, which asks for them again
    packets_lost: bool  # some, though not many, were still missed when it reported
    keyframe_asked_for: bool  # while no picture is submitted, with which `take_feedback` would tell


class OpenTrack:
    """One opening of a track. Pictures go in by `submit`, WebRTC's statistics by `read`."""

    def __init__(self, source: rtc.EncodedVideoSource, stats: SendStats) -> None:
        """``stats``: the last reading before the first submission."""
        # What was asked for in an earlier life of the track is no sign that WebRTC encodes in this one.
        source.take_feedback()
        self._source = source
        self._stats = stats
        self._watch = EncoderWatch(stats.frames_encoded)
        self._send_delay = SendDelay()
        self._link = LinkHealth()
        self._submitted_at = 0.0
        self.target_bitrate_bps: float | None = None
        self.look_now = asyncio.Event()  # the statistics may tell something that should not wait

    @property
    def encoding(self) -> bool:
        """Whether WebRTC has encoded a picture since."""
        return self._watch.running

    @property
    def unencoded(self) -> int:
        """How many pictures were submitted since WebRTC's count of encoded ones last changed."""
        return self._watch.unencoded

    @property
    def silent(self) -> bool:
        """Whether no picture is submitted at present."""
        return time.monotonic() - self._submitted_at > SILENCE_S

    @property
    def send_delay_s(self) -> float | None:
        """How long packets wait in WebRTC before they leave; None while nothing is known."""
        return self._send_delay.delay_s

    @property
    def link_good(self) -> bool:
        """Whether the link carries what is sent."""
        return self._link.good

    @property
    def link_idle(self) -> bool:
        """Whether nothing is sent, so that nothing is learnt of the link."""
        return self._link.idle

    @property
    def link_full(self) -> bool:
        """Whether something is sent, and nothing says that the link carries it."""
        return self._link.full and not self._link.idle

    @property
    def unheard_s(self) -> float:
        """How long packets have been sent and nothing at all has come from the server."""
        return self._link.unheard_s

    def submit(
        self,
        data: bytes,
        info: StreamInfo,
        *,
        keyframe: bool,
        timestamp_us: int,
        metadata: FrameMetadata,
    ) -> bool:
        """Give one access unit to WebRTC; False if rejected. True does not prove that it is encoded."""
        frame = rtc.EncodedVideoFrame(
            data=data,
            width=info.width,
            height=info.height,
            codec=CODECS[info.codec],
            frame_type=rtc.EncodedFrameType.ENCODED_FRAME_KEY
            if keyframe
            else rtc.EncodedFrameType.ENCODED_FRAME_DELTA,
            timestamp_us=timestamp_us,
            metadata=rtc.FrameMetadata(
                user_timestamp=metadata.user_timestamp,
                frame_id=metadata.frame_id,
                user_data=metadata.user_data,
            ),
        )
        self._submitted_at = time.monotonic()
        self._watch.submitted(len(data), keyframe, self._submitted_at)
        return self._source.capture_frame(frame)

    def take_feedback(self) -> Feedback:
        """Return, and forget, what WebRTC has asked for."""
        feedback = self._source.take_feedback()
        rate = feedback.rate_control
        if rate and rate.target_bitrate_bps < FALL_RATIO * (self.target_bitrate_bps or 0.0):
            self.look_now.set()  # pictures may begin to wait
        return Feedback(feedback.keyframe_requested, rate.target_bitrate_bps if rate else None)

    def read(self, stats: SendStats) -> News:
        """Take in a reading of the statistics."""
        before, self._stats = self._stats, stats
        asked = stats.keyframe_requests > before.keyframe_requests and self.encoding and self.silent
        self.target_bitrate_bps = stats.target_bitrate_bps
        report = self._watch.read(stats, time.monotonic())
        if self.encoding:
            self._send_delay.read(stats)
            self._link.read(stats)
        lost = stats.lost_packets > before.lost_packets and stats.lost_ratio < FULL_LOST_RATIO
        return News(report, stats.nacks > before.nacks, lost, asked)
