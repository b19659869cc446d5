import pytest

from ingestd.media.access_unit import Codec, Format, StreamInfo
from ingestd.media.verdict import B_FRAMES, NO_PARAMETER_SETS, obstacles


def info(codec: Codec, profile: str, chroma: str = "4:2:0", depth: int = 8) -> StreamInfo:
    return StreamInfo(codec, Format.ANNEXB, 640, 480, profile, "3.1", chroma, depth, 30.0)


@pytest.mark.parametrize(
    "stream",
    [
        info(Codec.H264, "Constrained Baseline"),
        info(Codec.H264, "Main"),
        info(Codec.H264, "High"),
        info(Codec.H265, "Main"),
        info(Codec.VP8, ""),
        info(Codec.VP9, "Profile 0"),
        info(Codec.AV1, "Main"),
    ],
)
def test_what_viewers_decode(stream: StreamInfo) -> None:
    assert obstacles(stream) == []


@pytest.mark.parametrize(
    ("stream", "reasons"),
    [
        (info(Codec.H264, "High 4:4:4 Predictive", "4:4:4"), ["chroma_format"]),
        (info(Codec.H264, "High 4:2:2", "4:2:2", 10), ["chroma_format", "bit_depth"]),
        (info(Codec.H264, "High 10", depth=10), ["bit_depth"]),
        (info(Codec.H264, "High 10"), ["profile"]),
        (info(Codec.H264, "High", "4:0:0"), ["chroma_format"]),
        (info(Codec.H264, "Extended"), ["profile"]),
        (info(Codec.H265, "Main 4:2:2 10", "4:2:2", 10), ["chroma_format", "bit_depth"]),
        (info(Codec.H265, "Main 10", depth=10), ["bit_depth"]),
        (info(Codec.VP9, "Profile 1", "4:4:4"), ["chroma_format"]),
        (info(Codec.VP9, "Profile 2", depth=10), ["bit_depth"]),
        (info(Codec.AV1, "High", "4:4:4"), ["chroma_format"]),
        (info(Codec.AV1, "Professional"), ["profile"]),
    ],
)
def test_what_viewers_do_not_decode(stream: StreamInfo, reasons: list[str]) -> None:
    found = obstacles(stream)
    assert [obstacle.reason for obstacle in found] == reasons
    for obstacle in found:
        assert stream.profile in obstacle.seen
        assert "-pix_fmt yuv420p" in obstacle.cure
        assert "video/x-raw,format=I420" in obstacle.cure


def test_the_cure_for_what_x264enc_picks_by_itself_names_the_caps() -> None:
    [obstacle] = obstacles(info(Codec.H264, "High 4:4:4 Predictive", "4:4:4"))
    assert "video/x-h264,profile=constrained-baseline` after x264enc" in obstacle.cure


def test_the_cure_for_parameter_sets_that_stay_in_caps_names_the_caps_that_put_them_in_band() -> None:
    assert "h264parse ! video/x-h264,stream-format=byte-stream" in NO_PARAMETER_SETS.cure


def test_the_cure_for_b_frames_names_the_options_of_encoders_of_both_codecs() -> None:
    for encoder in ("x264enc", "x265enc", "ffmpeg: -bf 0", "nvh264enc", "nvh265enc", "vaapih265enc"):
        assert encoder in B_FRAMES.cure
