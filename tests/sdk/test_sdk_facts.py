"""What we rely on in the LiveKit SDK without its documentation promising it.

Each test pins one fact. When an SDK upgrade breaks one, the code that stands on it has to change, too.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from livekit import api, rtc
from livekit.rtc._proto.room_pb2 import AudioEncoding, DegradationPreference

from ingestd.devserver.livekit_server import LiveKitServer
from ingestd.media.access_unit import Codec
from ingestd.publish.pass_through import start_pass_through
from tests.support.encoded import EncodedStream, encode
from tests.support.wait import PATIENCE_S

SPACING = 0.002  # seconds between hand-overs that WebRTC keeps up with
BURST = 60
TRIES = 5

CODECS = {
    "h264": rtc.VideoCodec.H264,
    "h265": rtc.VideoCodec.H265,
    "vp8": rtc.VideoCodec.VP8,
    "vp9": rtc.VideoCodec.VP9,
    "av1": rtc.VideoCodec.AV1,
}


@dataclass
class Publisher:
    """A published track and a way to hand over pictures."""

    room: rtc.Room
    source: rtc.EncodedVideoSource
    publication: rtc.LocalTrackPublication
    video: EncodedStream
    handed: int = field(default=0, init=False)

    def submit(self, number: int) -> bool:
        """Give one access unit to WebRTC."""
        self.handed += 1
        return self.source.capture_frame(
            rtc.EncodedVideoFrame(
                data=self.video.access_units[number],
                width=self.video.size[0],
                height=self.video.size[1],
                codec=CODECS[self.video.codec],
                frame_type=(
                    rtc.EncodedFrameType.ENCODED_FRAME_KEY
                    if number in self.video.keyframes
                    else rtc.EncodedFrameType.ENCODED_FRAME_DELTA
                ),
                timestamp_us=time.monotonic_ns() // 1000,
            )
        )

    async def wait_until_encoder_runs(self) -> None:
        """Hand the first keyframe over until feedback says that somebody takes it."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            self.submit(0)
            await asyncio.sleep(0.02)
            feedback = self.source.take_feedback()
            if feedback.keyframe_requested or feedback.rate_control is not None:
                return
            assert time.monotonic() < deadline, "no feedback"

    async def frames_encoded(self) -> int:
        """WebRTC's own count, at the path we read it from."""
        stats = await self.room.get_rtc_stats()
        return sum(
            entry.outbound_rtp.outbound.frames_encoded
            for entry in stats.publisher_stats
            if entry.WhichOneof("stats") == "outbound_rtp"
        )

    async def negotiated_mime_type(self) -> str:
        """The codec of the outbound stream, once it is known, in lower case."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            self.submit(0)
            stats = (await self.room.get_rtc_stats()).publisher_stats
            codecs = {
                entry.codec.rtc.id: entry.codec.codec.mime_type
                for entry in stats
                if entry.WhichOneof("stats") == "codec"
            }
            for entry in stats:
                if (
                    entry.WhichOneof("stats") == "outbound_rtp"
                    and entry.outbound_rtp.stream.codec_id in codecs
                ):
                    return codecs[entry.outbound_rtp.stream.codec_id].lower()
            assert time.monotonic() < deadline, "no codec in the statistics"
            await asyncio.sleep(0.05)

    async def hands_over_without_loss(self, numbers: range, *, spacing: float) -> bool:
        """Whether WebRTC encodes all of these; the best of a few tries, for a starved encoder loses, too."""
        for _ in range(TRIES):
            before = await self.settled_frames_encoded()
            for number in numbers:
                self.submit(number)
                await asyncio.sleep(spacing)
            if await self.settled_frames_encoded() - before == len(numbers):
                return True
        return False

    async def settled_part_of_estimate(self) -> float:
        """WebRTC's target for the track, as a part of what it believes that the link carries, after 3 s."""
        for number in range(90):
            self.submit(number)
            await asyncio.sleep(1 / 30)
        target_bps, available_bps = 0.0, 0.0
        for entry in (await self.room.get_rtc_stats()).publisher_stats:
            match entry.WhichOneof("stats"):
                case "outbound_rtp" if entry.outbound_rtp.stream.kind == "video":
                    target_bps = entry.outbound_rtp.outbound.target_bitrate
                case "candidate_pair" if entry.candidate_pair.candidate_pair.nominated:
                    available_bps = entry.candidate_pair.candidate_pair.available_outgoing_bitrate
        return target_bps / available_bps

    async def settled_frames_encoded(self) -> int:
        """The count once it no longer moves."""
        deadline = time.monotonic() + PATIENCE_S
        count = -1
        while count != (count := await self.frames_encoded()):
            assert time.monotonic() < deadline, "the count still moves"
            await asyncio.sleep(0.5)
        return count


