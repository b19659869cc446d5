from types import SimpleNamespace
from typing import Any, cast

from livekit import rtc

from ingestd.media.access_unit import FrameMetadata
from ingestd.publish import open_track
from ingestd.publish.open_track import OpenTrack
from ingestd.publish.send_stats import SendStats
from ingestd.publish.track_listener import Feedback
from tests.publish.support import info


class Source:
    """Stands in for the SDK's: keeps the pictures, and asks for what the test says."""

    def __init__(self) -> None:
        self.frames: list[rtc.EncodedVideoFrame] = []
        self.target_bps: int | None = None
        self.keyframe_wanted = True

    def take_feedback(self) -> Any:
        rate = SimpleNamespace(target_bitrate_bps=self.target_bps) if self.target_bps else None
        wanted, self.keyframe_wanted = self.keyframe_wanted, False
        return SimpleNamespace(keyframe_requested=wanted, rate_control=rate)

    def capture_frame(self, frame: rtc.EncodedVideoFrame) -> bool:
        self.frames.append(frame)
        return True


def reading(encoded: int, at: float, **more: Any) -> SendStats:
    return SendStats("video/VP8", encoded, encoded, encoded, 0.0, 1e6, 3e6, at, **more)


def opened(source: Source) -> OpenTrack:
    return OpenTrack(cast(rtc.EncodedVideoSource, source), reading(0, 0.0))


def submit(track: OpenTrack, data: bytes, timestamp_us: int, *, keyframe: bool) -> bool:
    metadata = FrameMetadata(frame_id=7)
    return track.submit(data, info(), keyframe=keyframe, timestamp_us=timestamp_us, metadata=metadata)


def test_a_picture_goes_to_webrtc_as_it_is() -> None:
    source = Source()
    assert submit(opened(source), b"key", 1_000_000, keyframe=True)
    (frame,) = source.frames
    assert (frame.data, frame.width, frame.height, frame.timestamp_us) == (b"key", 160, 120, 1_000_000)
    assert frame.codec == rtc.VideoCodec.VP8
    assert frame.frame_type == rtc.EncodedFrameType.ENCODED_FRAME_KEY
    assert frame.metadata is not None
    assert frame.metadata.frame_id == 7


def test_what_was_asked_for_before_it_opened_is_forgotten() -> None:
    source = Source()
    track = opened(source)
    assert track.take_feedback() == Feedback(False, None)
    source.keyframe_wanted = True
    assert track.take_feedback() == Feedback(True, None)


def test_a_target_that_falls_by_much_has_the_statistics_read_at_once() -> None:
    source = Source()
    track = opened(source)
    track.read(reading(1, 1.0))
    assert track.target_bitrate_bps == 1e6
    source.target_bps = round(1e6 * open_track.FALL_RATIO) + 1
    assert track.take_feedback() == Feedback(False, source.target_bps)
    assert not track.look_now.is_set()
    source.target_bps -= 2
    track.take_feedback()
    assert track.look_now.is_set()


def test_the_statistics_tell_of_requests_in_silence_and_of_missed_packets() -> None:
    track = opened(Source())
    assert not track.read(reading(0, 1.0, keyframe_requests=1)).keyframe_asked_for, "nothing is encoded yet"
    assert not track.encoding
    track.read(reading(1, 2.0, keyframe_requests=1))
    assert track.encoding
    assert track.read(reading(1, 3.0, keyframe_requests=2)).keyframe_asked_for
    submit(track, b"delta", 1_000_000, keyframe=False)
    assert not track.silent
    news = track.read(reading(1, 4.0, keyframe_requests=3, nacks=1))
    assert not news.keyframe_asked_for, "`take_feedback` tells while pictures are submitted"
    assert news.packets_missed
    assert not track.read(reading(1, 5.0, keyframe_requests=3, nacks=1)).packets_missed


def test_packets_that_the_server_still_misses_when_it_reports_are_lost() -> None:
    track = opened(Source())
    assert not track.read(reading(1, 1.0)).packets_lost
    assert track.read(reading(2, 1.5, lost_packets=2, lost_ratio=0.004)).packets_lost
    assert not track.read(reading(3, 2.0, lost_packets=2, lost_ratio=0.004)).packets_lost, "the same report"
    assert track.read(reading(4, 3.0, lost_packets=4, lost_ratio=0.004)).packets_lost, "as many once more"
    assert not track.read(reading(5, 4.0, lost_packets=1)).packets_lost, "three of them have come"
    assert track.read(reading(6, 5.0, lost_packets=2)).packets_lost, "too small a part for the ratio"
    assert not track.read(reading(7, 6.0, lost_packets=99, lost_ratio=0.6)).packets_lost, "the link is full"
