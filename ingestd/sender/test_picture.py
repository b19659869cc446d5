"""Test picture or camera of `ingestd-gst`, as the text of a GStreamer pipeline."""

from dataclasses import dataclass

from ingestd.sender.encoders import ENCODERS

# The encoders that every distribution has; another one goes into --pipeline.
SOFTWARE = {"h264": "x264enc", "h265": "x265enc", "vp8": "vp8enc", "vp9": "vp9enc", "av1": "av1enc"}
# An encoder that answers keyframe requests needs no others, but for recordings and for who cannot ask.
KEYFRAME_INTERVAL_S = 10


@dataclass(frozen=True, slots=True)
class TestPicture:
    """What to encode, how large, how fast; of ``camera`` (a V4L2 device) if there is one."""

    __test__ = False  # for pytest

    codec: str
    width: int
    height: int
    fps: int
    bitrate_bps: int
    camera: str | None = None

    def fragment(self) -> str:
        """Return the text of the pipeline up to the encoder."""
        name = SOFTWARE[self.codec]
        encoder = ENCODERS[name]
        size = f"width={self.width},height={self.height},framerate={self.fps}/1"
        if self.camera is None:
            source = "videotestsrc is-live=true horizontal-speed=2"
        else:
            source = f'v4l2src device="{self.camera}" ! decodebin ! videoconvert ! videoscale ! videorate'
        return (
            f"{source} ! video/x-raw,format=I420,{size} ! {name}"
            f" {encoder.bitrate}={max(1, round(self.bitrate_bps / encoder.unit_bps))}"
            f" {encoder.keyframe_interval}={KEYFRAME_INTERVAL_S * self.fps} {encoder.fast}"
        )