@asynccontextmanager
async def publisher(server: LiveKitServer, room_name: str, video: EncodedStream) -> AsyncIterator[Publisher]:
    """Join and publish as the daemon does."""
    token = api.AccessToken(server.api_key, server.api_secret).with_identity("pinned")
    token = token.with_grants(api.VideoGrants(room_join=True, room=room_name))
    room = rtc.Room()
    await room.connect(server.url, token.to_jwt())
    try:
        source = rtc.EncodedVideoSource(*video.size)
        options = rtc.TrackPublishOptions(
            video_codec=CODECS[video.codec],
            simulcast=False,
            video_encoder=rtc.VideoEncoderBackend.ENCODER_BACKEND_PRE_ENCODED,
            degradation_preference=DegradationPreference.DEGRADATION_PREFERENCE_MAINTAIN_FRAMERATE_AND_RESOLUTION,
            video_encoding=rtc.VideoEncoding(max_bitrate=8_000_000, max_framerate=60.0),
        )
        track = rtc.LocalVideoTrack.create_video_track("pinned", source)
        publication = await room.local_participant.publish_track(track, options)
        yield Publisher(room, source, publication, video)
    finally:
        await room.disconnect()


class PeakMemory:
    """The most memory that this process holds from now on."""

    def __init__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")  # proc(5): begin VmHWM anew
        self._before = self._peak()

    def grown_mb(self) -> int:
        """By how much more than at the beginning."""
        return (self._peak() - self._before) // 1000

    def _peak(self) -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


async def make_noise(audio: rtc.AudioSource) -> None:
    """Send what no codec makes small, in real time."""
    while True:
        await audio.capture_frame(rtc.AudioFrame(random.randbytes(960), 48_000, 1, 480))


@pytest.fixture
def video() -> EncodedStream:
    return encode("h264", frames=120, gop=120, size=(160, 120))


def test_enums_start_at_zero_so_none_is_to_be_tested_for_truth() -> None:
    assert rtc.VideoCodec.VP8 == 0
    assert rtc.EncodedFrameType.ENCODED_FRAME_KEY == 0


def test_the_degradation_preference_that_survives_a_dip_exists_and_is_not_the_default() -> None:
    wanted = DegradationPreference.DEGRADATION_PREFERENCE_MAINTAIN_FRAMERATE_AND_RESOLUTION
    assert wanted == 4
    assert not rtc.TrackPublishOptions().HasField("degradation_preference")


async def test_capture_frame_says_true_when_nobody_can_receive(
    livekit: LiveKitServer, room: str, video: EncodedStream
) -> None:
    async with publisher(livekit, room, video) as pinned:
        await pinned.room.disconnect()
        assert pinned.submit(0) is True


@pytest.mark.parametrize(("asked", "negotiated"), [("h264", "video/h264"), ("h265", "video/vp8")])
async def test_only_the_statistics_tell_which_codec_was_negotiated(
    livekit: LiveKitServer, room: str, asked: str, negotiated: str
) -> None:
    """H.265 is published without an error as something else, and the publication does not tell."""
    async with publisher(livekit, room, encode(asked, frames=2, size=(160, 120))) as pinned:
        assert await pinned.negotiated_mime_type() == negotiated
        assert pinned.publication.mime_type == ""


@pytest.mark.alone
async def test_what_is_handed_over_before_the_first_feedback_is_lost(
    livekit: LiveKitServer, room: str, video: EncodedStream
) -> None:
    async with publisher(livekit, room, video) as pinned:
        assert pinned.submit(0) is True
        feedback = pinned.source.take_feedback()
        assert not feedback.keyframe_requested
        assert feedback.rate_control is None

        await pinned.wait_until_encoder_runs()
        assert await pinned.settled_frames_encoded() < pinned.handed


@pytest.mark.alone
async def test_feedback_marks_that_the_encoder_runs(
    livekit: LiveKitServer, room: str, video: EncodedStream
) -> None:
    async with publisher(livekit, room, video) as pinned:
        await pinned.wait_until_encoder_runs()
        assert await pinned.hands_over_without_loss(range(10), spacing=0.02)


@pytest.mark.alone
@pytest.mark.parametrize(
    "codec", ["h264", *(pytest.param(codec, marks=pytest.mark.long) for codec in ("vp8", "vp9", "av1"))]
)
async def test_spaced_hand_overs_are_not_lost(livekit: LiveKitServer, room: str, codec: str) -> None:
    video = encode(codec, frames=BURST, gop=BURST, size=(160, 120))
    async with publisher(livekit, room, video) as pinned:
        await pinned.wait_until_encoder_runs()
        assert await pinned.hands_over_without_loss(range(BURST), spacing=SPACING)


@pytest.mark.alone
async def test_a_burst_is_accepted_and_lost_and_nothing_passes_until_the_keyframe_asked_for(
    livekit: LiveKitServer, room: str, video: EncodedStream
) -> None:
    async with publisher(livekit, room, video) as pinned:
        await pinned.wait_until_encoder_runs()
        before = await pinned.settled_frames_encoded()
        assert {pinned.submit(number) for number in range(BURST)} == {True}
        after_burst = await pinned.settled_frames_encoded()
        assert after_burst - before < BURST // 2

        pinned.source.take_feedback()
        for number in range(BURST, BURST + 10):
            pinned.submit(number)
            await asyncio.sleep(0.02)
        assert pinned.source.take_feedback().keyframe_requested
        assert await pinned.settled_frames_encoded() == after_burst

        pinned.submit(0)
        assert await pinned.settled_frames_encoded() == after_burst + 1


async def test_the_first_picture_has_webrtc_start_an_encoder_of_its_own_that_makes_room_for_its_size(
    livekit: LiveKitServer, room: str
) -> None:
    video = replace(encode("vp9", frames=2, size=(160, 120)), size=(8192, 4352))
    async with publisher(livekit, room, video) as pinned:
        peak = PeakMemory()
        await pinned.wait_until_encoder_runs()
        assert peak.grown_mb() > 200


@pytest.mark.parametrize("codec", ["h264", "vp8", "vp9", "av1"])
async def test_tiny_pictures_that_are_no_keyframes_put_the_pass_through_in_its_place_and_are_not_sent(
    livekit: LiveKitServer, room: str, codec: str
) -> None:
    video = replace(encode(codec, frames=2, size=(160, 120)), size=(8192, 4352))
    async with publisher(livekit, room, video) as pinned:
        peak = PeakMemory()
        await start_pass_through(pinned.source, Codec(codec))
        assert await pinned.settled_frames_encoded() == 0
        pinned.submit(0)
        assert await pinned.settled_frames_encoded() == 1
        assert peak.grown_mb() < 60


async def test_what_left_is_told_by_the_outbound_statistics(
    livekit: LiveKitServer, room: str, video: EncodedStream
) -> None:
    async with publisher(livekit, room, video) as pinned:
        await pinned.wait_until_encoder_runs()
        await pinned.settled_frames_encoded()
        stats = await pinned.room.get_rtc_stats()
        [outbound] = [
            entry.outbound_rtp.outbound
            for entry in stats.publisher_stats
            if entry.WhichOneof("stats") == "outbound_rtp"
        ]
        assert outbound.frames_encoded >= outbound.frames_sent >= 1
        assert outbound.key_frames_encoded >= 1
        assert outbound.target_bitrate > 0


async def test_the_target_of_a_track_is_the_estimate_less_its_overhead_and_audio_is_not_taken_off(
    livekit: LiveKitServer, room: str, video: EncodedStream
) -> None:
    async with publisher(livekit, room, video) as pinned:
        await pinned.wait_until_encoder_runs()
        assert 0.9 < await pinned.settled_part_of_estimate() < 1
        audio = rtc.AudioSource(48_000, 1)
        options = rtc.TrackPublishOptions(audio_encoding=AudioEncoding(max_bitrate=510_000))
        track = rtc.LocalAudioTrack.create_audio_track("noise", audio)
        await pinned.room.local_participant.publish_track(track, options)
        async with asyncio.TaskGroup() as group:
            noise = group.create_task(make_noise(audio))
            assert 0.9 < await pinned.settled_part_of_estimate() < 1, "510 kbit/s would be a tenth of it"
            noise.cancel()


async def test_statistics_of_a_room_that_is_left_are_an_error(
    livekit: LiveKitServer, room: str, video: EncodedStream
) -> None:
    async with publisher(livekit, room, video) as pinned:
        await pinned.room.disconnect()
        with pytest.raises(RuntimeError):
            await pinned.room.get_rtc_stats()
